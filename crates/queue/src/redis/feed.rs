//! Progress for people to watch.

use super::{RedisQueue, believed};
use crate::doc::{Entry, News, Page, Progress, Topic};
use crate::embedded::feed::{MOST_BYTES, MOST_ENTRIES};
use crate::error::Unavailable;
use crate::port::Feed;
use async_trait::async_trait;
use countersign_core::id::InvocationId;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An entry as it is stored; its number is the stream's.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    at: Timestamp,
    progress: Progress,
}

#[async_trait]
impl Feed for RedisQueue {
    async fn append(
        &self,
        id: InvocationId,
        pool: &str,
        at: Timestamp,
        progress: Vec<Progress>,
    ) -> Result<u64, Unavailable> {
        let mut arguments = vec![pool.to_owned(), id.to_string(), MOST_ENTRIES.to_string(), MOST_BYTES.to_string()];
        for progress in progress {
            arguments.push(progress.size().to_string());
            let stored = Stored { at, progress };
            arguments.push(serde_json::to_string(&stored).map_err(Unavailable::new)?);
        }
        let last: String = self.run(|all| &all.append, arguments).await?;
        last.parse().map_err(Unavailable::new)
    }

    async fn read(&self, id: InvocationId, pool: &str, after: u64, limit: usize) -> Result<Page, Unavailable> {
        type Found = (Option<String>, Vec<(String, Vec<String>)>);
        let mut commands = ::redis::pipe();
        commands.cmd("HGET").arg(self.of_pool(pool, &format!("feedhead:{id}"))).arg("gone");
        let (feed, from) = (self.of_pool(pool, &format!("feed:{id}")), format!("{}-0", after.saturating_add(1)));
        commands.cmd("XRANGE").arg(feed).arg(from).arg("+").arg("COUNT").arg(limit);
        let (gone, found): Found = self.ask_all(&commands).await?;
        let gone = gone.and_then(|gone| gone.parse().ok()).unwrap_or(0);
        Ok(Page { entries: found.into_iter().filter_map(entry).collect(), is_cut: after < gone })
    }

    fn listen(&self, topic: Topic) -> News {
        self.0.hints.listen(topic)
    }
}

/// `number-0` and the fields `s`, size, `e`, JSON.
fn entry((number, fields): (String, Vec<String>)) -> Option<Entry> {
    let seq = number.split_once('-')?.0.parse().ok()?;
    let at = fields.iter().position(|field| field == "e")?;
    let stored: Stored = believed("progress", fields.get(at + 1)?)?;
    Some(Entry { seq, at: stored.at, progress: stored.progress })
}
