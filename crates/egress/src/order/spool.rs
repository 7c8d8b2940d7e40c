//! What does not fit into memory: a sealed file that has no name.
//!
//! The file is made with owner-only rights and loses its name at once, so that a crash leaves nothing
//! behind; what is written to it is sealed under the tenant's key and bound to the run. It can be read
//! again from its start for every attempt.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::future::Future as _;
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use lockgate_vault::{StreamOpener, StreamSealer, Vault};
use lockgate_vocabulary::{Fault, RunId, Stop, TenantId};
use tokio::task::JoinHandle;

use crate::refusal::EgressRefusal;
use crate::share::{Share, Shares};

/// What spools are sealed for.
const PURPOSE: &str = "egress.spool";

/// When it is worth asking again where a tenant's spools take all its space.
const FULL_FOR: Duration = Duration::from_secs(5);

/// Sealed bytes that are written or read at once.
const PIECE: usize = 128 * 1024;

/// Makes spools for one run.
#[derive(Clone, Copy)]
pub(crate) struct Spooler<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) dir: &'a Path,
    pub(crate) tenant: TenantId,
    pub(crate) run: RunId,
    pub(crate) spooled: &'a Arc<Shares>,
}

impl Spooler<'_> {
    /// Starts one.
    pub(super) async fn begin(self) -> Result<Spooling, Stop> {
        let share = self.spooled.take(self.tenant, 0).ok_or_else(full)?;
        let sealer = self.vault.stream_sealer(self.tenant, PURPOSE, &context(self.run))?;
        let path = self.dir.join(format!(".{}.spool", self.run));
        let file = blocking(move || nameless(&path)).await?;
        Ok(Spooling {
            vault: self.vault.clone(),
            tenant: self.tenant,
            run: self.run,
            share,
            file: Some(file),
            sealer,
            sealed: Vec::with_capacity(PIECE),
            written: 0,
            length: 0,
            digest: digest::Context::new(&digest::SHA256),
        })
    }
}

/// A spool that is being written.
pub(super) struct Spooling {
    vault: Vault,
    tenant: TenantId,
    run: RunId,
    share: Share,
    file: Option<File>,
    sealer: StreamSealer,
    sealed: Vec<u8>,
    written: u64,
    length: u64,
    digest: digest::Context,
}

impl Spooling {
    pub(super) async fn push(&mut self, plain: &[u8]) -> Result<(), Stop> {
        if !self.share.grow(plain.len() as u64) {
            return Err(full());
        }
        self.length = self.length.saturating_add(plain.len() as u64);
        self.digest.update(plain);
        self.sealer.push(plain, &mut self.sealed)?;
        if self.sealed.len() < PIECE {
            return Ok(());
        }
        let file = self.file.take().ok_or(Fault::violated("a spool has its file"))?;
        self.written = self.written.saturating_add(self.sealed.len() as u64);
        let (file, sealed) = written(file, std::mem::take(&mut self.sealed)).await?;
        self.file = Some(file);
        self.sealed = sealed;
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<Spool, Fault> {
        let Self { vault, tenant, run, share, file, sealer, mut sealed, written: before, length, digest } = self;
        sealer.finish(&mut sealed)?;
        let file = file.ok_or(Fault::violated("a spool has its file"))?;
        let sealed_bytes = before.saturating_add(sealed.len() as u64);
        let (file, _) = written(file, sealed).await?;
        let mut whole = [0; 32];
        whole.copy_from_slice(digest.finish().as_ref());
        Ok(Spool(Arc::new(Spooled {
            vault,
            tenant,
            run,
            _share: share,
            file: Arc::new(file),
            sealed_bytes,
            length,
            digest: whole,
        })))
    }
}

/// A body on disk. Its file goes with the last handle on it.
#[derive(Clone)]
pub struct Spool(Arc<Spooled>);

struct Spooled {
    vault: Vault,
    tenant: TenantId,
    run: RunId,
    _share: Share,
    file: Arc<File>,
    sealed_bytes: u64,
    length: u64,
    digest: [u8; 32],
}

impl Spool {
    /// Bytes of the body.
    pub fn length(&self) -> u64 {
        self.0.length
    }

