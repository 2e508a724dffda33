//! News from Redis, over a connection of their own.

use super::link::Link;
use super::settings::Channels;
use crate::doc::Topic;
use crate::hints::Hints;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long after a lost connection the next is tried.
const AGAIN: Duration = Duration::from_millis(500);

/// A connection that has been silent so long may be dead without either side knowing.
const SILENCE: Duration = Duration::from_secs(30);

/// Passes news on until `stop`. Nobody depends on them: whoever waits also looks now and then.
pub(super) async fn listen(link: Link, channels: Channels, hints: Arc<Hints>, stop: CancellationToken) {
    let mut was_away = false;
    while !stop.is_cancelled() {
        tokio::select! {
            heard = hear(&link, &channels, &hints) => match heard {
                Ok(()) => was_away = false,
                Err(trouble) => {
                    if !std::mem::replace(&mut was_away, true) {
                        tracing::warn!("No news from Redis: {trouble}");
                    }
                }
            },
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// One connection, until it is lost or silent for long.
async fn hear(link: &Link, channels: &Channels, hints: &Hints) -> Result<(), super::link::Trouble> {
    let mut connection = link.news().await?;
    if connection.psubscribe(&channels.patterns).await.is_err() {
        return Err(super::link::Trouble::NotPermitted);
    }
    // What happened while nobody listened is found by looking.
    hints.hint_all();
    let mut messages = connection.into_on_message();
    loop {
        match tokio::time::timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => {
                if let Some(topic) = message.get_channel_name().strip_prefix(&channels.prefix).and_then(topic) {
                    hints.hint(&[topic]);
                }
            }
            Ok(None) => {
                // The server went away: the shared connection is dead too, and nobody should be
                // the one to find out.
                link.forget_connection().await;
                return Ok(());
            }
            Err(_) => return Ok(()),
        }
    }
}

/// `news:control`, or `pool:POOL:news:` and what it is about.
fn topic(name: &str) -> Option<Topic> {
    if name == "news:control" {
        return Some(Topic::Control);
    }
    let (pool, name) = name.strip_prefix("pool:")?.split_once(":news:")?;
    if name == "work" {
        return Some(Topic::Pool(pool.to_owned()));
    }
    if let Some(id) = name.strip_prefix("cancellation:") {
        return id.parse().ok().map(Topic::Cancellation);
    }
    match name.strip_prefix("invocation:") {
        Some(id) => id.parse().ok().map(Topic::Invocation),
        None => (name == "board").then_some(Topic::Board),
    }
}
