//! In which order, how fast and how often messages go out, on a clock that the tests own.

use crate::support::cards::{id, lines, small};
use crate::support::slack::{Slack, Trouble};
use crate::threads::{chat, finished, typed};
use countersign_chat::output::Stream;
use countersign_chat::{Card, Chat, ChatError, Notice, State, ThreadId};
use std::time::Duration;
use tokio_util::task::TaskTracker;

fn thread(channel: &str) -> ThreadId {
    ThreadId::new(format!("{channel}/theirs.1"))
}

fn said(nth: usize) -> Notice {
    Notice::Confirmed { who: format!("number {nth} ") }
}

/// Who was named in a channel's messages, and when.
fn order(slack: &Slack, channel: &str) -> Vec<(usize, u64)> {
    let number = |says: &str| says.split(' ').nth(2).and_then(|word| word.parse().ok()).unwrap_or(usize::MAX);
    slack.messages(channel).iter().map(|message| (number(&message.says), message.at)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_channel_gets_a_burst_and_then_one_a_second_in_order() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let senders = TaskTracker::new();
    for nth in 0..9 {
        let chat = chat.clone();
        senders.spawn(async move { chat.post(&thread("C1"), said(nth)).await.unwrap() });
    }
    senders.close();
    senders.wait().await;
    let expected = [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (6, 2), (7, 3), (8, 4)];
    assert_eq!(order(&slack, "C1"), expected);
}

#[tokio::test(start_paused = true)]
async fn what_slack_asks_to_wait_is_waited_by_all_of_the_lane() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::Wait(7)]);
    let (chat, _) = chat(&slack);
    let (one, two) = (thread("C1"), thread("C1"));
    let (first, second) = tokio::join!(chat.post(&one, said(0)), chat.post(&two, said(1)));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(slack.calls(), ["post C1 @0", "post C1 @7", "post C1 @7"]);
    assert_eq!(order(&slack, "C1"), [(0, 7), (1, 7)]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_patience_is_told_at_once_and_still_kept() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::Wait(600)]);
    let (chat, _) = chat(&slack);
    for _ in 0..3 {
        assert!(matches!(chat.post(&thread("C1"), finished()).await, Err(ChatError::Unreachable(_))));
    }
    assert_eq!(slack.calls(), ["post C1 @0"]);
    tokio::time::sleep(Duration::from_mins(10)).await;
    chat.post(&thread("C1"), finished()).await.unwrap();
    assert_eq!(slack.messages("C1").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_channel_delays_no_other() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::Wait(30)]);
    slack.trouble("post", "C2", &[Trouble::Slow(40)]);
    slack.trouble("update", "C3", &[Trouble::Wait(30)]);
    let (chat, _) = chat(&slack);
    let (one, two, three) = (thread("C1"), thread("C2"), thread("C3"));
    let stuck = async { tokio::join!(chat.post(&one, said(0)), chat.post(&two, said(0)), chat.show(&three, small())) };
    tokio::select! {
        biased;
        _ = stuck => panic!("the stuck ones came first"),
        done = async { chat.post(&thread("C3"), said(1)).await.and(chat.post(&thread("C4"), said(2)).await) } => done.unwrap(),
    }
    assert_eq!((order(&slack, "C3"), order(&slack, "C4")), (vec![(1, 0)], vec![(2, 0)]));
}

#[tokio::test(start_paused = true)]
async fn p43_after_a_lost_answer_the_message_is_looked_for() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::LostAfter]);
    slack.trouble("post", "C2", &[Trouble::LostBefore, Trouble::LostAfter]);
    let (chat, _) = chat(&slack);
    for channel in ["C1", "C2"] {
        let thread = chat.open(typed(channel, Some(channel))).await.unwrap();
        assert_eq!(slack.messages(channel).len(), 1, "{channel}");
        // The name that was found is the card's.
        chat.show(&thread, small()).await.unwrap();
        assert!(slack.last(channel).contains("waiting for people"));
    }
    assert_eq!(slack.calls_of("find"), 3);
}

#[tokio::test(start_paused = true)]
async fn p43_a_doubt_outlives_the_sender_that_gave_up() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::LostAfter]);
    // Slack is away for longer than anybody is patient; looking fails as well.
    slack.trouble("find", "C1", &vec![Trouble::Away; 7]);
    let (chat, _) = chat(&slack);
    assert!(matches!(chat.post(&thread("C1"), finished()).await, Err(ChatError::Unreachable(_))));
    chat.post(&thread("C1"), finished()).await.unwrap();
    assert_eq!((slack.messages("C1").len(), slack.calls_of("post")), (1, 1), "{:?}", slack.calls());
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_look_a_result_is_rather_told_twice_than_never() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::LostBefore]);
    slack.trouble("find", "C1", &[Trouble::No("missing_scope")]);
    let (chat, _) = chat(&slack);
    chat.post(&thread("C1"), finished()).await.unwrap();
    assert_eq!(slack.messages("C1").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_cards_that_wait_only_the_newest_goes_out() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    slack.trouble("update", "C1", &[Trouble::Wait(5)]);
    let began = tokio::time::Instant::now();
    let senders = TaskTracker::new();
    for exit in 0..20 {
        let (chat, thread) = (chat.clone(), thread.clone());
        let card = Card { state: State::Done { exit }, ..small() };
        senders.spawn(async move { chat.show(&thread, card).await.unwrap() });
    }
    senders.close();
    senders.wait().await;
    assert_eq!(slack.calls_of("update"), 2, "{:?}", slack.calls());
    // Whoever is content already takes nobody's turn.
    assert!(began.elapsed() <= Duration::from_secs(6));
    assert!(slack.last("C1").contains("failed with exit code 19"));
    // What was shown before is not taken for what is to be shown now.
    chat.show(&thread, Card { state: State::Running, ..small() }).await.unwrap();
    assert!(slack.last("C1").contains(": running"));
}

