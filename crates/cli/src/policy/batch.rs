//! Many lines at once: JSON lines in, JSON lines out, in their order.
//!
//! **Invariant:** every line that comes in is answered by one line that goes out; what cannot be
//! read is answered with `error` and never skipped.

use super::asked::{asker, channel, instant, subject};
use super::document::Document;
use anyhow::Context as _;
use countersign_policy::Policy;
use countersign_policy::answer::{Asker, ask};
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};

/// One question.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(default)]
    id: serde_json::Value,
    text: String,
    groups: Option<Vec<String>>,
    subject: Option<String>,
    channel: Option<String>,
    #[serde(default)]
    private: bool,
    attachment: Option<String>,
    now: Option<String>,
}

/// Answers every line of `input`; what a line does not say is as `usual` says.
///
/// # Errors
/// When reading or writing fails.
pub fn run(policy: &Policy, usual: &Asker, input: impl BufRead, mut output: impl Write) -> anyhow::Result<()> {
    for line in input.lines() {
        let line = line.context("the questions cannot be read")?;
        if line.trim().is_empty() {
            continue;
        }
        serde_json::to_writer(&mut output, &answer(policy, usual, &line)).context("the answers cannot be written")?;
        output.write_all(b"\n").context("the answers cannot be written")?;
    }
    output.flush().context("the answers cannot be written")
}

/// What goes out for a line.
#[derive(Debug, Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "one lives for a moment, on the stack")]
enum Reply {
    Answered(Document),
    Unread { id: serde_json::Value, error: String },
}

fn answer(policy: &Policy, usual: &Asker, line: &str) -> Reply {
    let question: Question = match serde_json::from_str(line) {
        Ok(question) => question,
        Err(error) => return Reply::Unread { id: serde_json::Value::Null, error: error.to_string() },
    };
    match who(&question, usual) {
        Ok(asker) => Reply::Answered(Document::of(&ask(policy, &asker, &question.text), Some(question.id))),
        Err(error) => Reply::Unread { id: question.id, error: format!("{error:#}") },
    }
}

fn who(question: &Question, usual: &Asker) -> anyhow::Result<Asker> {
    let id = match &question.subject {
        Some(text) => subject(text)?,
        None => usual.principal.id.clone(),
    };
    let groups = question.groups.as_ref().map(|groups| groups.iter().cloned().collect());
    let now = match &question.now {
        Some(text) => instant(text)?,
        None => usual.now,
    };
    let groups = groups.unwrap_or_else(|| usual.principal.groups.clone());
    let attachment = question.attachment.clone().or_else(|| usual.attachment.clone());
    let channel = question.channel.as_deref().map(|id| channel(id, question.private));
    let channel = channel.or_else(|| usual.channel.clone());
    Ok(Asker { attachment, ..asker(id, groups, channel, now) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_policy::{Overrides, Source, Sources};

    const RBAC: &str = include_str!("../../../../rbac.yaml");
    const CATALOG: &str = include_str!("../../../../catalog.yaml");

    fn replies(input: &str) -> Vec<serde_json::Value> {
        let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) };
        let policy = Policy::load(sources, &Overrides::default()).unwrap();
        let mut output = Vec::new();
        run(&policy, &Asker::in_groups(["engineering"]), input.as_bytes(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_line_is_answered_in_its_order_with_the_same_keys() {
        let replies = replies(
            "{\"id\":1,\"text\":\"kubectl get pods\"}\n\n{\"id\":\"b\",\"text\":\"kubectl get pods --token=x\"}\n\
             {\"id\":3,\"text\":\"kubectl delete pod api -n web --context prod --apply\",\"groups\":[\"sre\"]}\n\
             not json\n{\"id\":5,\"text\":\"kubectl get pods\",\"now\":\"soon\"}\n",
        );
        let of = |nth: usize, key: &str| replies[nth][key].clone();
        assert_eq!(replies.len(), 5);
        assert_eq!((of(0, "id"), of(0, "decision"), of(0, "tier")), (1.into(), "cleared".into(), "read".into()));
        assert_eq!(of(0, "argv"), serde_json::json!(["kubectl", "get", "pods", "--namespace=default"]));
        assert_eq!((of(1, "id"), of(1, "decision")), ("b".into(), "denied".into()));
        assert_eq!((of(1, "refusal")["column"].clone(), of(1, "refusal")["length"].clone()), (18.into(), 9.into()));
        assert_eq!((of(2, "decision"), of(2, "tier")), ("pending".into(), "destructive".into()));
        assert_eq!(
            of(2, "rules"),
            serde_json::json!([{ "id": "prod-destructive", "quorum": "1 of sre and 1 of payments" }])
        );
        assert!(replies[3]["error"].is_string() && replies[4]["error"].is_string());
        assert_eq!(of(4, "id"), 5);
        let keys = |nth: usize| replies[nth].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(0), keys(1));
    }
}
