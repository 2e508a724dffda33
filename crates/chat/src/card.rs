//! The card: everything a person needs to agree or to say no.
//!
//! **Invariant:** the card is made from the decision's exact bytes, so what it shows is what runs.
//! At the top tier, and whenever it is long, the whole must be opened before Approve works.

use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::decision::DecisionBytes;
use countersign_core::digest::Digest;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::input::Input;
use countersign_core::outcome::Ending;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;

/// A command longer than this is not taken in at a glance on a telephone, and a front with small
/// blocks would have to cut it (Slack: 3,000 characters a section). In characters.
pub const GLANCE_CHARACTERS: usize = 600;

/// More effect lines than this are folded on the card.
pub const GLANCE_EFFECT_LINES: usize = 12;

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// A preview runs; nobody is asked yet.
    Previewing,
    /// People are asked.
    Asking,
    /// Everybody agreed, or nobody had to.
    Cleared,
    /// It waits for a worker.
    Queued,
    /// It runs.
    Running,
    /// It ran to its own end.
    Done {
        /// Exit code, or 128 + signal.
        exit: i32,
    },
    /// It ran longer than it may and was stopped.
    TimedOut,
    /// A rule said no.
    Refused,
    /// A person said no.
    Rejected,
    /// The requester took it back.
    Cancelled,
    /// Nobody agreed in time.
    Expired,
    /// What it would do is no longer what was approved.
    Drifted,
    /// It started, and nobody saw the end.
    Unknown,
}

impl State {
    /// What people read.
    #[must_use]
    pub fn phrase(self) -> String {
        match self {
            Self::Previewing => "finding out what it would do".into(),
            Self::Asking => "waiting for people".into(),
            Self::Cleared => "cleared to run".into(),
            Self::Queued => "waiting for a worker".into(),
            Self::Running => "running".into(),
            Self::Done { exit: 0 } => "done".into(),
            Self::Done { exit } => format!("failed with exit code {exit}"),
            Self::TimedOut => "stopped: it ran too long".into(),
            Self::Refused => "refused, nothing ran".into(),
            Self::Rejected => "rejected, nothing ran".into(),
            Self::Cancelled => "cancelled".into(),
            Self::Expired => "expired, nothing ran".into(),
            Self::Drifted => "drifted, nothing ran".into(),
            Self::Unknown => "outcome unknown".into(),
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Previewing | Self::Asking | Self::Cleared | Self::Queued | Self::Running => false,
            Self::Done { .. }
            | Self::TimedOut
            | Self::Refused
            | Self::Rejected
            | Self::Cancelled
            | Self::Expired
            | Self::Drifted
            | Self::Unknown => true,
        }
    }
}

/// What is known about the effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectView {
    /// It only reads.
    NotNeeded,
    /// A preview runs.
    Awaited,
    /// This is what it would do.
    Found(Effect),
    /// The verb has no preview, and the requester wrote `--apply`.
    NoPreview,
}

/// How far one rule is met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProgress {
    /// The id in rbac.yaml.
    pub id: String,
    /// Its quorum in words: `2 of sre and 1 of payments`.
    pub quorum: String,
    /// How many people it needs.
    pub needed: usize,
    /// Names of those who fill a place.
    pub agreed: Vec<String>,
    /// Whether each of them must show a second factor.
    pub factor: String,
}

impl RuleProgress {
    /// Whether every place is filled.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.agreed.len() >= self.needed
    }
}

/// A ballot that was cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cast {
    /// The voter's name.
    pub who: String,
    /// What they said.
    pub vote: Vote,
    /// When.
    pub at: Timestamp,
    /// Why, if they said so.
    pub reason: Option<String>,
}

/// An earlier run of the same command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    /// When it ended.
    pub at: Timestamp,
    /// Who asked for it.
    pub who: String,
    /// How it ended.
    pub ending: Ending,
    /// Exit code, if it has one.
    pub exit: Option<i32>,
}

/// Whether Approve waits until every character was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WholeView {
    /// The card shows all there is.
    NotNeeded,
    /// The approver opens the whole first.
    Required,
}

/// A button that the card offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Choice {
    /// Agree.
    Approve,
    /// Say no.
    Reject,
    /// The requester's explicit apply.
    Confirm,
    /// The requester takes it back.
    Cancel,
    /// Show every character.
    ShowWhole,
    /// Ask for what takes it back.
    Undo,
}

impl Choice {
    /// Every button, in the order people find them.
    pub const ALL: [Self; 6] = [Self::ShowWhole, Self::Approve, Self::Confirm, Self::Reject, Self::Cancel, Self::Undo];

    /// What is written on it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Reject => "Reject",
            Self::Confirm => "Confirm and run",
            Self::Cancel => "Cancel request",
            Self::ShowWhole => "Show the whole command",
            Self::Undo => "Undo",
        }
    }

    /// The word in forms and action ids.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Confirm => "confirm",
            Self::Cancel => "cancel",
            Self::ShowWhole => "show-whole",
            Self::Undo => "undo",
        }
    }

    /// The button of this word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.as_str() == word)
    }
}

