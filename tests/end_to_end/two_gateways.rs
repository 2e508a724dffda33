//! Two gateways of one installation: whatever reaches both at once happens once.

#![expect(clippy::unwrap_used, reason = "a second gateway that does not start ends its test")]

use crate::site::{Site, writer};
use crate::world::World;
use countersign::demo::tour::account;
use countersign::demo::world::CATALOG;
use countersign::installation::Installation;
use countersign_audit::log::AuditLog;
use countersign_chat::{Answer, Button, Chat, Clicked, Gate as _, Inbound, Membership, Notice, State};
use countersign_core::id::InvocationId;
use countersign_core::refusal::Code;
use countersign_core::time::Clock;
use countersign_gateway::{Gateway, Parts};
use countersign_identity::StaticDirectory;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A command that is quick, mutates by its tier, and needs one approver.
const COMMAND: &str = r#"
  flip:
    description: a change that is over at once
    runner: printf
    argv: ['%s\n', "{what}"]
    preview: ['%s\n', "{what}"]
    params:
      what: { description: a word, regex: "[a-z0-9-]{1,40}" }
    tier: change
    reversibility: reversible
    sensitive: false
    env: prod
    owners: [payments]
    pool: main
    examples: ["flip what=it"]
"#;

/// A second approver beside Bob.
const ONE_MORE: &str = "  - { iss: demo, sub: cal, name: Cal (SRE), standing: active, groups: [engineering, sre], accounts: [console/demo/cal] }\n";

/// A world with two gateways.
struct Pair {
    world: World,
    second: Gateway,
    log: AuditLog,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Pair {
    async fn start() -> Self {
        let world = World::of(format!("{CATALOG}{COMMAND}")).await;
        for people in [&world.demo.people, &world.demo.worker_people] {
            let text = std::fs::read_to_string(people).unwrap();
            std::fs::write(people, format!("{text}{ONE_MORE}")).unwrap();
        }
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (second, log) = {
            let who = (world.demo.people.as_path(), world.clock.clone());
            second_gateway(&world.demo.installation, who, world.chat.clone(), (&tasks, &stop)).await
        };
        Self { world, second, log, tasks, stop }
    }

    fn both(&self) -> [Gateway; 2] {
        [self.world.demo.installation.gateway.clone(), self.second.clone()]
    }

    /// Brings one delivery to both gateways at the same moment.
    async fn at_once(&self, first: Inbound, second: Inbound) -> [Answer; 2] {
        let [one, two] = self.both();
        let one = self.tasks.spawn(async move { one.receive(first).await });
        let two = self.tasks.spawn(async move { two.receive(second).await });
        [one.await.unwrap(), two.await.unwrap()]
    }

    async fn stop(self) -> countersign_audit::verify::Report {
        self.stop.cancel();
        self.log.close().await.unwrap();
        self.tasks.close();
        self.tasks.wait().await;
        self.world.verify().await
    }
}

/// Another gateway over the same queue, stores, policy and people.
pub(crate) async fn second_gateway(
    installation: &Installation,
    (people, clock): (&Path, Arc<dyn Clock>),
    chat: Arc<dyn Chat>,
    (tasks, stop): (&TaskTracker, &CancellationToken),
) -> (Gateway, AuditLog) {
    let (sealer, log) = writer(installation, "gateway", &clock, tasks).await;
    let gateway = Gateway::start(Parts {
        deployment: "demo".into(),
        clock: clock.clone(),
        policy: installation.policy.clone(),
        directory: Arc::new(StaticDirectory::new(people)),
        queue: installation.queue.clone(),
        log: log.clone(),
        chat,
        sealer,
        verifier: installation.verifier.clone(),
        tasks: tasks.clone(),
        stop: stop.clone(),
    });
    (gateway, log)
}

fn typed(world: &World, who: &str, text: &str, nonce: &str) -> Inbound {
    Site::typed(who, text, nonce, world.clock.now())
}

fn click(world: &World, who: &str, id: InvocationId, button: Button, nonce: String) -> Inbound {
    world.click(None, who, id, button, nonce)
}

fn counted(answers: &[Answer; 2]) -> usize {
    answers.iter().filter(|answer| matches!(answer, Answer::Said(Notice::Voted { .. }))).count()
}

/// What two gateways are asked at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Race {
    SameClick,
    TwoApprovers,
    ApproveAndReject,
    ApproveAndCancel,
}

