//! What a click does, and what it does not.

use crate::browser::{Browser, world};
use crate::world::{account, argv, card, id, ran, scaling};
use axum::http::StatusCode;
use countersign_chat::{Button, Card, EffectView, Inbound, State};
use countersign_core::digest::Digest;
use countersign_core::input::Input;
use countersign_core::tier::Tier;
use std::time::Duration;

#[tokio::test]
async fn a_typed_line_reaches_the_gateway_as_the_person_of_the_session() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let nonce = ann.get("/").await.field("nonce", 0);
    let fields = [
        ("nonce", nonce.as_str()),
        ("text", "/kubectl get pods"),
        ("account", "bob"),
        ("person", "1"),
        ("user", "bob"),
    ];
    let reply = ann.post("/say", &fields).await;
    let received = world.office.received();
    let [Inbound::Typed(typed)] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!((&typed.account, typed.text.as_str()), (&account("ann"), "/kubectl get pods"));
    assert_eq!(typed.nonce, nonce);
    assert_eq!(reply.header("location"), format!("/thread/{}", id(&nonce)));
}

#[tokio::test]
async fn a_manifest_has_a_field_of_its_own() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let page = ann.get("/").await;
    assert!(page.text.contains("<textarea id=\"manifest\""), "{}", page.text);
    let manifest = format!("kind: ConfigMap\ndata: {{a: {}}}\n", "é&<".repeat(40_000));
    let mut nonce = page.field("nonce", 0);
    for (manifest, arrives) in [(manifest.as_str(), Some(manifest.clone())), (" \n", None)] {
        let fields = [("nonce", nonce.as_str()), ("text", "/kubectl apply"), ("manifest", manifest)];
        ann.post("/say", &fields).await;
        let received = world.office.received();
        let Some(Inbound::Typed(typed)) = received.last() else { panic!("{received:?}") };
        assert_eq!((typed.text.as_str(), &typed.manifest), ("/kubectl apply", &arrives));
        nonce = ann.get("/").await.field("nonce", 0);
    }
}

#[tokio::test]
async fn a_manifest_of_a_refused_command_can_be_mended_unless_a_secret_was_in_it() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let bob = Browser::of(&world, "bob").await;
    let sends = async |text: &str, manifest: &str| {
        let nonce = ann.get("/").await.field("nonce", 0);
        ann.post("/say", &[("nonce", nonce.as_str()), ("text", text), ("manifest", manifest)]).await;
        ann.get("/").await.text
    };
    let manifest = "\nkind: ConfigMap\ndata: {a: '</textarea><b>'}\n";
    let page = sends("/kubectl apply $(id)", manifest).await;
    assert!(page.contains("value=\"/kubectl apply $(id)\""), "{page}");
    assert!(page.contains("<details class=\"manifest\" open>"), "it can be seen: {page}");
    // A browser leaves out the first line break behind the tag.
    let (_, field) = page.split_once("<textarea id=\"manifest\"").unwrap();
    let (_, held) = field.split_once('>').unwrap();
    let (held, _) = held.split_once("</textarea>").unwrap();
    assert_eq!(held, "\n\nkind: ConfigMap\ndata: {a: &#39;&#60;/textarea&#62;&#60;b&#62;&#39;}\n");
    assert!(!bob.get("/").await.text.contains("kind: ConfigMap"), "another person's");
    assert!(!ann.get("/").await.text.contains("kind: ConfigMap"), "once");
    let page = sends("/kubectl apply hunter2", "kind: Secret\n").await;
    assert!(!page.contains("kind: Secret") && !page.contains("hunter2"), "{page}");
}

/// Nobody agrees to a digest.
#[tokio::test]
async fn p30_the_whole_shows_the_manifest() {
    let world = world();
    let input = Input::new("{\"kind\":\"ConfigMap\",\"data\":{\"a\":\"b\"}}\n".into()).unwrap();
    let card = Card { stdin: Some(input.digest()), input: Some(input.clone()), ..card(id("m")) };
    assert!(card.must_be_opened());
    let thread = world.office.ask("ann", "Ann", "kubectl apply", card).await;
    let bob = Browser::of(&world, "bob").await;
    let before = bob.get(&format!("/thread/{thread}")).await.text;
    assert!(!before.contains("ConfigMap"), "{before}");
    bob.clicks(thread.as_str(), "show-whole").await;
    let whole = bob.get(&format!("/thread/{thread}")).await.text;
    assert!(whole.contains("ConfigMap") && whole.contains(&input.digest().to_string()), "{whole}");
}

