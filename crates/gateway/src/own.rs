//! `/countersign …`: questions to Countersign itself, answered to the asker alone.

use crate::Gateway;
use crate::receive::Asker;
use countersign_chat::notice::{PendingItem, Row};
use countersign_chat::output::{Folded, Stream};
use countersign_chat::{Answer, Fold, FoldLimits, Notice, OutputPart, State};
use countersign_command::{Countersign, Reference};
use countersign_core::command::Command;
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};
use countersign_policy::{answer, menu, told, who};
use countersign_queue::{Entry, Papers, Progress};

/// As many feed entries as one answer reads.
const FEED_ENTRIES: usize = 4_096;

impl Gateway {
    pub(crate) async fn answer(&self, asker: &Asker, ask: Countersign) -> Answer {
        match ask {
            Countersign::Help { topic } => match self.help(asker, topic.as_deref()) {
                Ok(rows) => Answer::Said(Notice::Help { rows }),
                Err(refusal) => self.refused(asker, *refusal).await,
            },
            Countersign::Catalog => listed("What you can use", self.catalog(asker)),
            Countersign::Pending => match self.waiting().await {
                Ok(items) => Answer::Said(Notice::Pending { items }),
                Err(refusal) => self.refused(asker, *refusal).await,
            },
            Countersign::Whoami => listed("You", whoami(asker)),
            Countersign::Status(which) => self.status(asker, &which).await,
            Countersign::Logs(which) => self.logs(asker, &which).await,
            Countersign::Cancel(which) => self.cancel_by_text(asker, &which).await,
            Countersign::Freeze { env, why } => self.freeze(asker, env, why).await,
            Countersign::Freezes => self.freezes().await,
            Countersign::Reconcile { which, happened, note } => self.reconcile(asker, &which, happened, note).await,
            Countersign::CanI(command) => self.can_i(asker, &command),
            Countersign::WhoCan(command) => self.who_can(asker, &command),
        }
    }

    /// Who asks, as policy is asked about them now.
    fn asked_by(&self, asker: &Asker) -> answer::Asker {
        answer::Asker {
            principal: asker.principal.clone(),
            channel: asker.typed.channel.clone(),
            attachment: None,
            now: self.parts().clock.now(),
        }
    }

    /// What this person can do, and how to ask.
    fn help(&self, asker: &Asker, topic: Option<&str>) -> Result<Vec<Row>, Box<Refusal>> {
        let policy = self.parts().policy.current();
        let dishes = menu::menu(&policy, &self.asked_by(asker), topic)?;
        let mut rows: Vec<Row> = dishes.into_iter().map(|dish| Row::new(dish.label, dish.says)).collect();
        if topic.is_none() {
            if rows.is_empty() {
                rows.push(nothing_yet());
            }
            rows.extend([
                Row::new("without --apply", "shows what would happen, changes nothing"),
                Row::new("--apply", "asks for it to be done; who must agree stands on the card"),
                Row::new("/countersign help TOOL", "what you can do with it"),
                Row::new("/countersign can-i COMMAND", "whether you may, and who must agree"),
                Row::new("/countersign who-can COMMAND", "who could run it, and who could agree"),
                Row::new("/countersign pending | status ID | logs ID | cancel ID", "about requests"),
                Row::new(
                    "/countersign freeze ENV WHY",
                    "stops all changes there, or `everywhere`; alone it lists what is frozen",
                ),
                Row::new(
                    "/countersign reconcile ID happened | did-not",
                    "says how a request ended whose outcome is unknown",
                ),
                Row::new("/countersign catalog | whoami", "about targets and about you"),
            ]);
        }
        Ok(rows)
    }

    /// The entries of the catalog that this person can use.
    fn catalog(&self, asker: &Asker) -> Vec<Row> {
        let dishes = menu::usable(&self.parts().policy.current(), &self.asked_by(asker));
        let mut rows: Vec<Row> = dishes.into_iter().map(|dish| Row::new(dish.label, dish.says)).collect();
        if rows.is_empty() {
            rows.push(nothing_yet());
        }
        rows
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
    pub(crate) async fn find(&self, which: &Reference) -> Result<(InvocationId, Papers), Box<Refusal>> {
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
            Ok(glance) => {
                let mut rows = vec![
                    Row::new("request", glance.card.invocation.to_string()),
                    Row::new("command", glance.card.argv.to_string()),
                    Row::new("asked by", glance.requester),
                    Row::new("state", glance.state.phrase()),
                ];
                let pool = &glance.decision.decision().pool;
                if let Ok(attended) = self.attended(pool).await {
                    rows.push(Row::new("pool", format!("{pool}, {}", attended.told())));
                }
                if let Ok(Some(waiting)) = self.parts().queue.waiting(glance.card.invocation).await
                    && let Some(holder) = waiting.holder
                {
                    rows.push(Row::new("waits for", format!("request {}, place {}", holder.short(), waiting.position)));
                }
                rows.extend(self.frozen(glance.decision.decision()).await.map(|no| Row::new("frozen", no.to_string())));
                listed("Status", rows)
            }
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    /// The output so far, from the feed: any gateway can tell.
    async fn logs(&self, asker: &Asker, which: &Reference) -> Answer {
        let page = match self.find(which).await {
            Ok((id, papers)) => match self.glance(id, &papers).await {
                Some(glance) => {
                    let pool = &glance.decision.decision().pool;
                    let page = self.parts().queue.read(id, pool, 0, FEED_ENTRIES).await;
                    page.map_err(|error| Box::new(error.refusal()))
                }
                None => Err(Box::new(no_such_request())),
            },
            Err(refusal) => Err(refusal),
        };
        match page {
            Ok(page) => listed("Output so far", folded(page.entries)),
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    async fn cancel_by_text(&self, asker: &Asker, which: &Reference) -> Answer {
        let cancelled = match self.find(which).await {
            Ok((id, papers)) => self.cancel(id, &asker.principal, &asker.typed.account, &papers).await,
            Err(refusal) => Err(refusal),
        };
        match cancelled {
            Ok(answer) => answer,
            Err(refusal) => self.refused(asker, *refusal).await,
        }
    }

    /// Policy evaluated for the asker, without asking for anything.
    fn can_i(&self, asker: &Asker, command: &Command) -> Answer {
        let policy = self.parts().policy.current();
        let asked = self.asked_by(asker);
        let answer = answer::decide(&policy, &asked, command);
        if let Some(refusal) = answer.refusal {
            return Answer::Said(Notice::Refused { refusal, typed: None });
        }
        let rows = told::told(&policy, &asked, &answer).into_iter().map(|line| Row::new(line.label, line.says));
        listed(told::title(&answer), rows.collect())
    }

    /// Policy evaluated for everybody whom its rules tell apart.
    fn who_can(&self, asker: &Asker, command: &Command) -> Answer {
        let found = who::who_can(&self.parts().policy.current(), &self.asked_by(asker), command);
        let rows = found.told().into_iter().map(|(label, says)| Row::new(label, says));
        let title = if found.at_once.is_empty() && found.if_agreed.is_empty() { "Nobody" } else { "Who can" };
        listed(title, std::iter::once(Row::new("command", command.argv().to_string())).chain(rows).collect())
    }
}

fn nothing_yet() -> Row {
    Row::new("nothing yet", "no role of yours permits anything here; ask whoever keeps rbac.yaml")
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
