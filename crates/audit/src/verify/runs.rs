//! What the records of different streams say to each other: intents, outcomes, fates, outputs.
//!
//! **Invariant:** an intent and its outcome are dropped as soon as both are seen and compared, so
//! that what is held does not grow with the log, save 32 bytes a run and a few dozen a request.

use super::account::{Asked, End, Intent, Part, Run, short};
use super::late::{About, Late, Published};
use super::report::{Finding, Name, Report};
use super::{Context, Outputs};
use crate::layout;
use crate::record::WriterId;
use crate::sink::ReadError;
use countersign_core::certificate::Role;
use countersign_core::digest::Digest;
use countersign_core::id::InvocationId;
use countersign_core::outcome::Ending;
use countersign_core::tier::Mode;
use countersign_core::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// So many questions are put to the stores at a time.
const LATE: usize = 1024;

/// What is compared across streams. Streams come in the order of their writers' roles: what
/// gateways wrote is known before what workers wrote is judged.
pub(super) struct Runs {
    context: Arc<Context>,
    outputs: Arc<Outputs>,
    asked: Asked,
    intents: BTreeMap<Run, (WriterId, Intent)>,
    ends: BTreeMap<Run, (WriterId, End)>,
    finished: HashSet<[u8; 16]>,
    late: Vec<Late>,
    /// Outcomes that were put on record: invocation and digest.
    recorded: HashSet<[u8; 16]>,
    /// Outcomes in the fate store that are not those of the records that raised the question.
    published: Vec<Published>,
    alive: BTreeMap<WriterId, (bool, Option<Timestamp>)>,
    /// Roles of the streams that lack something: what they would have told is not called missing.
    holes: BTreeSet<Role>,
    count: u64,
}

/// How a stream ended, as far as it was read.
pub(super) struct Finished {
    pub(super) closed: bool,
    pub(super) last_at: Option<Timestamp>,
    /// Whether records of it are missing or cannot be read.
    pub(super) has_holes: bool,
}

impl Runs {
    pub(super) fn new(context: Arc<Context>, outputs: Arc<Outputs>) -> Self {
        Self {
            context,
            outputs,
            asked: Asked::default(),
            intents: BTreeMap::new(),
            ends: BTreeMap::new(),
            finished: HashSet::new(),
            late: Vec::new(),
            recorded: HashSet::new(),
            published: Vec::new(),
            alive: BTreeMap::new(),
            holes: BTreeSet::new(),
            count: 0,
        }
    }

    /// A stream was read to its end.
    pub(super) fn finished(&mut self, writer: &WriterId, how: &Finished) {
        self.alive.insert(writer.clone(), (how.closed, how.last_at));
        if how.has_holes {
            self.holes.insert(writer.role());
        }
    }

    /// A record's part in a request's account; what the chain does not stand behind accuses nobody.
    pub(super) fn take(&mut self, writer: &WriterId, part: Part, intact: bool, report: &mut Report) {
        match part {
            Part::Heard(heard) => self.asked.hear(&heard),
            Part::Shown(shown) => self.asked.show(&shown),
            Part::Intent(intent) => {
                self.count += 1;
                let intent = Intent { intact, ..intent };
                self.ask_about_fate(writer, &intent);
                self.began(writer, &intent, report);
                match self.ends.remove(&intent.run) {
                    Some((ender, end)) => self.ended(&ender, &end, Some((writer, intent.mode)), report),
                    None => drop(self.intents.insert(intent.run.clone(), (writer.clone(), intent))),
                }
            }
            Part::End(end) => {
                let end = End { intact, ..end };
                self.ask_about_outcome(writer, &end);
                match self.intents.remove(&end.run) {
                    Some((beginner, intent)) => self.ended(writer, &end, Some((&beginner, intent.mode)), report),
                    // A run may be concluded twice: by a worker that was slow, and by who thought it dead.
                    None if self.finished.contains(&id(&end.run)) => self.ended(writer, &end, None, report),
                    None => drop(self.ends.insert(end.run.clone(), (writer.clone(), end))),
                }
            }
        }
    }

