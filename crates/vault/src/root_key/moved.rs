//! A root key that was a file and is held elsewhere now: the file still opens what it wrapped, and wraps nothing more.

use std::sync::Arc;

use lockgate_vocabulary::{BoxFuture, Fault, Secret};

use super::file::FileRootKey;
use super::{RootKey, UnwrapFailure, Wrapped};

/// The one that wraps, and the file that wrapped before.
pub(super) struct Moved {
    pub(super) now: Arc<dyn RootKey>,
    pub(super) file: Arc<FileRootKey>,
}

impl RootKey for Moved {
    fn current(&self) -> &str {
        self.now.current()
    }

    fn wrap(&self, label: Vec<u8>, key: Secret) -> BoxFuture<Result<Wrapped, Fault>> {
        self.now.wrap(label, key)
    }

    fn unwrap(&self, label: Vec<u8>, wrapped: Wrapped) -> BoxFuture<Result<Secret, UnwrapFailure>> {
        let (now, file) = (Arc::clone(&self.now), Arc::clone(&self.file));
        Box::pin(async move {
            match now.unwrap(label.clone(), wrapped.clone()).await {
                Err(UnwrapFailure::Absent) => file.unwrap(label, wrapped).await,
                other => other,
            }
        })
    }
}
