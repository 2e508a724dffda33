//! `countersign audit show`.

use super::log::{Log, learn};
use super::print;
use super::reader::Reader;
use crate::installation::system_clock;
use crate::places::Purpose;
use anyhow::Context as _;
use countersign_audit::keys::DigestKey;
use countersign_audit::search::PartialId;
use countersign_audit::sink::{Key, Sink};
use countersign_audit::story::{self, Aids, FindError, Story};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What `countersign audit show` was asked for.
#[derive(Debug, clap::Args)]
pub struct Show {
    /// The request's id, or at least 8 hex digits of its beginning or end, as cards show them.
    id: PartialId,
    /// Shows what the commands printed as well.
    #[arg(long)]
    output: bool,
    /// The key for keyed digests: what the commands printed is compared with its digest.
    #[arg(long, value_name = "FILE", requires = "output")]
    digest_key: Option<PathBuf>,
    /// Writes one page that needs nothing else, instead of text.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Where the log is. With the root key each sealed document is verified.
    #[command(flatten)]
    log: Log,
    /// Who reads.
    #[command(flatten)]
    reader: Reader,
}

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let reading = self.reader.open(&self.log).await?;
        let sink = self.log.sink(Purpose::Read).await?;
        let story = match story::find(sink.as_ref(), &self.id).await {
            Ok(story) => story,
            Err(error @ FindError::Nothing(_)) => {
                reading.record("show", None, &[("id", self.id.to_string()), ("found", "0".into())]).await?;
                reading.close().await?;
                let said = error.to_string();
                eprintln!(
                    "{}{}. `countersign audit search` finds requests by who, where and when.",
                    said[..1].to_uppercase(),
                    &said[1..]
                );
                return Ok(ExitCode::from(1));
            }
            Err(error) => return Err(error.into()),
        };
        let mut details = vec![("found", story.records.len().to_string())];
        if self.output {
            details.push(("output", "shown".to_owned()));
        }
        reading.record("show", Some(story.invocation), &details).await?;
        let verifier = self.log.verifier()?;
        if let Some(verifier) = &verifier {
            learn(sink.as_ref(), verifier).await?;
        }
        let outputs = if self.output { Some(self.outputs(sink.as_ref(), &story).await?) } else { None };
        let told = story.tell(&Aids { verifier: verifier.as_ref(), outputs: outputs.as_ref() });
        match &self.html {
            None => print(&told.to_string())?,
            Some(path) => {
                let made = format!(
                    "Told at {} from the audit log of the installation “{}” by Countersign {}.",
                    system_clock().now(),
                    self.log.deployment,
                    env!("CARGO_PKG_VERSION")
                );
                save(path, &told.to_html(&made))?;
            }
        }
        reading.close().await?;
        match told.broken() {
            0 => Ok(ExitCode::SUCCESS),
            broken => {
                eprintln!(
                    "{broken} sealed documents do not verify: do not believe this story before `countersign audit verify`."
                );
                Ok(ExitCode::from(2))
            }
        }
    }

    /// What the story's commands printed, by the name of the object.
    async fn outputs(&self, sink: &dyn Sink, story: &Story) -> anyhow::Result<BTreeMap<String, String>> {
        let key = self.digest_key.as_deref().map(DigestKey::load).transpose()?;
        let mut outputs = BTreeMap::new();
        for note in story.records.iter().filter_map(|record| record.event.output.as_ref()) {
            let Some(name) = &note.object else { continue };
            let stored = match Key::parse(name) {
                Ok(key) => sink.read(&key).await?,
                Err(_) => None,
            };
            let text = match stored {
                None => "(not in the store)".to_owned(),
                Some(stored) if key.as_ref().is_some_and(|key| key.digest(&stored.bytes) != note.digest) => {
                    "(what is stored is not what was recorded: its keyed digest is another one)".to_owned()
                }
                Some(stored) => String::from_utf8_lossy(&stored.bytes).into_owned(),
            };
            outputs.insert(name.clone(), text);
        }
        Ok(outputs)
    }
}

/// Writes a file for its owner alone; none is replaced.
pub(super) fn create(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.with_context(|| format!("`{}` exists or cannot be written", path.display()))
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}