    /// The SHA-256 of the body.
    pub(crate) fn digest(&self) -> &[u8; 32] {
        &self.0.digest
    }

    /// Reads it from its start.
    pub(crate) fn reader(&self) -> SpoolReader {
        SpoolReader { spool: self.clone(), opener: None, offset: 0, given: 0, reading: None }
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spool")
    }
}

/// A spool that is being read.
pub(crate) struct SpoolReader {
    spool: Spool,
    opener: Option<StreamOpener>,
    offset: u64,
    given: u64,
    reading: Option<JoinHandle<std::io::Result<Vec<u8>>>>,
}

impl SpoolReader {
    /// Bytes of the body that are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.spool.0.length.saturating_sub(self.given)
    }

    /// The next piece of the body; none at its proven end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Fault>>> {
        loop {
            if self.left() == 0 && self.opener.is_none() && self.offset > 0 {
                return Poll::Ready(None);
            }
            let offset = self.offset;
            let spool = &self.spool;
            let reading = self.reading.get_or_insert_with(|| read_at(Arc::clone(&spool.0.file), offset));
            let sealed = ready!(Pin::new(reading).poll(cx));
            self.reading = None;
            let plain = match sealed {
                Ok(Ok(sealed)) => self.open(&sealed),
                Ok(Err(error)) => Err(Fault::unavailable("reading a spool", error)),
                Err(error) => Err(Fault::broken("reading a spool", error)),
            };
            match plain {
                Ok(plain) if plain.is_empty() => {}
                other => return Poll::Ready(Some(other)),
            }
        }
    }

    fn open(&mut self, sealed: &[u8]) -> Result<Bytes, Fault> {
        let damaged = |reason| Fault::broken("opening a spool", reason);
        if sealed.is_empty() && self.offset < self.spool.0.sealed_bytes {
            return Err(Fault::violated("a spool is as long as it was written"));
        }
        self.offset = self.offset.saturating_add(sealed.len() as u64);
        let mut plain = Vec::new();
        let mut sealed = sealed;
        let mut opener = match self.opener.take() {
            Some(opener) => opener,
            None => {
                let (prelude, rest) = sealed
                    .split_at_checked(StreamOpener::PRELUDE)
                    .ok_or(Fault::violated("a spool has its beginning"))?;
                sealed = rest;
                let spool = &self.spool.0;
                spool.vault.stream_opener(spool.tenant, PURPOSE, &context(spool.run), prelude)?
            }
        };
        opener.push(sealed, &mut plain).map_err(damaged)?;
        if self.offset == self.spool.0.sealed_bytes {
            opener.finish(&mut plain).map_err(damaged)?;
        } else {
            self.opener = Some(opener);
        }
        self.given = self.given.saturating_add(plain.len() as u64);
        Ok(Bytes::from(plain))
    }
}

fn full() -> Stop {
    EgressRefusal::BodySpoolFull.refuse().retry_after(FULL_FOR).into()
}

fn context(run: RunId) -> [u8; 16] {
    run.as_u128().to_be_bytes()
}

/// A file that only we can open, and that nobody can open any more once it is made.
fn nameless(path: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    std::fs::remove_file(path)?;
    Ok(file)
}

/// Writes all of it; the file and the emptied buffer for the next piece.
async fn written(mut file: File, mut sealed: Vec<u8>) -> Result<(File, Vec<u8>), Fault> {
    blocking(move || {
        file.write_all(&sealed)?;
        sealed.clear();
        Ok((file, sealed))
    })
    .await
}

fn read_at(file: Arc<File>, offset: u64) -> JoinHandle<std::io::Result<Vec<u8>>> {
    tokio::task::spawn_blocking(move || {
        let mut sealed = vec![0; PIECE];
        let count = file.read_at(&mut sealed, offset)?;
        sealed.truncate(count);
        Ok(sealed)
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Fault::unavailable("spooling a body", error)),
        Err(error) => Err(Fault::broken("spooling a body", error)),
    }
}

#[cfg(test)]
mod tests;
