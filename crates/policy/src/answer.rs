//! What would come of a typed line: decided by the whole kernel, told in the words of cases.
//!
//! **Invariant:** nothing here reads a rule; every answer is a decision about a command line, so
//! that a case, an explanation and a comparison cannot say other than what would happen.

use crate::judge;
use crate::policy::Policy;
use countersign_command::{Attachment, Context, Typed};
use countersign_core::budget::Budget;
use countersign_core::channel::Channel;
use countersign_core::command::Command;
use countersign_core::decision::RuleDoc;
use countersign_core::id::{InvocationId, Origin};
use countersign_core::invocation::{Invocation, Receipt, Received, Ruling};
use countersign_core::policy::Facts;
use countersign_core::principal::{Account, Principal, Standing, SubjectId};
use countersign_core::quorum::Quorum;
use countersign_core::refusal::{Code, Refusal, shown};
use countersign_core::subject::Subject;
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::Timestamp;
use std::fmt;
use std::time::Duration;

/// When something happens that does not say when: 2026-06-01T12:00:00Z, far from any holiday.
pub const USUAL_TIME: Timestamp = Timestamp::from_millis(1_780_315_200_000);

/// The four ways a request can go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// It runs at once.
    Cleared,
    /// `--apply` was not typed: what would happen is shown at once.
    Preview,
    /// Somebody must agree, or the requester confirm what the preview found.
    Pending,
    /// It is refused.
    Denied,
}

impl Decision {
    /// All of them with their words, the mildest first.
    pub const WORDS: [(&str, Self); 4] =
        [("cleared", Self::Cleared), ("preview", Self::Preview), ("pending", Self::Pending), ("denied", Self::Denied)];

    /// The word in case files, answers and comparisons.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Preview => "preview",
            Self::Pending => "pending",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who asks, where and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// Who.
    pub principal: Principal,
    /// The chat channel, if there is one.
    pub channel: Option<Channel>,
    /// The manifest that comes with the line: a code block, or the file that the line names.
    pub attachment: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Asker {
    /// Somebody in these groups and nobody in particular, on a usual day.
    #[must_use]
    pub fn in_groups<G: Into<String>>(groups: impl IntoIterator<Item = G>) -> Self {
        let principal = Principal {
            id: SubjectId { iss: "nobody".to_owned(), sub: "in-particular".to_owned() },
            name: "Somebody".to_owned(),
            groups: groups.into_iter().map(Into::into).collect(),
            standing: Standing::Active,
            known_by: "the question".to_owned(),
        };
        Self { principal, channel: None, attachment: None, now: USUAL_TIME }
    }
}

/// What would come of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Which way it goes.
    pub decision: Decision,
    /// The command, if the text is one.
    pub command: Option<Command>,
    /// The effective tier; of a command that is refused, what it would have been.
    pub tier: Option<Tier>,
    /// Whether its output may hold secrets.
    pub sensitivity: Option<Sensitivity>,
    /// Whether it can be taken back.
    pub reversibility: Option<Reversibility>,
    /// The rules that ask for agreement, one that asks nobody among them.
    pub rules: Vec<RuleDoc>,
    /// The lines of rbac.yaml that give the right.
    pub granted_by: Vec<String>,
    /// Why the tier is what it is.
    pub reasons: Vec<String>,
    /// Which pool of workers would run it.
    pub pool: Option<String>,
    /// Which isolation level it would run in.
    pub isolation: Option<Isolation>,
    /// How long people have, or a worker when nobody is asked.
    pub lasts: Option<Duration>,
    /// The budgets of which it takes a unit when it runs.
    pub budgets: Vec<Budget>,
    /// Why not, and what to do instead.
    pub refusal: Option<Refusal>,
}

impl Answer {
    /// Whether it is refused.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.decision == Decision::Denied
    }

    /// The rules that decided: those that ask for agreement, or the one that refuses.
    pub fn deciders(&self) -> impl Iterator<Item = &str> {
        let refused = self.refusal.iter().filter_map(Refusal::rule);
        self.rules.iter().map(|rule| rule.id.as_str()).chain(refused)
    }

    /// The rules that count it.
    pub fn counters(&self) -> impl Iterator<Item = &str> {
        self.budgets.iter().map(|budget| budget.rule.as_str())
    }

    /// The quorums that somebody must fill, each with its rule.
    #[must_use]
    pub fn quorums(&self) -> Vec<(&str, Quorum)> {
        let read = self.rules.iter().filter_map(|rule| Some((rule.id.as_str(), rule.quorum.parse().ok()?)));
        read.filter(|(_, quorum): &(_, Quorum)| !quorum.is_none()).collect()
    }

    fn refused(refusal: Refusal) -> Self {
        Self {
            decision: Decision::Denied,
            command: None,
            tier: None,
            sensitivity: None,
            reversibility: None,
            rules: Vec::new(),
            granted_by: Vec::new(),
            reasons: Vec::new(),
            pool: None,
            isolation: None,
            lasts: None,
            budgets: Vec::new(),
            refusal: Some(refusal),
        }
    }
}

