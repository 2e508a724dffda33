//! A console with a gateway that holds state, and people with browsers.

use async_trait::async_trait;
use axum::Router;
use countersign_chat::output::{OutputPart, Stream};
use countersign_chat::{
    Answer, Button, Card, Cast, Chat, Choice, Clicked, EffectView, Finished, Gate, Inbound, LastRun, NewThread, Notice,
    Progress, RuleProgress, State, ThreadId, Typed, WholeView,
};
use countersign_console::{
    AuditView, Brief, Chapter, Concern, Console, Filter, Form, Index, Line, Listen, Login, NotShown, Part, Person,
    Progress as AuditProgress, Reader, Setup, Slice, Step, Story, Verdict, Verification, VerifyView,
};
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::command::Argv;
use countersign_core::digest::Digest;
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::id::{InvocationId, Origin};
use countersign_core::outcome::Ending;
use countersign_core::principal::Account;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Isolation, Mode, Reversibility, Sensitivity, Tier};
use countersign_core::time::{Clock, Timestamp};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// The first moment of every test.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_222_800_000);

/// A clock that the test moves.
#[derive(Debug)]
pub(crate) struct Hand(AtomicI64);

impl Hand {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Duration {
        Duration::ZERO
    }
}

pub(crate) fn account(user: &str) -> Account {
    Account { front: "console".into(), team: "demo".into(), user: user.into() }
}

fn person(user: &str, name: &str, role: &str) -> Person {
    Person { account: account(user), name: name.into(), role: role.into() }
}

pub(crate) fn argv(elements: &[&str]) -> Argv {
    Argv::new(elements.iter().map(ToString::to_string).collect()).unwrap()
}

pub(crate) fn id(trigger: &str) -> InvocationId {
    InvocationId::derive(Origin { deployment: "demo", front: "console", team: "demo", trigger }, START)
}

/// One request as the gateway knows it.
#[derive(Debug, Clone)]
struct Asked {
    requester: Account,
    card: Card,
    opened: Vec<Account>,
}

/// Holds what was asked and decided, and refuses what is late, foreign or changed.
pub(crate) struct Office {
    chat: Arc<dyn Chat>,
    asked: Mutex<Vec<Asked>>,
    received: Mutex<Vec<Inbound>>,
}

impl Office {
    /// Everything that came in, in order.
    pub(crate) fn received(&self) -> Vec<Inbound> {
        self.received.lock().unwrap().clone()
    }

    pub(crate) fn state(&self, invocation: InvocationId) -> State {
        self.asked.lock().unwrap().iter().find(|one| one.card.invocation == invocation).unwrap().card.state
    }

    /// Opens a thread with this card, as if `requester` had asked.
    pub(crate) async fn ask(&self, requester: &str, name: &str, title: &str, card: Card) -> ThreadId {
        let new = NewThread {
            invocation: card.invocation,
            account: account(requester),
            requester: name.into(),
            channel: None,
            within: None,
            title: title.into(),
        };
        let thread = self.chat.open(new).await.unwrap();
        self.asked.lock().unwrap().push(Asked {
            requester: account(requester),
            card: card.clone(),
            opened: Vec::new(),
        });
        self.chat.show(&thread, card).await.unwrap();
        thread
    }

    /// The card changes, in the gateway and on the page.
    pub(crate) async fn change(&self, invocation: InvocationId, act: impl FnOnce(&mut Card)) {
        let card = {
            let mut asked = self.asked.lock().unwrap();
            let one = asked.iter_mut().find(|one| one.card.invocation == invocation).unwrap();
            act(&mut one.card);
            one.card.clone()
        };
        self.chat.show(&ThreadId::new(invocation.to_string()), card).await.unwrap();
    }

