//! Events.

use crate::payloads::{ALL, CHANNEL, Installed, event, mention};
use crate::world::{Back, ENTERPRISE, TEAM, World};
use countersign_chat::Membership;
use countersign_core::channel::Channel;
use serde_json::{Value, json};

const TS: &str = "1795222799.000100";

async fn send(world: &World, it: &Value) -> Back {
    let back = world.send(&world.sign("/slack/events", it.to_string())).await;
    world.settled().await;
    back
}

#[tokio::test]
async fn slack_is_answered_whether_the_address_is_ours() {
    let world = World::start().await;
    let challenge = "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P";
    let it = json!({ "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "challenge": challenge, "type": "url_verification" });
    let back = send(&world, &it).await;
    assert_eq!((back.status, back.body.as_str()), (200, challenge));
    let unsigned = world.sign("/slack/events", it.to_string()).without("x-slack-signature");
    assert_eq!(world.send(&unsigned).await, Back { status: 401, body: String::new() });
    for bad in
        [json!({ "type": "url_verification" }), json!({ "type": "url_verification", "challenge": "x".repeat(513) })]
    {
        assert_eq!(send(&world, &bad).await.status, 400);
    }
}

#[tokio::test]
async fn what_is_written_to_us_in_a_thread_is_a_line_there() {
    for installed in ALL {
        let world = World::start().await;
        let said = mention("U0ANN00001", TS, "<@U0CS000001> kubectl get pods &amp; more");
        assert_eq!(send(&world, &event(installed, "Ev1", said)).await, Back { status: 200, body: String::new() });
        let typed = world.office.typed().remove(0);
        assert_eq!(typed.text, "kubectl get pods &amp; more");
        let of = if installed == Installed::Workspace { TEAM } else { ENTERPRISE };
        assert_eq!(typed.account.to_string(), format!("slack/{of}/U0ANN00001"));
        assert_eq!(typed.membership, Membership::Full);
        assert_eq!(typed.channel, Some(Channel::named(CHANNEL)));
        assert_eq!(typed.thread.unwrap().to_string(), format!("{CHANNEL}//1795222700.000100"));
    }
}

#[tokio::test]
async fn outside_a_thread_the_message_begins_one() {
    let world = World::start().await;
    let mut said = mention("U0ANN00001", TS, "<@U0CS000001> kubectl get pods");
    said.as_object_mut().unwrap().remove("thread_ts");
    send(&world, &event(Installed::Workspace, "Ev1", said)).await;
    assert_eq!(world.office.typed()[0].thread.as_ref().unwrap().to_string(), format!("{CHANNEL}//{TS}"));
}

#[tokio::test]
async fn a_no_to_a_message_goes_to_its_author_alone() {
    let world = World::start().await;
    send(&world, &event(Installed::Workspace, "Ev1", mention("U0ANN00001", TS, "<@U0CS000001> nonsense"))).await;
    let told = world.slack.told();
    assert_eq!((told.len(), told[0].to.as_str()), (1, "DU0ANN00001"));
    assert!(told[0].says.contains("there is no such verb"));
}

#[tokio::test]
async fn p33_programs_are_not_answered_and_strangers_are_refused() {
    let world = World::start().await;
    let mut program = mention("U0ANN00001", TS, "<@U0CS000001> kubectl get pods");
    program["bot_id"] = "B0OTHER001".into();
    let mut nobody = mention("U0ANN00001", "1795222799.000200", "<@U0CS000001> kubectl get pods");
    nobody.as_object_mut().unwrap().remove("user");
    for (nth, said) in [program, nobody].into_iter().enumerate() {
        assert_eq!(send(&world, &event(Installed::Workspace, &format!("Ev{nth}"), said)).await.status, 200);
    }
    assert!(world.office.is_untouched());
    for (nth, field) in ["team", "user_team", "source_team"].into_iter().enumerate() {
        let mut said = mention("U0ANN00001", &format!("1795222799.00030{nth}"), "<@U0CS000001> kubectl get pods");
        said[field] = "T0OTHER001".into();
        send(&world, &event(Installed::Workspace, &format!("Ev1{nth}"), said)).await;
        assert_eq!(world.office.typed()[nth].membership, Membership::Stranger, "{field}");
    }
}

#[tokio::test]
async fn a_message_that_names_no_place_is_refused() {
    let world = World::start().await;
    for (nth, (field, bad)) in [
        ("channel", json!("C1/17.1")),
        ("ts", json!("17")),
        ("ts", Value::Null),
        ("thread_ts", json!("../x")),
        ("user", json!("U/1")),
    ]
    .into_iter()
    .enumerate()
    {
        let mut said = mention("U0ANN00001", TS, "<@U0CS000001> kubectl get pods");
        said[field] = bad;
        assert_eq!(send(&world, &event(Installed::Workspace, &format!("Ev{nth}"), said)).await.status, 400, "{field}");
    }
    assert!(world.office.is_untouched());
}

#[tokio::test]
async fn other_events_are_acknowledged_and_nothing_is_done() {
    let world = World::start().await;
    let kinds = [
        "app_uninstalled",
        "tokens_revoked",
        "user_change",
        "team_join",
        "message",
        "member_joined_channel",
        "new_in_2027",
    ];
    for installed in ALL {
        for kind in kinds {
            let it =
                event(installed, &format!("Ev{installed:?}{kind}"), json!({ "type": kind, "user": { "id": "U1" } }));
            assert_eq!(send(&world, &it).await, Back { status: 200, body: String::new() }, "{kind}");
        }
    }
    let limited = json!({
        "token": "Jhj5dZrVaK7ZwHHjRyZWjbDl", "type": "app_rate_limited", "team_id": TEAM,
        "minute_rate_limited": 1_518_467_820, "api_app_id": crate::world::APP,
    });
    assert_eq!(send(&world, &limited).await.status, 200);
    let mut sparse = event(Installed::Workspace, "Ev9", json!({ "type": "user_change" }));
    sparse["authorizations"] = Value::Null;
    assert_eq!(send(&world, &sparse).await.status, 200);
    assert!(world.office.is_untouched());
    assert!(world.slack.told().is_empty());
}
