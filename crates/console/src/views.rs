//! What the templates are filled with.

use crate::Desk;
use crate::card_view::{CardView, WholeView};
use crate::session::{Retype, Said, Tone, Visitor};
use crate::shown::Shown;
use crate::store::{Summary, Thread};
use askama::Template;
use countersign_chat::output::Folded;
use countersign_chat::transcript::{Part, Told};
use countersign_chat::{Choice, Notice, State, Stream, words};
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::time::Timestamp;

/// What surrounds every page.
pub(crate) struct Frame {
    pub(crate) at: &'static str,
    pub(crate) me: Shown,
    pub(crate) role: Shown,
    pub(crate) csrf: String,
    pub(crate) nonce: String,
    pub(crate) waiting: usize,
    pub(crate) said: Vec<SaidView>,
    /// What stands in the composer.
    pub(crate) typing: Retype,
    pub(crate) examples: Vec<String>,
}

/// Something that was said, with a mark that does not need colour.
pub(crate) struct SaidView {
    pub(crate) tone: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) time: String,
    pub(crate) told: Told,
}

/// What was typed, and the part of it that a refusal is about: marked in its place, because a line of
/// carets below it would not survive a narrow screen.
pub(crate) struct Pointed {
    pub(crate) before: String,
    pub(crate) here: String,
    pub(crate) after: String,
}

impl Pointed {
    pub(crate) fn of(text: &str, caret: &str) -> Self {
        let start = caret.chars().take_while(|c| *c == ' ').count();
        let length = caret.chars().filter(|c| *c != ' ').count();
        let part = |from: usize, most: usize| -> String { text.chars().skip(from).take(most).collect() };
        let here = part(start, length);
        // Something is missing at the end: the place where it should be is shown as a space.
        let here = if here.is_empty() { " ".to_owned() } else { here };
        Self { before: part(0, start), here, after: part(start + length, usize::MAX) }
    }
}

/// One line of the list of threads.
pub(crate) struct ItemView {
    pub(crate) id: String,
    pub(crate) title: Shown,
    pub(crate) who: Shown,
    pub(crate) phrase: String,
    pub(crate) tone: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) time: String,
    pub(crate) expires: Option<String>,
    pub(crate) waits_for_me: bool,
    pub(crate) here: bool,
}

/// The list of threads by itself, for the poll.
#[derive(Template)]
#[template(path = "list.html")]
pub(crate) struct ListPart {
    pub(crate) list: ListView,
}

/// The list of threads.
pub(crate) struct ListView {
    pub(crate) version: u64,
    pub(crate) here: String,
    pub(crate) items: Vec<ItemView>,
}

/// The buttons.
#[expect(clippy::struct_excessive_bools, reason = "a template asks for each by its name")]
pub(crate) struct ActionsView {
    pub(crate) nonce: String,
    pub(crate) decision: String,
    pub(crate) approve: bool,
    pub(crate) approve_works: bool,
    pub(crate) reject: bool,
    pub(crate) confirm: bool,
    pub(crate) cancel: bool,
    pub(crate) undo: bool,
    pub(crate) show_whole: bool,
    pub(crate) hint: &'static str,
}

impl ActionsView {
    pub(crate) const fn any(&self) -> bool {
        self.approve || self.reject || self.confirm || self.cancel || self.undo || self.show_whole
    }
}

/// A line of output.
pub(crate) struct LineView {
    pub(crate) kind: &'static str,
    pub(crate) mark: &'static str,
    pub(crate) text: String,
}

/// What of a thread changed, for the poll; a page has all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) card: String,
    pub(crate) log: String,
    pub(crate) act: String,
}

