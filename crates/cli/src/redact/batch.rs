//! Many texts at once: JSON lines in, JSON lines out, in their order.
//!
//! **Invariant:** every line that comes in is answered by one line that goes out; what cannot be read is answered with
//! `error` and never skipped.

use super::{KNOWN, Secret, patterns};
use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_redact::Redactor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::process::ExitCode;

/// One text. What else a line holds is its sender's own note.
#[derive(Deserialize)]
struct Question {
    #[serde(default)]
    id: serde_json::Value,
    text: Option<String>,
    chunks: Option<Vec<Chunk>>,
    #[serde(default)]
    known: Known,
}

/// A piece of a text, which may end within a character.
#[derive(Deserialize)]
#[serde(untagged)]
enum Chunk {
    Text(String),
    Bytes(Vec<u8>),
    Base64 { base64: String },
}

impl Chunk {
    fn bytes(self) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Base64 { base64 } => STANDARD.decode(base64).context("a chunk is not base64")?,
        })
    }
}

/// What is known to be secret.
#[derive(Deserialize)]
#[serde(untagged)]
enum Known {
    Listed(Vec<OneKnown>),
    Named(BTreeMap<String, String>),
}

impl Default for Known {
    fn default() -> Self {
        Self::Listed(Vec::new())
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneKnown {
    Bare(String),
    Named { name: String, value: String },
}

impl Known {
    fn secrets(self) -> Vec<Secret> {
        let secret = |name: String, value: String| Secret { name, value: value.into() };
        match self {
            Self::Named(named) => named.into_iter().map(|(name, value)| secret(name, value)).collect(),
            Self::Listed(listed) => {
                let one = |one| match one {
                    OneKnown::Bare(value) => secret(KNOWN.to_owned(), value),
                    OneKnown::Named { name, value } => secret(name, value),
                };
                listed.into_iter().map(one).collect()
            }
        }
    }
}

/// What goes out for a line.
#[derive(Serialize)]
#[serde(untagged)]
enum Reply {
    Redacted { id: serde_json::Value, text: String, counts: BTreeMap<String, u64> },
    Unread { id: serde_json::Value, error: String },
}

/// Answers every line of `input`; `usual` is known to be secret in all of them.
pub(super) fn run(usual: &[Secret], input: impl BufRead, mut output: impl Write) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for line in input.split(b'\n') {
        let line = line.context("the texts cannot be read")?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let reply = answer(usual, &line);
        if matches!(reply, Reply::Unread { .. }) {
            code = ExitCode::from(1);
        }
        serde_json::to_writer(&mut output, &reply).context("the answers cannot be written")?;
        output.write_all(b"\n").context("the answers cannot be written")?;
    }
    output.flush().context("the answers cannot be written")?;
    Ok(code)
}

fn answer(usual: &[Secret], line: &[u8]) -> Reply {
    let mut question: Question = match serde_json::from_slice(line) {
        Ok(question) => question,
        // What serde says of a value may repeat it; only the place is told.
        Err(error) => {
            let id = serde_json::from_slice::<serde_json::Value>(line).map(|mut line| line["id"].take());
            let error = format!("the line cannot be read at column {}", error.column());
            return Reply::Unread { id: id.unwrap_or_default(), error };
        }
    };
    let id = question.id.take();
    match redacted(usual, question) {
        Ok((text, counts)) => Reply::Redacted { id, text, counts },
        Err(error) => Reply::Unread { id, error: format!("{error:#}") },
    }
}

fn redacted(usual: &[Secret], question: Question) -> anyhow::Result<(String, BTreeMap<String, u64>)> {
    let chunks = match (question.text, question.chunks) {
        (Some(text), None) => vec![text.into_bytes()],
        (None, Some(chunks)) => chunks.into_iter().map(Chunk::bytes).collect::<Result<_, _>>()?,
        _ => anyhow::bail!("a line has either `text` or `chunks`"),
    };
    let known: Vec<Secret> = usual.iter().cloned().chain(question.known.secrets()).collect();
    let mut redactor = Redactor::over(&patterns(&known)?);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend(redactor.push(&chunk));
    }
    let (rest, counts) = redactor.finish();
    out.extend(rest);
    Ok((String::from_utf8_lossy(&out).into_owned(), counts.by_name().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replies(input: &str) -> (ExitCode, Vec<serde_json::Value>) {
        let mut output = Vec::new();
        let code = run(&[], input.as_bytes(), &mut output).unwrap();
        let text = String::from_utf8(output).unwrap();
        (code, text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn every_line_is_answered_in_its_order() {
        let (code, replies) = replies(
            "{\"id\":1,\"text\":\"a canary-81f2 b\",\"known\":[\"canary-81f2\"],\"note\":\"mine\"}\n\n\
             {\"id\":\"b\",\"chunks\":[\"a can\",{\"base64\":\"YXJ5LeI=\"},[130,172],\"x\"],\"known\":{\"it\":\"canary-\u{20ac}\"}}\n\
             {\"id\":3,\"text\":\"x\",\"known\":[{\"name\":\"pin\",\"value\":\"1234\"}]}\nnot json\n{\"id\":5}\n\
             {\"id\":6,\"text\":7,\"known\":[\"canary-81f2\"]}\n",
        );
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(1)));
        assert_eq!(replies.len(), 6);
        assert_eq!(
            replies[0],
            serde_json::json!({ "id": 1, "text": "a [redacted:known] b", "counts": { "known": 1 } })
        );
        assert_eq!(replies[1], serde_json::json!({ "id": "b", "text": "a [redacted:it]x", "counts": { "it": 1 } }));
        assert_eq!(
            replies[2]["error"],
            "`pin` is too short to be found safely in output: a secret has at least 6 bytes"
        );
        assert!(replies[3]["error"].is_string() && replies[3]["id"].is_null());
        assert_eq!(replies[4]["error"], "a line has either `text` or `chunks`");
        assert!(replies[5]["id"] == 6 && !replies[5]["error"].to_string().contains("canary"));
    }
}
