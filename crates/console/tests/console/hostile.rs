//! Text made to fool a reader or a browser, in every field there is.

use crate::browser::{Browser, HOST, world};
use crate::world::{World, account, argv, card, id};
use countersign_chat::output::{OutputPart, Stream};
use countersign_chat::{
    Card, Cast, EffectView, Finished, LastRun, NewThread, Notice, PendingItem, Progress, Row, RuleProgress, ThreadId,
};
use countersign_console::Listen;
use countersign_core::action::{Resource, Scope};
use countersign_core::ballot::Vote;
use countersign_core::effect::{Change, Effect, Touched};
use countersign_core::outcome::Ending;
use countersign_core::refusal::{Code, Refusal, is_deceptive};
use countersign_core::tier::Isolation;
use std::time::Duration;

/// Everything at once: escape sequences, bidi, markup of three kinds, quotes, NUL, RTL, length.
fn hostile() -> String {
    format!(
        "\u{1b}[2J\u{1b}]8;;http\u{7}\u{202e}\u{2066}</pre></section></script><script>alert(1)</script><img src=x onerror=a>\
         \"'><b hx-get=/x><!channel> <@U1> `{}` {{{{ csrf }}}} &lt; \u{0}\r\n\u{5d0}\u{5d1}\u{200b}{}",
        "```",
        "x".repeat(10_000)
    )
}

/// A text of the same number of lines that fools nobody.
const PLAIN: &str = "plain";

fn card_of(text: &str) -> Card {
    let element = text.replace('\0', "");
    let some = || Some(text.to_owned());
    let object = Touched {
        verb: text.into(),
        kind: text.into(),
        namespace: some(),
        name: text.into(),
        uid: some(),
        changes: vec![Change { path: text.into(), old: some(), new: some() }],
    };
    let run = LastRun { at: crate::world::START, who: text.into(), ending: Ending::Ran, exit: None };
    let rule = RuleProgress {
        id: text.into(),
        quorum: text.into(),
        needed: 3,
        agreed: vec![text.into()],
        factor: text.into(),
    };
    Card {
        argv: argv(&["kubectl", &element]),
        filters: vec![argv(&["grep", &element])],
        scope: Scope { env: some(), target: some(), namespace: some(), region: some() },
        resources: vec![Resource::from_parts(&[text])],
        reasons: vec![text.into()],
        pool: text.into(),
        requester: text.into(),
        reason: some(),
        ticket: some(),
        effect: EffectView::Found(Effect::new(text.into(), text.into(), id("1"), vec![object], Some("one".into()))),
        rules: vec![rule],
        ballots: vec![Cast { who: text.into(), vote: Vote::Approve, at: crate::world::START, reason: some() }],
        last_runs: vec![run],
        ..card(id("1"))
    }
}

fn notices_of(text: &str) -> Vec<Notice> {
    let it = || text.to_owned();
    let refusal = || Refusal::new(Code::BadValue, it(), it()).by_rule(it()).at(2, 5);
    let progress = || vec![Progress { rule: it(), agreed: 0, needed: 1 }];
    let EffectView::Found(effect) = card_of(text).effect else { panic!("an effect was given") };
    let finished = Finished {
        ending: Ending::Ran,
        exit: None,
        duration: Duration::from_secs(1),
        hidden_lines: 1,
        redactions: 1,
        notes: vec![it()],
    };
    let item = PendingItem {
        invocation: id("1"),
        command: it(),
        requester: it(),
        waits_for: it(),
        expires_at: crate::world::START,
    };
    vec![
        Notice::refused(refusal(), text),
        Notice::Help { rows: vec![Row::new(it(), it())] },
        Notice::Listed { title: it(), rows: vec![Row::new(it(), it())] },
        Notice::Pending { items: vec![item] },
        Notice::PreviewReady { effect },
        Notice::Agreed { who: it(), progress: progress() },
        Notice::Voted { vote: Vote::Approve, progress: progress() },
        Notice::Confirmed { who: it() },
        Notice::Rejected { who: it(), reason: Some(it()) },
        Notice::Running { worker: it(), isolation: Isolation::None },
        Notice::Finished(finished),
        Notice::Drifted { lines: vec![it()] },
        Notice::UnknownOutcome { find_out: vec![it()] },
        Notice::Cancelled { who: it(), was_running: true },
        Notice::NotCounted { why: refusal() },
        Notice::Fault { reference: it(), may_have_started: true },
    ]
}

