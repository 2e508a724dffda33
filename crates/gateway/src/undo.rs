//! Taking back what a request did, by a click.
//!
//! **Invariant:** a button holds no line: it is made here, from the decision on record. What comes of it is a request of
//! whoever clicked, as if they had typed it: decided, shown, agreed to and confirmed like any other.

use crate::Gateway;
use crate::vote::unknown;
use countersign_chat::{Answer, Clicked, State, Typed};
use countersign_core::command::Tool;
use countersign_core::decision::Decision;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::Mode;
use countersign_queue::Papers;

/// The line that takes back what this decision allowed; `None` when there is none.
pub(crate) fn line(decision: &Decision) -> Option<String> {
    match &decision.tool {
        Tool::Silence => {
            let verb = decision.argv.arguments().first()?.as_str();
            let made = decision.mode == Mode::Apply && !["list", "expire"].contains(&verb);
            // A silence can be named by the request that made it.
            let on = decision.scope.target.as_deref().filter(|_| made)?;
            Some(format!("/silence expire {} --on={on}", decision.invocation))
        }
        Tool::Deploy => {
            let verb = decision.argv.arguments().first()?.as_str();
            let scope = (decision.scope.target.as_deref()?, decision.scope.env.as_deref()?);
            // Named by the request: what somebody else has changed since is not taken back.
            let made = decision.mode == Mode::Apply && verb != "status";
            made.then(|| format!("/deploy undo {} {} {}", scope.0, scope.1, decision.invocation))
        }
        Tool::Kubectl | Tool::Aws | Tool::Gcloud | Tool::Tf | Tool::Custom(_) => None,
    }
}

impl Gateway {
    /// Asks for the line in the name of whoever clicked.
    pub(crate) async fn undo(&self, clicked: &Clicked, papers: &Papers) -> Result<Answer, Box<Refusal>> {
        let Some(glance) = self.glance(clicked.invocation, papers).await else { return Err(Box::new(unknown())) };
        let copied = clicked.thread.as_ref().is_some_and(|thread| *thread != glance.thread);
        let other = clicked.decision.is_some_and(|shown| shown != glance.decision.digest());
        let line = line(glance.decision.decision()).filter(|_| !copied && !other);
        let Some(text) = line.filter(|_| glance.state == (State::Done { exit: 0 })) else {
            return Err(Box::new(Refusal::new(
                Code::UnknownButton,
                "there is nothing here that this button takes back",
                "Ask for what you want in a line of your own.",
            )));
        };
        let typed = Typed {
            account: clicked.account.clone(),
            membership: clicked.membership,
            channel: glance.channel,
            thread: clicked.thread.clone(),
            text,
            manifest: None,
            nonce: clicked.nonce.clone(),
            at: clicked.at,
        };
        Ok(Box::pin(self.typed(typed)).await)
    }
}
