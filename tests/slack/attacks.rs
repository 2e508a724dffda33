//! What must hold whatever comes through Slack; each test is named after its property.

use crate::world::{HOME, How, World};
use countersign::demo::world::CATALOG;
use countersign_simulators::slack::{Author, Delivery, Message, Outcome, Standing, View, id};
use serde_json::json;

const DELETE: &str = "/kubectl delete pod api-7f -n payments --context prod --apply";
const READ: &str = "/kubectl get pods -n payments --context prod";

/// A command whose parameter can be long, or hold letters of any script.
const ECHO: &str = r#"
  say:
    description: prints a text
    runner: printf
    argv: ['%s\n', "{text}"]
    preview: ['%s\n', "{text}"]
    params:
      text: { description: anything, regex: "[^~]+" }
    tier: change
    reversibility: reversible
    sensitive: false
    env: prod
    owners: [payments]
    pool: main
    examples: ["say text=hello"]
"#;

/// One more pod in the production cluster.
fn pod(w: &World, name: &str) {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "payments",
        "labels": {"app": "mass"}}, "spec": {"containers": [{"name": "it", "image": "it:1"}]}});
    w.prod().write(pod).expect("it is a pod");
}

fn talkative() -> How {
    How { catalog: Some(format!("{CATALOG}{ECHO}")), ..How::default() }
}

/// The text of what a person reads that came after so many messages.
async fn told_after(w: &World, who: &str, before: usize) -> String {
    let find = |slack: &countersign_simulators::slack::Slack| slack.only_for(who).into_iter().nth(before);
    w.sees(&format!("{who} is answered"), find).await.read()
}

fn wrote(w: &World, who: &str) -> usize {
    w.slack.only_for(who).len()
}

/// A card as it was when a button stood on it, whatever it says now.
async fn stale(w: &World, root: &Message, action: &str) -> Message {
    w.card_with(root, action).await
}

fn is_taken(delivery: &Delivery) -> bool {
    matches!(delivery.outcome, Outcome::Answered { status: 200, .. })
}

#[tokio::test]
async fn p30_a_button_waits_until_every_character_was_shown() {
    let w = World::start().await;
    let names: Vec<String> = (0..12).map(|nth| format!("long-{nth}-{}", "x".repeat(235))).collect();
    for name in &names {
        pod(&w, name);
    }
    let root =
        w.asks("ann", &format!("/kubectl delete pod {} -n payments --context prod --apply", names.join(" "))).await;
    let card = w.card_with(&root, "show-whole").await;
    assert!(!card.buttons().iter().any(|(id, _)| id == "approve"), "{:?}", card.buttons());
    assert!(
        !card.read().contains(&format!("pods/{}", names[11])) && card.read().contains("more characters"),
        "{}",
        card.read()
    );
    let view = w.opens("bob", &root).await;
    let whole = view.read();
    for name in &names {
        assert!(whole.lines().any(|line| line.ends_with(&format!("  pods/{name}"))), "`{name}` is shown whole");
    }
    assert!(view.can_be_submitted());
    // A yes that comes without the window does not count.
    let other = w.asks("ann", DELETE).await;
    let shown = w.card_with(&other, "show-whole").await;
    let mut forged = shown.clone();
    for element in forged.now.blocks.as_array_mut().expect("it has blocks").iter_mut() {
        if element["type"] == "actions" {
            element["elements"][0]["action_id"] = "approve".into();
        }
    }
    w.slack.click("bob", &forged, "approve").await;
    w.sees("the window opens instead", |slack| slack.screen("bob").filter(|it| it.id != view.id)).await;
    assert!(!w.card(&other).read().contains("Bob"), "{}", w.card(&other).read());
    for root in [&root, &other] {
        w.presses("ann", root, "cancel").await;
        w.says(root, "cancelled").await;
    }
    assert!(w.runs().await.is_empty());
    w.end().await;
}

