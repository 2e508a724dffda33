//! What the templates of the log's pages are filled with.
//!
//! **Invariant:** foreign text is a `Shown`; no line of a story is left out.

use super::asked::{EVENTS, Fields};
use super::story_view::StoryView;
use super::timeline::{Brief, Entry, PER_PAGE, Slice, Step};
use super::{Concern, Progress, Verdict, Verification, VerifyView};
use crate::shown::Shown;
use crate::views::Frame;
use askama::Template;
use countersign_chat::transcript::Part;
use countersign_chat::words;
use countersign_core::outcome::Ending;
use countersign_core::tier::Tier;
use countersign_core::time::Timestamp;
use std::fmt::Write as _;

/// `/audit`.
#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    pub(crate) frame: Frame,
    pub(crate) status: Option<VerifyStatus>,
    pub(crate) form: FormView,
    pub(crate) timeline: Option<TimelineView>,
    pub(crate) problem: Option<Shown>,
}

/// How the log stands, by itself, for the poll.
#[derive(Template)]
#[template(path = "verify.html")]
pub(crate) struct VerifyPart {
    pub(crate) status: VerifyStatus,
}

/// `/audit/story/…`.
#[derive(Template)]
#[template(path = "story.html")]
pub(crate) struct StoryPage {
    pub(crate) frame: Frame,
    pub(crate) story: StoryView,
}

/// `/audit/story/…` when there is none to show.
#[derive(Template)]
#[template(path = "no_story.html")]
pub(crate) struct MissingPage {
    pub(crate) frame: Frame,
    pub(crate) short: String,
    pub(crate) says: Shown,
}

/// What one side of verification found.
pub(crate) struct VerdictView {
    pub(crate) name: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) word: &'static str,
}

/// How the log stands.
pub(crate) struct VerifyStatus {
    pub(crate) csrf: String,
    pub(crate) running: Option<RunningView>,
    pub(crate) last: Option<LastView>,
}

/// A verification that is under way.
pub(crate) struct RunningView {
    pub(crate) percent: u64,
    pub(crate) records: u64,
}

/// The last verification.
pub(crate) struct LastView {
    pub(crate) verdicts: Vec<VerdictView>,
    pub(crate) when: String,
    pub(crate) exactly: String,
    pub(crate) took: String,
    pub(crate) records: String,
    pub(crate) heads: String,
    pub(crate) says: Vec<Shown>,
    pub(crate) notices: Vec<Shown>,
}

impl VerdictView {
    const fn of(name: &'static str, verdict: Verdict, holds: &'static str, broken: &'static str) -> Self {
        let (tone, mark, word) = match verdict {
            Verdict::Holds => ("good", "✓", holds),
            Verdict::Broken => ("bad", "✕", broken),
            Verdict::NotKnown => ("quiet", "?", "not known"),
        };
        Self { name, tone, mark, word }
    }
}

impl VerifyStatus {
    pub(crate) fn of(it: Verification, csrf: &str, now: Timestamp) -> Self {
        let running = it.running.map(RunningView::of);
        Self { csrf: csrf.to_owned(), running, last: it.last.map(|last| LastView::of(&last, now)) }
    }
}

impl RunningView {
    fn of(it: Progress) -> Self {
        let percent = (it.bytes_read * 100).checked_div(it.bytes).unwrap_or(0).min(100);
        Self { percent, records: it.records }
    }
}

impl LastView {
    fn of(it: &VerifyView, now: Timestamp) -> Self {
        let of = |wanted: &dyn Fn(Concern) -> bool| -> Vec<Shown> {
            it.says.iter().filter(|(concern, _)| wanted(*concern)).map(|(_, says)| Shown::of(says)).collect()
        };
        Self {
            verdicts: vec![
                VerdictView::of("Integrity", it.integrity, "nothing was changed", "something was changed"),
                VerdictView::of("Completeness", it.completeness, "nothing is missing", "something is missing"),
            ],
            when: words::deadline(it.at, now),
            exactly: it.at.to_string(),
            took: words::duration(it.took),
            records: words::count(it.records, "record", "records"),
            heads: words::count(it.heads, "signed head", "signed heads"),
            says: of(&|concern| concern != Concern::Notice),
            notices: of(&|concern| concern == Concern::Notice),
        }
    }
}

/// One choice of a select.
pub(crate) struct ChoiceView {
    pub(crate) value: Shown,
    pub(crate) says: Shown,
    pub(crate) chosen: bool,
}

/// The filters, as they were sent.
pub(crate) struct FormView {
    pub(crate) who: Shown,
    pub(crate) text: Shown,
    pub(crate) since: Shown,
    pub(crate) envs: Vec<ChoiceView>,
    pub(crate) tiers: Vec<ChoiceView>,
    pub(crate) states: Vec<ChoiceView>,
    pub(crate) events: Vec<ChoiceView>,
    pub(crate) any: bool,
}

fn choices<'a>(all: impl IntoIterator<Item = &'a str>, chosen: &str) -> Vec<ChoiceView> {
    let one = |word: &str| ChoiceView { value: Shown::of(word), says: Shown::of(word), chosen: word == chosen };
    all.into_iter().map(one).collect()
}

impl FormView {
    pub(crate) fn of(it: &Fields, mut envs: Vec<String>) -> Self {
        // What was asked for stays chosen, also when there is none of it.
        if !it.env.is_empty() && !envs.contains(&it.env) {
            envs.push(it.env.clone());
        }
        let filters = [&it.who, &it.env, &it.tier, &it.event, &it.state, &it.text, &it.since];
        Self {
            who: Shown::of(&it.who),
            text: Shown::of(&it.text),
            since: Shown::of(&it.since),
            envs: choices(envs.iter().map(String::as_str), &it.env),
            tiers: choices(Tier::ALL.map(Tier::as_str), &it.tier),
            states: choices(Step::WORDS, &it.state),
            events: choices(EVENTS, &it.event),
            any: filters.iter().any(|one| !one.is_empty()),
        }
    }
}

