//! An index of requests, fed with records as they are found.
//!
//! **Invariant:** bounded in bytes: the oldest goes first, and [`Slice::older`] says that something
//! did. Whatever order records come in, the same records give the same entries.

use super::Filter;
use countersign_core::id::InvocationId;
use countersign_core::outcome::Ending;
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use std::collections::BTreeMap;

/// Entries on a page.
pub(crate) const PER_PAGE: usize = 25;
/// Records kept of one request; its story has all of them.
const RECORDS: usize = 60;

/// How far a request got, as one record tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Nothing that changes how the request stands.
    Beside,
    /// It came.
    Received,
    /// The policy answered.
    Decided,
    /// People were asked.
    Asked,
    /// Nothing more is needed.
    Cleared,
    /// A worker began.
    Started,
    /// A no, with its code.
    Refused(String),
    /// Its time was over.
    Expired,
    /// Somebody cancelled it before it ran.
    Cancelled,
    /// How it ended, and the exit code.
    Ended(Ending, Option<u32>),
}

impl Step {
    /// Words that can be looked for.
    pub const WORDS: [&'static str; 8] =
        ["open", "ran", "failed", "refused", "expired", "cancelled", "not-run", "unknown"];

    /// The word that is looked for.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Beside | Self::Received | Self::Decided | Self::Asked | Self::Cleared | Self::Started => "open",
            Self::Refused(_) => "refused",
            Self::Expired => "expired",
            Self::Cancelled | Self::Ended(Ending::Cancelled, _) => "cancelled",
            Self::Ended(Ending::Ran, Some(0)) => "ran",
            Self::Ended(Ending::Ran | Ending::TimedOut, _) => "failed",
            Self::Ended(Ending::NotRun, _) => "not-run",
            Self::Ended(Ending::Unknown, _) => "unknown",
        }
    }

    /// Later steps outweigh earlier ones, in whatever order their records are found.
    const fn rank(&self) -> u8 {
        match self {
            Self::Beside => 0,
            Self::Received => 1,
            Self::Decided => 2,
            Self::Asked => 3,
            Self::Cleared => 4,
            Self::Started => 5,
            Self::Refused(_) | Self::Expired | Self::Cancelled => 6,
            Self::Ended(..) => 7,
        }
    }
}

/// What one record says, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// When.
    pub at: Timestamp,
    /// The record's kind: `intent`, `ballot`, `refused`.
    pub event: String,
    /// Whether it belongs to a look at the effect, not to the run.
    pub is_preview: bool,
    /// Who did it.
    pub who: String,
    /// Every name they can be found by, in lower case.
    pub names: String,
    /// What, in one line.
    pub what: String,
    /// Which record: `gateway-… #7`.
    pub place: String,
    /// Which request, if it belongs to one.
    pub invocation: Option<InvocationId>,
    /// How far the request got by it.
    pub step: Step,
    /// What was typed.
    pub typed: Option<String>,
    /// The canonical command.
    pub command: Option<String>,
    /// The environment.
    pub env: Option<String>,
    /// Target and namespace.
    pub target: Option<String>,
    /// The tier.
    pub tier: Option<Tier>,
}

/// One request, or something that belongs to none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was asked: for a request, the instant in its id.
    pub at: Timestamp,
    /// Which request.
    pub invocation: Option<InvocationId>,
    /// Who asked.
    pub who: String,
    /// What was typed.
    pub typed: Option<String>,
    /// The canonical command.
    pub command: Option<String>,
    /// The environment.
    pub env: Option<String>,
    /// Target and namespace.
    pub target: Option<String>,
    /// The tier, as high as it ever was.
    pub tier: Option<Tier>,
    /// How far it got.
    pub step: Step,
    /// When it got there.
    pub step_at: Timestamp,
    /// Its records, oldest first.
    pub records: Vec<Brief>,
    /// How many more there are.
    pub more: usize,
    bytes: usize,
}

/// Kinds that are told only when somebody looks for them: what the log does by itself.
const QUIET: [&str; 3] = ["log-read", "writer-opened", "writer-closed"];
/// Kinds that are not kept: a minute's sign of life each.
const SILENT: [&str; 2] = ["heartbeat", "checkpoint"];

/// One page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slice {
    /// The page, newest first.
    pub entries: Vec<Entry>,
    /// Which page, from 0.
    pub page: usize,
    /// How many entries fit, on all pages.
    pub found: usize,
    /// Entries before this instant are not in the index any more.
    pub older: Option<Timestamp>,
    /// Every environment there is, for the form.
    pub envs: Vec<String>,
    /// Segments that are not in the index yet.
    pub unread: usize,
    /// Lines that this version cannot read.
    pub unreadable: u64,
}

type Place = (Timestamp, String);

/// The newest requests of a log.
#[derive(Debug)]
pub struct Index {
    entries: BTreeMap<Place, Entry>,
    bytes: usize,
    most_bytes: usize,
    dropped: Option<Place>,
}

