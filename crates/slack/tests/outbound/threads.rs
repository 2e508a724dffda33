//! Where a request is told.

use crate::support::cards::{NOW, id, lines, small};
use crate::support::slack::{Slack, Trouble};
use countersign_chat::output::Stream;
use countersign_chat::{Chat, ChatError, Finished, NewThread, Notice, ThreadId};
use countersign_core::outcome::Ending;
use countersign_core::principal::Account;
use countersign_core::time::{Clock, Timestamp};
use countersign_slack::SlackThreads;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Stands still; waiting is measured with tokio's own clock.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn boottime(&self) -> Duration {
        Duration::from_secs(1)
    }
}

pub(crate) fn chat(slack: &Arc<Slack>) -> (SlackThreads, TaskTracker) {
    let tasks = TaskTracker::new();
    (SlackThreads::new(slack.clone(), Arc::new(Still), tasks.clone()), tasks)
}

pub(crate) fn typed(trigger: &str, channel: Option<&str>) -> NewThread {
    NewThread {
        invocation: id(trigger),
        account: Account { front: "slack".into(), team: "T1".into(), user: "U1".into() },
        requester: "Ann".into(),
        channel: channel.map(Into::into),
        within: None,
        title: "/kubectl get pods".into(),
    }
}

pub(crate) fn finished() -> Notice {
    Notice::Finished(Finished {
        ending: Ending::Ran,
        exit: Some(0),
        duration: Duration::from_secs(2),
        hidden_lines: 0,
        redactions: 0,
        notes: Vec::new(),
    })
}

#[tokio::test(start_paused = true)]
async fn the_card_is_the_first_message_and_is_changed_in_place() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    assert!(slack.last("C1").contains("If this does not change within a minute, nothing was started"));
    chat.show(&thread, small()).await.unwrap();
    chat.post(&thread, Notice::Confirmed { who: "Ann".into() }).await.unwrap();
    let messages = slack.messages("C1");
    assert_eq!(messages.len(), 2);
    assert!(messages[0].says.contains("Review and approve") || messages[0].says.contains("Approve"));
    assert_eq!((messages[0].thread.as_deref(), messages[1].thread.as_deref()), (None, Some("17.000001")));
    assert_eq!(thread.as_str(), "C1/17.000001");
}

#[tokio::test(start_paused = true)]
async fn within_a_thread_the_card_is_a_reply_and_so_is_the_rest() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let within = Some(ThreadId::new("C1//theirs.1"));
    let thread = chat.open(NewThread { within, ..typed("1", Some("C1")) }).await.unwrap();
    chat.show(&thread, small()).await.unwrap();
    chat.post(&thread, finished()).await.unwrap();
    let threads: Vec<_> = slack.messages("C1").into_iter().map(|message| message.thread).collect();
    assert_eq!(threads, [Some("theirs.1".to_owned()), Some("theirs.1".to_owned())]);
    assert_eq!(thread.as_str(), "C1/17.000001/theirs.1");
}

#[tokio::test(start_paused = true)]
async fn another_gateway_goes_on_in_the_same_thread() {
    let slack = Slack::new();
    let thread = chat(&slack).0.open(typed("1", Some("C1"))).await.unwrap();
    let (other, _) = chat(&slack);
    let again = NewThread { within: Some(thread.clone()), ..typed("1", Some("C1")) };
    assert_eq!(other.open(again).await.unwrap(), thread);
    other.show(&thread, small()).await.unwrap();
    other.post(&thread, finished()).await.unwrap();
    let messages = slack.messages("C1");
    assert_eq!(messages.len(), 2);
    assert!(messages[0].says.contains("waiting for people"));
}

