//! What verification found, for people and for programs.
//!
//! **Invariant:** names are stable, and each belongs to one concern: integrity (something was
//! changed) or completeness (something is missing). A notice is neither.

use crate::record::WriterId;
use countersign_core::id::InvocationId;
use serde::Serialize;
use std::fmt;

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concern {
    /// Something is not as it was written, or was not written by who it says.
    Integrity,
    /// Something that must be there is not.
    Completeness,
    /// Worth knowing.
    Notice,
}

macro_rules! names {
    ($($(#[doc = $doc:literal])+ $variant:ident = $text:literal, $concern:ident;)*) => {
        /// The stable name of a finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Name { $($(#[doc = $doc])+ #[serde(rename = $text)] $variant,)* }

        impl Name {
            /// Every name there is, for tables.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The text in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// What it is about.
            #[must_use]
            pub const fn concern(self) -> Concern {
                match self { $(Self::$variant => Concern::$concern,)* }
            }

            /// What it means, one sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+),)* }
            }
        }
    };
}

names! {
    /// A line is not the one its successor was chained to.
    EditedLine = "edited-line", Integrity;
    /// Lines are missing within a segment.
    Gap = "gap", Integrity;
    /// Lines of a segment stand in another order.
    Reordered = "reordered", Integrity;
    /// A line stands twice, or two lines have one number.
    RepeatedLine = "repeated-line", Integrity;
    /// The stream fits together and not to its own signed head.
    ReChained = "re-chained", Integrity;
    /// Stream and own heads fit together and not to the head kept elsewhere: the writer's key was used.
    UnlikeAnchor = "unlike-anchor", Integrity;
    /// A segment does not end with a whole line.
    TornLine = "torn-line", Integrity;
    /// A line is not a record of a known version.
    UnreadableLine = "unreadable-line", Integrity;
    /// A segment's name is not the number of its first record.
    MisnamedSegment = "misnamed-segment", Integrity;
    /// A record names another writer than the stream it is in.
    StrayRecord = "stray-record", Integrity;
    /// A stream whose writer the root key never certified.
    ForeignWriter = "foreign-writer", Integrity;
    /// A stream that does not begin with its opening.
    WriterWithoutOpening = "writer-without-opening", Integrity;
    /// A record was written while the writer's certificate was not valid.
    OutsideCertificate = "outside-certificate", Integrity;
    /// A record of a kind that the writer's role does not write.
    WrongRole = "wrong-role", Integrity;
    /// A head that the writer's key did not sign.
    ForgedHead = "forged-head", Integrity;
    /// A head kept elsewhere that the writer's key did not sign.
    ForgedAnchor = "forged-anchor", Integrity;
    /// A stream without any signed head.
    UnsignedWriter = "unsigned-writer", Integrity;
    /// A sealed document inside a record does not verify.
    BadSeal = "bad-seal", Integrity;
    /// The decision's bytes and its digest, or the sealed documents around it, do not fit together.
    DecisionMismatch = "decision-mismatch", Integrity;
    /// The fate that an intent carries is not the intent's own, or not the one in the fate store.
    FateUnlikeIntent = "fate-unlike-intent", Integrity;
    /// The request was closed, and an intent says that it ran.
    ClosedFateWithRun = "closed-fate-with-run", Integrity;
    /// A command that needs a fate was started without one.
    IntentWithoutFate = "intent-without-fate", Integrity;
    /// A record, a head or a sealed document of a key from the time on from which it was revoked.
    AfterRevocation = "after-revocation", Integrity;
    /// The outcome that others read in the fate store is none that a worker put on record.
    OutcomeUnlikeRecord = "outcome-unlike-record", Integrity;
    /// The output that an outcome names is not what the command printed.
    ChangedOutput = "changed-output", Integrity;
    /// Nothing the log writes has this name.
    UnknownFile = "unknown-file", Integrity;
    /// A certificate in the store that the root key did not sign.
    ForeignCertificate = "foreign-certificate", Integrity;
    /// A revocation in the store that the root key did not sign.
    ForeignRevocation = "foreign-revocation", Integrity;
    /// A head that the second place had is gone from there, or was changed there.
    RewrittenAnchor = "rewritten-anchor", Integrity;
    /// The store's own settings let somebody change or delete what is in it.
    WeakStore = "weak-store", Integrity;
    /// An object has more than one version.
    SecondVersion = "second-version", Integrity;
    /// An object was deleted.
    DeleteMarker = "delete-marker", Integrity;
    /// An object may be deleted earlier than it should be.
    ShortRetention = "short-retention", Integrity;

    /// A whole segment is missing.
    MissingSegment = "missing-segment", Completeness;
    /// The end of a stream is missing: its own head says that there was more.
    MissingTail = "missing-tail", Completeness;
    /// The store is an older copy: only the head kept elsewhere says that there was more.
    RolledBack = "rolled-back", Completeness;
    /// A head that was due over the end of a stream, or is kept elsewhere, is not beside the records.
    MissingHead = "missing-head", Completeness;
    /// The certificate of a writer's key is not here.
    MissingCertificate = "missing-certificate", Completeness;
    /// A head says that there was a stream, and there is none.
    MissingWriter = "missing-writer", Completeness;
    /// A run that began and never ended.
    IntentWithoutOutcome = "intent-without-outcome", Completeness;
    /// A run that ended and never began.
    OutcomeWithoutIntent = "outcome-without-intent", Completeness;
    /// The fate that an intent carries, or the outcome of a run, is not in the fate store.
    MissingFate = "missing-fate", Completeness;
    /// The output that an outcome names is not in the store.
    MissingOutput = "missing-output", Completeness;
    /// A run's account lacks who asked, what was shown, who agreed, what ran or what came out.
    IncompleteStory = "incomplete-story", Completeness;

    /// No signature stands behind the last records yet.
    UnsignedTail = "unsigned-tail", Notice;
    /// A stream that was not closed: its process runs, or died.
    UnclosedWriter = "unclosed-writer", Notice;
    /// A dry run or a plain read whose process died: it changed nothing, and may have been tried again.
    LostLook = "lost-look", Notice;
    /// A run that has not ended yet.
    StillRunning = "still-running", Notice;
    /// Somebody acted against a protection.
    BreakGlassUsed = "break-glass-used", Notice;
    /// No head is kept elsewhere, so that a store put back as a whole would not show.
    NoAnchors = "no-anchors", Notice;
    /// Only chains and heads were looked at, as was asked for.
    ContentsNotRead = "contents-not-read", Notice;
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable name.
    pub name: Name,
    /// What it is about.
    pub concern: Concern,
    /// In whose stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<WriterId>,
    /// At which record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// In which object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// About which request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<InvocationId>,
    /// What exactly.
    pub says: String,
}

impl Finding {
    pub(super) fn new(name: Name, says: impl Into<String>) -> Self {
        let concern = name.concern();
        Self { name, concern, writer: None, seq: None, object: None, invocation: None, says: says.into() }
    }

    pub(super) fn of(mut self, writer: &WriterId) -> Self {
        self.writer = Some(writer.clone());
        self
    }

    pub(super) const fn at(mut self, seq: u64) -> Self {
        self.seq = Some(seq);
        self
    }

    pub(super) fn object(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }

    pub(super) const fn about(mut self, invocation: InvocationId) -> Self {
        self.invocation = Some(invocation);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.says)?;
        if let Some(writer) = &self.writer {
            write!(f, "; writer {writer}")?;
        }
        if let Some(seq) = self.seq {
            write!(f, "; record {seq}")?;
        }
        if let Some(object) = &self.object {
            write!(f, "; object {}", countersign_core::refusal::shown(object))?;
        }
        if let Some(invocation) = self.invocation {
            write!(f, "; invocation {invocation}")?;
        }
        Ok(())
    }
}

