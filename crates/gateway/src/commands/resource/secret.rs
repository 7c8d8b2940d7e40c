//! Where a verb's secret comes from: standard input, or a file that its owner alone may read. Never an argument.

use std::io::Read;
use std::path::PathBuf;

use clap::Args;
use lockgate_vocabulary::read_owned_file;
use zeroize::Zeroizing;

use super::Usage;

/// A secret's bytes at the most.
const SECRET_BYTES: usize = 64 * 1024;

const STDIN: &str = "--secret-stdin";
const FILE: &str = "--secret-file";

/// The two ways in.
#[derive(Debug, Clone, Args)]
#[group(multiple = false)]
pub struct Source {
    /// A file with the provider's secret, which its owner alone may read; one line end behind it is dropped.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Says that the provider's secret comes on standard input; one line end behind it is dropped.
    #[arg(long)]
    secret_stdin: bool,
}

impl Source {
    /// The secret, where one is given.
    pub(super) fn read(&self, input: &mut dyn Read) -> Result<Option<Zeroizing<String>>, Usage> {
        match &self.secret_file {
            Some(path) => {
                let told = format!("{FILE} {}", path.display());
                let bytes =
                    read_owned_file(path, SECRET_BYTES).map_err(|problem| Usage(format!("{told}: {problem}")))?;
                let text = std::str::from_utf8(&bytes).map_err(|_| Usage(format!("{told}: it is not text")))?;
                // Copied once more, into what is wiped as well.
                trimmed(FILE, text).map(|text| Some(Zeroizing::new(text.to_owned())))
            }
            None if self.secret_stdin => stdin(input).map(Some),
            None => Ok(None),
        }
    }
}

/// The secret that standard input has, without one line end.
pub(super) fn stdin(input: &mut dyn Read) -> Result<Zeroizing<String>, Usage> {
    // There is room for all that may come and for a look beyond it, so no part is left behind by growing.
    let mut text = Zeroizing::new(String::with_capacity(SECRET_BYTES * 2));
    let read = input.take(SECRET_BYTES as u64 + 1).read_to_string(&mut text);
    read.map_err(|error| Usage(format!("{STDIN}: standard input is not text: {error}")))?;
    if text.len() > SECRET_BYTES {
        return Err(Usage(format!("{STDIN}: a secret has 64 KiB at the most")));
    }
    let length = trimmed(STDIN, &text)?.len();
    text.truncate(length);
    Ok(text)
}

/// Without one line end.
fn trimmed<'a>(argument: &str, text: &'a str) -> Result<&'a str, Usage> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(Usage(format!("{argument}: there is no secret in it. Write the provider's secret into it")));
    }
    Ok(text)
}