    fn judge(&self, click: &Clicked) -> Result<Card, Refusal> {
        let no = |code, sentence: &str| Err(Refusal::new(code, sentence, "Ask again if you still need it."));
        let mut asked = self.asked.lock().unwrap();
        let Some(one) = asked.iter_mut().find(|one| one.card.invocation == click.invocation) else {
            return no(Code::UnknownButton, "this request is no longer known");
        };
        if one.card.state != State::Asking {
            return no(Code::AlreadyDecided, "this was decided before your click");
        }
        if click.decision != one.card.decision {
            return no(Code::DecisionChanged, "the card showed another decision");
        }
        match &click.button {
            Button::ShowWhole => one.opened.push(click.account.clone()),
            Button::Approve if click.account == one.requester => {
                return no(Code::RequesterCannotApprove, "you asked for this, so your approval does not count");
            }
            Button::Approve if !one.opened.contains(&click.account) => {
                return no(Code::FullViewFirst, "the whole command comes first");
            }
            Button::Reject { .. } => one.card.state = State::Rejected,
            Button::Confirm | Button::Cancel if click.account != one.requester => {
                return no(Code::OnlyRequesterConfirms, "this is the requester's button");
            }
            Button::Approve | Button::Confirm => one.card.state = State::Cleared,
            Button::Cancel => one.card.state = State::Cancelled,
            Button::Undo => return no(Code::UnknownButton, "there is nothing to take back"),
        }
        if one.card.state != State::Asking {
            one.card.buttons.clear();
        }
        Ok(one.card.clone())
    }

    async fn clicked(&self, click: Clicked) -> Answer {
        let card = match self.judge(&click) {
            Ok(card) => card,
            Err(refusal) => return Answer::Refused(refusal),
        };
        let vote = match click.button {
            Button::ShowWhole => return Answer::Whole(Box::new(card)),
            Button::Approve => Vote::Approve,
            Button::Confirm => Vote::Confirm,
            Button::Reject { .. } | Button::Cancel | Button::Undo => Vote::Reject,
        };
        let thread = ThreadId::new(click.invocation.to_string());
        self.chat.show(&thread, card).await.unwrap();
        Answer::Said(Notice::Voted { vote, progress: Vec::new() })
    }

    async fn typed(&self, typed: Typed) -> Answer {
        if typed.text.contains("$(") {
            let column = typed.text.chars().position(|c| c == '$').unwrap() + 1;
            let refusal = Refusal::new(
                Code::ShellSyntax,
                "`$(` is not allowed: there is no shell here",
                "Run the inner command first and copy its output.",
            );
            return Answer::Said(Notice::refused(refusal.at(column, 2), &typed.text));
        }
        if typed.text.contains("hunter2") {
            let refusal = Refusal::new(Code::SecretInCommand, "the text holds a secret", "Name a reference instead.");
            return Answer::Refused(refusal.at(1, 3));
        }
        let invocation = id(&typed.nonce);
        let mut card = card(invocation);
        card.argv = argv(&["kubectl", "get", "pods"]);
        self.ask(&typed.account.user, &typed.account.user, &typed.text, card).await;
        Answer::Accepted { invocation }
    }
}

#[async_trait]
impl Gate for Office {
    async fn receive(&self, inbound: Inbound) -> Answer {
        self.received.lock().unwrap().push(inbound.clone());
        match inbound {
            Inbound::Typed(typed) => self.typed(typed).await,
            Inbound::Clicked(click) => self.clicked(click).await,
        }
    }
}

/// An audit log with one request of a given text, which remembers who looked.
pub(crate) struct Shelf {
    text: String,
    looked: Mutex<Vec<String>>,
    checked: Mutex<Verification>,
}

impl Shelf {
    fn of(text: &str) -> Self {
        Self { text: text.to_owned(), looked: Mutex::default(), checked: Mutex::default() }
    }

    /// Who looked at what, in order.
    pub(crate) fn looked(&self) -> Vec<String> {
        self.looked.lock().unwrap().clone()
    }

    /// The verification that is under way ends.
    pub(crate) fn checked(&self, integrity: Verdict) {
        let says = vec![(Concern::Integrity, self.text.clone()), (Concern::Notice, self.text.clone())];
        let (completeness, took) = (Verdict::NotKnown, Duration::from_secs(2));
        let last = VerifyView { at: START, took, integrity, completeness, records: 128, heads: 3, says };
        *self.checked.lock().unwrap() = Verification { running: None, last: Some(last) };
    }

