//! The file of signed checkpoints: one note after the other, an empty line between them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::checkpoint::{Checkpoint, NOTE_BYTES, Signer, VerifierKey};
use crate::disk::{LogDir, owner_only};

/// How much of the file's end recovery looks at.
const TAIL_BYTES: u64 = 64 * 1024;

/// The file, open for appending.
pub(crate) struct Notes {
    file: File,
}

impl Notes {
    /// Opens the file; half a note at its end is cut off.
    pub(crate) fn open(dir: &LogDir) -> io::Result<Self> {
        let file = appendable(&dir.checkpoints())?;
        dir.sync()?;
        Ok(Self { file })
    }

    /// Signs a checkpoint and appends it; it is durable afterwards. Gives the note.
    pub(crate) fn append(&mut self, signer: &Signer, checkpoint: &Checkpoint) -> io::Result<String> {
        let note = signer.sign(&checkpoint.text());
        self.file.write_all(format!("{note}\n").as_bytes())?;
        self.file.sync_data()?;
        Ok(note)
    }
}

/// A file of notes, open for appending; it is made if it is not there, and half a note at its end is cut off.
pub(crate) fn appendable(path: &Path) -> io::Result<File> {
    let file = owner_only().read(true).append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    let tail = tail(&file, length)?;
    let cut = tail.len() - end_of_last_note(&tail);
    if cut > NOTE_BYTES {
        return Err(io::Error::other("the file of checkpoints does not end with a checkpoint"));
    }
    if cut > 0 {
        tracing::warn!(bytes = cut, "half a checkpoint at the end of the file was cut off");
        file.set_len(length - cut as u64)?;
    }
    file.sync_all()?;
    Ok(file)
}

/// The last whole note of a file, as it stands there; nothing where the file is empty or is not there. A
/// file that holds no note is given as it is, so that whoever judges it says what is wrong.
pub fn last_note(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let mut bytes = tail(&file, file.metadata()?.len())?;
    // A note that was kept alone has no empty line behind it.
    bytes.push(b'\n');
    let end = end_of_last_note(&bytes);
    let text = String::from_utf8_lossy(bytes.get(..end.saturating_sub(1)).unwrap_or_default()).into_owned();
    let Some(signatures) = text.rfind("\n\n") else {
        let whole = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        return Ok(Some(whole).filter(|whole| !whole.is_empty()));
    };
    let before = text.get(..signatures).and_then(|front| front.rfind("\n\n"));
    Ok(text.get(before.map_or(0, |at| at + 2)..).map(str::to_owned))
}

fn tail(file: &File, length: u64) -> io::Result<Vec<u8>> {
    let mut reader = file;
    let mut tail = Vec::new();
    reader.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    reader.take(TAIL_BYTES).read_to_end(&mut tail)?;
    Ok(tail)
}

/// Where the last whole note ends. A note ends with a signature line and an empty one.
fn end_of_last_note(bytes: &[u8]) -> usize {
    let is_end = |end: &usize| {
        let front = bytes.get(..*end).unwrap_or_default();
        let last = front.strip_suffix(b"\n\n").and_then(|lines| lines.rsplit(|byte| *byte == b'\n').next());
        last.is_some_and(|line| line.starts_with("— ".as_bytes()))
    };
    (1..=bytes.len()).rev().find(is_end).unwrap_or(0)
}

/// One note of the file, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Noted {
    /// Which one it is, from 1.
    pub(crate) number: u64,
    /// What it says.
    pub(crate) checkpoint: Checkpoint,
    /// The note.
    pub(crate) note: String,
}

/// Why the file cannot be trusted.
#[derive(Debug)]
pub(crate) enum BadNotes {
    Unreadable(io::Error),
    /// The note with this number is not a checkpoint of this log, signed with this key.
    Note(u64, String),
}