#[tokio::test]
async fn a_double_click_is_one_request() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let nonce = ann.get("/").await.field("nonce", 0);
    let fields = [("nonce", nonce.as_str()), ("text", "/kubectl get pods")];
    let (first, second) = (ann.post("/say", &fields).await, ann.post("/say", &fields).await);
    assert_eq!(world.office.received().len(), 1);
    assert_eq!(first.header("location"), second.header("location"), "both end in the same thread");
    assert!(ann.get(second.header("location")).await.text.contains("arrived twice and counted once"));
}

#[tokio::test]
async fn a_refusal_is_for_the_asker_alone_and_the_text_can_be_mended() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let bob = Browser::of(&world, "bob").await;
    assert_eq!(ann.types("/kubectl get pod $(id)").await.header("location"), "/");
    assert!(!bob.get("/").await.text.contains("no shell here"));
    let page = ann.get("/").await.text;
    assert!(page.contains("Only you see this") && page.contains("no shell here"));
    assert!(page.contains("value=\"/kubectl get pod $(id)\""), "back in the composer");
    assert!(page.contains("/kubectl get pod <mark>$(</mark>id)"), "the place is marked: {page}");
    assert!(!ann.get("/").await.text.contains("no shell here"), "said once");
}

#[tokio::test]
async fn a_secret_is_not_written_into_a_page() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    ann.types("/aws x --password hunter2").await;
    let page = ann.get("/").await.text;
    assert!(page.contains("the text holds a secret") && !page.contains("hunter2"), "{page}");
}

#[tokio::test]
async fn p30_approve_works_only_after_the_whole_was_opened() {
    let world = world();
    let long = "v".repeat(5_000);
    let mut it = card(id("1"));
    it.argv = argv(&["kubectl", "annotate", "pods", "x", &long]);
    // Neither a lower tier nor a card that claims to fit helps.
    it.tier = Tier::Change;
    it.whole_view = countersign_chat::WholeView::NotNeeded;
    let thread = world.office.ask("ann", "Ann", "long", it).await;
    let bob = Browser::of(&world, "bob").await;
    let path = format!("/thread/{thread}");
    let page = bob.get(&path).await;
    assert!(page.text.contains(&long), "the whole command is on the card");
    assert!(page.text.contains("value=\"approve\" disabled"));
    let by_hand = bob.presses(thread.as_str(), "approve", &page.field("nonce", 0), &page.field("decision", 0)).await;
    assert_eq!(by_hand.status, StatusCode::SEE_OTHER);
    assert!(bob.get(&path).await.text.contains("the whole command must be opened"));
    assert_eq!(world.office.state(id("1")), State::Asking);

    let opened = bob.clicks(thread.as_str(), "show-whole").await;
    assert_eq!(opened.header("location"), format!("{path}#whole"));
    let page = bob.get(&path).await.text;
    assert!(page.contains("id=\"whole\"") && !page.contains("disabled"), "{page}");
    let cho = Browser::of(&world, "cho").await;
    assert!(cho.get(&path).await.text.contains("value=\"approve\" disabled"), "each person for themselves");
    bob.switch("cho").await;
    assert!(bob.get(&path).await.text.contains("value=\"approve\" disabled"), "in the same browser, too");
    bob.switch("bob").await;
    bob.clicks(thread.as_str(), "approve").await;
    assert_eq!(world.office.state(id("1")), State::Cleared);
}

#[tokio::test]
async fn p30_a_changed_decision_must_be_opened_again() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let bob = Browser::of(&world, "bob").await;
    bob.clicks(thread.as_str(), "show-whole").await;
    world.office.change(id("1"), |card| card.decision = Some(Digest::of(b"another"))).await;
    let page = bob.get(&format!("/thread/{thread}")).await.text;
    assert!(page.contains("value=\"approve\" disabled") && !page.contains("id=\"whole\""));
}

