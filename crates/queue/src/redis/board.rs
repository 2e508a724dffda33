//! Sealed documents by invocation.

use super::{RedisQueue, believed, posted};
use crate::doc::{Cast, Paper, Papers, Posted};
use crate::embedded::board::who;
use crate::error::Unavailable;
use crate::port::Board;
use async_trait::async_trait;
use countersign_core::ballot::{Ballot, Vote};
use countersign_core::id::InvocationId;
use countersign_core::principal::SubjectId;
use countersign_core::seal::Sealed;
use countersign_core::time::Timestamp;

/// More ballots than this are nobody's: an invocation has a handful.
const MOST_BALLOTS: usize = 1_000;

#[async_trait]
impl Board for RedisQueue {
    async fn post(&self, id: InvocationId, pool: &str, paper: Paper) -> Result<Posted, Unavailable> {
        let (kind, json) = match &paper {
            Paper::Asked(sealed) => ("asked", serde_json::to_string(sealed)),
            Paper::Effect(sealed) => ("effect", serde_json::to_string(sealed)),
            Paper::Outcome(sealed) => ("outcome", serde_json::to_string(sealed)),
        };
        let json = json.map_err(Unavailable::new)?;
        posted(self.run(|all| &all.post, (id.to_string(), pool, kind, json)).await?)
    }

    async fn cast(
        &self,
        id: InvocationId,
        voter: &SubjectId,
        vote: Vote,
        ballot: &Sealed<Ballot>,
    ) -> Result<Cast, Unavailable> {
        let json = serde_json::to_string(ballot).map_err(Unavailable::new)?;
        let said: (i64, String) = self.run(|all| &all.cast, (id.to_string(), who(voter, vote), json)).await?;
        match said {
            (1, _) => Ok(Cast::Counted),
            (2, first) => believed("a ballot", &first)
                .map(Cast::AlreadyCast)
                .ok_or_else(|| Unavailable::new("the ballot that is there cannot be read")),
            _ => Err(Unavailable::new("nothing was asked that this ballot could be about")),
        }
    }

    async fn papers(&self, id: InvocationId) -> Result<Papers, Unavailable> {
        type Found = (Option<String>, Option<String>, Option<String>, Vec<String>);
        let (asked, effect, outcome, ballots): Found = self.run(|all| &all.papers, id.to_string()).await?;
        Ok(Papers {
            asked: asked.and_then(|json| believed("a request", &json)),
            effect: effect.and_then(|json| believed("an effect", &json)),
            outcome: outcome.and_then(|json| believed("an outcome", &json)),
            ballots: ballots.iter().take(MOST_BALLOTS).filter_map(|json| believed("a ballot", json)).collect(),
        })
    }

    async fn open(&self) -> Result<Vec<InvocationId>, Unavailable> {
        let mut command = ::redis::cmd("ZRANGE");
        command.arg(format!("{}open", self.0.prefix)).arg(0).arg(-1);
        let names: Vec<String> = self.ask(&command).await?;
        // Ids begin with the time, and all have the same score: they come oldest first.
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn close(&self, id: InvocationId, at: Timestamp) -> Result<(), Unavailable> {
        self.run::<i64>(|all| &all.close, (id.to_string(), at.as_millis())).await.map(drop)
    }

    async fn forget(&self, closed_before: Timestamp) -> Result<Vec<InvocationId>, Unavailable> {
        let names: Vec<String> = self.run(|all| &all.forget, closed_before.as_millis()).await?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }
}
