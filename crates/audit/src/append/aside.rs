//! The second thread: what the log needs and the writer must not wait for.

use std::fs::{self, File};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use tokio::sync::oneshot;

use super::segment::fill;
use super::{Shared, locked};
use crate::checkpoint::{Checkpoint, Signer};
use crate::disk::owner_only;
use crate::index::SegmentIndex;
use crate::notes::Notes;
use crate::state::Kept;
use crate::witness::Witness;

/// What it is asked to do.
pub(crate) enum Job {
    /// Sign and keep a checkpoint. Everything that it covers is durable already.
    Checkpoint(Checkpoint, Option<oneshot::Sender<()>>),
    /// Say so once the checkpoints asked for before are durable.
    Settled(oneshot::Sender<()>),
    /// A segment is full: cut off what was filled and not used, keep its index.
    Sealed(u32, Arc<SegmentIndex>),
    /// Keep the state, after making the files of hashes durable that it stands for.
    State(Box<Kept>, Vec<File>),
    /// Make the next segment ready.
    Prepare,
}

pub(crate) struct Aside {
    pub(crate) shared: Arc<Shared>,
    pub(crate) signer: Signer,
    pub(crate) notes: Notes,
    pub(crate) witness: Option<Arc<dyn Witness>>,
    pub(crate) segment_bytes: u64,
}

/// A segment that is being made ready.
struct Preparing {
    file: File,
    left: u64,
}

impl Aside {
    /// Works until nobody can ask for more.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        let mut preparing: Option<Preparing> = None;
        loop {
            let job = match preparing {
                None => jobs.recv().map_err(|_| TryRecvError::Disconnected),
                Some(_) => jobs.try_recv(),
            };
            match job {
                Ok(Job::Prepare) => preparing = preparing.or_else(|| self.begin()),
                Ok(job) => self.handle(job),
                Err(TryRecvError::Empty) => preparing = preparing.and_then(|begun| self.go_on(begun)),
                Err(TryRecvError::Disconnected) => return,
            }
        }
    }

    fn handle(&mut self, job: Job) {
        match job {
            Job::Checkpoint(checkpoint, done) => self.checkpoint(&checkpoint, done),
            Job::Settled(done) => self.settled(done),
            Job::Sealed(number, index) => {
                let sealed = self.seal(number, &index);
                tell(sealed, "what is derived of a full audit segment was not kept; it will be made again");
                locked(&self.shared.core).recent.retain(|(kept, _)| *kept != number || !self.has_index(number));
            }
            Job::State(state, tiles) => {
                let kept = tiles.iter().try_for_each(File::sync_data);
                let kept = kept.and_then(|()| state.keep(&self.shared.dir, &self.signer));
                tell(kept, "the audit log's state was not kept; the next start takes longer");
            }
            Job::Prepare => {}
        }
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint, done: Option<oneshot::Sender<()>>) {
        match self.notes.append(&self.signer, checkpoint) {
            Ok(note) => {
                if let Some(witness) = &self.witness {
                    witness.tell(&note);
                }
                *locked(&self.shared.latest) = Some(note.into());
                done.into_iter().for_each(|done| self.settled(done));
            }
            Err(error) => self.shared.fail("writing a checkpoint of the audit log", &error),
        }
    }

    fn settled(&self, done: oneshot::Sender<()>) {
        // Whoever asked may have gone; and where a checkpoint failed, dropping `done` says so.
        if !self.shared.has_failed() {
            _ = done.send(());
        }
    }

    fn has_index(&self, number: u32) -> bool {
        self.shared.dir.index(number).exists()
    }

    fn seal(&self, number: u32, index: &SegmentIndex) -> io::Result<()> {
        let file = owner_only().write(true).open(self.shared.dir.segment(number))?;
        file.set_len(index.length)?;
        file.sync_all()?;
        index.keep(&self.shared.dir, number)
    }

    fn begin(&self) -> Option<Preparing> {
        match self.shared.begin_next() {
            Ok(file) => file.map(|file| Preparing { file, left: self.segment_bytes }),
            Err(error) => {
                tell(Err(error), "the next audit segment cannot be made ready");
                None
            }
        }
    }

    fn go_on(&self, mut begun: Preparing) -> Option<Preparing> {
        let step = fill(&mut begun.file, begun.left).and_then(|step| begun.file.sync_data().map(|()| step));
        match step {
            Ok(step) if step < begun.left => Some(Preparing { left: begun.left - step, ..begun }),
            Ok(_) => {
                *locked(&self.shared.ready_segment) = Some(begun.file);
                None
            }
            Err(error) => {
                // The disk may be full: what was filled would be better used by the segment at hand.
                _ = fs::remove_file(self.shared.dir.next());
                tell(Err(error), "the next audit segment cannot be made ready");
                None
            }
        }
    }
}

/// What is derived may fail: the log itself does not depend on it.
fn tell(result: io::Result<()>, what: &'static str) {
    if let Err(error) = result {
        tracing::warn!(%error, "{what}");
    }
}
