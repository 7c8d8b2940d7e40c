//! What a command reads and writes, so that a test can stand in for a terminal.

use std::io::{self, BufRead, BufReader, Write};

use super::Failure;

/// Standard input, output and error, or what a test puts in their place.
pub struct Console {
    pub(super) input: Box<dyn BufRead>,
    pub(super) out: Box<dyn Write>,
    pub(super) err: Box<dyn Write>,
}

impl Console {
    /// This process's own.
    pub fn of_process() -> Self {
        let out = io::BufWriter::with_capacity(64 * 1024, io::stdout());
        Self {
            input: Box::new(BufReader::with_capacity(64 * 1024, io::stdin())),
            out: Box::new(out),
            err: Box::new(io::stderr()),
        }
    }

    /// These.
    pub fn new(input: impl BufRead + 'static, out: impl Write + 'static, err: impl Write + 'static) -> Self {
        Self { input: Box::new(input), out: Box::new(out), err: Box::new(err) }
    }

    /// The next line of input that is not empty, without its end; nothing at the end of the input. What is
    /// longer than `most` bytes or not UTF-8 is given as an empty line, which is malformed to every reader:
    /// one bad line among thousands must not cost the answers to those behind it.
    pub(super) fn read_line(&mut self, most: usize) -> Result<Option<String>, Failure> {
        let failed = |error: io::Error| Failure::Internal(format!("reading the input: {error}"));
        loop {
            let mut line = Vec::new();
            let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
            let count = io::Read::take(&mut self.input, limit).read_until(b'\n', &mut line).map_err(failed)?;
            if count == 0 {
                self.flush()?;
                return Ok(None);
            }
            if line.last() != Some(&b'\n') && count > most {
                self.input.skip_until(b'\n').map_err(failed)?;
                return Ok(Some(String::new()));
            }
            let Ok(text) = String::from_utf8(line) else { return Ok(Some(String::new())) };
            let text = text.trim_end_matches(['\n', '\r']);
            if !text.trim().is_empty() {
                return Ok(Some(text.to_owned()));
            }
        }
    }

    /// Writes a line to the output.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}").map_err(|error| Failure::output(&error))
    }

    /// Writes a line for a person, beside the output.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.err, "{text}").map_err(|error| Failure::output(&error))
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(|error| Failure::output(&error))
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // What could not be written was reported by the write before it.
        drop(self.out.flush());
    }
}
