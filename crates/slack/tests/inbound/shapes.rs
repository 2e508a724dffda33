//! Interactions that have no consequences here, and what is counted.

use crate::office::{short, value};
use crate::payloads::{ALL, CARD, CHANNEL, Installed, click, command, form, payload, sparse};
use crate::world::{Back, World};
use metrics_exporter_prometheus::PrometheusBuilder;

const KINDS: [&str; 11] = [
    "shortcut",
    "message_action",
    "view_closed",
    "block_suggestion",
    "interactive_message",
    "dialog_submission",
    "dialog_cancellation",
    "dialog_suggestion",
    "workflow_step_edit",
    "function_executed",
    "new_in_2027",
];

#[tokio::test]
async fn they_are_acknowledged_however_the_app_is_installed() {
    let world = World::start().await;
    for installed in ALL {
        for kind in KINDS {
            let back = world.send(&world.sign("/slack/interactions", payload(&sparse(kind, installed)))).await;
            let body = if kind == "block_suggestion" { r#"{"options":[]}"# } else { "" };
            assert_eq!(back, Back { status: 200, body: body.into() }, "{kind} {installed:?}");
        }
    }
    world.settled().await;
    assert!(world.office.is_untouched());
}

#[tokio::test]
async fn they_too_are_for_our_app_and_our_workspaces() {
    let world = World::start().await;
    for kind in KINDS {
        let mut app = sparse(kind, Installed::Workspace);
        app["api_app_id"] = "A0OTHER001".into();
        let mut team = sparse(kind, Installed::Workspace);
        team["team"]["id"] = "T0OTHER001".into();
        for it in [app, team] {
            let back = world.send(&world.sign("/slack/interactions", payload(&it))).await;
            assert_eq!(back, Back { status: 401, body: String::new() }, "{kind}");
        }
    }
    assert_eq!(world.front.tally().parsed, 0);
}

#[tokio::test]
async fn requests_are_counted_by_what_they_were_and_what_became_of_them() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let world = World::start().await;
    let card = short("x");
    world.office.ask(CHANNEL, CARD, card.clone());
    let good = world.sign("/slack/commands", form(&command("1.2.3", "get pods")));
    world.send(&good).await;
    world.send(&good).await;
    world.send(&good.clone().without("x-slack-signature")).await;
    world.send(&good.clone().with("x-slack-request-timestamp", "1")).await;
    let press = click(Installed::Workspace, "U0BOB00001", "1", ("confirm", &value(&card)));
    world.send(&world.sign("/slack/interactions", payload(&press))).await;
    let odd = click(Installed::Workspace, "U0BOB00001", "2", ("run", "rm -rf"));
    world.send(&world.sign("/slack/interactions", payload(&odd))).await;
    world.send(&world.sign("/slack/interactions", payload(&sparse("new_in_2027", Installed::OrgWide)))).await;
    world.settled().await;
    let all = metrics.render();
    for (kind, outcome) in [
        ("command", "taken"),
        ("command", "again"),
        ("unread", "refused-headers"),
        ("unread", "refused-timestamp"),
        ("click", "taken"),
        ("click", "unknown"),
        ("other-interaction", "ignored"),
    ] {
        let line = format!("countersign_slack_requests_total{{kind=\"{kind}\",outcome=\"{outcome}\"}} 1");
        assert!(all.contains(&line), "{line} is not in\n{all}");
    }
    assert!(all.contains("countersign_slack_acknowledgement_seconds_count{kind=\"command\"} 2"), "{all}");
    assert!(!all.contains("2027") && !all.contains("rm -rf"), "{all}");
}
