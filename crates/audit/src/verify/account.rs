//! A request's account: who asked, what was shown, who agreed, what ran, what came out.
//!
//! **Invariant:** what is kept of a request is a few dozen bytes until its run is met, and nothing
//! is called missing that a hole in the log explains.

use crate::event::{Event, Kind, OutputNote};
use countersign_core::digest::Digest;
use countersign_core::id::{Attempt, InvocationId};
use countersign_core::principal::SubjectId;
use countersign_core::tier::Mode;
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use std::collections::{HashMap, HashSet};

/// Names one start.
pub(super) type Run = (InvocationId, Attempt);

/// Part of a digest, long enough to tell apart what nobody can choose freely.
type Short = [u8; 16];

/// A record's part in a request's account.
#[derive(Debug)]
pub(super) enum Part {
    /// Who asked.
    Heard(Heard),
    /// What was decided, shown, cleared.
    Shown(Shown),
    /// What is about to run.
    Intent(Intent),
    /// How it ended.
    End(End),
}

/// A request came.
#[derive(Debug)]
pub(super) struct Heard {
    invocation: InvocationId,
    asker: Option<Short>,
    lacks: Option<&'static str>,
}

/// A decision was put on record before anything ran.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) kind: Kind,
    pub(super) digest: Digest,
}

/// Something is about to run.
#[derive(Debug)]
pub(super) struct Intent {
    pub(super) run: Run,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) errand: Errand,
    pub(super) needs_fate: bool,
    /// What a dry run prints, a look's included, is read for its effect and not kept.
    pub(super) mode: Mode,
    pub(super) pool: String,
    /// Its fate's bytes, if they are its own start.
    pub(super) fate: Option<String>,
    pub(super) asker: Option<Short>,
    /// Whether somebody had to agree.
    pub(super) asks: bool,
    /// What the sealed job says was decided.
    pub(super) decision: Option<Digest>,
    pub(super) lacks: Vec<&'static str>,
    pub(super) intact: bool,
}

/// Something ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) run: Run,
    pub(super) seq: u64,
    pub(super) at: Timestamp,
    pub(super) ending: String,
    pub(super) pool: String,
    /// SHA-256 of the sealed outcome that was published, if it was the end of a run.
    pub(super) published: Option<Digest>,
    pub(super) output: Option<OutputNote>,
    /// Keyed digest of the output, as the worker sealed it.
    pub(super) kept: Option<Digest>,
    /// How many bytes it printed, as the worker sealed it.
    pub(super) printed: u64,
    pub(super) lacks: Vec<&'static str>,
    pub(super) intact: bool,
}

impl Heard {
    pub(super) fn of(invocation: InvocationId, event: &Event) -> Self {
        let actor = event.actor.as_ref();
        let principal = actor.and_then(|actor| actor.principal.as_ref());
        let lacks = [
            ("received.actor.principal", principal.is_none()),
            ("received.actor.account", actor.is_none_or(|actor| actor.account.is_none())),
            ("received.actor.known_by", actor.is_none_or(|actor| actor.known_by.is_none())),
            ("received.typed", event.typed.is_none()),
        ];
        let lacks = lacks.iter().find_map(|(name, lacks)| lacks.then_some(*name));
        Self { invocation, asker: principal.map(person), lacks }
    }
}

/// Names a person in a few bytes.
pub(super) fn person(id: &SubjectId) -> Short {
    short(&Digest::of(&[id.iss.as_bytes(), b"\0", id.sub.as_bytes()].concat()))
}

pub(super) fn short(digest: &Digest) -> Short {
    let mut short = Short::default();
    short.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    short
}

/// What gateways put on record about requests before anything of them ran.
#[derive(Debug, Default)]
pub(super) struct Asked {
    heard: HashMap<InvocationId, (Option<Short>, Option<&'static str>)>,
    shown: HashSet<(Kind, Short)>,
}

impl Asked {
    pub(super) fn hear(&mut self, heard: &Heard) {
        self.heard.insert(heard.invocation, (heard.asker, heard.lacks));
    }

    pub(super) fn show(&mut self, shown: &Shown) {
        // The decision's bytes name the request, so their digest is enough.
        self.shown.insert((shown.kind, short(&shown.digest)));
    }

    /// What is missing of how a run came about.
    pub(super) fn lacking(&self, intent: &Intent) -> Vec<&'static str> {
        let mut lacks = Vec::new();
        match self.heard.get(&intent.run.0) {
            None => lacks.push("received"),
            Some((_, Some(what))) => lacks.push(*what),
            Some((_, None)) => {}
        }
        let Some(digest) = intent.decision.as_ref().map(short) else { return lacks };
        let was = |kind: Kind| self.shown.contains(&(kind, digest));
        match intent.errand {
            // The first look is at a draft, the second at what people agreed to.
            Errand::Preview if !was(Kind::Decided) && !was(Kind::Asked) => lacks.push("decided"),
            Errand::Preview => {}
            Errand::Run => {
                if intent.asks && !was(Kind::Asked) {
                    lacks.push("asked");
                }
                if !was(Kind::Cleared) {
                    lacks.push("cleared");
                }
            }
        }
        lacks
    }

    /// Whether somebody else asked than the decision says.
    pub(super) fn is_another_asker(&self, intent: &Intent) -> bool {
        let heard = self.heard.get(&intent.run.0).and_then(|(asker, _)| *asker);
        matches!((heard, intent.asker), (Some(one), Some(other)) if one != other)
    }
}