#[tokio::test]
async fn p32_late_foreign_and_changed_clicks_are_answered_and_change_nothing() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let (thread, path) = (thread.as_str(), format!("/thread/{thread}"));
    let (ann, bob) = (Browser::of(&world, "ann").await, Browser::of(&world, "bob").await);
    bob.clicks(thread, "show-whole").await;
    let page = bob.get(&path).await;
    let (nonce, decision) = (page.field("nonce", 0), page.field("decision", 0));

    // Foreign: Bob has no Confirm and no Cancel, so they are pressed by hand.
    bob.clicks(thread, "confirm").await;
    assert!(bob.get(&path).await.text.contains("this is the requester&#39;s button"));
    assert_eq!(world.office.state(id("1")), State::Asking);

    // Changed: the page showed another decision.
    let reply = bob.presses(thread, "approve", &nonce, &Digest::of(b"old").to_string()).await;
    assert_eq!(reply.status, StatusCode::SEE_OTHER);
    assert!(bob.get(&path).await.text.contains("the card showed another decision"));
    assert_eq!(world.office.state(id("1")), State::Asking);

    // Late: Ann took it back.
    let stale = bob.get(&path).await.field("nonce", 0);
    ann.clicks(thread, "cancel").await;
    assert_eq!(world.office.state(id("1")), State::Cancelled);
    bob.presses(thread, "approve", &stale, &decision).await;
    assert!(bob.get(&path).await.text.contains("this was decided before your click"));
    assert_eq!(world.office.state(id("1")), State::Cancelled);

    // Unknown: a card of nothing.
    let nonce = bob.get("/").await.field("nonce", 0);
    let reply = bob.presses(&id("nothing").to_string(), "approve", &nonce, &decision).await;
    assert!(bob.get(reply.header("location")).await.text.contains("this request is no longer known"));
    assert_eq!(world.office.received().len(), 6, "each click that named a request reached the gateway");
}

#[tokio::test]
async fn p32_a_page_of_the_person_i_was_before_does_nothing() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let path = format!("/thread/{thread}");
    let browser = Browser::of(&world, "bob").await;
    let page = browser.get(&path).await;
    let (nonce, decision) = (page.field("nonce", 0), page.field("decision", 0));
    browser.switch("cho").await;
    browser.presses(thread.as_str(), "reject", &nonce, &decision).await;
    assert!(browser.get(&path).await.text.contains("the page was another person&#39;s"));
    assert!(world.office.received().is_empty());
    browser.presses(thread.as_str(), "reject", "made-up", &decision).await;
    assert!(browser.get(&path).await.text.contains("the page was too old"));
    assert!(world.office.received().is_empty());
}

#[tokio::test]
async fn a_reject_carries_its_reason() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let bob = Browser::of(&world, "bob").await;
    let page = bob.get(&format!("/thread/{thread}")).await;
    let (nonce, decision) = (page.field("nonce", 0), page.field("decision", 0));
    let fields = [("nonce", nonce.as_str()), ("decision", &decision), ("button", "reject"), ("reason", " not today ")];
    bob.post(&format!("/thread/{thread}/click"), &fields).await;
    let received = world.office.received();
    let [Inbound::Clicked(click)] = received.as_slice() else { panic!("{received:?}") };
    assert_eq!(click.button, Button::Reject { reason: Some("not today".into()) });
    assert_eq!((click.account.clone(), click.decision), (account("bob"), card(id("1")).decision));
}

#[tokio::test]
async fn enter_in_a_text_field_never_presses_another_button() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let bob = Browser::of(&world, "bob").await;
    bob.clicks(thread.as_str(), "show-whole").await;
    let page = bob.get(&format!("/thread/{thread}")).await.text;
    let forms: Vec<&str> = page.split("<form").skip(1).map(|rest| rest.split("</form>").next().unwrap()).collect();
    assert!(forms.iter().any(|form| form.contains("value=\"approve\"")));
    for form in forms.iter().filter(|form| form.contains("type=\"text\"")) {
        assert_eq!(form.matches("<button").count(), 1, "{form}");
        assert!(!form.contains("value=\"approve\"") && !form.contains("value=\"confirm\""), "{form}");
    }
}