/// One thread.
pub(crate) struct ThreadView {
    pub(crate) id: String,
    pub(crate) csrf: String,
    pub(crate) title: Shown,
    pub(crate) who: Shown,
    pub(crate) time: String,
    pub(crate) phrase: String,
    pub(crate) tags: Tags,
    pub(crate) card: Option<CardView>,
    pub(crate) whole: Option<WholeView>,
    pub(crate) actions: ActionsView,
    pub(crate) before: Vec<SaidView>,
    pub(crate) output: Vec<LineView>,
    pub(crate) after: Vec<SaidView>,
}

/// `/`.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct HomePage {
    pub(crate) frame: Frame,
    pub(crate) list: ListView,
}

/// `/thread/…`.
#[derive(Template)]
#[template(path = "thread.html")]
pub(crate) struct ThreadPage {
    pub(crate) frame: Frame,
    pub(crate) list: ListView,
    pub(crate) thread: ThreadView,
    pub(crate) oob: bool,
}

/// `/thread/…` before the gateway opened it.
#[derive(Template)]
#[template(path = "waiting.html")]
pub(crate) struct WaitingPage {
    pub(crate) frame: Frame,
    pub(crate) list: ListView,
    pub(crate) id: String,
    pub(crate) short: String,
}

/// The parts of a thread that changed.
#[derive(Template)]
#[template(path = "changes.html")]
#[expect(clippy::struct_excessive_bools, reason = "a template asks for each by its name")]
pub(crate) struct Changes {
    pub(crate) thread: ThreadView,
    pub(crate) said: Vec<SaidView>,
    pub(crate) card_changed: bool,
    pub(crate) log_changed: bool,
    pub(crate) act_changed: bool,
    pub(crate) oob: bool,
}

/// `/inbox`.
#[derive(Template)]
#[template(path = "inbox.html")]
pub(crate) struct InboxPage {
    pub(crate) frame: Frame,
    pub(crate) for_me: Vec<ItemView>,
    pub(crate) mine: Vec<ItemView>,
}

/// Somebody to be.
pub(crate) struct PersonView {
    pub(crate) nth: usize,
    pub(crate) name: Shown,
    pub(crate) role: Shown,
    pub(crate) here: bool,
}

/// `/who`.
#[derive(Template)]
#[template(path = "who.html")]
pub(crate) struct WhoPage {
    pub(crate) csrf: String,
    pub(crate) people: Vec<PersonView>,
}

/// Something that is not a page.
#[derive(Template)]
#[template(path = "problem.html")]
pub(crate) struct ProblemPage {
    pub(crate) title: &'static str,
    pub(crate) says: &'static str,
    pub(crate) next: &'static str,
}

/// Class and mark of a state. The mark and the phrase say it without colour.
pub(crate) const fn mark_of(state: Option<State>) -> (&'static str, &'static str) {
    match state {
        None | Some(State::Previewing | State::Cleared | State::Queued) => ("wait", "…"),
        Some(State::Asking) => ("ask", "?"),
        Some(State::Running) => ("wait", "▶"),
        Some(State::Done { exit: 0 }) => ("good", "✓"),
        Some(State::Done { .. } | State::TimedOut | State::Refused | State::Rejected | State::Drifted) => ("bad", "✕"),
        Some(State::Unknown) => ("bad", "!"),
        Some(State::Cancelled | State::Expired) => ("quiet", "–"),
    }
}

const fn mark_of_tone(tone: Tone) -> (&'static str, &'static str) {
    match tone {
        Tone::Good => ("good", "✓"),
        Tone::Bad => ("bad", "✕"),
        Tone::Wait => ("wait", "…"),
        Tone::Plain => ("plain", "·"),
    }
}

