//! Allowed if people agree: the preview, and the decision bytes that come out of it.

use super::asked::{AskedRecord, Stage};
use super::{Asked, Invocation, Pending};
use crate::decision::{Decision, DecisionBytes};
use crate::effect::Effect;
use crate::job::Preview;
use crate::seal::{SealError, Sealed, Sealer, Verifier};
use crate::time::Timestamp;

impl Invocation<Pending> {
    /// The decision without its effect.
    #[must_use]
    pub const fn draft(&self) -> &DecisionBytes {
        &self.state.draft
    }

    /// Whether the verb has a preview at all.
    #[must_use]
    pub const fn has_preview(&self) -> bool {
        self.state.has_preview
    }

    /// Seals the dry run that finds the effect.
    #[must_use]
    pub fn preview(&self, sealer: &Sealer) -> Sealed<Preview> {
        sealer.seal(&Preview::new(self.state.draft.clone(), self.input.clone()))
    }

    /// Seals what must survive a restart of the gateway while the preview runs.
    #[must_use]
    pub fn record(&self, sealer: &Sealer) -> Sealed<AskedRecord> {
        let stage = if self.state.has_preview { Stage::PendingWithPreview } else { Stage::Pending };
        sealer.seal(&AskedRecord::of(self, stage, &self.state.draft, self.state.confirmation))
    }

    /// Makes the decision bytes. With an effect, its digest becomes part of them.
    ///
    /// # Errors
    /// When the effect's seal does not open for this invocation, or it comes from another pool.
    pub fn with_effect(
        self,
        effect: Option<&Sealed<Effect>>,
        verifier: &Verifier,
        now: Timestamp,
    ) -> Result<Invocation<Asked>, SealError> {
        let digest = match effect {
            None if self.state.has_preview => {
                return Err(SealError::Inconsistent("the effect is missing"));
            }
            None => None,
            Some(sealed) => {
                let found = sealed.open(verifier, self.id(), now)?;
                if found.pool != self.state.draft.decision().pool {
                    return Err(SealError::WrongPool);
                }
                Some(sealed.digest())
            }
        };
        Ok(self.into_state(|pending| {
            let draft = pending.draft.decision().clone();
            let decision = DecisionBytes::make(Decision { effect: digest, ..draft });
            Asked { decision, confirmation: pending.confirmation }
        }))
    }
}
