//! The directory of a log: which files it has, and how the lines of a segment are read.
//!
//! | file | what it is |
//! | --- | --- |
//! | `00000000.log`, … | the segments: the log itself |
//! | `checkpoints` | signed heads, one after the other |
//! | `00000000.idx`, `tiles-0`, `tiles-1`, …, `state` | derived; made again where they are missing |
//! | `next.tmp` | the next segment, being made ready |
//! | `torn-…` | what was cut off after a crash, kept for whoever wants to look |
//! | `lock` | held by the process that writes |
//!
//! Segments are filled with zeros before they are used, since overwriting is cheaper to make durable
//! than growing a file: the data of a segment ends at its first NUL, which no entry contains.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::entry::LINE_BYTES;

/// How much is read at once.
const READ_BYTES: usize = 256 * 1024;

/// The directory of a log.
#[derive(Debug, Clone)]
pub(crate) struct LogDir {
    path: PathBuf,
    /// Held open by whoever writes, so that making a name durable never wants for a descriptor.
    held: Option<Arc<File>>,
}

impl LogDir {
    /// The directory as it is.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), held: None }
    }

    /// The directory as it is, held open.
    pub(crate) fn held(path: &Path) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), held: Some(Arc::new(File::open(path)?)) })
    }

    /// The directory, made for its owner alone if it is not there.
    pub(crate) fn made(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Self::held(path)
    }

    pub(crate) fn segment(&self, number: u32) -> PathBuf {
        self.path.join(segment_name(number))
    }

    pub(crate) fn index(&self, number: u32) -> PathBuf {
        self.path.join(format!("{number:08}.idx"))
    }

    pub(crate) fn tiles(&self, level: usize) -> PathBuf {
        self.path.join(format!("tiles-{level}"))
    }

    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    pub(crate) fn next(&self) -> PathBuf {
        self.path.join("next.tmp")
    }

    pub(crate) fn torn(&self, index: u64) -> PathBuf {
        self.path.join(format!("torn-{index}"))
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.path.join("lock")
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match &self.held {
            Some(held) => held.sync_all(),
            None => File::open(&self.path)?.sync_all(),
        }
    }

    /// How many segments there are. They are numbered from 0 without a gap.
    pub(crate) fn segments(&self) -> io::Result<u32> {
        let mut numbers = Vec::new();
        for file in fs::read_dir(&self.path)? {
            let name = file?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".log")).filter(|stem| stem.len() == 8);
            numbers.extend(number.and_then(|stem| stem.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        for (wanted, number) in (0..).zip(&numbers) {
            if *number != wanted {
                return Err(io::Error::other(format!("segment {} is missing", segment_name(wanted))));
            }
        }
        u32::try_from(numbers.len()).map_err(io::Error::other)
    }

    /// Writes a whole file so that after a crash either the old or the new one is there.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("tmp");
        let mut file = owner_only().write(true).create(true).truncate(true).open(&temporary)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        self.sync()
    }
}

/// What a segment is called.
pub(crate) fn segment_name(number: u32) -> String {
    format!("{number:08}.log")
}

/// Whether the machine lacks for the moment what a file is made of: a descriptor or room on the disk.
/// Where nothing was written yet, that is no doubt about what was, and it is worth trying again.
pub(crate) fn is_for_now(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOSPC, Errno::DQUOT];
    error.raw_os_error().is_some_and(|code| lacks.iter().any(|known| known.raw_os_error() == code))
}

/// Options that give a new file to its owner alone.
pub(crate) fn owner_only() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// What stands behind the last complete line of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing, or zeros.
    Clean,
    /// The beginning of a line, or a group with holes in it: so many bytes, from the last complete line
    /// to the last byte that is not zero.
    Torn(u64),
}

/// The next thing in a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A line; its bytes are in [`Lines::line`].
    Line,
    /// The end.
    End(Tail),
}

/// Reads a segment line by line in bounded memory.
pub(crate) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    /// Where the current line begins.
    start: u64,
    /// Where the next one begins.
    next: u64,
    number: u64,
}

impl Lines {
    /// Reads from an offset at which a line begins; that line has the number after `before`.
    pub(crate) fn open(path: &Path, offset: u64, before: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(offset))?;
        let reader = BufReader::with_capacity(READ_BYTES, file);
        Ok(Self { reader, line: Vec::new(), start: offset, next: offset, number: before })
    }

    /// The current line without its newline.
    pub(crate) fn line(&self) -> &[u8] {
        &self.line
    }

    /// The current line's number in the segment, from 1.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Where the current line begins.
    pub(crate) const fn start(&self) -> u64 {
        self.start
    }

    /// Where the data read so far ends.
    pub(crate) const fn end(&self) -> u64 {
        self.next
    }

    /// Goes to the next line.
    pub(crate) fn advance(&mut self) -> io::Result<Piece> {
        self.line.clear();
        let most = LINE_BYTES as u64 + 2;
        self.reader.by_ref().take(most).read_until(b'\n', &mut self.line)?;
        let has_hole = self.line.contains(&0);
        let is_whole = self.line.last() == Some(&b'\n');
        let is_too_long = self.line.len() as u64 == most;
        if has_hole || !(is_whole || is_too_long) {
            return self.tail().map(Piece::End);
        }
        self.start = self.next;
        self.next += self.line.len() as u64;
        self.number += 1;
        if is_whole {
            self.line.pop();
        }
        Ok(Piece::Line)
    }

    /// How far the bytes behind the last complete line reach.
    fn tail(&mut self) -> io::Result<Tail> {
        let mut seen = 0u64;
        let mut torn = 0u64;
        let mut note = |bytes: &[u8]| {
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                torn = seen + last as u64 + 1;
            }
            seen += bytes.len() as u64;
        };
        note(&self.line);
        self.line.clear();
        loop {
            let bytes = self.reader.fill_buf()?;
            if bytes.is_empty() {
                break;
            }
            note(bytes);
            let count = bytes.len();
            self.reader.consume(count);
        }
        Ok(if torn == 0 { Tail::Clean } else { Tail::Torn(torn) })
    }
}

#[cfg(test)]
mod tests;
