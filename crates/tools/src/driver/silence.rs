//! `/silence` against an Alertmanager: shows what it would hide, makes it, lists silences, ends one.
//!
//! **Invariant:** a silence is made once a request, in the name of whoever asked, and what is told about it is what the
//! Alertmanager has. The first part of a preview changes only when what people agree to does: alerts that come and go
//! stand behind it, under [`NOW`].

mod alertmanager;
mod told;

use super::Failure;
use super::client::{AskError, Client};
use super::job::Job;
use alertmanager::{Alert, Alertmanager, Matcher, NewSilence, Silence, State};
use countersign_command::silence::{Act, Verb};
use countersign_core::command::Argv;
use countersign_core::effect::NOW;
use countersign_core::time::Timestamp;
use std::fmt::Write as _;
use std::time::Duration;

/// A silence that is to be made.
struct Wanted {
    matchers: Vec<Matcher>,
    lasts: Duration,
    comment: Option<String>,
}

/// One command against one Alertmanager.
struct Errand<'a> {
    on: &'a str,
    job: &'a Job,
    alertmanager: Alertmanager,
    now: Timestamp,
}

/// Carries out a canonical argv, and says what to print.
pub(super) async fn carry_out(argv: &Argv, job: &Job, now: Timestamp) -> Result<String, Failure> {
    let act = Act::read(argv).map_err(|refusal| Failure::Misused(refusal.to_string()))?;
    if (job.target.kind.as_str(), &job.target.name) != ("alertmanager", &act.on) {
        return Err(Failure::Misused(format!("the job is not for the Alertmanager `{}`", act.on)));
    }
    let errand = Errand {
        on: &act.on,
        job,
        alertmanager: Alertmanager::new(Client::of(job).map_err(|error| failed(&act.on, &error))?),
        now,
    };
    match (act.verb, act.dry_run) {
        (Verb::List, _) => errand.list().await,
        (Verb::Expire { id }, true) => errand.show_end(&id).await,
        (Verb::Expire { id }, false) => errand.end(&id).await,
        (Verb::Silence { matchers, lasts, comment }, dry_run) => {
            let matchers = matchers.iter().map(Matcher::from).collect();
            let wanted = Wanted { matchers, lasts, comment };
            if dry_run { errand.show(&wanted).await } else { errand.make(wanted).await }
        }
    }
}

fn failed(on: &str, error: &AskError) -> Failure {
    Failure::Target(format!("the Alertmanager `{on}`: {error}"))
}

