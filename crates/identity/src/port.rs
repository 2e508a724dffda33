//! What gateway and worker each ask of their own directory.

use async_trait::async_trait;
use countersign_core::principal::{Account, Principal, SubjectId};
use countersign_core::refusal::Refusal;
use std::fmt;

/// A directory of people.
#[async_trait]
pub trait Directory: Send + Sync + fmt::Debug {
    /// The person a chat account belongs to, whatever their standing.
    ///
    /// # Errors
    /// A refusal when nobody has the account, or the directory cannot be read.
    async fn resolve(&self, account: &Account) -> Result<Principal, Box<Refusal>>;

    /// The people of these ids. Whoever is not known is left out.
    ///
    /// # Errors
    /// A refusal when the directory cannot be read.
    async fn people(&self, ids: &[SubjectId]) -> Result<Vec<Principal>, Box<Refusal>>;

    /// How many active people a group has; `None` when the directory does not know the group or
    /// cannot be read.
    async fn group_size(&self, group: &str) -> Option<usize>;
}
