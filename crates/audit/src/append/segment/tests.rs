//! A segment takes what fits, and a test can make its disk fail or hang.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::disk::is_for_now;

const FAILS: u8 = 1;
const HANGS: u8 = 2;
const LACKS: u8 = 3;

/// What is wrong with the disk.
#[derive(Debug, Default)]
pub(crate) struct Trouble(AtomicU8);

impl Trouble {
    pub(crate) fn fail(&self) {
        self.0.store(FAILS, Ordering::Release);
    }

    pub(crate) fn hang(&self) {
        self.0.store(HANGS, Ordering::Release);
    }

    /// No segment can be begun.
    pub(crate) fn lack(&self) {
        self.0.store(LACKS, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.0.store(0, Ordering::Release);
    }

    /// What the beginning of a segment meets.
    pub(super) fn strike_turn(&self) -> io::Result<()> {
        let lacks = self.0.load(Ordering::Acquire) == LACKS;
        if lacks { Err(rustix::io::Errno::MFILE.into()) } else { Ok(()) }
    }

    /// What a sync meets.
    pub(super) fn strike(&self) -> io::Result<()> {
        while self.0.load(Ordering::Acquire) == HANGS {
            std::thread::yield_now();
        }
        match self.0.load(Ordering::Acquire) {
            FAILS => Err(io::Error::other("the disk is broken, says the test")),
            _ => Ok(()),
        }
    }
}

impl Segment {
    pub(crate) fn with_trouble(self, trouble: &Arc<Trouble>) -> Self {
        Self { trouble: Arc::clone(trouble), ..self }
    }

    pub(crate) fn metadata(&self) -> io::Result<std::fs::Metadata> {
        self.file.metadata()
    }
}

#[test]
fn the_first_segment_is_filled_and_taken_up_again_where_its_data_ends() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let mut first = Segment::first(&dir, 10_000).expect("made");
    assert_eq!(std::fs::metadata(dir.segment(0)).expect("there").len(), 10_000);
    assert!(first.fits(10_000) && !first.fits(10_001));
    first.write(b"one\n", 1).expect("written");
    first.sync().expect("synced");
    assert_eq!((first.offset(), first.lines(), first.is_half_full()), (4, 1, false));
    let again = Segment::reopen(&dir, 0, 4, 1, 20_000).expect("opened");
    assert!(again.fits(9_996) && !again.fits(9_997), "what is filled is its capacity");
    std::fs::write(dir.segment(0), b"one\n").expect("cut");
    let again = Segment::reopen(&dir, 0, 4, 1, 20_000).expect("opened");
    assert!(again.fits(19_996) && !again.fits(19_997), "one that is not filled grows");
}

#[test]
fn the_next_segment_is_the_one_that_was_made_ready() {
    let place = tempfile::tempdir().expect("a directory");
    let dir = LogDir::at(place.path());
    let first = Segment::first(&dir, 4_096).expect("made");
    let mut made = owner_only().write(true).create(true).truncate(true).open(dir.next()).expect("made");
    assert_eq!(fill(&mut made, 5_000).expect("filled"), 5_000);
    let mut ready = Some(made);
    first.trouble.lack();
    assert!(is_for_now(&first.following(&dir, &mut ready, 9_000).expect_err("it lacks a descriptor")));
    assert!(ready.is_some() && dir.next().exists(), "what is ready stays so");
    first.trouble.end();
    let second = first.following(&dir, &mut ready, 9_000).expect("begun");
    assert!(ready.is_none());
    assert!(second.fits(5_000) && !second.fits(5_001));
    assert!(!dir.next().exists());
    let third = second.following(&dir, &mut None, 9_000).expect("begun");
    assert_eq!((third.number(), third.fits(9_000), third.fits(9_001)), (2, true, false));
    assert_eq!(dir.segments().expect("three"), 3);
}