    fn brief(&self, event: &str, minutes: i64, step: Step) -> Brief {
        let text = || Some(self.text.clone());
        Brief {
            at: Timestamp::from_millis(START.as_millis() + minutes * 60_000),
            event: event.into(),
            is_preview: false,
            who: self.text.clone(),
            names: "ann demo/ann".into(),
            what: self.text.clone(),
            place: self.text.clone(),
            invocation: Some(id("1")),
            step,
            typed: text(),
            command: text(),
            env: text(),
            target: text(),
            tier: Some(Tier::Destructive),
        }
    }
}

#[async_trait]
impl AuditView for Shelf {
    fn verification(&self) -> Verification {
        self.checked.lock().unwrap().clone()
    }

    fn verify(&self) {
        let progress = AuditProgress { bytes: 200, bytes_read: 50, records: 12 };
        self.checked.lock().unwrap().running = Some(progress);
    }

    async fn look(&self, reader: &Reader, filter: &Filter, page: usize) -> Result<Slice, NotShown> {
        if reader.name == "Cho" {
            return Err(NotShown::NotYou(self.text.clone()));
        }
        self.looked.lock().unwrap().push(format!("{}: {filter}, page {page}", reader.name));
        let mut index = Index::new(1 << 20);
        index.add(self.brief("received", 0, Step::Received));
        index.add(self.brief("refused", 1, Step::Refused(self.text.clone())));
        index.add(Brief { invocation: None, ..self.brief("policy-changed", 2, Step::Beside) });
        Ok(Slice { unread: 2, unreadable: 1, ..index.slice(filter, page) })
    }

    async fn story(&self, reader: &Reader, invocation: InvocationId) -> Result<Option<Story>, NotShown> {
        self.looked.lock().unwrap().push(format!("{}: story of {}", reader.name, invocation.short()));
        if invocation != id("1") {
            return Ok(None);
        }
        let line = |form| Line { name: self.text.clone(), value: self.text.clone(), form };
        let lines = [Form::Plain, Form::Code, Form::Minus, Form::Plus, Form::Bad, Form::Fold].map(line).to_vec();
        let chapter = |part| Chapter {
            part,
            at: START,
            event: self.text.clone(),
            place: self.text.clone(),
            lines: lines.clone(),
        };
        Ok(Some(Story { summary: lines.clone(), chapters: Part::ALL.map(chapter).to_vec(), unreadable: 1 }))
    }
}

/// A destructive request that waits for people.
pub(crate) fn card(invocation: InvocationId) -> Card {
    let touched = |name: &str, uid: &str| Touched {
        verb: "delete".into(),
        kind: "pods".into(),
        namespace: Some("payments".into()),
        name: name.into(),
        uid: Some(uid.into()),
        changes: Vec::new(),
    };
    let objects = vec![touched("api-7f6d9c-x2x9k", "1c7e0a4b"), touched("api-7f6d9c-zz81p", "9d02bb17")];
    Card {
        invocation,
        state: State::Asking,
        argv: argv(&[
            "kubectl",
            "delete",
            "pods",
            "api-7f6d9c-x2x9k",
            "api-7f6d9c-zz81p",
            "--namespace=payments",
            "--wait=false",
        ]),
        stdin: None,
        input: None,
        filters: Vec::new(),
        mode: Mode::Apply,
        scope: Scope {
            env: Some("prod".into()),
            target: Some("prod-eu".into()),
            namespace: Some("payments".into()),
            region: None,
        },
        resources: vec![Resource::from_parts(&["k8s", "prod-eu", "ns", "payments", "pods", "api-7f6d9c-x2x9k"])],
        tier: Tier::Destructive,
        reasons: vec!["deletes pods".into(), "in production".into()],
        sensitivity: Sensitivity::Plain,
        reversibility: Reversibility::Irreversible,
        isolation: Isolation::Strict,
        pool: "prod-write".into(),
        requester: "Ann".into(),
        reason: Some("both hang since the 14:00 rollout".into()),
        ticket: Some("OPS-1207".into()),
        effect: EffectView::Found(Effect::new("demo".into(), "prod".into(), invocation, objects, None)),
        rules: vec![RuleProgress {
            id: "prod-destructive".into(),
            quorum: "2 of sre and 1 of payments".into(),
            needed: 3,
            agreed: vec!["Bob".into()],
            factor: "none".into(),
        }],
        ballots: vec![Cast { who: "Bob".into(), vote: Vote::Approve, at: START, reason: None }],
        expires_at: Some(START.plus(Duration::from_mins(12))),
        last_runs: vec![LastRun {
            at: Timestamp::from_millis(START.as_millis() - 86_400_000),
            who: "Cho".into(),
            ending: Ending::Ran,
            exit: Some(0),
        }],
        decision: Some(Digest::of(invocation.to_string().as_bytes())),
        whole_view: WholeView::Required,
        buttons: vec![Choice::ShowWhole, Choice::Approve, Choice::Reject, Choice::Cancel],
    }
}