/// What a thread's card shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Which request.
    pub invocation: InvocationId,
    /// How far it has come.
    pub state: State,
    /// The complete canonical command.
    pub argv: Argv,
    /// SHA-256 of what goes to standard input.
    pub stdin: Option<Digest>,
    /// The text of that digest: the manifest. The caller's to fill in.
    pub input: Option<Input>,
    /// Filters over the output.
    pub filters: Vec<Argv>,
    /// Apply, or only show.
    pub mode: Mode,
    /// Target, environment, namespace, region.
    pub scope: Scope,
    /// What it acts on.
    pub resources: Vec<Resource>,
    /// How dangerous.
    pub tier: Tier,
    /// Why the tier is what it is, a phrase each.
    pub reasons: Vec<String>,
    /// Whether the output may hold secrets.
    pub sensitivity: Sensitivity,
    /// Whether it can be taken back.
    pub reversibility: Reversibility,
    /// How it will be kept apart.
    pub isolation: Isolation,
    /// Which pool of workers runs it.
    pub pool: String,
    /// Name of the person who asked.
    pub requester: String,
    /// Why they ask, if they said so.
    pub reason: Option<String>,
    /// The ticket's key, if there is one.
    pub ticket: Option<String>,
    /// What it would do.
    pub effect: EffectView,
    /// Who must agree and how far that is.
    pub rules: Vec<RuleProgress>,
    /// What people said so far.
    pub ballots: Vec<Cast>,
    /// Until when people can agree.
    pub expires_at: Option<Timestamp>,
    /// The last runs of the same command, newest first.
    pub last_runs: Vec<LastRun>,
    /// SHA-256 of the decision's exact bytes; absent before there are any.
    pub decision: Option<Digest>,
    /// Whether the whole must be opened first.
    pub whole_view: WholeView,
    /// What can be pressed now, by somebody.
    pub buttons: Vec<Choice>,
}

impl Card {
    /// The card of a decision, with everything its bytes say. Rules stand at nobody agreed;
    /// reasons, ballots, effect and buttons are the caller's to fill in.
    #[must_use]
    pub fn of(bytes: &DecisionBytes, requester: impl Into<String>, state: State) -> Self {
        let it = bytes.decision();
        let rules = it.rules.iter().map(|rule| RuleProgress {
            id: rule.id.clone(),
            needed: rule.quorum.parse().map_or(0, |quorum: countersign_core::quorum::Quorum| quorum.people()),
            quorum: rule.quorum.clone(),
            agreed: Vec::new(),
            factor: rule.factor.clone(),
        });
        let card = Self {
            invocation: it.invocation,
            state,
            argv: it.argv.clone(),
            stdin: it.stdin,
            input: None,
            filters: it.filters.clone(),
            mode: it.mode,
            scope: it.scope.clone(),
            resources: it.resources.clone(),
            tier: it.tier,
            reasons: Vec::new(),
            sensitivity: it.sensitive,
            reversibility: it.reversibility,
            isolation: it.isolation,
            pool: it.pool.clone(),
            requester: requester.into(),
            reason: None,
            ticket: None,
            effect: EffectView::NotNeeded,
            rules: rules.collect(),
            ballots: Vec::new(),
            expires_at: Some(it.expires_at),
            last_runs: Vec::new(),
            decision: Some(bytes.digest()),
            whole_view: WholeView::NotNeeded,
            buttons: Vec::new(),
        };
        card.with_effect(EffectView::NotNeeded)
    }

    /// The card with this effect; says anew whether the whole must be opened.
    #[must_use]
    pub fn with_effect(mut self, effect: EffectView) -> Self {
        self.effect = effect;
        self.whole_view = if self.tier == Tier::Destructive || !self.fits_a_glance() {
            WholeView::Required
        } else {
            WholeView::NotNeeded
        };
        self
    }

    /// Whether Approve waits for the whole: what the card says, and also what it should have said.
    #[must_use]
    pub fn must_be_opened(&self) -> bool {
        self.whole_view == WholeView::Required || self.tier == Tier::Destructive || !self.fits_a_glance()
    }

    /// Whether the card alone shows every character that was decided.
    #[must_use]
    pub fn fits_a_glance(&self) -> bool {
        let filters: usize = self.filters.iter().map(|filter| filter.to_string().chars().count()).sum();
        // A card never shows a manifest, whose digest alone says nothing to a person.
        self.stdin.is_none()
            && self.argv.to_string().chars().count() + filters <= GLANCE_CHARACTERS
            && self.effect_lines() <= GLANCE_EFFECT_LINES
    }

    /// The text for standard input in lines that people can read; none when there is none.
    ///
    /// `None` when the text is missing or another than was decided about: nobody can have seen it.
    #[must_use]
    pub fn input_lines(&self) -> Option<Vec<String>> {
        match (&self.stdin, &self.input) {
            (None, None) => Some(Vec::new()),
            (Some(digest), Some(input)) if input.digest() == *digest => Some(crate::manifest::lines(input.text())),
            _ => None,
        }
    }

    /// How many lines the effect takes when it is shown in full.
    #[must_use]
    pub fn effect_lines(&self) -> usize {
        match &self.effect {
            EffectView::Found(effect) => {
                let objects: usize = effect.objects.iter().map(|one| 1 + one.changes.len()).sum();
                let lines = |text: &Option<String>| text.as_ref().map_or(0, |text| text.lines().count());
                objects + lines(&effect.text) + effect.now.as_ref().map_or(0, |_| 1) + lines(&effect.now)
            }
            EffectView::NotNeeded | EffectView::Awaited | EffectView::NoPreview => 0,
        }
    }

    /// Whether this button is offered.
    #[must_use]
    pub fn offers(&self, choice: Choice) -> bool {
        self.buttons.contains(&choice)
    }
}
