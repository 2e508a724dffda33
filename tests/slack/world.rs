//! A demo installation whose people sit in Slack: the real front over HTTP, and the stand-in on the other side.
//!
//! **Invariant:** nothing here talks to the gateway but requests that Slack signed.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use axum::Router;
use countersign::demo::world::{Options, PEOPLE, World as Demo};
use countersign::installation::system_clock;
use countersign_audit::event::Kind;
use countersign_audit::record::Record;
use countersign_core::id::InvocationId;
use countersign_core::time::Clock;
use countersign_simulators::kubernetes::{Cluster, Recorded};
use countersign_simulators::slack::{self, App, Author, Delivery, Message, Outcome, Seed, Slack, View, id};
use countersign_slack::inbound::{Allowed, Front, Secrets, Settings, Setup};
use countersign_slack::{People, SlackApi, SlackThreads, Token, Web};
use countersign_tests::{PATIENCE, launcher};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) const HOME: &str = "T0HOME0001";

/// The organisation, in worlds that belong to one.
pub(crate) const ENTERPRISE: &str = "E0ACME0001";

/// How a world differs from the ordinary one.
pub(crate) struct How {
    pub(crate) seed: Seed,
    pub(crate) catalog: Option<String>,
}

impl Default for How {
    fn default() -> Self {
        Self { seed: Seed::demo(), catalog: None }
    }
}

/// What speaks Slack: the app's side of the wire, without an installation behind it.
pub(crate) struct Wire {
    pub(crate) token: Token,
    pub(crate) secrets: Secrets,
    api: Arc<dyn SlackApi>,
    pub(crate) chat: Arc<SlackThreads>,
    clock: Arc<dyn Clock>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Wire {
    /// Calls the Web API at `api`.
    pub(crate) fn to(api: &str, token: &str, secret: &str) -> Self {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, stop, clock) = (TaskTracker::new(), CancellationToken::new(), system_clock());
        let token = Token::new(token.to_owned().into());
        let secrets = Secrets::new(secret.to_owned().into(), None);
        let api: Arc<dyn SlackApi> = Arc::new(Web::new(api, token.clone()).unwrap());
        let chat = Arc::new(SlackThreads::new(api.clone(), clock.clone(), tasks.clone()));
        Self { token, secrets, api, chat, clock, tasks, stop }
    }

    /// Listens for what Slack sends and hands it to this installation; where it listens.
    pub(crate) async fn listen(&self, allowed: Allowed, demo: &Demo) -> String {
        self.serve(self.front(allowed, demo)).await
    }

    /// The front of this installation.
    pub(crate) fn front(&self, allowed: Allowed, demo: &Demo) -> Router {
        let front = Front::new(Setup {
            settings: Settings::new(allowed, self.secrets.clone()),
            gate: Arc::new(demo.installation.gateway.clone()),
            api: self.api.clone(),
            people: Arc::new(People::new(self.api.clone())),
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
        });
        front.router()
    }

    pub(crate) async fn serve(&self, router: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let serving = axum::serve(listener, router).with_graceful_shutdown(self.stop.clone().cancelled_owned());
        self.tasks.spawn(async move { serving.await.unwrap() });
        address
    }

