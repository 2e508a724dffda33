//! Commands that are decided here and that no worker can run yet.
//!
//! **Invariant:** such a command ends with its decision: nobody is asked to agree to what cannot
//! start, and nothing of it is sealed.

use countersign_core::command::Tool;
use countersign_core::decision::Decision;
use countersign_core::quorum::Quorum;
use countersign_core::refusal::{Code, Refusal};

/// What was decided, as the no that it ends with; `None` when a worker can run it.
pub(crate) fn unserved(decision: &Decision) -> Option<Refusal> {
    match &decision.tool {
        Tool::Kubectl | Tool::Aws | Tool::Gcloud | Tool::Silence | Tool::Custom(_) => return None,
        Tool::Tf | Tool::Deploy => {}
    }
    let nobody = Quorum::none().to_string();
    let asked: Vec<&str> =
        decision.rules.iter().map(|rule| rule.quorum.as_str()).filter(|quorum| *quorum != nobody).collect();
    let people = if asked.is_empty() { "nobody else".to_owned() } else { asked.join(", and ") };
    let sentence = format!(
        "`/{}` is decided here, and no worker can run it yet; it is allowed ({}, {}), and {people} would have to agree",
        decision.tool, decision.tier, decision.sensitive,
    );
    let hint = "`/countersign can-i` asks for the decision alone; run it outside of chat until workers can";
    Some(Refusal::new(Code::NotAvailableYet, sentence, hint).by_rule("workers"))
}
