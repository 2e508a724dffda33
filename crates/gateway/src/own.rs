//! `/countersign …`: questions to Countersign itself, answered to the asker alone.

use crate::Gateway;
use crate::receive::Asker;
use countersign_chat::notice::{PendingItem, Row};
use countersign_chat::{Answer, Notice, State};
use countersign_command::{Countersign, Reference};
use countersign_core::command::Command;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Invocation, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::subject::Subject;
use std::sync::PoisonError;

impl Gateway {
    pub(crate) async fn answer(&self, asker: &Asker, ask: Countersign) -> Answer {
        match ask {
            Countersign::Help { topic } => Answer::Said(Notice::Help { rows: self.help(topic.as_deref()) }),
            Countersign::Catalog => listed("Catalog", self.catalog()),
            Countersign::Pending => Answer::Said(Notice::Pending { items: self.waiting() }),
            Countersign::Whoami => listed("You", whoami(asker)),
            Countersign::Status(which) => self.about(asker, &which, Self::status).await,
            Countersign::Logs(which) => self.about(asker, &which, Self::logs).await,
            Countersign::Cancel(which) => self.cancel_by_text(asker, &which).await,
            Countersign::CanI(command) => self.can_i(asker, *command),
        }
    }

    fn help(&self, topic: Option<&str>) -> Vec<Row> {
        let policy = self.parts().policy.current();
        let vocabulary = policy.vocabulary();
        let mut rows = vec![
            Row::new("/kubectl get pods -n payments --context prod", "look; answers at once"),
            Row::new("/kubectl delete pod NAME -n NS --context prod", "shows what would happen, changes nothing"),
            Row::new("… --apply", "asks for it to be done; who must agree stands on the card"),
        ];
        rows.extend(vocabulary.commands.values().map(|command| {
            let example = command.examples.first().map_or_else(|| format!("/{}", command.name), Clone::clone);
            Row::new(example, command.description.clone())
        }));
        rows.extend([
            Row::new("/countersign can-i kubectl delete …", "whether you may, and who must agree"),
            Row::new("/countersign pending | status ID | logs ID | cancel ID", "about requests"),
            Row::new("/countersign catalog | whoami", "about targets and about you"),
        ]);
        match topic {
            Some(topic) => rows.into_iter().filter(|row| row.label.contains(topic)).collect(),
            None => rows,
        }
    }

    fn catalog(&self) -> Vec<Row> {
        let policy = self.parts().policy.current();
        let vocabulary = policy.vocabulary();
        let clusters = vocabulary.clusters.iter().map(|(name, cluster)| {
            Row::new(
                format!("cluster {name}"),
                format!("environment {}, namespace {} by default", cluster.env, cluster.namespace),
            )
        });
        let commands = vocabulary.commands.values().map(|command| {
            Row::new(format!("/{}", command.name), format!("{} ({})", command.description, command.tier))
        });
        clusters.chain(commands).collect()
    }

    fn waiting(&self) -> Vec<PendingItem> {
        let views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        let asking = views.iter().filter(|(_, view)| view.state == State::Asking);
        asking
            .map(|(id, view)| PendingItem {
                invocation: *id,
                command: view.decision.decision().argv.to_string(),
                requester: view.requester.clone(),
                waits_for: view.progress.iter().map(|rule| rule.quorum.clone()).collect::<Vec<_>>().join(", "),
                expires_at: view.decision.decision().expires_at,
            })
            .collect()
    }