    /// How it came about: complete, or the finding says what is missing.
    fn began(&self, writer: &WriterId, intent: &Intent, report: &mut Report) {
        if !intent.intact || self.is_fresh(intent) {
            return;
        }
        let mut lacks = intent.lacks.clone();
        // Who asked and what was shown is the gateways' to tell.
        if !self.holes.contains(&Role::Gateway) {
            lacks.extend(self.asked.lacking(intent));
        }
        if !lacks.is_empty() {
            report.findings.push(incomplete(&lacks).of(writer).at(intent.seq).about(intent.run.0));
        }
        if self.asked.is_another_asker(intent) {
            let says = "somebody else asked than the decision says";
            report
                .findings
                .push(Finding::new(Name::DecisionMismatch, says).of(writer).at(intent.seq).about(intent.run.0));
        }
    }

    /// What came out, once both halves are known. Who began it, and whether it was to find an effect
    /// only, is not known any more of a run that is concluded twice.
    fn ended(&mut self, writer: &WriterId, end: &End, beginner: Option<(&WriterId, Mode)>, report: &mut Report) {
        self.finished.insert(id(&end.run));
        if !end.intact {
            return;
        }
        let mut lacks = end.lacks.clone();
        let noted = end.output.as_ref().and_then(|note| note.object.clone());
        // Who concludes for another has the seal and no note: the object's name follows from the run.
        let by_another = beginner.is_none_or(|(beginner, _)| beginner != writer);
        let is_dry = beginner.is_some_and(|(_, mode)| mode == Mode::DryRun);
        let derived = || layout::output(end.run.0, &end.run.1).map(|key| key.to_string());
        let object = if noted.is_none() && by_another && end.kept.is_some() { derived() } else { noted };
        if object.is_none() && end.printed > 0 && !is_dry && !(by_another && end.kept.is_none() && end.output.is_none())
        {
            lacks.push("outcome.output");
        }
        if !lacks.is_empty() {
            report.findings.push(incomplete(&lacks).of(writer).at(end.seq).about(end.run.0));
        }
        if let Some(object) = object {
            self.ask_about_output(writer, end, object, report);
        }
    }

    fn ask_about_fate(&mut self, writer: &WriterId, intent: &Intent) {
        if let (true, true, Some(text)) = (self.context.fate.is_some(), intent.intact, &intent.fate) {
            let about = About { writer: writer.clone(), seq: intent.seq, invocation: intent.run.0, at: intent.at };
            self.late.push(Late::fate(about, intent.pool.clone(), text.clone()));
        }
    }

    fn ask_about_outcome(&mut self, writer: &WriterId, end: &End) {
        if let (true, Some(digest)) = (self.context.fate.is_some() && end.intact, end.published) {
            self.recorded.insert(outcome_id(end.run.0, &digest));
            let about = About { writer: writer.clone(), seq: end.seq, invocation: end.run.0, at: end.at };
            self.late.push(Late::outcome(about, end.pool.clone(), digest));
        }
    }

    fn ask_about_output(&mut self, writer: &WriterId, end: &End, object: String, report: &mut Report) {
        let about = About { writer: writer.clone(), seq: end.seq, invocation: end.run.0, at: end.at };
        let Some(entry) = self.outputs.get(&object) else {
            report.findings.push(about.finding(Name::MissingOutput, "the output it names is not here"));
            return;
        };
        if end.output.as_ref().is_some_and(|note| note.bytes != entry.size) {
            let says = "the output it names has another length";
            report.findings.push(about.finding(Name::ChangedOutput, says).object(object));
            return;
        }
        let digest = end.output.as_ref().map(|note| note.digest).or(end.kept);
        self.late.push(Late::output(about, entry.clone(), digest));
    }

    /// Puts the questions that have gathered to the stores, when they are many or it is the end.
    pub(super) async fn ask(&mut self, last: bool, report: &mut Report) -> Result<(), ReadError> {
        if last || self.late.len() >= LATE {
            let late = std::mem::take(&mut self.late);
            self.published.extend(super::late::ask(&self.context, late, report).await?);
        }
        Ok(())
    }

