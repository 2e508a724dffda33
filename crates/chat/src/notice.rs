//! What is said in a thread, or to one person alone.
//!
//! **Invariant:** a notice states what is already durable; nobody is told a no that could still
//! become a yes.

use countersign_core::ballot::Vote;
use countersign_core::effect::Effect;
use countersign_core::id::InvocationId;
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Isolation;
use countersign_core::time::Timestamp;
use std::time::Duration;

/// A label and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// What it says.
    pub says: String,
}

impl Row {
    /// A row.
    #[must_use]
    pub fn new(label: impl Into<String>, says: impl Into<String>) -> Self {
        Self { label: label.into(), says: says.into() }
    }
}

/// One request in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingItem {
    /// Which request.
    pub invocation: InvocationId,
    /// Its command, for people.
    pub command: String,
    /// Who asked.
    pub requester: String,
    /// What it waits for: "1 of 3 agreed (rule `prod-destructive`)".
    pub waits_for: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// How far one rule is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The id in rbac.yaml.
    pub rule: String,
    /// How many agreed.
    pub agreed: usize,
    /// How many must.
    pub needed: usize,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// What became of it.
    pub ending: Ending,
    /// Exit code, or 128 + signal.
    pub exit: Option<i32>,
    /// How long it ran.
    pub duration: Duration,
    /// Output lines that are not shown in the thread.
    pub hidden_lines: u64,
    /// How many secrets were removed from the output.
    pub redactions: u64,
    /// What else a person should know.
    pub notes: Vec<String>,
}

/// Something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The request arrived and has a name.
    Received {
        /// Which request.
        invocation: InvocationId,
    },
    /// No, and why. Build it with [`Notice::refused`].
    Refused {
        /// The answer.
        refusal: Refusal,
        /// What was typed, when it may be repeated.
        typed: Option<String>,
    },
    /// How to use this.
    Help {
        /// What can be typed, and what it does.
        rows: Vec<Row>,
    },
    /// What waits for somebody.
    Pending {
        /// The requests, oldest first.
        items: Vec<PendingItem>,
    },
    /// An answer of labelled rows: who am I, the catalog, may I.
    Listed {
        /// What it is about.
        title: String,
        /// The rows.
        rows: Vec<Row>,
    },
    /// The preview is there.
    PreviewReady {
        /// What it found.
        effect: Effect,
    },
    /// Somebody agreed and it counts.
    Agreed {
        /// Who.
        who: String,
        /// How far each rule is now.
        progress: Vec<Progress>,
    },
    /// The requester confirmed.
    Confirmed {
        /// Who.
        who: String,
    },
    /// An approver said no. Final.
    Rejected {
        /// Who.
        who: String,
        /// Why, if they said so.
        reason: Option<String>,
    },
    /// It runs.
    Running {
        /// The worker's name.
        worker: String,
        /// How it is kept apart.
        isolation: Isolation,
    },
    /// It ended.
    Finished(Finished),
    /// What it would do now is not what was approved; nothing ran.
    Drifted {
        /// The difference.
        lines: Vec<String>,
    },
    /// It started and nobody saw the end.
    UnknownOutcome {
        /// Commands and places that tell what happened.
        find_out: Vec<String>,
    },
    /// It waits for others that change the same.
    InLine {
        /// Whose turn it is: what people call the one who asked, and the request.
        behind: Option<String>,
        /// Its place among those who wait; 1 is the next.
        position: u32,
    },
    /// It waits, and no worker of its pool was heard of lately.
    NobodyThere {
        /// The pool.
        pool: String,
        /// When one was heard of last, if that is known.
        seen: Option<Timestamp>,
        /// Until when it waits.
        until: Timestamp,
    },
    /// A silence that this request made is to end soon, or was to end by now. Whether it was changed where it is made
    /// is not known here.
    SilenceEnds {
        /// When, as its request was agreed to.
        at: Timestamp,
        /// How much of it is left; nothing once its time is over.
        left: Option<Duration>,
        /// The line that asks for it again.
        again: String,
    },
    /// Most of its time is used; it is ended when all of it is.
    TimeRunsOut {
        /// How much is left.
        left: Duration,
    },
    /// A person found out how it ended, after nobody saw the end.
    Reconciled {
        /// Who.
        who: String,
        /// Whether it happened.
        happened: bool,
        /// What they found.
        note: Option<String>,
    },
    /// It was taken back.
    Cancelled {
        /// Who did.
        who: String,
        /// Whether it was running already.
        was_running: bool,
    },
    /// Nobody agreed in time.
    Expired {
        /// When its time was over.
        at: Timestamp,
    },
    /// To the voter: your ballot counts.
    Voted {
        /// What they said.
        vote: Vote,
        /// How far each rule is now.
        progress: Vec<Progress>,
    },
    /// To the one who clicked: it changed nothing.
    NotCounted {
        /// Why.
        why: Refusal,
    },
    /// Something of ours broke. The log has the cause under the reference.
    Fault {
        /// What to tell whoever looks after this installation.
        reference: String,
        /// Whether anything may have been started.
        may_have_started: bool,
    },
}

impl Notice {
    /// A no to something typed. Text in which a secret was found is never repeated.
    #[must_use]
    pub fn refused(refusal: Refusal, typed: &str) -> Self {
        let typed = (refusal.code() != Code::SecretInCommand).then(|| typed.to_owned());
        Self::Refused { refusal, typed }
    }
}
