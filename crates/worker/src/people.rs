//! The facts of this worker's own decision: its clock and its directory.

use crate::Worker;
use crate::job::Settled;
use countersign_core::ballot::Ballot;
use countersign_core::decision::DecisionBytes;
use countersign_core::policy::Facts;
use countersign_core::principal::SubjectId;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::seal::Sealed;
use std::collections::BTreeSet;

impl Worker {
    /// The facts, or what becomes of the claim: a directory that is away for a while says nothing
    /// against anybody, and voids no approval.
    pub(crate) async fn known(&self, decision: &DecisionBytes, ballots: &[Sealed<Ballot>]) -> Result<Facts, Settled> {
        let id = decision.decision().invocation;
        match self.facts(decision, ballots).await {
            Ok(facts) => Ok(facts),
            Err(refusal) if refusal.code() == Code::DirectoryUnavailable => {
                tracing::warn!(invocation.id = %id, "The work is given back: {refusal}");
                Err(Settled::GiveBack)
            }
            Err(refusal) => Err(self.refuse(id, *refusal).await),
        }
    }

    /// The requester and everybody who voted. Whoever the directory does not know is not among
    /// them, and so neither asks nor agrees.
    async fn facts(&self, decision: &DecisionBytes, ballots: &[Sealed<Ballot>]) -> Result<Facts, Box<Refusal>> {
        let parts = self.parts();
        let now = parts.clock.now();
        let id = decision.decision().invocation;
        let voters = ballots.iter().filter_map(|sealed| sealed.open(&parts.verifier, id, now).ok()).map(|it| it.voter);
        let ids: BTreeSet<SubjectId> = voters.chain([decision.decision().requester.clone()]).collect();
        let people = parts.directory.people(&ids.into_iter().collect::<Vec<_>>()).await?;
        Ok(Facts::new(now, people))
    }
}