/// How a notice feels.
pub(crate) fn tone_of(notice: &Notice) -> Tone {
    match notice {
        Notice::Agreed { .. } | Notice::Confirmed { .. } | Notice::Voted { .. } => Tone::Good,
        Notice::Finished(it) if it.ending == Ending::Ran && it.exit == Some(0) => Tone::Good,
        Notice::Refused { .. }
        | Notice::Rejected { .. }
        | Notice::Finished(_)
        | Notice::Drifted { .. }
        | Notice::UnknownOutcome { .. }
        | Notice::TimeRunsOut { .. }
        | Notice::NobodyThere { .. }
        | Notice::NotCounted { .. }
        | Notice::Fault { .. } => Tone::Bad,
        Notice::Received { .. } | Notice::Running { .. } | Notice::PreviewReady { .. } => Tone::Wait,
        Notice::Help { .. }
        | Notice::Pending { .. }
        | Notice::Listed { .. }
        | Notice::Cancelled { .. }
        | Notice::InLine { .. }
        | Notice::SilenceEnds { .. }
        | Notice::Reconciled { .. }
        | Notice::Expired { .. } => Tone::Plain,
    }
}

impl SaidView {
    pub(crate) fn of(said: Said) -> Self {
        let (tone, mark) = mark_of_tone(said.tone);
        Self { tone, mark, time: String::new(), told: said.told }
    }
}

impl Frame {
    pub(crate) fn of(desk: &Desk, visitor: &Visitor, at: &'static str, typing: Option<String>) -> Self {
        let front = &desk.front;
        let person = front.login.people().get(visitor.person);
        let (me, role) = person.map_or_else(Default::default, |it| (Shown::of(&it.name), Shown::of(&it.role)));
        let waiting = person.map_or(0, |it| {
            let (_, all) = front.threads.list(&it.account);
            all.iter().filter(|one| one.waits_for_me).count()
        });
        let answers = front.sessions.take_answers(visitor);
        let typing = typing.map(|text| Retype { text, ..Retype::default() });
        let retype = answers.iter().rev().find_map(|said| said.retype.clone());
        Self {
            at,
            me,
            role,
            csrf: visitor.csrf.clone(),
            nonce: front.sessions.mint(visitor),
            waiting,
            said: answers.into_iter().map(SaidView::of).collect(),
            typing: retype.or(typing).unwrap_or_default(),
            examples: front.examples.clone(),
        }
    }
}

impl ItemView {
    pub(crate) fn of(it: &Summary, here: &str, now: Timestamp) -> Self {
        let (tone, mark) = mark_of(it.state);
        let id = it.invocation.to_string();
        Self {
            here: id == here,
            id,
            title: Shown::start(&it.title, 160),
            who: Shown::of(if it.mine { "you" } else { &it.requester }),
            phrase: it.state.map_or_else(|| "received".into(), State::phrase),
            tone,
            mark,
            time: words::instant(it.opened_at, now),
            expires: it.expires_at.filter(|_| it.state == Some(State::Asking)).map(|at| words::deadline(at, now)),
            waits_for_me: it.waits_for_me,
        }
    }
}

impl ListView {
    pub(crate) fn of(desk: &Desk, visitor: &Visitor, here: &str) -> Self {
        let Some(person) = desk.front.login.people().get(visitor.person) else {
            return Self { version: 0, here: here.to_owned(), items: Vec::new() };
        };
        let now = desk.front.clock.now();
        let (version, all) = desk.front.threads.list(&person.account);
        let items = all.iter().map(|one| ItemView::of(one, here, now)).collect();
        Self { version, here: here.to_owned(), items }
    }
}

