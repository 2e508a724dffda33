//! Puts a folder's certificates and revocations into the log's store, where verifiers look.
//!
//! **Invariant:** the root signed whatever is put there; what is there is never replaced, and if it
//! differs nothing at all is put.

use crate::folder::{Folder, FolderError};
use countersign_audit::layout;
use countersign_audit::sink::{Key, PutError, ReadError, Sink};

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// What was put there now.
    pub put: Vec<String>,
    /// What was there.
    pub there: Vec<String>,
}

/// Why not everything was published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The folder, or a file that the root did not sign.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The store has something else under this name.
    #[error(
        "the store has another `{0}` than the folder; it is not replaced: find out which of the two is the root's with `countersign key show`"
    )]
    Other(String),
    /// The store could not be written.
    #[error("`{0}` could not be stored; publishing again goes on where this ended")]
    Unwritten(String, #[source] PutError),
    /// The store could not be read.
    #[error("the store could not be asked for `{0}`")]
    Unread(String, #[source] ReadError),
}

/// Publishes all certificates and revocations of the folder.
///
/// # Errors
/// [`PublishError`].
pub async fn publish(sink: &dyn Sink, folder: &Folder) -> Result<Published, PublishError> {
    let objects = objects(folder)?;
    let mut done = Published::default();
    let mut missing = Vec::new();
    for (key, bytes) in objects {
        if is_there(sink, &key, &bytes).await? {
            done.there.push(key.as_str().to_owned());
        } else {
            missing.push((key, bytes));
        }
    }
    for (key, bytes) in missing {
        match sink.put_new(&key, bytes.clone()).await {
            Ok(_) => {}
            // Its writer came first; it stores the same.
            Err(PutError::Exists) if is_there(sink, &key, &bytes).await? => {}
            Err(error) => return Err(PublishError::Unwritten(key.as_str().to_owned(), error)),
        }
        done.put.push(key.as_str().to_owned());
    }
    Ok(done)
}

async fn is_there(sink: &dyn Sink, key: &Key, bytes: &[u8]) -> Result<bool, PublishError> {
    let name = || key.as_str().to_owned();
    match sink.read(key).await.map_err(|error| PublishError::Unread(name(), error))? {
        None => Ok(false),
        Some(object) if object.bytes == bytes => Ok(true),
        Some(_) => Err(PublishError::Other(name())),
    }
}

/// As a writer stores its own certificate, so that the bytes are the same.
fn objects(folder: &Folder) -> Result<Vec<(Key, Vec<u8>)>, FolderError> {
    let mut objects = Vec::new();
    for it in folder.certificates()? {
        let bytes = serde_json::to_vec(&it.certificate).expect("a certificate is made of strings");
        objects.extend(layout::certificate(&it.id).map(|key| (key, bytes)));
    }
    for it in folder.revocations()? {
        objects.extend(layout::revocation(&it.revocation.key, &it.bytes).map(|key| (key, it.bytes)));
    }
    Ok(objects)
}
