//! Whether this gateway's clock can be trusted with people's time.

use crate::Gateway;
use countersign_audit::begin::MAX_SKEW;
use countersign_core::refusal::{Code, Refusal};

impl Gateway {
    /// Compares the own clock with the queue's: an approval must not live longer because one
    /// machine's clock is slow.
    ///
    /// # Errors
    /// `clock-skew` when they are more than 30 s apart; otherwise that the queue is away.
    pub(crate) async fn clocks_agree(&self) -> Result<(), Box<Refusal>> {
        let parts = self.parts();
        let store = parts.queue.time().await.map_err(|error| Box::new(error.refusal()))?;
        let Some(store) = store else { return Ok(()) };
        let own = parts.clock.now();
        let apart = own.since(store).max(store.since(own));
        if apart <= MAX_SKEW {
            return Ok(());
        }
        tracing::error!("This gateway's clock and the queue's are {} s apart", apart.as_secs());
        Err(Box::new(Refusal::new(
            Code::ClockSkew,
            format!("this gateway's clock is {} s off, so nobody can agree to anything here", apart.as_secs()),
            "Tell the operators to set its clock; reading still works.",
        )))
    }
}