    pub(crate) async fn hang_up(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The home workspace alone.
pub(crate) fn home(app: &str) -> Allowed {
    Allowed { app: app.to_owned(), teams: [HOME.to_owned()].into(), enterprises: BTreeSet::new() }
}

/// Starts an installation that tells people through `chat`, and whose directory knows their Slack accounts.
pub(crate) async fn installation(data: &Path, chat: Arc<SlackThreads>, catalog: Option<String>) -> Demo {
    let options = Options {
        data: data.to_owned(),
        chat,
        clock: system_clock(),
        launcher: launcher(),
        kubectl: None,
        own: None,
        rbac: None,
        catalog,
        queue: None,
    };
    let demo = Demo::start(options).await.unwrap_or_else(|error| panic!("the world does not start: {error:#}"));
    for file in [&demo.people, &demo.worker_people] {
        let names = ["dee", "ann", "bob", "cho", "eve", "gil", "ola"];
        let in_slack = |text: String, name: &str| {
            let accounts = [HOME, ENTERPRISE].map(|team| format!("slack/{team}/{}", id(name))).join(", ");
            text.replace(&format!("[console/demo/{name}"), &format!("[{accounts}, console/demo/{name}"))
        };
        std::fs::write(file, names.into_iter().fold(PEOPLE.to_owned(), in_slack)).unwrap();
    }
    demo
}

pub(crate) struct World {
    pub(crate) demo: Demo,
    pub(crate) slack: Slack,
    pub(crate) wire: Wire,
    allowed: Allowed,
    catalog: Option<String>,
    data: TempDir,
    tasks: TaskTracker,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(How::default()).await
    }

    pub(crate) async fn with(how: How) -> Self {
        let (data, tasks) = (tempfile::tempdir().unwrap(), TaskTracker::new());
        let time = system_clock();
        let clock: slack::Clock = Arc::new(move || jiff::Timestamp::from_millisecond(time.now().as_millis()).unwrap());
        let enterprises = how.seed.workspaces.iter().filter_map(|one| one.enterprise.clone()).collect();
        let allowed = Allowed { enterprises, ..home(&how.seed.app) };
        let slack = Slack::start(how.seed, clock, &tasks, CancellationToken::new()).await.unwrap();
        let wire = Wire::to(&slack.api_url(), &slack.token(HOME), &slack.signing_secret());
        let demo = installation(data.path(), wire.chat.clone(), how.catalog.clone()).await;
        slack.connect(App::at(&wire.listen(allowed.clone(), &demo).await));
        Self { demo, slack, wire, allowed, catalog: how.catalog, data, tasks }
    }

    /// The installation goes away and comes back; Slack stays.
    pub(crate) async fn restart(self) -> Self {
        let Self { demo, slack, wire, allowed, catalog, data, tasks } = self;
        demo.stop().await.unwrap();
        wire.hang_up().await;
        let wire = Wire::to(&slack.api_url(), &slack.token(HOME), &slack.signing_secret());
        let demo = installation(data.path(), wire.chat.clone(), catalog.clone()).await;
        slack.connect(App::at(&wire.listen(allowed.clone(), &demo).await));
        Self { demo, slack, wire, allowed, catalog, data, tasks }
    }

    pub(crate) fn prod(&self) -> &Cluster {
        &self.demo.clusters["prod"]
    }

    /// What the production cluster was asked to change, dry runs left out.
    pub(crate) fn changes(&self) -> Vec<Recorded> {
        self.prod().requests().into_iter().filter(Recorded::mutated).collect()
    }

    /// Waits for something in Slack.
    pub(crate) async fn sees<T>(&self, what: &str, find: impl Fn(&Slack) -> Option<T>) -> T {
        match self.slack.wait_for(PATIENCE, find).await {
            Ok(found) => found,
            Err(transcript) => panic!("waited until {what}; people read:\n{transcript}\n{:#?}", self.troubles()),
        }
    }

    /// Calls that were refused and deliveries that were not taken: what to look at when a test fails.
    fn troubles(&self) -> Vec<String> {
        let calls = self.slack.calls().into_iter().filter(|call| call.outcome != "ok");
        let calls = calls.map(|call| format!("{}: {}", call.method, call.outcome));
        let deliveries = self.slack.deliveries().into_iter().filter(|one| one.told.is_some());
        calls.chain(deliveries.map(|one| format!("{}: {:?} {:?}", one.what, one.outcome, one.told))).collect()
    }

    /// Types into a channel; the line is `/command and the rest`.
    pub(crate) async fn types(&self, who: &str, channel: &str, line: &str) -> Delivery {
        let (command, text) = line.split_once(' ').unwrap_or((line, ""));
        let delivery = self.slack.command(who, channel, command, text).await;
        assert_eq!(delivery.told, None, "{:?}", delivery.outcome);
        delivery
    }

    /// Types into #ops; the message that begins the thread.
    pub(crate) async fn asks(&self, who: &str, line: &str) -> Message {
        let before = self.slack.roots("ops").len();
        self.types(who, "ops", line).await;
        self.sees("there is a thread", |slack| slack.roots("ops").into_iter().nth(before)).await
    }

    /// What only one person reads, once there is something new.
    pub(crate) async fn told(&self, who: &str, contains: &str) -> Message {
        let find = |slack: &Slack| slack.only_for(who).into_iter().find(|one| one.read().contains(contains));
        self.sees(&format!("{who} reads `{contains}`"), find).await
    }

    /// The card as it stands.
    pub(crate) fn card(&self, root: &Message) -> Message {
        self.slack.message(&root.channel, &root.ts).expect("cards are not deleted")
    }

    /// The card, once it has this button.
    pub(crate) async fn card_with(&self, root: &Message, action: &str) -> Message {
        let find = |slack: &Slack| {
            let card = slack.message(&root.channel, &root.ts)?;
            card.buttons().iter().any(|(id, _)| id == action).then_some(card)
        };
        self.sees(&format!("the card has `{action}`"), find).await
    }

    /// The whole thread, once it says this.
    pub(crate) async fn says(&self, root: &Message, text: &str) -> String {
        let find = |slack: &Slack| Some(slack.thread_text(root)).filter(|thread| thread.contains(text));
        self.sees(&format!("the thread says `{text}`"), find).await
    }

    /// Presses a button of the card as it stands.
    pub(crate) async fn presses(&self, who: &str, root: &Message, action: &str) -> Delivery {
        let card = self.card_with(root, action).await;
        let delivery = self.slack.click(who, &card, action).await;
        assert_eq!(delivery.told, None, "{:?}", delivery.outcome);
        delivery
    }

    /// Opens the whole; the modal, once it shows it.
    pub(crate) async fn opens(&self, who: &str, root: &Message) -> View {
        self.presses(who, root, "show-whole").await;
        let shown = |slack: &Slack| slack.screen(who).filter(|view| view.updates > 0);
        self.sees(&format!("{who} sees the whole"), shown).await
    }

    /// Reads the whole, types what it asks for, and approves.
    pub(crate) async fn approves(&self, who: &str, root: &Message) {
        let view = self.opens(who, root).await;
        let name = name_asked_for(&view);
        let delivery = self.slack.submit(&view, &[("name", &name)]).await;
        assert_eq!(delivery.told, None, "{:?}", delivery.outcome);
        let closed = |slack: &Slack| slack.view(&view.id).filter(|view| !view.open || !view.errors.is_empty());
        let after = self.sees("the modal is answered", closed).await;
        assert!(!after.open, "{who}'s approval must count:\n{}", after.read());
    }

    pub(crate) async fn records(&self) -> Vec<Record> {
        countersign_tests::records(&self.demo.installation.places, system_clock()).await
    }

    /// The request of every start that is on record, looks at an effect left out.
    pub(crate) async fn runs(&self) -> Vec<InvocationId> {
        countersign_tests::runs(self.records().await)
    }

    /// How many requests were received.
    pub(crate) async fn received(&self) -> usize {
        self.records().await.iter().filter(|record| record.event.kind == Kind::Received).count()
    }

    /// Every scenario ends like this: nothing open, nothing that Slack would read as markup, nothing that Slack refused,
    /// the log sound, everything stopped.
    pub(crate) async fn end(self) {
        let refused: Vec<String> = self.slack.calls().into_iter().map(|call| call.outcome).collect();
        for outcome in ["invalid_blocks", "msg_blocks_too_long", "invalid_arguments", "view_too_large", "no_text"] {
            assert!(!refused.iter().any(|found| found == outcome), "Slack does not take this: {refused:?}");
        }
        self.end_whatever_slack_refused().await;
    }

    pub(crate) async fn end_whatever_slack_refused(self) {
        let ours = self.slack.messages().into_iter().filter(|message| message.author == Author::App);
        for message in ours {
            assert!(message.mrkdwn().iter().all(|text| !text.contains('<')), "markup: {:?}", message.now);
        }
        for view in self.slack.views() {
            assert!(view.mrkdwn().iter().all(|text| !text.contains('<')), "markup: {}", view.view);
        }
        let late = self.slack.deliveries().into_iter().find(|one| one.outcome == Outcome::TimedOut);
        assert!(late.is_none(), "acknowledged after three seconds: {late:?}");
        countersign_tests::settled(&self.demo.installation).await;
        self.demo.stop().await.unwrap();
        self.wire.hang_up().await;
        self.slack.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// What the modal says one must type.
pub(crate) fn name_asked_for(view: &View) -> String {
    let blocks = view.view["blocks"].as_array().unwrap();
    let label = blocks.iter().find(|block| block["block_id"] == "name").map(|block| block["label"]["text"].clone());
    let label = label.unwrap_or_else(|| panic!("nothing is to be typed:\n{}", view.read()));
    label.as_str().unwrap().strip_prefix("To approve, type ").unwrap().to_owned()
}