    /// Finds the one live request that a reference means.
    fn find(&self, which: &Reference) -> Result<InvocationId, Refusal> {
        let views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        let digits = which.as_str().replace('-', "");
        let mut found = views.keys().filter(|id| id.to_string().replace('-', "").ends_with(&digits));
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(*id),
            (Some(_), Some(_)) => {
                Err(Refusal::new(Code::BadValue, "several requests end like this", "Give more digits of its id."))
            }
            (None, _) => Err(Refusal::new(
                Code::UnknownButton,
                "no request of this id is open",
                "Look at `/countersign pending`; what is over stands in the audit log.",
            )),
        }
    }

    async fn about(&self, asker: &Asker, which: &Reference, tell: fn(&Self, InvocationId) -> Answer) -> Answer {
        match self.find(which) {
            Ok(id) => tell(self, id),
            Err(refusal) => self.refused(asker, refusal).await,
        }
    }

    fn status(&self, id: InvocationId) -> Answer {
        let rows = self.with_view(id, |view| {
            vec![
                Row::new("request", id.to_string()),
                Row::new("command", view.decision.decision().argv.to_string()),
                Row::new("asked by", view.requester.clone()),
                Row::new("state", view.state.phrase()),
            ]
        });
        listed("Status", rows.unwrap_or_default())
    }

    fn logs(&self, id: InvocationId) -> Answer {
        let rows = self.with_view(id, |view| {
            use countersign_chat::output::Folded;
            let lines = view.output.lines();
            lines
                .iter()
                .map(|line| match line {
                    Folded::Line(_, text) => Row::new("", *text),
                    Folded::Hidden(count) => Row::new("", format!("… {count} lines are not shown")),
                })
                .collect()
        });
        listed("Output so far", rows.unwrap_or_default())
    }

    async fn cancel_by_text(&self, asker: &Asker, which: &Reference) -> Answer {
        let id = match self.find(which) {
            Ok(id) => id,
            Err(refusal) => return self.refused(asker, refusal).await,
        };
        let papers = match self.parts().queue.papers(id).await {
            Ok(papers) => papers,
            Err(error) => return Answer::Refused(error.refusal()),
        };
        match self.cancel(id, &asker.principal, &papers).await {
            Ok(answer) => answer,
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    /// Policy evaluated for the asker, without asking for anything.
    fn can_i(&self, asker: &Asker, command: Command) -> Answer {
        let parts = self.parts();
        let policy = parts.policy.current();
        let facts = Facts::new(parts.clock.now(), [asker.principal.clone()]);
        let receipt = Receipt {
            id: asker.id,
            deployment: parts.deployment.clone(),
            account: asker.typed.account.clone(),
            thread: String::new(),
            channel: asker.typed.channel.clone(),
            typed: asker.typed.text.clone(),
            reason: None,
            at: asker.typed.at,
        };
        let shown = command.argv().to_string();
        let it = Invocation::receive(receipt, asker.principal.clone(), Subject::Command(Box::new(command)));
        match it.decide(policy.as_ref(), &facts, &[]) {
            Ruling::Denied(denied) => Answer::Said(Notice::Refused { refusal: denied.refusal, typed: None }),
            Ruling::Cleared(it) => {
                let decision = it.decision().decision();
                listed(
                    "Yes",
                    vec![
                        Row::new("command", shown),
                        Row::new("tier", format!("{}, {}", decision.tier, decision.reversibility)),
                        Row::new("approval", "nobody needs to agree"),
                        Row::new("because", it.granted_by().join(", ")),
                    ],
                )
            }
            Ruling::Pending(it) => {
                let decision = it.draft().decision();
                let mut rows = vec![
                    Row::new("command", shown),
                    Row::new("tier", format!("{}, {}", decision.tier, decision.reversibility)),
                ];
                let rules = decision.rules.iter();
                rows.extend(rules.map(|rule| Row::new("approval", format!("{} (rule {})", rule.quorum, rule.id))));
                rows.push(Row::new("because", it.granted_by().join(", ")));
                listed("Yes, if people agree", rows)
            }
        }
    }
}

fn listed(title: &str, rows: Vec<Row>) -> Answer {
    Answer::Said(Notice::Listed { title: title.to_owned(), rows })
}

fn whoami(asker: &Asker) -> Vec<Row> {
    let principal = &asker.principal;
    vec![
        Row::new("name", principal.name.clone()),
        Row::new("identity", principal.id.to_string()),
        Row::new("groups", principal.groups.iter().cloned().collect::<Vec<_>>().join(", ")),
        Row::new("account", asker.typed.account.to_string()),
        Row::new("known by", principal.known_by.clone()),
    ]
}
