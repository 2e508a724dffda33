//! `countersign policy shadow`: what was typed, replayed under another rbac.yaml.
//!
//! **Invariant:** reading the log is itself a record; nothing that was typed is run, and what is
//! printed of it is what the log holds.

use super::replay::Replayed;
use crate::audit::log::Log;
use crate::audit::reader::Reader;
use crate::check::{Files, source};
use crate::places::Purpose;
use countersign_audit::event::{Event, Kind};
use countersign_audit::search::{Filter, newest};
use countersign_core::principal::{Principal, SubjectId};
use countersign_identity::StaticDirectory;
use countersign_policy::{Overrides, Policy, Sources};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `countersign policy shadow` was asked for.
///
/// The log does not hold groups: they are those that people have now. Ends with 0 when nothing would
/// have been treated otherwise, with 1 when something would, with 3 when it cannot be said.
#[derive(Debug, clap::Args)]
pub struct Shadow {
    /// The two files in force.
    #[command(flatten)]
    pub files: Files,
    /// The rbac.yaml that is tried out.
    #[arg(long, value_name = "FILE")]
    pub next: PathBuf,
    /// The directory file: who is in which groups.
    #[arg(long, value_name = "FILE")]
    pub people: PathBuf,
    /// The newest so many requests.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub limit: u32,
    /// Where the log is.
    #[command(flatten)]
    log: Log,
    /// Who reads.
    #[command(flatten)]
    reader: Reader,
}

impl Shadow {
    /// Replays.
    ///
    /// # Errors
    /// When a file or the log cannot be read, or the reading cannot be recorded.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let sources = self.files.sources()?;
        let shadowed = Sources { rbac: source(&self.next)?, catalog: sources.catalog.clone() };
        let live = Policy::load(sources, &Overrides::default())?;
        let next = Policy::load(shadowed, &Overrides::default())?;
        let everybody =
            StaticDirectory::new(&self.people).everybody().map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        let people: BTreeMap<SubjectId, Principal> =
            everybody.into_iter().map(|(one, _)| (one.id.clone(), one)).collect();
        let reading = self.reader.open(&self.log).await?;
        let sink = self.log.sink(Purpose::Read).await?;
        let filter = Filter { events: vec![Kind::Received, Kind::Refused], ..Filter::default() };
        let found = newest(sink.as_ref(), &filter, usize::try_from(self.limit).unwrap_or(usize::MAX)).await?;
        let details = [("filter", filter.to_string()), ("shown", found.hits.len().to_string())];
        reading.record("policy shadow", None, &details).await?;
        let mut replayed = Replayed::default();
        for record in found.hits.iter().map(|hit| &hit.record) {
            let known = typed(&record.event).and_then(|(id, text)| Some((people.get(id)?, text)));
            let id = record.event.invocation.map_or_else(|| "-".to_owned(), |id| id.short());
            match known {
                Some((principal, text)) => replayed.add((&live, &next), principal, text, record.at, &id),
                None => replayed.skip(),
            }
        }
        println!("{replayed}");
        reading.close().await?;
        Ok(ExitCode::from(u8::from(replayed.differs())))
    }
}

/// Who typed what; none for a click that did not count and for a stranger.
fn typed(event: &Event) -> Option<(&SubjectId, &str)> {
    let actor = event.actor.as_ref()?;
    Some((actor.principal.as_ref()?, &event.typed.as_ref()?.text))
}
