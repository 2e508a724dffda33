//! The plain-text rendering of everything a person would read: for terminals, the tour and tests.
//!
//! **Invariant:** foreign text never begins or ends a line: it stands to the right of a label, of
//! a mark, or within one of our own sentences. So no command and no output can pass for
//! something Countersign says.

use crate::card::{Card, Cast, Choice, EffectView, LastRun, RuleProgress, State};
use crate::output::{Fold, Folded, Stream};
use crate::words;
use countersign_core::action::Scope;
use countersign_core::ballot::Vote;
use countersign_core::effect::{Effect, NOW, Touched};
use countersign_core::outcome::Ending;
use countersign_core::refusal::Place;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity};
use countersign_core::time::Timestamp;

pub mod told;
pub use told::{Part, Told, notice};

/// The complete card.
#[must_use]
pub fn card(it: &Card, now: Timestamp) -> String {
    let mut page = card_told(it, now);
    page.row("Buttons", &buttons(it));
    page.text()
}

/// The complete card taken apart, without its buttons.
#[must_use]
pub fn card_told(it: &Card, now: Timestamp) -> Told {
    let mut page = Told::default();
    page.head(&format!("Request {}: {}", it.invocation.short(), it.state.phrase()));
    page.row("Command", &it.argv.to_string());
    for filter in &it.filters {
        page.row("  filtered", &filter.to_string());
    }
    if let Some(stdin) = it.stdin {
        page.row("  input", &stdin.to_string());
    }
    page.row("Where", &place(&it.scope));
    page.row("Tier", &tier(it));
    page.row("Undo", undo(it.reversibility));
    if it.sensitivity == Sensitivity::Sensitive {
        page.row("Output", "may hold secrets");
    }
    page.row("Isolation", isolation(it.isolation));
    page.row("Asked by", &it.requester);
    page.optional("Reason", it.reason.as_deref());
    page.optional("Ticket", it.ticket.as_deref());
    page.rows("Effect", &effect(&it.effect));
    page.rows("Must agree", &rules(&it.rules, it.mode));
    page.rows("So far", &ballots(it, now));
    if let Some(at) = it.expires_at.filter(|_| it.state == State::Asking) {
        page.row("Expires", &words::deadline(at, now));
    }
    page.rows("Ran before", &it.last_runs.iter().map(|run| last_run(run, now)).collect::<Vec<_>>());
    if let Some(decision) = it.decision {
        page.row("Decision", &decision.to_string());
    }
    page
}

/// Output as a thread shows it: head, errors, tail, and how much is left out.
#[must_use]
pub fn output(fold: &Fold) -> String {
    let line = |one: Folded<'_>| match one {
        Folded::Line(Stream::Out, text) => format!("  | {text}\n"),
        Folded::Line(Stream::Err, text) => format!("  ! {text}\n"),
        Folded::Hidden(number) => format!("  ~ {} not shown\n", words::count(number, "line", "lines")),
    };
    fold.lines().into_iter().map(line).collect()
}

/// The typed text in one harmless line and the line that points into it, both as they are shown:
/// an escaped character takes more columns than it took when it was typed. Only the neighbourhood
/// of the place is kept when the text is long.
#[must_use]
pub fn pointed(typed: &str, place: &Place) -> (String, String) {
    const AROUND: usize = 60;
    let start = place.column.saturating_sub(1);
    let end = start.saturating_add(place.length);
    let from = start.saturating_sub(AROUND);
    let to = end.min(start.saturating_add(AROUND)).saturating_add(AROUND);
    let mut text = String::from(if from > 0 { "…" } else { "" });
    let mut caret = " ".repeat(text.chars().count());
    for (nth, c) in typed.chars().enumerate().take(to).skip(from) {
        let one = words::line(c.encode_utf8(&mut [0; 4]));
        let mark = if nth >= start && nth < end { "^" } else { " " };
        caret.push_str(&mark.repeat(one.chars().count()));
        text.push_str(&one);
    }
    if typed.chars().count() > to {
        text.push('…');
    }
    if !caret.contains('^') {
        // The trouble is that something is missing: point behind the end.
        caret.push('^');
    }
    (text, caret.trim_end().to_owned())
}

/// `prod, cluster prod-eu, namespace payments`, whatever of it applies.
#[must_use]
pub fn place(scope: &Scope) -> String {
    let all = scope.namespace.as_deref() == Some("*");
    let namespace = scope.namespace.as_ref().map(|one| format!("namespace {one}"));
    let parts = [
        scope.env.clone(),
        scope.target.as_ref().map(|target| format!("target {target}")),
        scope.region.as_ref().map(|region| format!("region {region}")),
        if all { Some("all namespaces".into()) } else { namespace },
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no particular place".into() } else { parts.join(", ") }
}

/// The tier with the reasons for it.
#[must_use]
pub fn tier(it: &Card) -> String {
    if it.reasons.is_empty() { it.tier.to_string() } else { format!("{}: {}", it.tier, it.reasons.join("; ")) }
}

/// Whether it can be taken back.
#[must_use]
pub const fn undo(it: Reversibility) -> &'static str {
    match it {
        Reversibility::NoneNeeded => "nothing changes, so nothing to undo",
        Reversibility::Reversible => "can be undone by another command",
        Reversibility::Irreversible => "cannot be undone",
    }
}

/// How it is kept apart.
#[must_use]
pub const fn isolation(it: Isolation) -> &'static str {
    match it {
        Isolation::Strict => "strict: own namespaces, read-only root, no network but the target",
        Isolation::Nested => "nested: inside the worker's container, confined by the kernel",
        Isolation::Job => "job: a Kubernetes Job of its own",
        Isolation::None => "NONE: runs beside the worker, nothing keeps it apart",
    }
}

