//! What proves the gateway to a back end, as it lies in a file, and what is had for it.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lockgate_vocabulary::{Secret, read_owned_file};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::BackendFailure;

/// Bytes of such a file at the most.
const FILE_BYTES: usize = 16 * 1024;

/// A token that the cluster writes into the pod and renews there. Who may read the file is the cluster's to say.
pub(super) fn projected(path: &Path) -> Result<Secret, BackendFailure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(FILE_BYTES + 1));
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    file.take(FILE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| unread(path, &error))?;
    if bytes.len() > FILE_BYTES {
        return Err(unread(path, &"it has more than 16 KiB"));
    }
    Ok(trimmed(&bytes))
}

/// A secret that lasts, which its owner alone may read.
pub(super) fn owned(path: &Path) -> Result<Secret, BackendFailure> {
    let bytes = read_owned_file(path, FILE_BYTES).map_err(|problem| unread(path, &problem))?;
    Ok(trimmed(&bytes))
}

fn trimmed(bytes: &[u8]) -> Secret {
    Secret::new(bytes.trim_ascii().to_vec())
}

fn unread(path: &Path, problem: &dyn std::fmt::Display) -> BackendFailure {
    tracing::error!(path = %path.display(), %problem, "what proves the gateway to a back end cannot be read");
    BackendFailure::Denied
}

/// What was had for a proof, in memory alone, until it ends. It is had once for all who wait for it.
pub(super) struct Lasting<T> {
    held: Mutex<Held<T>>,
}

struct Held<T> {
    /// How many there have been.
    count: u64,
    had: Option<Had<T>>,
}

/// Something that ends, by the clock's elapsed time.
pub(super) struct Had<T> {
    pub(super) value: Arc<T>,
    /// When another one is had.
    pub(super) ageing_at: Duration,
    pub(super) ends_at: Duration,
}

impl<T> Default for Lasting<T> {
    fn default() -> Self {
        Self { held: Mutex::new(Held { count: 0, had: None }) }
    }
}

impl<T> Lasting<T> {
    /// What there is, and which one it is. What is ageing serves on while no other can be had.
    pub(super) async fn get(
        &self,
        now: Duration,
        having: impl Future<Output = Result<Had<T>, BackendFailure>> + Send,
    ) -> Result<(u64, Arc<T>), BackendFailure> {
        let mut held = self.held.lock().await;
        let present = held.had.as_ref().filter(|had| now < had.ends_at);
        let present = present.map(|had| (Arc::clone(&had.value), now < had.ageing_at));
        if let Some((value, true)) = present {
            return Ok((held.count, value));
        }
        match (having.await, present) {
            (Ok(had), _) => {
                let value = Arc::clone(&had.value);
                held.count += 1;
                held.had = Some(had);
                Ok((held.count, value))
            }
            (Err(_), Some((value, _))) => Ok((held.count, value)),
            (Err(failure), None) => Err(failure),
        }
    }

    /// Forgets one that was not taken, unless there is another one by now.
    pub(super) async fn distrust(&self, number: u64) {
        let mut held = self.held.lock().await;
        if held.count == number {
            held.had = None;
        }
    }
}
