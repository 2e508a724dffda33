//! A card as the page lays it out.
//!
//! **Invariant:** the command is always there to its last character. An effect that is folded is
//! one step away, and Approve stays disabled until that step was taken.

use crate::shown::Shown;
use crate::views::mark_of;
use countersign_chat::card::GLANCE_EFFECT_LINES;
use countersign_chat::{Card, EffectView, RuleProgress, State, transcript, words};
use countersign_core::command::Argv;
use countersign_core::tier::{Isolation, Sensitivity, Tier};
use countersign_core::time::Timestamp;

/// A label of ours and foreign text.
pub(crate) struct RowView {
    pub(crate) label: &'static str,
    pub(crate) says: Shown,
}

/// One rule's progress.
pub(crate) struct RuleView {
    pub(crate) id: Shown,
    pub(crate) quorum: Shown,
    pub(crate) factor: Option<Shown>,
    pub(crate) agreed: usize,
    pub(crate) needed: usize,
    pub(crate) names: Shown,
    pub(crate) places: Vec<bool>,
    pub(crate) met: bool,
}

/// The card.
pub(crate) struct CardView {
    pub(crate) short: String,
    pub(crate) phrase: String,
    pub(crate) tone: &'static str,
    pub(crate) mark: &'static str,
    /// Each argument by itself, quoted where the eye could misread it, so that a line never breaks within a short one.
    pub(crate) command: Vec<Shown>,
    pub(crate) filters: Vec<Shown>,
    pub(crate) stdin: Option<String>,
    pub(crate) place: Shown,
    pub(crate) tier: &'static str,
    pub(crate) tier_steps: Vec<bool>,
    pub(crate) reasons: Vec<Shown>,
    pub(crate) sensitive: bool,
    pub(crate) undo: &'static str,
    pub(crate) alarm_isolation: bool,
    pub(crate) isolation: &'static str,
    pub(crate) rows: Vec<RowView>,
    pub(crate) effect: Vec<Shown>,
    pub(crate) effect_hidden: usize,
    pub(crate) rules: Vec<RuleView>,
    pub(crate) ballots: Vec<Shown>,
    pub(crate) expires: Option<String>,
    pub(crate) last_runs: Vec<Shown>,
    pub(crate) digest: Option<String>,
}

/// Every character of what is decided.
pub(crate) struct WholeView {
    pub(crate) elements: Vec<Shown>,
    pub(crate) filters: Vec<Vec<Shown>>,
    pub(crate) stdin: Option<String>,
    /// The manifest of that digest, a line each.
    pub(crate) input: Vec<Shown>,
    pub(crate) resources: Vec<Shown>,
    pub(crate) effect: Vec<Shown>,
    pub(crate) pool: Shown,
    pub(crate) digest: String,
}

fn all_shown(texts: &[String]) -> Vec<Shown> {
    texts.iter().map(Shown::of).collect()
}

impl CardView {
    pub(crate) fn of(card: &Card, now: Timestamp) -> Self {
        let (tone, mark) = mark_of(Some(card.state));
        let effect = transcript::effect(&card.effect);
        let kept = effect.len().min(GLANCE_EFFECT_LINES + 1);
        Self {
            short: card.invocation.short(),
            phrase: card.state.phrase(),
            tone,
            mark,
            command: card.argv.elements().iter().map(|element| Shown::of(quoted(element))).collect(),
            filters: card.filters.iter().map(|filter| Shown::of(filter.to_string())).collect(),
            stdin: card.stdin.map(|digest| digest.to_string()),
            place: Shown::of(transcript::place(&card.scope)),
            tier: card.tier.as_str(),
            tier_steps: Tier::ALL.iter().map(|step| *step <= card.tier).collect(),
            reasons: all_shown(&card.reasons),
            sensitive: card.sensitivity == Sensitivity::Sensitive,
            undo: transcript::undo(card.reversibility),
            alarm_isolation: card.isolation == Isolation::None,
            isolation: transcript::isolation(card.isolation),
            rows: rows(card),
            effect: effect.iter().take(kept).map(Shown::of).collect(),
            effect_hidden: effect.len() - kept,
            rules: card.rules.iter().map(RuleView::of).collect(),
            ballots: ballots(card, now),
            expires: card
                .expires_at
                .filter(|_| matches!(card.state, State::Asking | State::Previewing))
                .map(|at| words::deadline(at, now)),
            last_runs: card.last_runs.iter().map(|run| Shown::of(transcript::last_run(run, now))).collect(),
            digest: card.decision.map(|digest| digest.to_string()),
        }
    }
}

fn quoted(element: &str) -> String {
    Argv::new(vec![element.to_owned()]).map_or_else(|_| element.to_owned(), |one| one.to_string())
}

fn rows(card: &Card) -> Vec<RowView> {
    let reason = card.reason.as_ref().map(|says| RowView { label: "Reason", says: Shown::of(says) });
    let ticket = card.ticket.as_ref().map(|says| RowView { label: "Ticket", says: Shown::of(says) });
    let who = RowView { label: "Asked by", says: Shown::of(&card.requester) };
    [Some(who), reason, ticket].into_iter().flatten().collect()
}

fn ballots(card: &Card, now: Timestamp) -> Vec<Shown> {
    card.ballots.iter().map(|cast| Shown::of(transcript::ballot_line(cast, now))).collect()
}

impl RuleView {
    fn of(rule: &RuleProgress) -> Self {
        Self {
            id: Shown::of(&rule.id),
            quorum: Shown::of(&rule.quorum),
            factor: (rule.factor != "none").then(|| Shown::of(&rule.factor)),
            agreed: rule.agreed.len(),
            needed: rule.needed,
            names: Shown::of(rule.agreed.join(", ")),
            // The policy's own limit is 20 people; a mistaken number must not fill the page.
            places: (0..rule.needed.min(20)).map(|nth| nth < rule.agreed.len()).collect(),
            met: rule.is_met(),
        }
    }
}

impl WholeView {
    pub(crate) fn of(card: &Card) -> Option<Self> {
        let digest = card.decision?.to_string();
        let effect = match &card.effect {
            EffectView::NotNeeded => vec!["nothing changes".to_owned()],
            EffectView::Awaited | EffectView::NoPreview | EffectView::Found(_) => transcript::effect(&card.effect),
        };
        Some(Self {
            elements: all_shown(card.argv.elements()),
            filters: card.filters.iter().map(|filter| all_shown(filter.elements())).collect(),
            stdin: card.stdin.map(|digest| digest.to_string()),
            input: all_shown(&card.input_lines()?),
            resources: card.resources.iter().map(|one| Shown::of(one.as_str())).collect(),
            effect: all_shown(&effect),
            pool: Shown::of(&card.pool),
            digest,
        })
    }
}
