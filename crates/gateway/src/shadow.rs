//! The shadow policy beside a decision: what it would have said is counted and logged.
//!
//! **Invariant:** called after nothing and before nothing that depends on it: a shadow changes no
//! decision. Logged are rules, quorums and codes, never what was typed.

use crate::Gateway;
use crate::receive::Asker;
use countersign_core::command::Command;
use countersign_core::time::Timestamp;
use countersign_policy::answer;
use countersign_service::metrics;

impl Gateway {
    /// Tells operators if the shadow would have treated this otherwise.
    pub(crate) fn beside_shadow(&self, asker: &Asker, command: &Command, now: Timestamp) {
        let asked = answer::Asker {
            principal: asker.principal.clone(),
            channel: asker.typed.channel.clone(),
            attachment: None,
            now,
        };
        let Some(found) = self.parts().policy.beside_shadow(&asked, command) else { return };
        metrics::shadow_difference(found.direction.as_str());
        tracing::info!(
            invocation.id = %asker.id,
            direction = found.direction.as_str(),
            live = found.live,
            shadow = found.shadow,
            "The shadow policy would treat this otherwise"
        );
    }
}