/// Everything together.
pub(crate) struct World {
    pub(crate) console: Console,
    pub(crate) router: Router,
    pub(crate) office: Arc<Office>,
    pub(crate) chat: Arc<dyn Chat>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) audit: Arc<Shelf>,
}

impl World {
    pub(crate) fn on(listen: Listen, audit: &str) -> Self {
        let clock = Arc::new(Hand(AtomicI64::new(START.as_millis())));
        let next = AtomicU64::new(1);
        // Distinct and known: what is random elsewhere is counted here.
        let random = Arc::new(move || {
            let mut bytes = [7; 32];
            bytes[..8].copy_from_slice(&next.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            bytes
        });
        let people = vec![
            person("ann", "Ann", "engineer: reads everywhere, asks for changes"),
            person("bob", "Bob", "SRE: may approve in production"),
            person("cho", "Cho", "owner of payments: may approve there"),
        ];
        let examples = [
            "/kubectl get pods -n payments",
            "/kubectl delete pod api-7f6d9c-x2x9k -n payments --context prod-eu --apply",
            "/deploy api staging v42",
            "/countersign help",
        ];
        let console = Console::new(Setup {
            listen,
            login: Login::Demo(people),
            examples: examples.map(ToOwned::to_owned).to_vec(),
            clock: clock.clone(),
            random,
            tasks: TaskTracker::new(),
        });
        let chat = console.chat();
        let office = Arc::new(Office { chat: chat.clone(), asked: Mutex::default(), received: Mutex::default() });
        let audit = Arc::new(Shelf::of(audit));
        let router = console.router(office.clone(), audit.clone());
        Self { console, router, office, chat, clock, audit }
    }
}

/// What a run says, for pictures and tests.
pub(crate) async fn ran(world: &World, thread: &ThreadId, invocation: InvocationId) {
    let chat = &world.chat;
    let progress = vec![Progress { rule: "prod-change".into(), agreed: 1, needed: 1 }];
    let says = [
        Notice::Received { invocation },
        Notice::Agreed { who: "Bob".into(), progress },
        Notice::Running { worker: "worker-1".into(), isolation: Isolation::Strict },
    ];
    for notice in says {
        chat.post(thread, notice).await.unwrap();
    }
    let mut lines: Vec<String> = vec!["NAME                 READY   STATUS             RESTARTS   AGE".into()];
    lines.extend((0..900).map(|nth| format!("api-7f6d9c-{nth:05}     1/1     Running            0          {nth}m")));
    chat.output(thread, invocation, OutputPart { first_line: 0, stream: Stream::Out, lines }).await.unwrap();
    let lines = vec!["Warning: v1 Endpoints is deprecated".into()];
    chat.output(thread, invocation, OutputPart { first_line: 901, stream: Stream::Err, lines }).await.unwrap();
    let finished = Finished {
        ending: Ending::Ran,
        exit: Some(0),
        duration: Duration::from_secs(2),
        hidden_lines: 302,
        redactions: 1,
        notes: Vec::new(),
    };
    chat.post(thread, Notice::Finished(finished)).await.unwrap();
}

/// An effect with changed values.
pub(crate) fn scaling(invocation: InvocationId) -> Effect {
    let change = Change { path: "/spec/replicas".into(), old: Some("3".into()), new: Some("6".into()) };
    let object = Touched {
        verb: "scale".into(),
        kind: "deployments.apps".into(),
        namespace: Some("web".into()),
        name: "storefront".into(),
        uid: Some("77aa01".into()),
        changes: vec![change],
    };
    Effect::new("demo".into(), "prod".into(), invocation, vec![object], None)
}
