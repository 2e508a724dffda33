//! What people want, made of chance.

use crate::chance::Chance;
use countersign_core::ballot::Vote;

/// What kind of request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Runs at once and may run again.
    Read,
    /// Needs one other person.
    Change,
    /// Needs two, who must open the whole first.
    Destructive,
}

impl What {
    pub(crate) const fn approvals(self) -> usize {
        match self {
            Self::Read => 0,
            Self::Change => 1,
            Self::Destructive => 2,
        }
    }
}

/// How it is meant to end, if nothing dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    Run,
    Reject,
    Cancel,
}

/// A click that was delivered, or may have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Click {
    pub(crate) who: &'static str,
    pub(crate) vote: Vote,
}

/// One typed line.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Its number.
    pub(crate) nth: usize,
    /// A name that is in its text and in no other's.
    pub(crate) mark: String,
    /// What is typed after the command.
    pub(crate) text: String,
    pub(crate) what: What,
    pub(crate) wish: Wish,
    /// Whether the front said that it received it.
    pub(crate) acknowledged: bool,
    pub(crate) clicks: Vec<Click>,
}

impl Request {
    pub(crate) fn made(nth: usize, chance: &mut Chance) -> Self {
        let mark = format!("crash-{nth}");
        let what = match chance.below(10) {
            0..3 => What::Read,
            3..7 => What::Change,
            _ => What::Destructive,
        };
        let wish = match chance.below(10) {
            0 => Wish::Reject,
            1 => Wish::Cancel,
            _ => Wish::Run,
        };
        let text = match what {
            What::Read => format!("get pod {mark} -n payments --context prod"),
            What::Change => format!("label pod {mark} tier=gold -n payments --context prod --apply"),
            What::Destructive => format!("delete pod {mark} -n payments --context prod --apply"),
        };
        Self { nth, mark, text, what, wish, acknowledged: false, clicks: Vec::new() }
    }

    pub(crate) fn clicked(&mut self, who: &'static str, vote: Vote) {
        let click = Click { who, vote };
        if !self.clicks.contains(&click) {
            self.clicks.push(click);
        }
    }
}
