//! Slash commands: what reaches the gateway, and what the person reads.

use crate::payloads::{CHANNEL, RESPONSE_URL, changed, command, form};
use crate::world::{ENTERPRISE, START, TEAM, World};
use countersign_chat::Membership;
use countersign_core::channel::Channel;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_command_is_acknowledged_and_brought_to_the_gateway() {
    let world = World::start().await;
    let back = world.send(&world.sign("/slack/commands", form(&command("1.2.3", "get pods")))).await;
    assert_eq!(back.status, 200);
    assert_eq!(back.json()["response_type"], "ephemeral");
    assert_eq!(back.json()["text"], "Received. No thread within a minute means nothing was started: ask again.");
    world.settled().await;
    let typed = world.office.typed().remove(0);
    assert_eq!(typed.account.to_string(), format!("slack/{TEAM}/U0ANN00001"));
    assert_eq!(typed.membership, Membership::Full);
    assert_eq!(typed.channel, Some(Channel::named(CHANNEL)));
    assert_eq!((typed.thread, typed.nonce.as_str(), typed.at), (None, "1.2.3", START));
    // The thread speaks; nothing more is told.
    assert!(world.slack.told().is_empty());
}

/// Only what Slack signed says that a channel is private, and only in its own two words.
#[tokio::test]
async fn a_channel_is_private_when_slack_says_so() {
    let world = World::start().await;
    let names = [
        (Some("privategroup"), true),
        (Some("directmessage"), true),
        (Some("ops"), false),
        (Some("privategroup2"), false),
        (Some("Privategroup"), false),
        (Some("mpdm-ann--bob-1"), false),
        (Some(""), false),
        (None, false),
    ];
    for (nth, (name, is_private)) in names.into_iter().enumerate() {
        let trigger = format!("7.7.{nth}");
        let fields = changed(command(&trigger, "get pods"), "channel_name", name);
        assert_eq!(world.send(&world.sign("/slack/commands", form(&fields))).await.status, 200);
        world.settled().await;
        let channel = if is_private { Channel::private(CHANNEL) } else { Channel::named(CHANNEL) };
        assert_eq!(world.office.typed()[nth].channel, Some(channel), "{name:?}");
    }
}

#[tokio::test]
async fn p55_the_text_arrives_as_it_was_typed() {
    let texts = [
        "get pods -l app=web",
        "get pods \u{2014}namespace \u{201c}a b\u{201d}",
        "annotate pod x note='a&amp;b &lt;@U1&gt; 100% +1'",
        "a\u{a0}b\u{200b}c\u{202e}d",
        "line one\nline two\r\n",
        "<http://evil.example|good.example>",
        "  two  spaces  ",
        "\u{0}\u{1b}[31m",
        "\u{1f680} ü",
    ];
    let world = World::start().await;
    for (nth, text) in texts.iter().enumerate() {
        let trigger = format!("1.2.{nth}");
        let back = world.send(&world.sign("/slack/commands", form(&command(&trigger, text)))).await;
        assert_eq!(back.status, 200, "{text:?}");
        world.settled().await;
        assert_eq!(world.office.typed()[nth].text, format!("/kubectl {text}"));
    }
}

#[tokio::test]
async fn no_text_is_the_command_alone() {
    let world = World::start().await;
    world.send(&world.sign("/slack/commands", form(&command("1", "")))).await;
    world.send(&world.sign("/slack/commands", form(&changed(command("2", ""), "text", None)))).await;
    world.settled().await;
    assert_eq!(world.office.typed().iter().map(|typed| typed.text.as_str()).collect::<Vec<_>>(), ["/kubectl"; 2]);
}

#[tokio::test]
async fn a_person_is_one_account_in_the_whole_organisation() {
    let world = World::start().await;
    for (nth, (team, install)) in [(TEAM, "false"), ("T0OTHER001", "true"), ("", "true")].into_iter().enumerate() {
        let trigger = nth.to_string();
        let fields = changed(command(&trigger, "get pods"), "team_id", Some(team));
        let fields = changed(fields, "enterprise_id", Some(ENTERPRISE));
        let fields = changed(fields, "is_enterprise_install", Some(install));
        assert_eq!(world.send(&world.sign("/slack/commands", form(&fields))).await.status, 200);
    }
    world.settled().await;
    let typed = world.office.typed();
    assert_eq!(typed.len(), 3);
    for one in typed {
        assert_eq!(one.account.to_string(), format!("slack/{ENTERPRISE}/U0ANN00001"));
    }
}

#[tokio::test]
async fn names_and_addresses_in_the_payload_are_nobody() {
    let world = World::start().await;
    let fields = changed(command("1.2.3", "whoami"), "user_name", Some("admin"));
    let fields = [fields, vec![("user_email", "admin@acme.example"), ("user", "U0BOB00001")]].concat();
    world.send(&world.sign("/slack/commands", form(&fields))).await;
    world.settled().await;
    assert_eq!(world.office.typed()[0].account.user, "U0ANN00001");
}

#[tokio::test]
async fn a_refusal_goes_to_the_one_who_typed() {
    let world = World::start().await;
    world.send(&world.sign("/slack/commands", form(&command("1.2.3", "nonsense")))).await;
    world.settled().await;
    let told = world.slack.told();
    assert_eq!((told.len(), told[0].to.as_str()), (1, RESPONSE_URL));
    assert!(told[0].says.contains("there is no such verb"), "{}", told[0].says);
    assert!(told[0].says.contains("/countersign help"), "{}", told[0].says);
}

