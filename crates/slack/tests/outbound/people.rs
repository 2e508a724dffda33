//! Who is a member, and how long that is believed.

use crate::support::slack::{Slack, Trouble};
use countersign_chat::Membership;
use countersign_slack::People;
use countersign_slack::api::User;
use std::time::Duration;

fn user() -> User {
    User { id: "U1".into(), is_email_confirmed: Some(true), ..User::default() }
}

#[tokio::test(start_paused = true)]
async fn p33_only_people_of_ours_are_members() {
    let cases = [
        (user(), Membership::Full),
        (User { is_email_confirmed: None, ..user() }, Membership::Full),
        (User { deleted: true, is_bot: true, ..user() }, Membership::Deactivated),
        (User { is_bot: true, ..user() }, Membership::Bot),
        (User { is_workflow_bot: true, ..user() }, Membership::Bot),
        (User { is_connector_bot: true, ..user() }, Membership::Bot),
        (User { is_stranger: true, is_restricted: true, ..user() }, Membership::Stranger),
        (User { is_restricted: true, ..user() }, Membership::Guest),
        (User { is_ultra_restricted: true, ..user() }, Membership::Guest),
        (User { is_invited_user: true, ..user() }, Membership::Unconfirmed),
        (User { is_email_confirmed: Some(false), ..user() }, Membership::Unconfirmed),
    ];
    for (found, expected) in cases {
        let slack = Slack::new();
        slack.person(found.clone());
        assert_eq!(People::new(slack).membership("U1").await, expected, "{found:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn p33_slackbot_and_somebody_elses_answer_are_nobody() {
    let slack = Slack::new();
    slack.person(User { id: "USLACKBOT".into(), ..user() });
    assert_eq!(People::new(slack.clone()).membership("USLACKBOT").await, Membership::Bot);
    slack.answers("U2", user());
    let people = People::new(slack);
    assert_eq!(people.membership("U2").await, Membership::Unknown);
}

#[tokio::test(start_paused = true)]
async fn typed_lines_ask_once_in_five_minutes_and_clicks_always() {
    let slack = Slack::new();
    slack.person(user());
    let people = People::new(slack.clone());
    for _ in 0..3 {
        assert_eq!(people.membership("U1").await, Membership::Full);
    }
    assert_eq!(slack.calls_of("user"), 1);
    slack.person(User { deleted: true, ..user() });
    assert_eq!(people.membership_now("U1").await, Membership::Deactivated);
    // What a click found out holds for typed lines as well.
    assert_eq!(people.membership("U1").await, Membership::Deactivated);
    assert_eq!(slack.calls_of("user"), 2);
    slack.person(user());
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(people.membership("U1").await, Membership::Full);
}

#[tokio::test(start_paused = true)]
async fn p33_nobody_is_a_member_because_slack_is_away() {
    for trouble in [Trouble::Away, Trouble::Wait(1), Trouble::No("missing_scope"), Trouble::LostBefore] {
        let slack = Slack::new();
        slack.person(user());
        slack.trouble("user", "U1", &[trouble.clone(), trouble]);
        let people = People::new(slack);
        assert_eq!(people.membership("U1").await, Membership::Unknown);
        assert_eq!(people.membership_now("U1").await, Membership::Unknown);
        // It is not remembered either.
        assert_eq!(people.membership("U1").await, Membership::Full);
    }
}
