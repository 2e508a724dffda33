//! What a running command rests on, to be asked about again while it runs.
//!
//! **Invariant:** it permits nothing: out of it comes a no, or nothing at all.

use crate::channel::Channel;
use crate::command::Command;
use crate::invocation::judge;
use crate::policy::{Facts, Policy};
use crate::principal::SubjectId;
use crate::refusal::Refusal;
use crate::tier::{Mode, Tier};
use crate::warrant::Warrant;

/// The request behind a command that runs.
#[derive(Debug, Clone)]
pub struct Ongoing {
    requester: SubjectId,
    channel: Option<Channel>,
    command: Command,
    tier: Tier,
    is_dry: bool,
}

impl Warrant {
    /// What is asked about again while it runs.
    #[must_use]
    pub fn ongoing(&self) -> Ongoing {
        Ongoing {
            requester: self.requester().id.clone(),
            channel: self.decision().decision().channel.clone(),
            command: self.command().clone(),
            tier: self.allowance().tier,
            is_dry: self.is_dry(),
        }
    }
}

impl Ongoing {
    /// Who asked for it.
    #[must_use]
    pub const fn requester(&self) -> &SubjectId {
        &self.requester
    }

    /// Whether it may change something: a freeze ends it then.
    #[must_use]
    pub fn changes(&self) -> bool {
        !self.is_dry && self.tier > Tier::Read && self.command.mode() == Mode::Apply
    }

    /// The environment it acts in, if it acts in one.
    #[must_use]
    pub fn env(&self) -> Option<&str> {
        self.command.action().scope.env.as_deref()
    }

    /// Asks the worker's own policy once more, about the person as the directory knows them now.
    ///
    /// # Errors
    /// The no: they left, lost the role, or the files changed. The command is to be ended.
    pub fn ask_again(&self, policy: &dyn Policy, facts: &Facts) -> Result<(), Box<Refusal>> {
        judge(policy, facts, &self.requester, &self.command, self.channel.as_ref(), &[]).map(drop)
    }
}