#[tokio::test]
async fn an_answer_that_finds_its_address_closed_goes_to_a_direct_conversation() {
    let world = World::start().await;
    world.slack.answers_nowhere.store(true, Ordering::SeqCst);
    world.send(&world.sign("/slack/commands", form(&command("1.2.3", "nonsense")))).await;
    let fields = changed(command("2.2.3", "nonsense"), "response_url", None);
    world.send(&world.sign("/slack/commands", form(&fields))).await;
    world.settled().await;
    let told: Vec<_> = world.slack.told().into_iter().map(|told| told.to).collect();
    assert_eq!(told, ["DU0ANN00001", "DU0ANN00001"]);
}

#[tokio::test]
async fn the_acknowledgement_waits_for_nobody_and_the_request_goes_on_without_its_sender() {
    let world = World::start().await;
    world.office.close();
    let back = world.send(&world.sign("/slack/commands", form(&command("1.2.3", "nonsense")))).await;
    assert!(back.body.contains("Received"));
    // The sender of the second one does not wait for anything.
    drop(world.send_and_leave(&world.sign("/slack/commands", form(&command("2.2.3", "nonsense")))).await);
    // A third one is behind it on a connection of its own, so both have arrived when it is answered.
    while world.office.typed().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(world.slack.told().is_empty());
    world.office.open();
    world.settled().await;
    assert_eq!(world.slack.told().len(), 2);
}

#[tokio::test]
async fn ssl_check_is_answered_and_does_nothing() {
    let world = World::start().await;
    let plain = form(&[("ssl_check", "1"), ("token", "gIkuvaNzQIHg97ATvDxqgjtO")]);
    let loaded = form(&[command("1.2.3", "delete pods --all"), vec![("ssl_check", "1")]].concat());
    for body in [plain, loaded] {
        let back = world.send(&world.sign("/slack/commands", body.clone())).await;
        assert_eq!((back.status, back.body.as_str()), (200, ""));
        let unsigned = world.sign("/slack/commands", body).without("x-slack-signature");
        assert_eq!(world.send(&unsigned).await.status, 401);
    }
    world.settled().await;
    assert!(world.office.is_untouched());
}

#[tokio::test]
async fn a_field_that_is_there_twice_is_refused() {
    let world = World::start().await;
    for (nth, twice) in
        ["text", "user_id", "team_id", "command", "trigger_id", "api_app_id", "channel_name"].iter().enumerate()
    {
        let trigger = format!("1.2.{nth}");
        let fields = [command(&trigger, "get pods"), vec![(*twice, "other")]].concat();
        let back = world.send(&world.sign("/slack/commands", form(&fields))).await;
        assert_eq!((back.status, back.body.as_str()), (400, ""), "{twice}");
    }
    assert!(world.office.is_untouched());
}

#[tokio::test]
async fn what_lacks_a_part_is_refused() {
    let world = World::start().await;
    let cases = [
        ("user_id", None),
        ("user_id", Some("U1/U2")),
        ("user_id", Some("")),
        ("command", None),
        ("command", Some("kubectl")),
    ];
    for (nth, (field, value)) in cases.into_iter().enumerate() {
        let trigger = format!("1.2.{nth}");
        let fields = changed(command(&trigger, "get pods"), field, value);
        assert_eq!(world.send(&world.sign("/slack/commands", form(&fields))).await.status, 400, "{field} {value:?}");
    }
    assert!(world.office.is_untouched());
    let odd_place = changed(command("2", "get pods"), "channel_id", Some("C1/17.1"));
    assert_eq!(world.send(&world.sign("/slack/commands", form(&odd_place))).await.status, 200);
    world.settled().await;
    assert_eq!(world.office.typed()[0].channel, None);
}

#[tokio::test]
async fn p33_the_gateway_is_told_what_slack_knows_of_who_types() {
    let world = World::start().await;
    let slack = &world.slack;
    slack.is("U0GUEST001", |user| user.is_restricted = true);
    slack.is("U0GUEST002", |user| user.is_ultra_restricted = true);
    slack.is("U0STRANGE1", |user| user.is_stranger = true);
    slack.is("U0BOT00001", |user| user.is_bot = true);
    slack.is("U0FLOW0001", |user| user.is_workflow_bot = true);
    slack.is("U0GONE0001", |user| user.deleted = true);
    slack.is("U0NEW00001", |user| user.is_invited_user = true);
    let cases = [
        ("U0ANN00001", Membership::Full),
        ("U0GUEST001", Membership::Guest),
        ("U0GUEST002", Membership::Guest),
        ("U0STRANGE1", Membership::Stranger),
        ("U0BOT00001", Membership::Bot),
        ("U0FLOW0001", Membership::Bot),
        ("U0GONE0001", Membership::Deactivated),
        ("U0NEW00001", Membership::Unconfirmed),
        ("U0NOBODY01", Membership::Unknown),
    ];
    for (nth, (user, want)) in cases.into_iter().enumerate() {
        let trigger = format!("1.2.{nth}");
        let fields = changed(command(&trigger, "get pods"), "user_id", Some(user));
        assert_eq!(world.send(&world.sign("/slack/commands", form(&fields))).await.status, 200);
        world.settled().await;
        assert_eq!(world.office.typed()[nth].membership, want, "{user}");
    }
    // Each of the refused was told so.
    assert_eq!(world.slack.told().len(), cases.len() - 1);
    // For typed lines an answer of Slack's serves for a while.
    let asked = slack.asked_users.load(Ordering::SeqCst);
    world.send(&world.sign("/slack/commands", form(&command("9", "get pods")))).await;
    world.settled().await;
    assert_eq!(slack.asked_users.load(Ordering::SeqCst), asked);
}