impl ActionsView {
    fn of(thread: &Thread, mine: bool, opened: bool) -> Self {
        let offers = |choice| thread.card.as_ref().is_some_and(|card| card.offers(choice));
        let must_open = thread.card.as_ref().is_some_and(countersign_chat::Card::must_be_opened);
        let decided = thread.card.as_ref().and_then(|card| card.decision);
        let approve = offers(Choice::Approve) && !mine;
        let approve_works = !must_open || opened;
        let runs = thread.card.as_ref().is_some_and(|card| card.state == State::Running);
        let hint = match (mine, offers(Choice::Approve), offers(Choice::Confirm)) {
            (true, _, true) => "This is yours: read what it would do, then confirm or cancel.",
            (true, true, false) => "You asked for this, so other people decide.",
            (false, true, _) if !approve_works => "Approve works once you have opened the whole command.",
            _ => "",
        };
        Self {
            nonce: String::new(),
            decision: decided.map(|digest| digest.to_string()).unwrap_or_default(),
            approve,
            approve_works,
            reject: offers(Choice::Reject) && !mine,
            confirm: offers(Choice::Confirm) && mine,
            // What runs may be stopped by others as well: the gateway knows by whom.
            cancel: offers(Choice::Cancel) && (mine || runs),
            // Whoever may: what comes of it is a request of their own.
            undo: offers(Choice::Undo),
            show_whole: !opened && decided.is_some() && (offers(Choice::ShowWhole) || (must_open && approve)),
            hint,
        }
    }

    fn tag(&self, person: usize, opened: bool) -> String {
        let flags =
            [self.approve, self.approve_works, self.reject, self.confirm, self.cancel, self.undo, self.show_whole];
        Digest::of(format!("{flags:?} {} {person} {opened}", self.decision).as_bytes()).short()
    }
}

impl ThreadView {
    /// The thread as this visitor sees it, without a nonce for its buttons yet.
    pub(crate) fn of(desk: &Desk, visitor: &Visitor, thread: &Thread) -> Self {
        let now = desk.front.clock.now();
        let person = desk.front.login.people().get(visitor.person);
        let mine = person.is_some_and(|it| it.account == thread.new.account);
        let decision = thread.card.as_ref().and_then(|card| card.decision);
        let opened = desk.front.sessions.has_opened(visitor, thread.new.invocation, decision);
        let actions = ActionsView::of(thread, mine, opened);
        let asking = thread.card.as_ref().is_some_and(|card| card.state == State::Asking);
        // The countdown on the card is the only thing that changes by itself.
        let minute = if asking { now.as_millis() / 20_000 } else { 0 };
        let split = thread.output.as_ref().map_or(thread.log.len(), |(before, _)| *before);
        let log: Vec<SaidView> = thread.log.iter().map(|entry| said(entry.at, &entry.notice, now)).collect();
        let mut before = log;
        let after = before.split_off(split.min(before.len()));
        Self {
            id: thread.new.invocation.to_string(),
            csrf: visitor.csrf.clone(),
            title: Shown::of(&thread.new.title),
            who: Shown::of(&thread.new.requester),
            time: words::instant(thread.opened_at, now),
            phrase: thread.card.as_ref().map_or_else(|| "received".into(), |card| card.state.phrase()),
            tags: Tags {
                card: format!("{}-{minute}-{opened}", thread.card_version),
                log: thread.log_version.to_string(),
                act: actions.tag(visitor.person, opened),
            },
            card: thread.card.as_ref().map(|card| CardView::of(card, now)),
            whole: thread.card.as_ref().filter(|_| opened).and_then(WholeView::of),
            actions,
            before,
            output: thread.output.iter().flat_map(|(_, fold)| fold.lines()).map(LineView::of).collect(),
            after,
        }
    }
}

fn said(at: Timestamp, notice: &Notice, now: Timestamp) -> SaidView {
    let (tone, mark) = mark_of_tone(tone_of(notice));
    SaidView { tone, mark, time: words::instant(at, now), told: Told::of(notice, now) }
}

impl LineView {
    fn of(line: Folded<'_>) -> Self {
        match line {
            Folded::Line(Stream::Out, text) => Self { kind: "out", mark: "", text: text.to_owned() },
            Folded::Line(Stream::Err, text) => Self { kind: "err", mark: "!", text: text.to_owned() },
            Folded::Hidden(number) => {
                let text = format!("{} not shown", words::count(number, "line", "lines"));
                Self { kind: "hidden-lines", mark: "⋯", text }
            }
        }
    }
}