#[tokio::test]
async fn p30_what_slack_cannot_show_cannot_be_approved_there() {
    let w = World::start().await;
    for nth in 0..28 {
        pod(&w, &format!("mass-{nth}"));
    }
    let labels: Vec<String> = (0..300).map(|nth| format!("l{nth}=x")).collect();
    let ask = format!("/kubectl label pods -l app=mass {} -n payments --context prod --apply", labels.join(" "));
    let root = w.asks("ann", &ask).await;
    w.card_with(&root, "show-whole").await;
    let view = w.opens("bob", &root).await;
    assert!(!view.can_be_submitted(), "{}", view.read().len());
    assert!(view.read().contains("cannot be approved here"), "{}", view.read().len());
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p31_text_that_lies_is_refused_or_shown_for_what_it_is() {
    let w = World::with(talkative()).await;
    for (lie, is_visible) in
        [("a\u{202e}b", false), ("a\u{200b}b", false), ("p\u{430}y", true), ("a\u{ad}b", false), ("a\u{7}b", false)]
    {
        let before = (wrote(&w, "ann"), w.slack.roots("ops").len());
        w.types("ann", "ops", &format!("/kubectl get pod {lie} -n payments --context prod")).await;
        let told = told_after(&w, "ann", before.0 + 1).await;
        assert!(told.contains("not-allowed"), "{told:?}");
        assert!(is_visible || !told.contains(lie), "{told:?}");
        assert_eq!(w.slack.roots("ops").len(), before.1, "`{}` begins nothing", lie.escape_unicode());
    }
    w.end().await;
}

#[tokio::test]
async fn p31_markup_in_words_and_output_is_only_characters() {
    let w = World::with(talkative()).await;
    let markup = "<!channel> <@U000000BOB> <https://evil.example|good> *bold* ```";
    assert!(w.prod().append_log("payments", "api-7f", "api", markup), "the pod is there");
    let root = w.asks("dee", "/kubectl logs pod/api-7f -n payments --context prod --tail=5").await;
    let thread = w.says(&root, "<!channel>").await;
    assert!(thread.contains(markup), "a person reads it as it is:\n{thread}");
    w.says(&root, "exit code 0").await;
    let second = w.asks("ann", "/say 'text=*bold* _it_ `code` :boom: a&b 1<2' --apply").await;
    let card = w.card_with(&second, "show-whole").await;
    for message in w.slack.messages().into_iter().filter(|one| one.author == Author::App) {
        for text in message.mrkdwn() {
            assert!(!text.contains('<') && !text.contains("```"), "Slack would read this as markup: {text}");
        }
    }
    assert!(card.read().contains("*bold* _it_ `code` :boom: a&b 1<2"), "{}", card.read());
    w.presses("ann", &second, "cancel").await;
    w.says(&second, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p32_a_click_on_what_is_over_says_so_and_changes_nothing() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let old = stale(&w, &root, "show-whole").await;
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    let before = w.card(&root).now;
    for action in ["show-whole", "reject", "cancel"] {
        let asked = (wrote(&w, "bob"), w.slack.views().len());
        assert!(is_taken(&w.slack.click("bob", &old, action).await));
        w.sees("bob is answered", |slack| {
            let window = slack.views().get(asked.1).is_some_and(|view| view.updates > 0 || view.can_be_submitted());
            (window || slack.only_for("bob").len() > asked.0).then_some(())
        })
        .await;
        if let Some(view) = w.slack.screen("bob") {
            if view.can_be_submitted() {
                w.slack.submit(&view, &[("reason", "no"), ("name", "api-7f")]).await;
            }
            let after = w.slack.view(&view.id).expect("it was opened");
            assert!(
                after.open && (after.read().contains("cancelled") || after.read().contains("no longer known")),
                "{action}: open {}\n{}\n{}",
                after.open,
                after.read(),
                w.slack.transcript()
            );
            w.slack.close(&after).await;
        }
    }
    assert_eq!(w.card(&root).now.text, before.text);
    assert!(w.runs().await.is_empty());
    w.end().await;
}

#[tokio::test]
async fn p32_a_copy_of_a_card_elsewhere_is_no_card() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let card = w.card_with(&root, "show-whole").await;
    let token = w.slack.token(HOME);
    let copy = json!({"channel": "C0COPIES06", "text": "copy", "blocks": card.now.blocks});
    assert_eq!(w.slack.call_as(&token, "chat.postMessage", &copy)["ok"], true);
    let copied = w.slack.roots("copies").remove(0);
    w.slack.click("bob", &copied, "show-whole").await;
    let window = |slack: &countersign_simulators::slack::Slack| slack.screen("bob").filter(|view| view.updates > 0);
    let view = w.sees("bob is answered", window).await;
    assert!(!view.can_be_submitted() && view.read().contains("copy"), "{}", view.read());
    w.slack.close(&view).await;
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p32_another_workspace_is_not_listened_to() {
    let w = World::start().await;
    let stranger = w.slack.command("mal", "elsewhere", "/kubectl", "get pods -n payments --context prod").await;
    assert_eq!(stranger.outcome.status(), Some(401), "{stranger:?}");
    let root = w.asks("ann", DELETE).await;
    let card = w.card_with(&root, "show-whole").await;
    let token = w.slack.token("T0AWAY0002");
    let copy = json!({"channel": "C0AWAY0007", "text": "copy", "blocks": card.now.blocks});
    assert_eq!(w.slack.call_as(&token, "chat.postMessage", &copy)["ok"], true);
    let copied = w.slack.roots("elsewhere").remove(0);
    assert_eq!(w.slack.click("mal", &copied, "show-whole").await.outcome.status(), Some(401));
    assert_eq!(w.received().await, 1);
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p33_only_full_members_ask_and_agree_whatever_the_directory_says() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let card = w.card_with(&root, "show-whole").await;
    for (standing, word) in [
        (Standing::Guest, "guest"),
        (Standing::SingleChannelGuest, "guest"),
        (Standing::Stranger, "another organisation"),
        (Standing::Bot, "program"),
        (Standing::Deactivated, "deactivated"),
        (Standing::Unconfirmed, "not confirmed"),
    ] {
        w.slack.change_person("bob", |bob| bob.standing = standing);
        w.slack.click("bob", &card, "show-whole").await;
        let answered = |slack: &countersign_simulators::slack::Slack| slack.screen("bob").filter(|it| it.updates > 0);
        let view = w.sees("bob is answered", answered).await;
        assert!(!view.can_be_submitted() && view.read().contains(word), "{standing:?}:\n{}", view.read());
        w.slack.close(&view).await;
        let before = wrote(&w, "bob");
        w.types("bob", "ops", READ).await;
        let told = told_after(&w, "bob", before + 1).await;
        assert!(told.contains(word), "{standing:?}: {told}");
    }
    assert_eq!(w.slack.roots("ops").len(), 1, "{}", w.slack.transcript());
    w.slack.change_person("bob", |bob| bob.standing = Standing::Full);
    w.approves("bob", &root).await;
    w.presses("ann", &root, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p43_what_slack_delivers_again_is_one_request() {
    let w = World::start().await;
    let typed = w.types("dee", "ops", READ).await.sent;
    let again = w.slack.sign_with(typed.door, typed.body.clone(), &w.slack.signing_secret(), later());
    assert_ne!(again.header("x-slack-signature"), typed.header("x-slack-signature"));
    let retried = typed.clone().with_header("x-slack-retry-num", "1");
    let (one, two, three, four) = tokio::join!(
        w.slack.deliver(typed.clone()),
        w.slack.deliver(typed),
        w.slack.deliver(again),
        w.slack.deliver(retried)
    );
    for delivery in [one, two, three, four] {
        assert_eq!(delivery.outcome.status(), Some(200), "{delivery:?}");
    }
    let root = w.sees("there is a thread", |slack| slack.roots("ops").into_iter().next()).await;
    w.says(&root, "exit code 0").await;
    let talk = w.slack.says("bob", "ops", None, "and now?");
    let first = w.slack.mention("dee", "ops", Some(&talk.ts), READ.trim_start_matches('/')).await;
    let sent = first.last().expect("it was sent").sent.clone();
    let again = w.slack.sign_with(sent.door, sent.body, &w.slack.signing_secret(), later());
    assert!(is_taken(&w.slack.deliver(again.with_header("x-slack-retry-num", "1")).await));
    w.says(&talk, "exit code 0").await;
    assert_eq!((w.received().await, w.slack.roots("ops").len()), (2, 2), "{}", w.slack.transcript());
    w.end().await;
}

fn later() -> jiff::Timestamp {
    let now = countersign::installation::system_clock().now().as_millis();
    jiff::Timestamp::from_millisecond(now + 2_000).expect("it is not the year 9999")
}

#[tokio::test]
async fn p43_a_click_that_is_delivered_again_counts_once() {
    let w = World::start().await;
    let root = w.asks("ann", DELETE).await;
    let view = w.opens("bob", &root).await;
    let yes = w.slack.compose_submission(&view, &[("name", "api-7f")]);
    let (one, two) = tokio::join!(w.slack.deliver(yes.clone()), w.slack.deliver(yes.clone()));
    assert!(is_taken(&one) && is_taken(&two));
    assert!(is_taken(&w.slack.deliver(yes).await));
    w.says(&root, "Bob").await;
    let ballots = w.records().await.iter().filter(|it| it.event.kind == countersign_audit::event::Kind::Ballot).count();
    assert_eq!(ballots, 1);
    w.approves("cho", &root).await;
    w.says(&root, "exit code 0").await;
    assert_eq!(w.changes().len(), 1);
    w.end().await;
}

#[tokio::test]
async fn p50_a_stolen_bot_token_runs_nothing() {
    let w = World::start().await;
    let token = w.slack.token(HOME);
    let button = |value: &str, action: &str| {
        json!([{"type": "section", "text": {"type": "plain_text", "text": "Lunch?"}},
            {"type": "actions", "elements": [{"type": "button", "action_id": action, "value": value,
                "text": {"type": "plain_text", "text": "Yes"}}]}])
    };
    let root = w.asks("ann", DELETE).await;
    let card = w.card_with(&root, "show-whole").await;
    let value = countersign_value(&card);
    let mut forged = 0;
    for (text, action) in [
        ("kubectl delete pod api-7f -n payments --apply", "approve"),
        ("00000000-0000-8000-8000-000000000000", "approve"),
        (value.as_str(), "approve"),
        (value.as_str(), "confirm"),
        (value.as_str(), "run"),
    ] {
        let post = json!({"channel": "C0OPS00001", "text": "Lunch?", "blocks": button(text, action)});
        assert_eq!(w.slack.call_as(&token, "chat.postMessage", &post)["ok"], true);
        forged += 1;
        let bait = w.slack.roots("ops").pop().expect("it was posted");
        let before = (wrote(&w, "bob"), w.slack.views().len());
        assert!(is_taken(&w.slack.click("bob", &bait, action).await));
        w.sees("bob is answered", |slack| {
            (slack.only_for("bob").len() > before.0 || slack.views().len() > before.1).then_some(())
        })
        .await;
    }
    // The card itself says something else now: what it asks for is still shown before anybody agrees.
    let edit = json!({"channel": root.channel, "ts": root.ts, "text": "Lunch?", "blocks": button(&value, "approve")});
    assert_eq!(w.slack.call_as(&token, "chat.update", &edit)["ok"], true);
    let opened = w.slack.views().len();
    w.slack.click("bob", &w.card(&root), "approve").await;
    let view = w.sees("the whole opens", |slack| slack.views().into_iter().nth(opened)).await;
    assert!(view.read().contains("kubectl delete pods/api-7f"), "{}", view.read());
    let ballots = w.records().await.iter().filter(|it| it.event.kind == countersign_audit::event::Kind::Ballot).count();
    assert_eq!((ballots, w.runs().await.len(), w.changes().len()), (0, 0, 0));
    assert_eq!(w.slack.roots("ops").len(), 1 + forged);
    w.slack.click("ann", &card, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

#[tokio::test]
async fn p50_what_a_live_card_really_asks_is_shown_before_anybody_agrees() {
    let w = World::start().await;
    let root = w.asks("ann", "/kubectl label pod api-7f tier=gold -n payments --context prod --apply").await;
    let card = w.card_with(&root, "approve").await;
    // Its buttons stay as they are; only the words around them are others.
    let mut blocks = card.now.blocks.clone();
    let words = blocks.as_array_mut().expect("a card has blocks");
    words.retain(|block| block["type"] == "actions");
    words.insert(0, json!({"type": "section", "text": {"type": "plain_text", "text": "Lunch?"}}));
    let edit = json!({"channel": root.channel, "ts": root.ts, "text": "Lunch?", "blocks": blocks});
    assert_eq!(w.slack.call_as(&w.slack.token(HOME), "chat.update", &edit)["ok"], true);
    w.slack.click("bob", &w.card(&root), "approve").await;
    let is_whole = |view: &View| view.read().contains("kubectl label pods/api-7f");
    w.sees("the whole opens", |slack| slack.screen("bob").filter(is_whole)).await;
    let ballots = w.records().await.iter().filter(|it| it.event.kind == countersign_audit::event::Kind::Ballot).count();
    assert_eq!((ballots, w.runs().await.len(), w.changes().len()), (0, 0, 0));
    w.slack.click("ann", &card, "cancel").await;
    w.says(&root, "cancelled").await;
    w.end().await;
}

/// The name that the card's buttons carry.
fn countersign_value(card: &Message) -> String {
    let blocks = card.now.blocks.as_array().expect("a card has blocks").iter();
    let actions = blocks.filter(|block| block["type"] == "actions").filter_map(|block| block["elements"].as_array());
    let value = actions.flatten().find_map(|element| element["value"].as_str());
    value.expect("its buttons carry a name").to_owned()
}

#[tokio::test]
async fn p10_a_request_that_slack_did_not_sign_reaches_nobody() {
    let w = World::start().await;
    let good = w.slack.compose("dee", "ops", "/kubectl", "get pods -n payments --context prod");
    let mut flipped = good.clone();
    *flipped.body.last_mut().expect("it has a body") ^= 1;
    let unsigned = good.clone().with_header("x-slack-signature", "v0=");
    let foreign = w.slack.sign_with(good.door, good.body.clone(), "another secret", later());
    for bad in [flipped, unsigned, foreign] {
        let delivery = w.slack.deliver(bad).await;
        assert!(
            matches!(&delivery.outcome, Outcome::Answered { status: 401, body, .. } if body.is_empty()),
            "{delivery:?}"
        );
    }
    assert_eq!(w.received().await, 0);
    assert_eq!(w.slack.deliver(good).await.outcome.status(), Some(200));
    let root = w.sees("there is a thread", |slack| slack.roots("ops").into_iter().next()).await;
    w.says(&root, "exit code 0").await;
    assert_eq!((w.received().await, id("dee").as_str()), (1, "U000000DEE"));
    w.end().await;
}
