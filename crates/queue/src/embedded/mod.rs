//! The queue of one node: one file, one process (redb).
//!
//! **Invariant:** what was answered is on disk, except progress, which rides on the next durable
//! commit. Tables that are indexes change in the transaction that changes what they index.

pub(crate) mod board;
pub(crate) mod feed;
mod once;
mod watch;
mod work;

use crate::doc::Topic;
use crate::error::Unavailable;
use crate::hints::Hints;
use countersign_core::id::InvocationId;
use redb::{
    Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    WriteTransaction,
};
use rustix::fs::OFlags;
use std::error::Error;
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Whatever the store, or reading a stored value, says inside a transaction.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Numbers that only grow: `fence`, `order`, `boot`.
const COUNTERS: TableDefinition<'static, &str, u64> = TableDefinition::new("counters");

/// Bytes of the file that are kept in memory.
const CACHE_BYTES: usize = 16 * 1024 * 1024;

/// Why the file was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open: the embedded queue serves one.
    #[error("`{0}` is in use by another process; the embedded queue serves one process only")]
    InUse(PathBuf),
    /// The file cannot be opened or created.
    #[error("`{path}` cannot be opened as a queue")]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system or the store said.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The queue in one file. Every blocking step runs on the runtime's blocking threads.
#[derive(Clone)]
pub struct EmbeddedQueue {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    path: PathBuf,
    /// How often this file was opened: numbers of a feed begin with it.
    boot: u64,
    hints: Hints,
    watches: Mutex<watch::Watches>,
    workers: Mutex<work::Workers>,
}

impl fmt::Debug for EmbeddedQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedQueue({})", self.inner.path.display())
    }
}

/// Whether a transaction is to be kept.
enum Step<T> {
    /// Commit it.
    Changed(T),
    /// Nothing was changed: no need to touch the disk.
    Same(T),
}

impl EmbeddedQueue {
    /// Opens the file, or creates it for its owner alone (mode 0600). Blocks.
    ///
    /// # Errors
    /// [`OpenError::InUse`] when another process has it; otherwise what the system said.
    pub fn open(path: &Path) -> std::result::Result<Self, OpenError> {
        let unreadable = |source| OpenError::Unreadable { path: path.to_owned(), source };
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).expect("open flags fit into a C int");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(path).map_err(|source| unreadable(source.into()))?;
        let database = redb::Builder::new().set_cache_size(CACHE_BYTES).create_file(file);
        let database = database.map_err(|source| match source {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(path.to_owned()),
            other => unreadable(other.into()),
        })?;
        let boot = prepare(&database).map_err(unreadable)?;
        let inner = Inner {
            database,
            path: path.to_owned(),
            boot,
            hints: Hints::default(),
            watches: Mutex::default(),
            workers: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Runs one durable transaction. It is not undone when the future is dropped.
    async fn write<T: Send + 'static>(
        &self,
        step: impl FnOnce(&WriteTransaction, &mut Vec<Topic>) -> Result<Step<T>> + Send + 'static,
    ) -> std::result::Result<T, Unavailable> {
        self.transact(Durability::Immediate, step).await
    }

    async fn transact<T: Send + 'static>(
        &self,
        durability: Durability,
        step: impl FnOnce(&WriteTransaction, &mut Vec<Topic>) -> Result<Step<T>> + Send + 'static,
    ) -> std::result::Result<T, Unavailable> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            let mut transaction = inner.database.begin_write()?;
            transaction.set_durability(durability)?;
            let mut topics = Vec::new();
            match step(&transaction, &mut topics)? {
                Step::Same(value) => {
                    transaction.abort()?;
                    Ok(value)
                }
                Step::Changed(value) => {
                    transaction.commit()?;
                    inner.hints.hint(&topics);
                    Ok(value)
                }
            }
        })
        .await
    }

    /// Reads one consistent state.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Unavailable> {
        let inner = Arc::clone(&self.inner);
        blocking(move || look(&inner.database.begin_read()?)).await
    }
}

async fn blocking<T: Send + 'static>(
    step: impl FnOnce() -> Result<T> + Send + 'static,
) -> std::result::Result<T, Unavailable> {
    match tokio::task::spawn_blocking(step).await {
        Ok(done) => done.map_err(Unavailable::new),
        // The runtime is being shut down, or the store broke its own promises.
        Err(lost) => Err(Unavailable::new(lost)),
    }
}

/// Creates all tables, so that readers find them, and counts the opening.
fn prepare(database: &Database) -> Result<u64> {
    let transaction = database.begin_write()?;
    let boot = next(&transaction, "boot")?;
    board::create(&transaction)?;
    feed::create(&transaction)?;
    once::create(&transaction)?;
    watch::create(&transaction)?;
    work::create(&transaction)?;
    transaction.commit()?;
    Ok(boot)
}

/// The next number of a counter; the first is 1.
fn next(transaction: &WriteTransaction, counter: &str) -> Result<u64> {
    let mut counters = transaction.open_table(COUNTERS)?;
    let number = counters.get(counter)?.map_or(0, |last| last.value()) + 1;
    counters.insert(counter, number)?;
    Ok(number)
}

fn text(id: InvocationId) -> String {
    id.to_string()
}