/// The effect, a line each.
#[must_use]
pub fn effect(it: &EffectView) -> Vec<String> {
    match it {
        EffectView::NotNeeded => Vec::new(),
        EffectView::Awaited => vec!["a preview is running".into()],
        EffectView::NoPreview => vec!["not known: this verb has no preview".into()],
        EffectView::Found(found) => found_effect(found),
    }
}

fn found_effect(it: &Effect) -> Vec<String> {
    let mut out = vec![effect_summary(it)];
    for object in &it.objects {
        out.push(object_line(object));
        for change in &object.changes {
            let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(nothing)".into());
            out.push(format!("    {}: {} -> {}", change.path, side(&change.old), side(&change.new)));
        }
    }
    if let Some(text) = &it.text {
        out.extend(words::lines(text).into_iter().map(|line| format!("| {line}")));
    }
    if let Some(now) = &it.now {
        out.push(NOW.into());
        out.extend(words::lines(now).into_iter().map(|line| format!("| {line}")));
    }
    out
}

/// `2 objects: 2 delete`, counted by verb.
#[must_use]
pub fn effect_summary(it: &Effect) -> String {
    if it.objects.is_empty() {
        return if it.text.is_some() { "in the tool's own words".into() } else { "nothing would change".into() };
    }
    let mut verbs: Vec<(&str, u64)> = Vec::new();
    for object in &it.objects {
        match verbs.iter_mut().find(|(verb, _)| *verb == object.verb) {
            Some((_, number)) => *number += 1,
            None => verbs.push((&object.verb, 1)),
        }
    }
    let verbs: Vec<String> = verbs.iter().map(|(verb, number)| format!("{verb} {number}")).collect();
    let objects = u64::try_from(it.objects.len()).unwrap_or(u64::MAX);
    format!("{} ({})", words::count(objects, "object", "objects"), verbs.join(", "))
}

/// `delete pods api-7f in namespace payments (uid 1c…)`.
#[must_use]
pub fn object_line(it: &Touched) -> String {
    let namespace = it.namespace.as_ref().map_or(String::new(), |one| format!(" in namespace {one}"));
    let uid = it.uid.as_ref().map_or(String::new(), |one| format!(" (uid {one})"));
    format!("{} {} {}{namespace}{uid}", it.verb, it.kind, it.name)
}

fn rules(rules: &[RuleProgress], mode: Mode) -> Vec<String> {
    if rules.is_empty() {
        return match mode {
            Mode::DryRun => vec!["nobody: this only shows what would happen".into()],
            Mode::Apply => vec!["nobody".into()],
        };
    }
    rules.iter().map(rule_line).collect()
}

/// `prod-destructive: 2 of sre, 1 of 2 agreed (Bob)`.
#[must_use]
pub fn rule_line(it: &RuleProgress) -> String {
    let factor = if it.factor == "none" { String::new() } else { format!(", with {}", it.factor) };
    let names = if it.agreed.is_empty() { String::new() } else { format!(" ({})", it.agreed.join(", ")) };
    format!("{}: {}{factor}; {} of {} agreed{names}", it.id, it.quorum, it.agreed.len(), it.needed)
}

fn ballots(it: &Card, now: Timestamp) -> Vec<String> {
    it.ballots.iter().map(|cast| ballot_line(cast, now)).collect()
}

/// `Bob approved at 14:01 UTC: looks right`.
#[must_use]
pub fn ballot_line(it: &Cast, now: Timestamp) -> String {
    let reason = it.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
    format!("{} {} at {}{reason}", it.who, voted(it.vote), words::instant(it.at, now))
}

/// `approved`, `rejected`, `confirmed`.
#[must_use]
pub const fn voted(vote: Vote) -> &'static str {
    match vote {
        Vote::Approve => "approved",
        Vote::Reject => "rejected",
        Vote::Confirm => "confirmed",
    }
}

/// `2026-11-20 09:12 UTC by Ann: exit code 0`.
#[must_use]
pub fn last_run(it: &LastRun, now: Timestamp) -> String {
    format!("{} by {}: {}", words::instant(it.at, now), it.who, ending(it.ending, it.exit))
}

/// How a run ended, in words.
#[must_use]
pub fn ending(it: Ending, exit: Option<i32>) -> String {
    match (it, exit) {
        (Ending::Ran, Some(0)) => "done, exit code 0".into(),
        (Ending::Ran, Some(code)) => format!("failed, exit code {code}"),
        (Ending::Ran, None) => "ended without an exit code".into(),
        (Ending::NotRun, _) => "did not run".into(),
        (Ending::Cancelled, _) => "cancelled while it ran".into(),
        (Ending::TimedOut, _) => "stopped, it ran too long".into(),
        (Ending::Unknown, _) => "outcome unknown".into(),
    }
}

fn buttons(it: &Card) -> String {
    if it.buttons.is_empty() {
        return "none".into();
    }
    let label = |choice: Choice| match (choice, it.must_be_opened()) {
        (Choice::Approve, true) => "Approve (after the whole command was opened)".to_owned(),
        _ => choice.label().to_owned(),
    };
    let offered = Choice::ALL.into_iter().filter(|choice| it.offers(*choice));
    offered.map(label).collect::<Vec<_>>().join(" | ")
}

/// With a full stop, as a sentence has one.
fn ended(sentence: &str) -> String {
    if sentence.ends_with(['.', '?', '!']) { sentence.to_owned() } else { format!("{sentence}.") }
}
