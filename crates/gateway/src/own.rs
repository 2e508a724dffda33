//! `/countersign …`: questions to Countersign itself, answered to the asker alone.

use crate::Gateway;
use crate::receive::Asker;
use countersign_chat::notice::{PendingItem, Row};
use countersign_chat::output::{Folded, Stream};
use countersign_chat::{Answer, Fold, FoldLimits, Notice, OutputPart, State};
use countersign_command::{Countersign, Reference};
use countersign_core::command::Command;
use countersign_core::id::InvocationId;
use countersign_core::invocation::{Invocation, Receipt, Ruling};
use countersign_core::policy::Facts;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::subject::Subject;
use countersign_queue::{Entry, Papers, Progress};

/// As many feed entries as one answer reads.
const FEED_ENTRIES: usize = 4_096;

impl Gateway {
    pub(crate) async fn answer(&self, asker: &Asker, ask: Countersign) -> Answer {
        match ask {
            Countersign::Help { topic } => Answer::Said(Notice::Help { rows: self.help(topic.as_deref()) }),
            Countersign::Catalog => listed("Catalog", self.catalog()),
            Countersign::Pending => match self.waiting().await {
                Ok(items) => Answer::Said(Notice::Pending { items }),
                Err(refusal) => self.refused(asker, *refusal).await,
            },
            Countersign::Whoami => listed("You", whoami(asker)),
            Countersign::Status(which) => self.status(asker, &which).await,
            Countersign::Logs(which) => self.logs(asker, &which).await,
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

    /// What waits for people, whichever gateway looks after it.
    async fn waiting(&self) -> Result<Vec<PendingItem>, Box<Refusal>> {
        let mut items = Vec::new();
        for (id, papers) in self.open_papers().await? {
            let Some(glance) = self.glance(id, &papers).await else { continue };
            if glance.state == State::Asking {
                let rules = glance.card.rules.iter().map(|rule| rule.quorum.clone());
                items.push(PendingItem {
                    invocation: id,
                    command: glance.card.argv.to_string(),
                    requester: glance.requester,
                    waits_for: rules.collect::<Vec<_>>().join(", "),
                    expires_at: glance.decision.decision().expires_at,
                });
            }
        }
        Ok(items)
    }

    async fn open_papers(&self) -> Result<Vec<(InvocationId, Papers)>, Box<Refusal>> {
        let queue = &self.parts().queue;
        let mut open = Vec::new();
        for id in queue.open().await.map_err(|error| Box::new(error.refusal()))? {
            open.push((id, queue.papers(id).await.map_err(|error| Box::new(error.refusal()))?));
        }
        Ok(open)
    }

    /// Finds the one live request that a reference means.
    async fn find(&self, which: &Reference) -> Result<(InvocationId, Papers), Box<Refusal>> {
        let digits = which.as_str().replace('-', "");
        let open = self.parts().queue.open().await.map_err(|error| Box::new(error.refusal()))?;
        let mut found = open.into_iter().filter(|id| id.to_string().replace('-', "").ends_with(&digits));
        match (found.next(), found.next()) {
            (Some(id), None) => {
                let papers = self.parts().queue.papers(id).await;
                Ok((id, papers.map_err(|error| Box::new(error.refusal()))?))
            }
            (Some(_), Some(_)) => Err(Box::new(Refusal::new(
                Code::BadValue,
                "several requests end like this",
                "Give more digits of its id.",
            ))),
            (None, _) => Err(Box::new(no_such_request())),
        }
    }

    async fn status(&self, asker: &Asker, which: &Reference) -> Answer {
        let glance = match self.find(which).await {
            Ok((id, papers)) => self.glance(id, &papers).await.ok_or_else(|| Box::new(no_such_request())),
            Err(refusal) => Err(refusal),
        };
        match glance {
            Ok(glance) => listed(
                "Status",
                vec![
                    Row::new("request", glance.card.invocation.to_string()),
                    Row::new("command", glance.card.argv.to_string()),
                    Row::new("asked by", glance.requester),
                    Row::new("state", glance.state.phrase()),
                ],
            ),
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    /// The output so far, from the feed: any gateway can tell.
    async fn logs(&self, asker: &Asker, which: &Reference) -> Answer {
        let page = match self.find(which).await {
            Ok((id, _)) => {
                let page = self.parts().queue.read(id, 0, FEED_ENTRIES).await;
                page.map_err(|error| Box::new(error.refusal()))
            }
            Err(refusal) => Err(refusal),
        };
        match page {
            Ok(page) => listed("Output so far", folded(page.entries)),
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    async fn cancel_by_text(&self, asker: &Asker, which: &Reference) -> Answer {
        let cancelled = match self.find(which).await {
            Ok((id, papers)) => self.cancel(id, &asker.principal, &papers).await,
            Err(refusal) => Err(refusal),
        };
        match cancelled {
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

fn no_such_request() -> Refusal {
    Refusal::new(
        Code::UnknownButton,
        "no request of this id is open",
        "Look at `/countersign pending`; what is over stands in the audit log.",
    )
}

/// Feed entries as lines, the middle of a long output left out.
fn folded(entries: Vec<Entry>) -> Vec<Row> {
    let mut fold = Fold::new(FoldLimits::default());
    for entry in entries {
        if let Progress::Output(text) = entry.progress {
            let lines = text.lines().map(str::to_owned).collect();
            fold.add(&OutputPart { first_line: fold.total(), stream: Stream::Out, lines });
        }
    }
    let lines = fold.lines().into_iter().map(|line| match line {
        Folded::Line(_, text) => Row::new("", text),
        Folded::Hidden(count) => Row::new("", format!("… {count} lines are not shown")),
    });
    lines.collect()
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