#[tokio::test(start_paused = true)]
async fn the_same_request_has_one_thread() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let first = chat.open(typed("1", Some("C1"))).await.unwrap();
    assert_eq!(chat.open(typed("1", Some("C1"))).await.unwrap(), first);
    assert_ne!(chat.open(typed("2", Some("C1"))).await.unwrap(), first);
    assert_eq!(slack.messages("C1").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_the_bot_may_not_write_it_is_told_directly_and_why() {
    for code in ["not_in_channel", "channel_not_found", "is_archived"] {
        let slack = Slack::new();
        slack.trouble("post", "C1", &[Trouble::No(code)]);
        let (chat, _) = chat(&slack);
        let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
        assert_eq!(thread.as_str(), "DU1/17.000001", "{code}");
        assert!(slack.last("DU1").contains("Invite me there"), "{}", slack.last("DU1"));
        assert_eq!(slack.messages("C1"), []);
    }
}

#[tokio::test(start_paused = true)]
async fn p33_what_strangers_would_read_is_told_directly() {
    let slack = Slack::new();
    slack.share("C1");
    let (chat, _) = chat(&slack);
    for trigger in ["1", "2"] {
        let thread = chat.open(typed(trigger, Some("C1"))).await.unwrap();
        assert!(thread.as_str().starts_with("DU1/"));
    }
    assert!(slack.last("DU1").contains("shared with another organisation"));
    assert_eq!((slack.messages("C1"), slack.calls_of("is_shared")), (Vec::new(), 1));
    // A thread in it is no way around.
    let within = Some(ThreadId::new("C1//theirs.1"));
    let thread = chat.open(NewThread { within, ..typed("3", Some("C1")) }).await.unwrap();
    assert!(thread.as_str().starts_with("DU1/"));
}

#[tokio::test(start_paused = true)]
async fn p33_a_channel_nobody_can_tell_about_counts_as_shared() {
    for trouble in [Trouble::Away, Trouble::No("missing_scope"), Trouble::No("channel_not_found"), Trouble::Wait(9)] {
        let slack = Slack::new();
        slack.trouble("is_shared", "C1", &[trouble]);
        let (chat, _) = chat(&slack);
        assert!(chat.open(typed("1", Some("C1"))).await.unwrap().as_str().starts_with("DU1/"));
        // And that is not remembered.
        assert!(chat.open(typed("2", Some("C1"))).await.unwrap().as_str().starts_with("C1/"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_typed_nowhere_is_told_directly_without_excuse() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    chat.open(typed("1", None)).await.unwrap();
    assert_eq!(slack.messages("DU1").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn output_is_one_message_that_grows_and_ends_before_the_last_word() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    for nth in 0..50 {
        chat.output(&thread, id("1"), lines(nth, Stream::Out, &[&format!("line {nth}")])).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Ten seconds of it: after one, four, seven and ten.
    assert!(slack.calls_of("update") <= 4, "{:?}", slack.calls());
    chat.output(&thread, id("1"), lines(50, Stream::Out, &["the last line"])).await.unwrap();
    chat.post(&thread, finished()).await.unwrap();
    let messages = slack.messages("C1");
    assert_eq!(messages.len(), 3);
    assert!(messages[1].says.contains("| line 0\n") && messages[1].says.contains("| the last line"));
    assert!(messages[2].says.contains("Done, exit code 0"));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_output_message_is_begun_anew() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    chat.output(&thread, id("1"), lines(0, Stream::Out, &["one"])).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    slack.delete("C1", "17.000002");
    chat.output(&thread, id("1"), lines(1, Stream::Out, &["two"])).await.unwrap();
    chat.post(&thread, finished()).await.unwrap();
    let messages = slack.messages("C1");
    assert!(messages[1].says.contains("| two"), "{messages:?}");
    assert_eq!(messages.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_result_is_told_in_the_channel_when_its_thread_was_deleted() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    let thread = chat.open(typed("1", Some("C1"))).await.unwrap();
    slack.delete("C1", "17.000001");
    chat.post(&thread, finished()).await.unwrap();
    assert_eq!(slack.messages("C1")[0].thread, None);
    assert!(matches!(chat.show(&thread, small()).await, Err(ChatError::Rejected(code)) if code == "message_not_found"));
}

#[tokio::test(start_paused = true)]
async fn a_thread_of_another_front_is_unknown() {
    let slack = Slack::new();
    let (chat, _) = chat(&slack);
    for name in ["console-7", "C1", "C1//17.1", ""] {
        let thread = ThreadId::new(name);
        assert!(matches!(chat.show(&thread, small()).await, Err(ChatError::UnknownThread(_))), "{name}");
    }
    assert!(matches!(chat.post(&ThreadId::new("C1"), finished()).await, Err(ChatError::UnknownThread(_))));
    assert_eq!(slack.calls(), Vec::<String>::new());
}
