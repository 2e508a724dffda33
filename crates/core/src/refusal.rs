//! A no: what happened, which rule, what to do next.
//!
//! **Invariant:** codes are part of the audit schema; one is never renamed, only added.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)*) => {
        /// The stable code of a refusal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $variant,)*
        }

        impl Code {
            /// Every code there is, for tables.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The kebab-case text in records and cards.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it means, one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)* }
            }
        }
    };
}

codes! {
    /// The text holds no command.
    EmptyCommand = "empty-command",
    /// The text is longer than a command may be.
    TooLong = "too-long",
    /// A quote is opened and not closed.
    UnbalancedQuote = "unbalanced-quote",
    /// A character that can hide or change what a reader sees.
    CharacterNotAllowed = "character-not-allowed",
    /// Shell syntax: there is no shell here.
    ShellSyntax = "shell-syntax",
    /// No such tool or custom command in the catalog.
    UnknownTool = "unknown-tool",
    /// The tool has no such verb here.
    UnknownVerb = "unknown-verb",
    /// The verb has no such flag here.
    UnknownFlag = "unknown-flag",
    /// The flag exists and is not for chat: it picks a credential, an endpoint or a file of the worker.
    FlagNotAllowed = "flag-not-allowed",
    /// A flag that decides what happens is given twice.
    RepeatedFlag = "repeated-flag",
    /// A flag lacks its value.
    MissingValue = "missing-value",
    /// A value is not of the kind the flag or parameter takes.
    BadValue = "bad-value",
    /// A kind of object the catalog does not know.
    UnknownKind = "unknown-kind",
    /// A target the catalog does not know.
    UnknownTarget = "unknown-target",
    /// The command does not say what it acts on, or where.
    MissingTarget = "missing-target",
    /// An argument the verb does not take.
    UnexpectedArgument = "unexpected-argument",
    /// The verb opens a session; only commands that end by themselves run from chat.
    Interactive = "interactive",
    /// The command would read or write files of the worker.
    WorkerFiles = "worker-files",
    /// The text holds a secret.
    SecretInCommand = "secret-in-command",
    /// The command takes its objects from a manifest, and none came with it.
    MissingManifest = "missing-manifest",
    /// The manifest cannot be read, or can be read in more than one way.
    BadManifest = "bad-manifest",
    /// The verb has no preview; it runs only with `--apply`.
    NeedsApply = "needs-apply",
    /// Known and not shipped yet.
    NotAvailableYet = "not-available-yet",
    /// The chat account belongs to nobody in the directory.
    UnknownAccount = "unknown-account",
    /// The account is a guest, a stranger or a program.
    NotAMember = "not-a-member",
    /// The person is no longer active.
    Deactivated = "deactivated",
    /// The directory cannot be read or is too old.
    DirectoryUnavailable = "directory-unavailable",
    /// No role of the person allows it.
    NotAllowed = "not-allowed",
    /// A deny rule forbids it.
    Denied = "denied",
    /// The resource is protected.
    Protected = "protected",
    /// A freeze is on.
    Frozen = "frozen",
    /// The built-in floor forbids it, whatever the files say.
    Floor = "floor",
    /// A destructive action without an approval rule that covers it.
    NoApprovalRule = "no-approval-rule",
    /// There is no valid policy, so nothing is allowed.
    NoPolicy = "no-policy",
    /// The channel where it was typed takes no such command, or is not known to be private.
    WrongChannel = "wrong-channel",
    /// Too many requests in the period.
    BudgetSpent = "budget-spent",
    /// The requester never counts as an approver.
    RequesterCannotApprove = "requester-cannot-approve",
    /// The person is in none of the groups whose approval is needed.
    ApproverNotEligible = "approver-not-eligible",
    /// The person has already voted.
    AlreadyVoted = "already-voted",
    /// Only the requester confirms.
    OnlyRequesterConfirms = "only-requester-confirms",
    /// The whole command must be looked at before it can be approved.
    FullViewFirst = "full-view-first",
    /// The card shows another decision than the one on record.
    DecisionChanged = "decision-changed",
    /// Somebody decided before.
    AlreadyDecided = "already-decided",
    /// The button belongs to nothing that is still known.
    UnknownButton = "unknown-button",
    /// The time for agreeing or starting is over.
    Expired = "expired",
    /// An approver said no.
    Rejected = "rejected",
    /// Somebody cancelled it.
    Cancelled = "cancelled",
    /// A seal does not verify.
    BadSeal = "bad-seal",
    /// The job belongs to another pool of workers.
    WrongPool = "wrong-pool",
    /// What would run is not what was decided.
    CommandChanged = "command-changed",
    /// The worker's own policy asks for more than the ballots give.
    MoreApprovalNeeded = "more-approval-needed",
    /// The effect is no longer the one that was approved.
    Drifted = "drifted",
    /// The saved plan that was agreed to is not there any more.
    PlanMissing = "plan-missing",
    /// What is kept, or what the branch leads to, is not what was agreed to.
    PlanChanged = "plan-changed",
    /// The saved plan was kept for too long.
    PlanExpired = "plan-expired",
    /// This worker cannot keep or read saved plans.
    PlanUnavailable = "plan-unavailable",
    /// The commit was not merged, reviewed and checked as the stack wants it.
    NotReviewed = "not-reviewed",
    /// The repository that a command is about, or who knows what was reviewed in it, cannot be asked.
    SourceUnavailable = "source-unavailable",
    /// The preview failed, so there is no effect to show.
    PreviewFailed = "preview-failed",
    /// The fate of this request was decided before.
    AlreadyStarted = "already-started",
    /// More than 30 seconds went by between decision and start.
    StartedTooLate = "started-too-late",
    /// Two clocks disagree by more than 30 seconds.
    ClockSkew = "clock-skew",
    /// The worker cannot isolate the command as demanded.
    IsolationUnavailable = "isolation-unavailable",
    /// No credential for this tier could be had.
    CredentialUnavailable = "credential-unavailable",
    /// The audit log cannot be written, so nothing runs.
    AuditUnavailable = "audit-unavailable",
    /// The queue cannot be reached, or has lost the request.
    QueueUnavailable = "queue-unavailable",
    /// No thread can be opened or written.
    ChatUnavailable = "chat-unavailable",
    /// It took too long to come through: people were told that nothing starts by then.
    ReceivedTooLate = "received-too-late",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where in the typed text the trouble is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// First column, in characters, from 1.
    pub column: usize,
    /// How many characters; at least 1.
    pub length: usize,
}

