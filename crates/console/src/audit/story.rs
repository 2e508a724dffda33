//! One request's whole account, as the log's own telling of it.
//!
//! **Invariant:** the parts stand in one order, and every line that was told is on the page:
//! what was said before, and what only machines read, in a fold.

use countersign_core::time::Timestamp;

/// Everything on record about one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Story {
    /// The story in a few lines: who, what, where, who agreed, how it ended.
    pub summary: Vec<Line>,
    /// One a record, in order of time.
    pub chapters: Vec<Chapter>,
    /// Lines that name it and cannot be read by this version.
    pub unreadable: u64,
}

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Which part of the story.
    pub part: Part,
    /// When, by the writer's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: String,
    /// In whose stream, and which record: `gateway-… #7`.
    pub place: String,
    /// What it says.
    pub lines: Vec<Line>,
}

/// A name, a value, and how to show them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub name: String,
    /// What it says.
    pub value: String,
    /// How to show it.
    pub form: Form,
}

/// How a line is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Words.
    Plain,
    /// Bytes: a command.
    Code,
    /// What would be removed.
    Minus,
    /// What would be added.
    Plus,
    /// A proof that does not hold.
    Bad,
    /// Digests, keys, sealed bytes: on demand.
    Fold,
}

/// Which part of the story a record belongs to, in the order they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Somebody asked.
    Asked,
    /// It was decided, and what people agree to was found and shown.
    Shown,
    /// People said yes or no.
    Agreed,
    /// It was started.
    Ran,
    /// It ended.
    CameOut,
    /// Somebody read about it.
    Read,
    /// Anything else.
    Other,
}

impl Part {
    /// Every part, in order.
    pub const ALL: [Self; 7] =
        [Self::Asked, Self::Shown, Self::Agreed, Self::Ran, Self::CameOut, Self::Read, Self::Other];

    /// The heading.
    #[must_use]
    pub const fn heading(self) -> &'static str {
        match self {
            Self::Asked => "What was asked",
            Self::Shown => "What was decided and shown",
            Self::Agreed => "Who agreed",
            Self::Ran => "What ran",
            Self::CameOut => "What came out",
            Self::Read => "Who read about it since",
            Self::Other => "Also on record",
        }
    }
}