async fn round(pair: &Pair, nth: usize) -> (InvocationId, Race, State) {
    let world = &pair.world;
    // The request itself is delivered to both.
    let delivery = || typed(world, "ann", &format!("/flip what=round-{nth} --apply"), &format!("round-{nth}"));
    let delivery = delivery();
    let [one, two] = pair.at_once(delivery.clone(), delivery).await;
    let id = Site::accepted(one);
    assert_eq!(Site::accepted(two), id, "one request");
    world.asking(id).await;
    let race = [Race::SameClick, Race::TwoApprovers, Race::ApproveAndReject, Race::ApproveAndCancel][nth % 4];
    let nonce = |which: &str| format!("{which}-{nth}");
    let approve = click(world, "bob", id, Button::Approve, nonce("approve"));
    let other = match race {
        Race::SameClick => approve.clone(),
        Race::TwoApprovers => click(world, "cal", id, Button::Approve, nonce("second")),
        Race::ApproveAndReject => click(world, "cal", id, Button::Reject { reason: None }, nonce("reject")),
        Race::ApproveAndCancel => click(world, "ann", id, Button::Cancel, nonce("cancel")),
    };
    let answers = if nth % 8 < 4 { pair.at_once(approve, other).await } else { pair.at_once(other, approve).await };
    if race == Race::SameClick {
        assert_eq!(counted(&answers), 1, "one ballot: {answers:?}");
    }
    let (state, _) = world.ended(id).await;
    (id, race, state)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn p11_two_gateways_asked_at_once_do_everything_once() {
    let pair = Box::pin(Pair::start()).await;
    let mut ended = Vec::new();
    // Eight at a time: enough to keep both gateways busy, few enough to wait for.
    for block in 0..125 {
        let rounds = (0..8).map(|nth| round(&pair, block * 8 + nth));
        ended.extend(futures_util::future::join_all(rounds).await);
    }
    let runs = pair.world.all_runs().await;
    for (id, race, state) in &ended {
        let intents = runs.iter().filter(|run| *run == id).count();
        let ran = matches!(state, State::Done { exit: 0 });
        assert_eq!(intents, usize::from(ran), "{race:?} ended {state:?}");
        match race {
            Race::SameClick | Race::TwoApprovers => assert!(ran, "{race:?} ended {state:?}"),
            Race::ApproveAndReject => assert!(ran || *state == State::Rejected, "{state:?}"),
            Race::ApproveAndCancel => assert!(ran || *state == State::Cancelled, "{state:?}"),
        }
        let thread = pair.world.chat.thread(*id).unwrap();
        let ends = thread.said.iter().filter(|said| {
            matches!(said, Notice::Finished(_) | Notice::Refused { .. } | Notice::UnknownOutcome { .. })
        });
        assert_eq!(ends.count(), 1, "told once: {:?}", thread.said);
    }
    let report = pair.stop().await;
    assert_eq!(report.conclusion(), countersign_audit::verify::Conclusion::Sound, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_on_either_gateway_is_answered_and_goes_on_in_the_one_thread() {
    let pair = Box::pin(Pair::start()).await;
    let world = &pair.world;
    let id = world.asks("ann", "/restart-report service=ledger --apply --reason \"drill\"").await;
    world.asking(id).await;
    let tell = |who: &'static str, button: Button, nonce: &str| click(world, who, id, button, nonce.to_owned());
    let Answer::Said(Notice::NotCounted { why }) = pair.second.receive(tell("bob", Button::Approve, "1")).await else {
        panic!("the whole must be opened first")
    };
    assert_eq!(why.code(), Code::FullViewFirst);
    // Opened on the one, approved on the other.
    let [first, second] = pair.both();
    assert!(matches!(first.receive(tell("bob", Button::ShowWhole, "2")).await, Answer::Whole(_)));
    assert!(matches!(second.receive(tell("bob", Button::Approve, "3")).await, Answer::Said(Notice::Voted { .. })));
    let Answer::Said(Notice::NotCounted { why }) = first.receive(tell("bob", Button::Approve, "4")).await else {
        panic!("it counts once")
    };
    assert_eq!(why.code(), Code::AlreadyVoted);
    let Answer::Said(Notice::Pending { items }) =
        second.receive(typed(world, "ann", "/countersign pending", "5")).await
    else {
        panic!("any gateway knows what waits")
    };
    assert_eq!(items.iter().map(|item| item.invocation).collect::<Vec<_>>(), [id]);
    let copy = Inbound::Clicked(Clicked {
        thread: Some(countersign_chat::ThreadId::new("elsewhere")),
        account: account("cal"),
        membership: Membership::Full,
        invocation: id,
        decision: None,
        button: Button::ShowWhole,
        nonce: "6".into(),
        at: world.clock.now(),
    });
    let Answer::Said(Notice::NotCounted { why }) = second.receive(copy).await else {
        panic!("p32: a card in another conversation is a copy")
    };
    assert_eq!(why.code(), Code::UnknownButton);
    assert!(matches!(
        second.receive(tell("ann", Button::Cancel, "7")).await,
        Answer::Said(Notice::Cancelled { was_running: false, .. })
    ));
    assert_eq!(world.ended(id).await.0, State::Cancelled, "whoever watches learns it from fate");
    assert_eq!(world.runs(id).await, 0);
    pair.stop().await;
}