#[tokio::test]
async fn the_page_asks_for_what_changed_and_gets_only_that() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "x", card(id("1"))).await;
    let bob = Browser::of(&world, "bob").await;
    let poll = |text: &str| {
        let rest = text.split("id=\"poll\" hx-get=\"").nth(1).unwrap();
        rest.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&")
    };
    let page = bob.get(&format!("/thread/{thread}")).await.text;
    assert_eq!(bob.get(&poll(&page)).await.status, StatusCode::NO_CONTENT);

    ran(&world, &thread, id("1")).await;
    let said = bob.get(&poll(&page)).await.text;
    assert!(said.contains("id=\"log\"") && !said.contains("id=\"card\"") && !said.contains("id=\"actions\""), "{said}");
    assert!(said.contains("Done, exit code 0, after 2 s.") && said.contains("lines not shown"));
    let order = ["Running on worker", "api-7f6d9c-00001", "Done, exit code 0"].map(|text| said.find(text).unwrap());
    assert!(order.is_sorted(), "the output stands where it came");

    world.office.change(id("1"), |card: &mut Card| card.state = State::Running).await;
    let shown = bob.get(&poll(&said)).await.text;
    assert!(shown.contains("id=\"card\"") && !shown.contains("id=\"log\""));
    world.office.change(id("1"), |card| card.buttons.clear()).await;
    assert!(bob.get(&poll(&shown)).await.text.contains("id=\"actions\""));

    world.office.change(id("1"), |card| card.state = State::Asking).await;
    let page = bob.get(&format!("/thread/{thread}")).await.text;
    assert!(page.contains("in 12 min"));
    world.clock.forward(Duration::from_mins(2));
    assert!(bob.get(&poll(&page)).await.text.contains("in 10 min"), "the countdown moves by itself");
}

#[tokio::test]
async fn the_inbox_holds_what_waits_for_me() {
    let world = world();
    let thread = world.office.ask("ann", "Ann", "delete two pods", card(id("1"))).await;
    let (ann, bob) = (Browser::of(&world, "ann").await, Browser::of(&world, "bob").await);
    let mine = |text: &str| text.split("Yours, waiting").next().unwrap().contains("delete two pods");
    assert!(mine(&bob.get("/inbox").await.text));
    let anns = ann.get("/inbox").await.text;
    assert!(!mine(&anns) && anns.contains("delete two pods"));
    let page = ann.get(&format!("/thread/{thread}")).await.text;
    assert!(!page.contains("value=\"approve\"") && page.contains("other people decide"));
}

#[tokio::test]
async fn a_request_without_a_thread_yet_says_so_and_finds_it() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let path = format!("/thread/{}", id("soon"));
    assert!(ann.get(&path).await.text.contains("Its thread appears here"));
    assert_eq!(ann.get(&format!("{path}/changes")).await.status, StatusCode::NO_CONTENT);
    let mut soon = card(id("soon"));
    soon.effect = EffectView::Found(scaling(id("soon")));
    world.office.ask("ann", "Ann", "x", soon).await;
    assert_eq!(ann.get(&format!("{path}/changes")).await.header("hx-refresh"), "true");
    assert!(ann.get(&path).await.text.contains("/spec/replicas: 3 -&#62; 6"));
}

#[tokio::test]
async fn old_threads_make_room_and_open_ones_stay() {
    let world = world();
    world.office.ask("ann", "Ann", "the one that waits", card(id("open"))).await;
    world.clock.forward(Duration::from_secs(1));
    for nth in 0..250 {
        let mut over = card(id(&nth.to_string()));
        over.state = State::Done { exit: 0 };
        world.office.ask("ann", "Ann", "over", over).await;
    }
    let page = Browser::of(&world, "bob").await.get("/").await.text;
    assert_eq!(page.matches("<li><a class=\"item").count(), 200);
    assert!(page.contains("the one that waits"));
}