impl Index {
    /// An empty index that keeps about so many bytes of text.
    #[must_use]
    pub const fn new(most_bytes: usize) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, most_bytes, dropped: None }
    }

    /// Takes what one record says.
    pub fn add(&mut self, brief: Brief) {
        if SILENT.contains(&brief.event.as_str()) {
            return;
        }
        let place = place_of(&brief);
        if self.dropped.as_ref().is_some_and(|dropped| place <= *dropped) {
            return;
        }
        let entry = self.entries.entry(place).or_insert_with_key(|(at, _)| {
            self.bytes += size_of::<Entry>();
            Entry::empty(*at, &brief)
        });
        self.bytes -= entry.bytes;
        entry.take(brief);
        self.bytes += entry.bytes;
        while self.bytes > self.most_bytes && self.entries.len() > 1 {
            if let Some((place, gone)) = self.entries.pop_first() {
                self.bytes -= gone.bytes;
                self.dropped = Some(place);
            }
        }
    }

    /// One page of what fits, newest first.
    #[must_use]
    pub fn slice(&self, filter: &Filter, page: usize) -> Slice {
        let mut fits = self.entries.values().rev().filter(|entry| filter.fits(entry));
        let entries: Vec<Entry> = fits.by_ref().skip(page.saturating_mul(PER_PAGE)).take(PER_PAGE).cloned().collect();
        let found = self.entries.values().filter(|entry| filter.fits(entry)).count();
        let mut envs: Vec<String> = self.entries.values().filter_map(|entry| entry.env.clone()).collect();
        envs.sort();
        envs.dedup();
        let older = self.dropped.as_ref().map(|(at, _)| *at);
        Slice { entries, page, found, older, envs, unread: 0, unreadable: 0 }
    }
}

/// When a request was asked is part of its id, so an entry has its place whichever of its records
/// comes first.
fn place_of(brief: &Brief) -> Place {
    match brief.invocation {
        Some(id) => {
            let text = id.to_string();
            let hex: String = text.chars().filter(|c| *c != '-').take(12).collect();
            let asked = i64::from_str_radix(&hex, 16).map_or(brief.at, Timestamp::from_millis);
            (asked, text)
        }
        None => (brief.at, brief.place.clone()),
    }
}

impl Brief {
    fn bytes(&self) -> usize {
        let texts = [&self.who, &self.names, &self.what, &self.place, &self.event];
        let optional = [&self.typed, &self.command, &self.env, &self.target];
        let text = texts.into_iter().chain(optional.into_iter().flatten()).map(String::len).sum::<usize>();
        text + size_of::<Self>()
    }
}

impl Entry {
    fn empty(at: Timestamp, brief: &Brief) -> Self {
        Self {
            at,
            invocation: brief.invocation,
            who: String::new(),
            typed: None,
            command: None,
            env: None,
            target: None,
            tier: None,
            step: Step::Beside,
            step_at: at,
            records: Vec::new(),
            more: 0,
            bytes: size_of::<Self>(),
        }
    }

    fn take(&mut self, brief: Brief) {
        if brief.typed.is_some() || self.invocation.is_none() {
            self.who.clone_from(&brief.who);
        }
        keep(&mut self.typed, brief.typed.as_ref());
        keep(&mut self.command, brief.command.as_ref());
        keep(&mut self.env, brief.env.as_ref());
        keep(&mut self.target, brief.target.as_ref());
        self.tier = self.tier.max(brief.tier);
        let later = (brief.step.rank(), brief.at) > (self.step.rank(), self.step_at);
        if later && brief.step.rank() > 0 && !brief.is_preview {
            self.step = brief.step.clone();
            self.step_at = brief.at;
        }
        self.bytes += brief.bytes();
        let at = self.records.partition_point(|one| (one.at, &one.place) <= (brief.at, &brief.place));
        self.records.insert(at, brief);
        if self.records.len() > RECORDS
            && let Some(newest) = self.records.pop()
        {
            self.bytes -= newest.bytes();
            self.more += 1;
        }
    }

    /// Whether somebody asked for something, and did not just read about it.
    #[must_use]
    pub fn is_request(&self) -> bool {
        self.invocation.is_some() && (self.step != Step::Beside || self.typed.is_some())
    }

    /// Whether it is told when nobody looks for its kind.
    #[must_use]
    pub fn is_of_interest(&self) -> bool {
        self.is_request() || self.records.iter().any(|one| !QUIET.contains(&one.event.as_str()))
    }

    pub(crate) fn has_event(&self, event: &str) -> bool {
        self.records.iter().any(|one| one.event == event)
    }

    pub(crate) fn names(&self, who: &str) -> bool {
        let who = who.to_lowercase();
        self.records.iter().any(|one| one.names.contains(&who))
    }

    pub(crate) fn says(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let holds = |one: &Option<String>| one.as_ref().is_some_and(|one| one.to_lowercase().contains(&text));
        holds(&self.typed) || holds(&self.command)
    }
}

fn keep(place: &mut Option<String>, found: Option<&String>) {
    // The first text in the alphabet, not the first found: the order of records must not matter.
    if let Some(found) = found
        && place.as_ref().is_none_or(|kept| found < kept)
    {
        *place = Some(found.clone());
    }
}

#[cfg(test)]
mod tests;