#[tokio::test(start_paused = true)]
async fn a_no_is_told_at_once_and_a_revoked_token_may_be_mended() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::No("msg_too_long"), Trouble::No("token_revoked")]);
    let (chat, _) = chat(&slack);
    let refused = chat.post(&thread("C1"), finished()).await;
    assert!(matches!(refused, Err(ChatError::Rejected(code)) if code == "msg_too_long"));
    // p49: the gateway keeps the result and tries again.
    assert!(matches!(chat.post(&thread("C1"), finished()).await, Err(ChatError::Unreachable(_))));
    chat.post(&thread("C1"), finished()).await.unwrap();
    assert_eq!(slack.calls(), ["post C1 @0"; 3]);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_waited_out() {
    let slack = Slack::new();
    slack.trouble("post", "C1", &[Trouble::Away, Trouble::Away, Trouble::Away]);
    slack.trouble("update", "C1", &[Trouble::LostBefore, Trouble::LostAfter]);
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    chat.show(&thread, small()).await.unwrap();
    assert_eq!(slack.messages("C1").len(), 1);
    assert!(slack.last("C1").contains("waiting for people"));
}

#[tokio::test(start_paused = true)]
async fn live_output_gives_way_and_results_do_not_wait_for_it() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    // Twenty runs pour into one channel, more than it takes.
    for nth in 0..20 {
        let thread = ThreadId::new(format!("C1/theirs.{nth}"));
        for line in 0..5 {
            chat.output(&thread, id(&nth.to_string()), lines(line, Stream::Out, &["x"])).await.unwrap();
        }
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let before = slack.messages("C1").len();
    assert!(before <= 4, "{before} messages of live output at once");
    chat.post(&ThreadId::new("C1/theirs.99"), finished()).await.unwrap();
    let result = slack.messages("C1").pop().unwrap();
    assert!(result.says.contains("Done") && result.at <= 2, "{result:?}");
    // In the end all of it stands there.
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert_eq!(slack.messages("C1").len(), 21);
}

#[tokio::test(start_paused = true)]
async fn the_last_lines_are_kept_until_they_can_be_told() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = thread("C1");
    chat.output(&thread, id("1"), lines(0, Stream::Out, &["precious"])).await.unwrap();
    slack.trouble("post", "C1", &[Trouble::Wait(600)]);
    let end = Notice::UnknownOutcome { find_out: vec!["look".into()] };
    assert!(matches!(chat.post(&thread, end.clone()).await, Err(ChatError::Unreachable(_))));
    assert_eq!(slack.messages("C1"), []);
    tokio::time::sleep(Duration::from_mins(10)).await;
    chat.post(&thread, end).await.unwrap();
    let messages = slack.messages("C1");
    assert!(messages[0].says.contains("| precious"));
    assert!(messages[1].says.contains("Outcome unknown"));
    assert_eq!(messages.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn p49_a_revoked_token_loses_no_lines() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = thread("C1");
    chat.output(&thread, id("1"), lines(0, Stream::Out, &["precious"])).await.unwrap();
    slack.trouble("post", "C1", &[Trouble::No("token_revoked"), Trouble::No("token_revoked")]);
    for _ in 0..2 {
        assert!(matches!(chat.post(&thread, finished()).await, Err(ChatError::Unreachable(_))));
    }
    chat.post(&thread, finished()).await.unwrap();
    assert!(slack.messages("C1")[0].says.contains("| precious"));
    assert_eq!(slack.messages("C1").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn at_stop_what_was_poured_is_shown_and_the_tasks_end() {
    let slack = Slack::new();
    let (chat, tasks) = chat(&slack);
    chat.output(&thread("C1"), id("1"), lines(0, Stream::Out, &["precious"])).await.unwrap();
    slack.trouble("post", "C2", &vec![Trouble::Away; 100]);
    chat.output(&thread("C2"), id("2"), lines(0, Stream::Out, &["nowhere to go"])).await.unwrap();
    tasks.close();
    let began = tokio::time::Instant::now();
    tasks.wait().await;
    assert!(began.elapsed() <= Duration::from_mins(1));
    assert!(slack.last("C1").contains("| precious"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_message_does_not_hold_up_whoever_pours() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    slack.trouble("post", "C1", &[Trouble::Slow(30)]);
    let began = tokio::time::Instant::now();
    chat.output(&thread("C1"), id("1"), lines(0, Stream::Out, &["one"])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    chat.output(&thread("C1"), id("1"), lines(1, Stream::Out, &["two"])).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(3));
}
