//! `countersign key`: the root key, the processes' keys that it certifies, and the end of their lives.
//!
//! **Invariant:** nothing is replaced that is not asked to be; the root's private key is written once
//! and is not needed by anything that runs; private keys never travel.

mod life;
mod new;
mod root;
mod show;

pub use life::{Certify, NewKey, Publish, Revoke, Rotate};
pub use new::{New, WorkerKey};
pub use root::RootOptions;
pub use show::Show;

use std::path::PathBuf;
use std::process::ExitCode;

/// What `countersign key` was asked for.
#[derive(Debug, clap::Subcommand)]
pub enum Key {
    /// Makes the root key, the key for digests, and a certified key for each process.
    ///
    /// With --root vault:… or kms:… the root key is one that is there, and only root.pub is written of it.
    Init {
        /// Whose keys they are.
        #[command(flatten)]
        new: New,
        /// The root.pub of the root key before: the new root.pub holds both, and what the old key certified stays believed.
        #[arg(long, value_name = "FILE")]
        after: Option<PathBuf>,
    },
    /// Makes a certified key for more processes, on the host of the root key.
    Add {
        /// Whose keys they are.
        #[command(flatten)]
        new: New,
    },
    /// Makes a key on its process's own host: the private half never leaves it.
    New(NewKey),
    /// Certifies a public key that was made elsewhere.
    Certify(Certify),
    /// Gives a process a new key in the place of its present one.
    Rotate(Rotate),
    /// Signs that a key is not believed any more, from a time on.
    Revoke(Revoke),
    /// Puts certificates and revocations into the log's store, where verifiers look.
    Publish(Publish),
    /// Shows keys, roles, pools, validity and revocations of a folder or a store; ends with 1 if something there is not the root's.
    Show(Show),
}

impl Key {
    /// Does what was asked.
    ///
    /// # Errors
    /// With a text for the person who asked: the file, and what to do next.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Init { new, after } => new.init(after.as_deref()).await?,
            Self::Add { new } => new.add().await?,
            Self::New(new) => new.run()?,
            Self::Certify(certify) => certify.run().await?,
            Self::Rotate(rotate) => rotate.run().await?,
            Self::Revoke(revoke) => revoke.run().await?,
            Self::Publish(publish) => publish.run().await?,
            Self::Show(show) => return show.run().await,
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests;