/// One record of an entry.
pub(crate) struct BriefView {
    pub(crate) time: String,
    pub(crate) exactly: String,
    pub(crate) event: Shown,
    pub(crate) who: Shown,
    pub(crate) what: Shown,
    pub(crate) place: Shown,
}

/// One request in a line.
pub(crate) struct EntryView {
    pub(crate) id: Option<String>,
    pub(crate) short: String,
    pub(crate) time: String,
    pub(crate) exactly: String,
    pub(crate) who: Shown,
    pub(crate) what: Shown,
    pub(crate) place: Shown,
    pub(crate) tier: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) state: Shown,
    pub(crate) records: Vec<BriefView>,
    pub(crate) more: usize,
}

/// One page of entries.
pub(crate) struct TimelineView {
    pub(crate) entries: Vec<EntryView>,
    pub(crate) says: String,
    pub(crate) older: Option<String>,
    pub(crate) unread: usize,
    pub(crate) unreadable: u64,
    pub(crate) newer_page: Option<String>,
    pub(crate) older_page: Option<String>,
}

impl TimelineView {
    pub(crate) fn of(it: Slice, fields: &Fields, now: Timestamp) -> Self {
        let first = it.page.saturating_mul(PER_PAGE);
        let last = first + it.entries.len();
        let says = match (it.found, it.entries.len()) {
            (0, _) => "Nothing fits.".to_owned(),
            (found, 0) => format!("There is no such page; {found} fit."),
            (found, _) => format!("{} to {last} of {found}, newest first", first + 1),
        };
        Self {
            entries: it.entries.iter().map(|entry| EntryView::of(entry, now)).collect(),
            says,
            older: it.older.map(|at| words::instant(at, now)),
            unread: it.unread,
            unreadable: it.unreadable,
            newer_page: (it.page > 0).then(|| address(fields, it.page)),
            older_page: (last < it.found && last > first).then(|| address(fields, it.page + 2)),
        }
    }
}

/// The same search at another page, which counts from 1 here.
fn address(it: &Fields, page: usize) -> String {
    let all = [
        ("who", &it.who),
        ("env", &it.env),
        ("tier", &it.tier),
        ("event", &it.event),
        ("state", &it.state),
        ("text", &it.text),
        ("since", &it.since),
    ];
    let mut address = "/audit?".to_owned();
    for (name, value) in all.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(address, "{name}={}&", encoded(value));
    }
    address + &format!("page={page}")
}

/// Percent-encoding of everything but unreserved characters (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

/// A step in words, with a mark that does not need colour.
fn state(step: &Step) -> (&'static str, &'static str, String) {
    match step {
        Step::Beside => ("quiet", "·", String::new()),
        Step::Received => ("wait", "…", "received".into()),
        Step::Decided => ("wait", "…", "decided".into()),
        Step::Asked => ("ask", "?", "waits for people".into()),
        Step::Cleared => ("wait", "…", "cleared".into()),
        Step::Started => ("wait", "▶", "started".into()),
        Step::Refused(code) => ("bad", "✕", format!("refused: {code}")),
        Step::Expired => ("quiet", "–", "expired".into()),
        Step::Cancelled => ("quiet", "–", "cancelled".into()),
        Step::Ended(Ending::Ran, Some(0)) => ("good", "✓", "ran, exit 0".into()),
        Step::Ended(Ending::Ran, exit) => {
            ("bad", "✕", exit.map_or_else(|| "ran".into(), |exit| format!("ran, exit {exit}")))
        }
        Step::Ended(Ending::NotRun, _) => ("quiet", "–", "not run".into()),
        Step::Ended(Ending::Cancelled, _) => ("quiet", "–", "cancelled while it ran".into()),
        Step::Ended(Ending::TimedOut, _) => ("bad", "✕", "timed out".into()),
        Step::Ended(Ending::Unknown, _) => ("bad", "!", "outcome unknown".into()),
    }
}

impl EntryView {
    fn of(it: &Entry, now: Timestamp) -> Self {
        let (tone, mark, state) = state(&it.step);
        let first = it.records.first();
        let alone = first.map(|one| format!("{} {}", one.event, one.what)).unwrap_or_default();
        let what = it.typed.as_ref().or(it.command.as_ref()).cloned().unwrap_or(alone);
        let place: Vec<&str> = [&it.env, &it.target].into_iter().flatten().map(String::as_str).collect();
        Self {
            id: it.is_request().then(|| it.invocation.map(|id| id.to_string())).flatten(),
            short: it.invocation.map(|id| id.short()).unwrap_or_default(),
            time: words::instant(it.at, now),
            exactly: it.at.to_string(),
            who: Shown::of(&it.who),
            what: Shown::of(what),
            place: Shown::of(place.join(" · ")),
            tier: it.tier.map_or("", Tier::as_str),
            tone,
            mark,
            state: Shown::of(state),
            records: it.records.iter().map(BriefView::of).collect(),
            more: it.more,
        }
    }
}

impl BriefView {
    fn of(it: &Brief) -> Self {
        let preview = if it.is_preview { " (preview)" } else { "" };
        let exactly = it.at.to_string();
        Self {
            time: exactly.get(11..23).unwrap_or_default().to_owned(),
            exactly,
            event: Shown::of(format!("{}{preview}", it.event)),
            who: Shown::of(&it.who),
            what: Shown::of(&it.what),
            place: Shown::of(&it.place),
        }
    }
}
