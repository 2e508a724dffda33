//! What is known of keys, for people.

use crate::places::{self, StoreOptions};
use countersign_authority::folder::Folder;
use countersign_authority::show::{self, Known};
use countersign_core::id::KeyId;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is in a folder or a store.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The folder of keys; its `root.pub` says what is believed.
    #[arg(long, value_name = "DIR")]
    pub keys: PathBuf,
    /// Shows what is in the log's store instead of the folder: a folder, or `s3://BUCKET/PREFIX`.
    #[arg(long, value_name = "STORE")]
    pub store: Option<String>,
    /// How buckets are reached.
    #[command(flatten)]
    pub options: StoreOptions,
}

impl Show {
    pub(super) async fn run(&self) -> anyhow::Result<ExitCode> {
        let folder = Folder::new(&self.keys);
        let roots = folder.roots()?;
        let known = match &self.store {
            None => show::folder(&folder)?,
            Some(store) => {
                let sink = Box::pin(places::open_sink(store, &self.options)).await?;
                show::store(sink.as_ref(), &roots).await?
            }
        };
        for (at, root) in roots.iter().enumerate() {
            let which = if at == 0 { "root key" } else { "root key before" };
            println!("{}  {which}", KeyId::of(root.as_bytes()));
        }
        print!("{}", told(&known));
        Ok(if known.foreign.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One line a key.
fn told(known: &Known) -> String {
    let mut text = String::new();
    for row in &known.rows {
        let claims = &row.claims;
        let pools = if claims.pools.is_empty() { String::new() } else { format!(" of {}", claims.pools.join(", ")) };
        let (from, until) = (claims.not_before, claims.not_after);
        let _ = write!(text, "{}  {}{pools} in `{}`, {from} to {until}", row.id, claims.role, claims.deployment);
        if let Some(revoked) = &row.revoked {
            let _ = write!(text, ", revoked from {}: {}", revoked.from, printable(&revoked.reason));
        }
        let _ = writeln!(text, "  ({})", row.place);
    }
    for it in &known.orphans {
        let _ = writeln!(text, "{}  no certificate here, revoked from {}: {}", it.key, it.from, printable(&it.reason));
    }
    for place in &known.foreign {
        let _ = writeln!(text, "not signed by a root key: {}", printable(place));
    }
    text
}

/// Without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