/// What would come of this text.
#[must_use]
pub fn ask(policy: &Policy, asker: &Asker, text: &str) -> Answer {
    match understand(policy, asker, text) {
        Ok(command) => decide(policy, asker, &command),
        Err(refusal) => Answer::refused(*refusal),
    }
}

/// A typed line as a command; Countersign's own questions are no commands.
///
/// # Errors
/// The refusal of the grammar.
pub fn understand(policy: &Policy, asker: &Asker, text: &str) -> Result<Command, Box<Refusal>> {
    let attachment = match &asker.attachment {
        Some(manifest) => {
            let source = countersign_command::wants(text, policy.vocabulary())?;
            Some(Attachment { text: manifest.clone(), source })
        }
        None => None,
    };
    let context = Context { channel: asker.channel.clone().map(|channel| channel.id), attachment };
    match countersign_command::parse(text, &context, policy.vocabulary())? {
        Typed::Run { command, reason: _ } => Ok(command),
        Typed::Ask(_) => Err(question(text).into()),
    }
}

fn question(text: &str) -> Refusal {
    let refusal = Refusal::new(
        Code::EmptyCommand,
        format!("`{}` is a question to Countersign, not a command", shown(text)),
        "write the command that would run",
    );
    refusal.by_rule("grammar/empty-command")
}

/// What would come of this command.
#[must_use]
pub fn decide(policy: &Policy, asker: &Asker, command: &Command) -> Answer {
    let facts = Facts::new(asker.now, [asker.principal.clone()]);
    // The whole kernel is asked, so that an answer cannot be a yes where its floor would say no.
    match received(asker, command).decide(policy, &facts, &[]) {
        Ruling::Denied(denied) => {
            let action = command.action();
            let (tier, reasons) = judge::effective_tier(policy, command, action.tier);
            Answer {
                command: Some(command.clone()),
                tier: Some(tier),
                sensitivity: Some(action.sensitivity),
                reversibility: Some(action.reversibility),
                reasons,
                ..Answer::refused(denied.refusal)
            }
        }
        Ruling::Pending(it) => {
            let decided = it.draft().decision();
            let answer = allowed(Decision::Pending, asker.now, command, decided, it.granted_by(), it.reasons());
            Answer { budgets: it.budgets().to_vec(), ..answer }
        }
        Ruling::Cleared(it) => {
            let decision = match command.mode() {
                Mode::DryRun => Decision::Preview,
                Mode::Apply => Decision::Cleared,
            };
            let decided = it.decision().decision();
            let answer = allowed(decision, asker.now, command, decided, it.granted_by(), it.reasons());
            Answer { budgets: it.budgets().to_vec(), ..answer }
        }
    }
}

fn allowed(
    decision: Decision,
    now: Timestamp,
    command: &Command,
    decided: &countersign_core::decision::Decision,
    granted_by: &[String],
    reasons: &[String],
) -> Answer {
    Answer {
        decision,
        command: Some(command.clone()),
        tier: Some(decided.tier),
        sensitivity: Some(decided.sensitive),
        reversibility: Some(decided.reversibility),
        rules: decided.rules.clone(),
        granted_by: granted_by.to_vec(),
        reasons: reasons.to_vec(),
        pool: Some(decided.pool.clone()),
        isolation: Some(decided.isolation),
        lasts: Some(decided.expires_at.since(now)),
        budgets: Vec::new(),
        refusal: None,
    }
}

/// The request as a gateway would receive it.
fn received(asker: &Asker, command: &Command) -> Invocation<Received> {
    let name = "question";
    let typed = command.argv().to_string();
    let origin = Origin { deployment: name, front: name, team: name, trigger: &typed };
    let receipt = Receipt {
        id: InvocationId::derive(origin, asker.now),
        deployment: name.to_owned(),
        account: Account { front: name.to_owned(), team: name.to_owned(), user: name.to_owned() },
        thread: String::new(),
        channel: asker.channel.clone(),
        typed,
        reason: None,
        at: asker.now,
    };
    Invocation::receive(receipt, asker.principal.clone(), Subject::Command(Box::new(command.clone())))
}