/// A correct answer that the person does not like.
///
/// `Display` is the sentence shown. Whoever builds one escapes control and bidi characters of
/// foreign text (see [`shown`]) and quotes it in backticks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    code: Code,
    sentence: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    hint: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Place>,
}

impl Refusal {
    /// A refusal with its sentence and the way forward.
    #[must_use]
    pub fn new(code: Code, sentence: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, sentence: sentence.into(), rule: None, hint: hint.into(), place: None }
    }

    /// Names the rule that decided: an id of rbac.yaml or of the floor.
    #[must_use]
    pub fn by_rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// Points at the characters in the typed text; columns count from 1.
    #[must_use]
    pub fn at(mut self, column: usize, length: usize) -> Self {
        self.place = Some(Place { column: column.max(1), length: length.max(1) });
        self
    }

    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The rule that decided, if a rule did.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &str {
        &self.hint
    }

    /// Where in the typed text.
    #[must_use]
    pub const fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

/// Foreign text made harmless to show: control, bidi, zero-width and other invisible characters
/// become `\u{…}`, and at most 200 characters are kept.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::new();
    for (nth, c) in text.chars().enumerate() {
        if nth == 200 {
            out.push('…');
            break;
        }
        if is_deceptive(c) || c == '`' {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character can hide itself or change how its neighbours are read.
///
/// Source: Unicode Standard Annex #9 (bidirectional formatting), CVE-2021-42574, and the
/// general categories Cc, Cf, Zl, Zp and Co.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_kebab_case_and_distinct() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        for text in texts {
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{text}");
        }
    }

    #[test]
    fn what_could_deceive_is_shown_escaped() {
        assert_eq!(shown("a\u{202e}b\u{1b}[2J`"), "a\\u{202e}b\\u{1b}[2J\\u{60}");
        assert_eq!(shown(&"x".repeat(300)).chars().count(), 201);
    }
}