    /// Every stream was read: what has no other half now has none.
    pub(super) async fn finish(mut self, report: &mut Report) -> Result<(), ReadError> {
        report.intents = self.count;
        let explained = self.holes.contains(&Role::Worker);
        for (run, (writer, intent)) in &self.intents {
            let finding = |name, says: &str| Finding::new(name, says).of(writer).at(intent.seq).about(run.0);
            let found = if self.is_running(writer) {
                finding(Name::StillRunning, "it has not ended yet")
            } else if self.lost_its_process(writer, intent) {
                finding(Name::LostLook, "it only looked, and its process died")
            } else if explained {
                continue;
            } else {
                finding(Name::IntentWithoutOutcome, "it began, and nothing says how it ended")
            };
            report.findings.push(found);
        }
        for (run, (writer, end)) in std::mem::take(&mut self.ends) {
            // These two are written for runs that never came to an intent.
            let may_lack = [Ending::NotRun, Ending::Unknown].iter().any(|ending| ending.as_str() == end.ending);
            if !may_lack && !explained {
                let finding = Finding::new(Name::OutcomeWithoutIntent, "it ended, and nothing says that it began");
                report.findings.push(finding.of(&writer).at(end.seq).about(run.0));
            }
            self.ended(&writer, &end, None, report);
        }
        self.strays(explained, report);
        self.ask(true, report).await?;
        // Of a run that was concluded twice either end may be the one that others read.
        for Published { about, digest } in &self.published {
            if !self.recorded.contains(&outcome_id(about.invocation, digest)) && !explained {
                let says = "the fate store has an outcome that is not on record";
                report.findings.push(about.finding(Name::OutcomeUnlikeRecord, says));
            }
        }
        Ok(())
    }

    /// Outputs of runs that nobody tells of. A worker that runs may have begun one meanwhile.
    fn strays(&self, explained: bool, report: &mut Report) {
        let begins = |writer: &WriterId| writer.role() == Role::Worker && self.is_running(writer);
        if explained || self.alive.keys().any(begins) {
            return;
        }
        let begun: HashSet<[u8; 16]> = self.intents.keys().map(id).collect();
        for name in self.outputs.keys() {
            let run = short(&Digest::of(name.strip_prefix(layout::OUTPUTS).unwrap_or(name).as_bytes()));
            if !self.finished.contains(&run) && !begun.contains(&run) {
                let says = "no run that the log tells of printed it";
                report.findings.push(Finding::new(Name::UnknownFile, says).object(name.as_str()));
            }
        }
    }

    /// A process that ended properly owes the end of everything it began; one that died leaves
    /// only looks without an end, since whatever else it began is concluded by another.
    fn lost_its_process(&self, writer: &WriterId, intent: &Intent) -> bool {
        !intent.needs_fate && matches!(self.alive.get(writer), Some((false, _)))
    }

    fn is_running(&self, writer: &WriterId) -> bool {
        match self.alive.get(writer) {
            Some((false, Some(last))) => self.context.is_recent(*last),
            Some((true, _) | (false, None)) | None => false,
        }
    }

    /// Whether a gateway that still writes may have told of it after its stream was listed.
    fn is_fresh(&self, intent: &Intent) -> bool {
        let writes = |writer: &WriterId| writer.role() == Role::Gateway && self.is_running(writer);
        self.context.is_recent(intent.at) && self.alive.keys().any(writes)
    }
}

fn incomplete(lacks: &[&str]) -> Finding {
    Finding::new(Name::IncompleteStory, format!("the log does not tell {}", lacks.join(", ")))
}

fn outcome_id(invocation: InvocationId, digest: &Digest) -> [u8; 16] {
    short(&Digest::of(format!("{invocation}/{digest}").as_bytes()))
}

fn id((invocation, attempt): &Run) -> [u8; 16] {
    short(&Digest::of(format!("{invocation}/{}", attempt.as_str()).as_bytes()))
}