impl Errand<'_> {
    fn failed(&self, error: &AskError) -> Failure {
        failed(self.on, error)
    }

    /// What would be silenced: first what people agree to, then what it comes to at this moment.
    async fn show(&self, wanted: &Wanted) -> Result<String, Failure> {
        let ask = |error| self.failed(&error);
        let alerts = self.alertmanager.alerts(&wanted.matchers).await.map_err(ask)?;
        let mut text = told::silence(self.on, wanted, &self.job.requester);
        let mut warning = None;
        if !wanted.matchers.iter().any(Matcher::is_name) {
            let all = self.alertmanager.alerts(&[]).await.map_err(ask)?;
            let _ = writeln!(text, "{}", told::breadth(&alerts));
            warning = told::too_wide(&alerts, &all);
        }
        let silences = self.alertmanager.silences().await.map_err(ask)?;
        let _ = writeln!(text, "{NOW}");
        text.extend(warning.map(|warning| warning + "\n"));
        text.push_str(&told::hidden("would be hidden", &alerts));
        for silence in silences.iter().filter(|it| it.status.state == State::Active && it.covers(&wanted.matchers)) {
            let _ = writeln!(text, "covered already by {}", told::line(silence));
        }
        Ok(text)
    }

    /// Makes the silence, unless this very request has made it already.
    async fn make(&self, wanted: Wanted) -> Result<String, Failure> {
        if let Some(made) = self.made().await.map_err(|error| self.failed(&error))? {
            return Ok(told::made("this request has made it before", &made, self.on));
        }
        let silence = NewSilence {
            matchers: wanted.matchers,
            starts_at: self.now,
            ends_at: self.now.plus(wanted.lasts),
            created_by: self.job.requester.clone(),
            comment: told::comment(wanted.comment.as_deref(), &self.mark()),
        };
        let id = match self.alertmanager.make(&silence).await {
            Ok(id) => id,
            Err(error @ (AskError::Unreachable(_) | AskError::Strange(_))) => return self.find_out(&error).await,
            Err(error) => return Err(self.failed(&error)),
        };
        match self.alertmanager.silence(&id).await {
            Ok(Some(made)) => Ok(told::made("silenced", &made, self.on)),
            Ok(None) | Err(_) => {
                Ok(format!("silenced, as {id}; it could not be read back\n{}", told::undo(&id, self.on)))
            }
        }
    }

    /// Whether an attempt without an answer has made it.
    async fn find_out(&self, error: &AskError) -> Result<String, Failure> {
        match self.made().await {
            Ok(Some(made)) => Ok(told::made("silenced", &made, self.on)),
            Ok(None) => Err(Failure::Target(format!("the Alertmanager `{}` has made no silence: {error}", self.on))),
            Err(_) => Err(Failure::Target(format!(
                "whether the Alertmanager `{}` has made the silence is not known: {error}; `/silence list --on={}` says",
                self.on, self.on
            ))),
        }
    }

    /// The silence that this request has made, if it has.
    async fn made(&self) -> Result<Option<Silence>, AskError> {
        let mark = self.mark();
        Ok(self.alertmanager.silences().await?.into_iter().find(|it| it.comment.ends_with(&mark)))
    }

    /// Stands at the end of a comment, where nobody's words are.
    fn mark(&self) -> String {
        mark(&self.job.invocation)
    }

    async fn list(&self) -> Result<String, Failure> {
        let silences = self.alertmanager.silences().await.map_err(|error| self.failed(&error))?;
        Ok(told::list(&silences, self.on))
    }

    /// The silence of this id, or the one that the request of this id has made, if it has not ended.
    async fn running(&self, id: &str) -> Result<Silence, Failure> {
        let ask = |error| self.failed(&error);
        let no = |what: String| Failure::Target(format!("the Alertmanager `{}` has {what}", self.on));
        let silence = if let Some(silence) = self.alertmanager.silence(id).await.map_err(ask)? {
            silence
        } else {
            let mut made = self.alertmanager.silences().await.map_err(ask)?;
            made.retain(|it| it.comment.ends_with(&mark(id)));
            match (made.pop(), made.as_slice()) {
                (Some(silence), []) => silence,
                (Some(_), _) => return Err(no(format!("several silences of the request {id}"))),
                (None, _) => return Err(no(format!("no silence {id}"))),
            }
        };
        if silence.status.state == State::Expired {
            return Err(Failure::Target(format!("silence {} has ended at {}", silence.id, silence.ends_at)));
        }
        Ok(silence)
    }

    async fn show_end(&self, id: &str) -> Result<String, Failure> {
        let silence = self.running(id).await?;
        let mut alerts = self.alertmanager.alerts(&silence.matchers).await.map_err(|error| self.failed(&error))?;
        alerts.retain(|alert| alert.status.silenced_by.contains(&silence.id));
        Ok(format!("{}{NOW}\n{}", told::end(&silence, self.on), told::hidden("would be heard again", &alerts)))
    }

    async fn end(&self, id: &str) -> Result<String, Failure> {
        let silence = self.running(id).await?;
        self.alertmanager.end(&silence.id).await.map_err(|error| self.failed(&error))?;
        Ok(told::ended(&silence, self.on))
    }
}

fn mark(request: &str) -> String {
    format!("[countersign {request}]")
}

impl Silence {
    /// Whether it hides all that these matchers do: it asks for nothing that they do not ask for.
    fn covers(&self, matchers: &[Matcher]) -> bool {
        self.matchers.iter().all(|matcher| matchers.contains(matcher))
    }
}

/// The distinct names of alerts.
fn names(alerts: &[Alert]) -> usize {
    alerts.iter().map(Alert::name).collect::<std::collections::BTreeSet<_>>().len()
}