/// How verification ends, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Conclusion {
    /// Nothing was changed, nothing is missing.
    Sound = 0,
    /// Nothing was changed, something is missing.
    Incomplete = 1,
    /// Something was changed.
    Broken = 2,
}

impl Conclusion {
    /// The exit code. 3 is left to a store that could not be read.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        self as u8
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many streams were read.
    pub writers: u64,
    /// How many records.
    pub records: u64,
    /// How many heads, here and elsewhere.
    pub heads: u64,
    /// How many intents.
    pub intents: u64,
    /// What was found, integrity first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How verification ends.
    #[must_use]
    pub fn conclusion(&self) -> Conclusion {
        match (self.has(Concern::Integrity), self.has(Concern::Completeness)) {
            (true, _) => Conclusion::Broken,
            (false, true) => Conclusion::Incomplete,
            (false, false) => Conclusion::Sound,
        }
    }

    /// The names found of one concern, each once, in order.
    #[must_use]
    pub fn names(&self, concern: Concern) -> Vec<Name> {
        let mut names: Vec<Name> = self.of(concern).map(|finding| finding.name).collect();
        names.sort();
        names.dedup();
        names
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds strings, integers and lists only")
    }

    /// Puts the findings into the one order they are told in: nothing of it depends on what was
    /// read first.
    pub(super) fn sort(&mut self) {
        self.findings.sort_by(|one, other| {
            let key = |it: &Finding| (it.concern, it.name);
            key(one)
                .cmp(&key(other))
                .then_with(|| one.writer.cmp(&other.writer))
                .then_with(|| one.seq.cmp(&other.seq))
                .then_with(|| one.object.cmp(&other.object))
                .then_with(|| one.invocation.cmp(&other.invocation))
                .then_with(|| one.says.cmp(&other.says))
        });
    }

    fn of(&self, concern: Concern) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.concern == concern)
    }

    fn has(&self, concern: Concern) -> bool {
        self.of(concern).next().is_some()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { writers, records, heads, intents, .. } = self;
        writeln!(f, "{records} records of {writers} writers, {heads} signed heads, {intents} runs")?;
        let parts = [
            (Concern::Integrity, "Integrity", "nothing was changed"),
            (Concern::Completeness, "Completeness", "nothing is missing"),
            (Concern::Notice, "Notices", "none"),
        ];
        for (concern, title, good) in parts {
            if self.has(concern) {
                writeln!(f, "{title}:")?;
                for finding in self.of(concern) {
                    writeln!(f, "  {finding}")?;
                }
            } else {
                writeln!(f, "{title}: {good}")?;
            }
        }
        Ok(())
    }
}