/// A console in which every foreign text is `text`.
async fn filled(text: &str) -> (World, ThreadId) {
    let world = World::on(Listen::parse(HOST).unwrap(), text);
    let thread = world.office.ask("ann", text, text, card_of(text)).await;
    for notice in notices_of(text) {
        world.chat.post(&thread, notice).await.unwrap();
    }
    for (nth, stream) in [(0, Stream::Out), (1, Stream::Err)] {
        let part = OutputPart { first_line: nth, stream, lines: vec![text.to_owned()] };
        world.chat.output(&thread, id("1"), part).await.unwrap();
    }
    (world, thread)
}

/// The tags of a page with their attributes, text left out, what differs by chance left out.
fn structure(html: &str) -> Vec<String> {
    let tags = html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default().to_owned());
    let by_chance = |tag: &String| !["name=\"nonce\"", "name=\"csrf\""].iter().any(|one| tag.contains(one));
    tags.filter(by_chance).collect()
}

#[tokio::test]
async fn p31_p48_no_text_changes_a_page() {
    let (evil, evil_thread) = filled(&hostile()).await;
    let (plain, plain_thread) = filled(PLAIN).await;
    assert_eq!(evil_thread, plain_thread);
    let (bob, ben) = (Browser::of(&evil, "bob").await, Browser::of(&plain, "bob").await);
    bob.clicks(evil_thread.as_str(), "show-whole").await;
    ben.clicks(plain_thread.as_str(), "show-whole").await;
    let thread = format!("/thread/{evil_thread}");
    let story = format!("/audit/story/{}", id("1"));
    for world in [&evil, &plain] {
        world.audit.checked(countersign_console::Verdict::Broken);
    }
    for path in ["/", "/threads", &thread, "/inbox", "/audit", "/audit?event=policy-changed", "/audit/status", &story] {
        let (got, want) = (bob.get(path).await.text, ben.get(path).await.text);
        assert!(got.contains("&#60;script&#62;alert(1)"), "the text is on {path}");
        assert!(!got.contains("<script>"), "{path}");
        if let Some(c) = got.chars().find(|c| *c != '\n' && is_deceptive(*c)) {
            panic!("{c:?} on {path}");
        }
        assert_eq!(structure(&got), structure(&want), "{path}");
    }
}

#[tokio::test]
async fn p31_what_a_link_puts_into_the_composer_stays_in_its_field() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let evil = crate::browser::encoded("\"><script>alert(1)</script>");
    let page = ann.get(&format!("/?type={evil}")).await.text;
    assert!(page.contains("value=\"&#34;&#62;&#60;script&#62;alert(1)"), "{page}");
    assert!(world.office.received().is_empty(), "a link sends nothing");
}

#[tokio::test]
async fn another_requests_output_has_no_place_in_a_thread() {
    let world = world();
    let new = NewThread {
        invocation: id("1"),
        account: account("ann"),
        requester: "Ann".into(),
        channel: None,
        within: None,
        title: "x".into(),
    };
    let thread = world.chat.open(new.clone()).await.unwrap();
    assert_eq!(world.chat.open(new).await.unwrap(), thread, "asked again, the same thread");
    let part = OutputPart { first_line: 0, stream: Stream::Out, lines: vec!["stray".into()] };
    world.chat.output(&thread, id("2"), part.clone()).await.unwrap();
    let ann = Browser::of(&world, "ann").await;
    assert!(!ann.get(&format!("/thread/{thread}")).await.text.contains("stray"));
    world.chat.output(&thread, id("1"), part).await.unwrap();
    assert!(ann.get(&format!("/thread/{thread}")).await.text.contains("stray"));
    let gone = ThreadId::new("gone");
    assert!(world.chat.post(&gone, Notice::Confirmed { who: "x".into() }).await.is_err());
}