/// The last notes of the file, oldest first, each verified: the last one, and those before it that cover
/// at least so many entries, as far as the end of the file reaches.
pub(crate) fn recent(dir: &LogDir, key: &VerifierKey, since: u64) -> Result<Vec<Noted>, BadNotes> {
    let file = match File::open(dir.checkpoints()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(BadNotes::Unreadable)?,
    };
    let length = file.metadata().map_err(BadNotes::Unreadable)?.len();
    let bytes = tail(&file, length).map_err(BadNotes::Unreadable)?;
    let mut rest = bytes.as_slice();
    if length > TAIL_BYTES {
        // What the tail begins with is the end of a note that is not wanted.
        let start = format!("\n\n{}\n", key.name());
        let at = bytes.windows(start.len()).position(|window| window == start.as_bytes());
        rest = at.and_then(|at| bytes.get(at + 2..)).unwrap_or_default();
    }
    let mut raw = Vec::new();
    while let Some(note) = next_note(&mut rest, raw.len() as u64 + 1)? {
        raw.push(note);
    }
    let mut notes = Vec::new();
    for (place, note) in raw.into_iter().enumerate().rev() {
        let noted = noted(key, place as u64 + 1, note)?;
        let covers = noted.checkpoint.size >= since;
        if covers || notes.is_empty() {
            notes.push(noted);
        }
        if !covers {
            break;
        }
    }
    notes.reverse();
    Ok(notes)
}

/// The last note of the file, verified.
pub(crate) fn last(dir: &LogDir, key: &VerifierKey) -> Result<Option<Noted>, BadNotes> {
    recent(dir, key, u64::MAX).map(|mut notes| notes.pop())
}

/// All notes that the file has by now, oldest first, each verified as it is read. One that is written while they are
/// read is none of them: it may be over entries that whoever reads a log beside its writer has passed by.
pub(crate) fn all<'a>(
    dir: &LogDir,
    key: &'a VerifierKey,
) -> io::Result<impl Iterator<Item = Result<Noted, BadNotes>> + use<'a>> {
    let file = match File::open(dir.checkpoints()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => {
            let file = other?;
            let length = file.metadata()?.len();
            Some(file.take(length))
        }
    };
    Ok(file.into_iter().flat_map(move |file| Reader { reader: BufReader::new(file), key, number: 0 }))
}

struct Reader<'a, R> {
    reader: R,
    key: &'a VerifierKey,
    number: u64,
}

impl<R: BufRead> Iterator for Reader<'_, R> {
    type Item = Result<Noted, BadNotes>;

    fn next(&mut self) -> Option<Self::Item> {
        self.number += 1;
        let note = next_note(&mut self.reader, self.number).transpose()?;
        Some(note.and_then(|note| noted(self.key, self.number, note)))
    }
}

fn noted(key: &VerifierKey, number: u64, note: String) -> Result<Noted, BadNotes> {
    match key.checkpoint(&note) {
        Ok(checkpoint) => Ok(Noted { number, checkpoint, note }),
        Err(flaw) => Err(BadNotes::Note(number, flaw.to_string())),
    }
}

/// The next note: lines up to the second empty one.
fn next_note(reader: &mut impl BufRead, number: u64) -> Result<Option<String>, BadNotes> {
    let bad = |what: &str| BadNotes::Note(number, what.to_owned());
    let mut note = Vec::new();
    let mut empty_lines = 0;
    while empty_lines < 2 {
        let before = note.len();
        let room = NOTE_BYTES.saturating_sub(before) as u64;
        let read = reader.by_ref().take(room).read_until(b'\n', &mut note);
        if read.map_err(BadNotes::Unreadable)? == 0 {
            return if note.is_empty() { Ok(None) } else { Err(bad("it breaks off")) };
        }
        empty_lines += usize::from(note.get(before..) == Some(b"\n".as_slice()));
    }
    note.pop();
    String::from_utf8(note).map(Some).map_err(|_| bad("it is not text"))
}

#[cfg(test)]
mod tests;
