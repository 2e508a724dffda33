//! An outsider's own reading of the log: JSON, SHA-256 and ed25519, and none of our code.
//!
//! What an auditor must be able to rebuild is written down here a second time, from docs/audit.md
//! and not from the types, so that a field that goes missing in the code goes missing here too.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// All records that name one request, in the order of their time.
pub(crate) type Told = Vec<Value>;

/// What an auditor wants to know about a request that ran.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) asked_by: String,
    pub(crate) typed: String,
    /// What the people who agreed had seen: the digest over the exact bytes.
    pub(crate) shown: String,
    /// What the dry run had found, in words; none where nobody had to agree.
    pub(crate) effect: Option<String>,
    pub(crate) approved_by: Vec<String>,
    pub(crate) ran: Vec<String>,
    /// Digests of the policy files by which it was decided.
    pub(crate) policy: (String, String),
    pub(crate) exit: u64,
    pub(crate) came_out: String,
}

/// The log as an outsider holds it: a folder and the public root key.
pub(crate) struct Outsider<'a> {
    pub(crate) audit: &'a Path,
    pub(crate) root: VerifyingKey,
}

impl<'a> Outsider<'a> {
    pub(crate) fn new(audit: &'a Path, root: &Path) -> Self {
        let text = fs::read_to_string(root).expect("the root key is public");
        let bytes = BASE64.decode(text.trim()).expect("it is base64").try_into().expect("of 32 bytes");
        Self { audit, root: VerifyingKey::from_bytes(&bytes).expect("it is a key") }
    }

    /// The records of each request.
    pub(crate) fn read(&self) -> BTreeMap<String, Told> {
        let mut requests: BTreeMap<String, Told> = BTreeMap::new();
        for writer in fs::read_dir(self.audit.join("records/v1")).expect("the log is there") {
            for segment in fs::read_dir(writer.expect("the log is there").path()).expect("a writer is a folder") {
                let text = fs::read_to_string(segment.expect("the log is there").path()).expect("records are text");
                for line in text.lines() {
                    let record: Value = serde_json::from_str(line).expect("a record is JSON");
                    if let Some(id) = record["invocation"].as_str() {
                        requests.entry(id.to_owned()).or_default().push(record.clone());
                    }
                }
            }
        }
        for told in requests.values_mut() {
            told.sort_by_key(|record| record["at"].as_str().map(str::to_owned));
        }
        requests
    }

    /// Rebuilds what happened, or names what is missing.
    pub(crate) fn rebuild(&self, told: &[Value]) -> Result<Account, String> {
        let received = one(told, "received", None)?;
        let intent = one(told, "intent", Some("run"))?;
        let outcome = one(told, "outcome", Some("run"))?;
        let decision = text(intent, "/decision/text")?;
        let shown = text(intent, "/decision/digest")?;
        same("the decision's digest", &shown, &sha256(decision.as_bytes()))?;
        let said: Value = serde_json::from_str(&decision).map_err(|error| error.to_string())?;

        let asked_by = person(received, "/actor/principal")?;
        same("who asked", &asked_by, &person(&said, "/requester")?)?;
        let job = self.sealed(intent, "job", "gateway")?;
        same("the job's decision", &text(&job, "/decision")?, &decision)?;
        let approved_by = self.ballots(intent, &shown)?;
        let ran = words(intent, "/argv")?;
        if ran != words(&said, "/argv")? {
            return Err("/argv is not the decision's".into());
        }
        Self::started_once(intent, &said, &approved_by)?;
        let end = self.sealed(outcome, "outcome", "worker")?;
        same("the attempt", &text(&end, "/attempt")?, &text(intent, "/attempt")?)?;
        same("the ending", &text(&end, "/ending")?, &text(outcome, "/ending")?)?;
        let exit = number(outcome, "/exit")?;
        if number(&end, "/exit")? != exit {
            return Err("/exit is not the sealed one".into());
        }
        text(received, "/actor/known_by")?;
        text(intent, "/profile")?;
        Ok(Account {
            asked_by,
            typed: text(received, "/typed/text")?,
            shown,
            effect: self.effect(intent, &said)?,
            approved_by,
            ran,
            policy: (text(intent, "/policy/rbac")?, text(intent, "/policy/catalog")?),
            exit,
            came_out: self.output(outcome)?,
        })
    }

    /// Everybody whose sealed yes is for exactly this decision; enough for every rule.
    fn ballots(&self, intent: &Value, shown: &str) -> Result<Vec<String>, String> {
        let mut voters = Vec::new();
        for copy in copies(intent, "ballot") {
            let ballot = self.open(copy, "countersign/ballot/v1", "gateway")?;
            same("a ballot's decision", &text(&ballot, "/decision")?, shown)?;
            same("a ballot's vote", &text(&ballot, "/vote")?, "approve")?;
            voters.push(person(&ballot, "/voter")?);
        }
        let empty = Vec::new();
        let rules = intent["rules"].as_array().unwrap_or(&empty);
        let needed = rules.iter().map(|rule| quorum(rule["quorum"].as_str().unwrap_or("?"))).max().unwrap_or(0);
        let slots = intent["ballots"].as_array().map_or(0, |ballots| {
            ballots.iter().filter(|ballot| ballot["slots"].as_array().is_some_and(|slots| !slots.is_empty())).count()
        });
        if voters.len() < needed || slots < needed {
            return Err(format!("{} ballots in {slots} slots, and {needed} were needed", voters.len()));
        }
        voters.sort();
        Ok(voters)
    }

    /// What has to have a fate has its own start as fate.
    fn started_once(intent: &Value, said: &Value, approved_by: &[String]) -> Result<(), String> {
        if text(said, "/tier")? == "read" && text(said, "/sensitive")? == "plain" && approved_by.is_empty() {
            return Ok(());
        }
        let fate: Value = serde_json::from_str(&text(intent, "/fate")?).map_err(|error| error.to_string())?;
        same("the fate's attempt", &text(&fate, "/verdict/start/attempt")?, &text(intent, "/attempt")?)?;
        same("the fate's worker", &text(&fate, "/verdict/start/worker")?, &text(intent, "/writer")?)
    }

    fn effect(&self, intent: &Value, said: &Value) -> Result<Option<String>, String> {
        let Some(digest) = said["effect"].as_str() else { return Ok(None) };
        let copy = copies(intent, "effect").next().ok_or("the intent has no sealed effect")?;
        let effect = self.open(copy, "countersign/effect/v1", "worker")?;
        let carried: Value = serde_json::from_str(copy).map_err(|error| error.to_string())?;
        same("the effect's digest", digest, &sha256(text(&carried, "/bytes")?.as_bytes()))?;
        Ok(Some(effect.to_string()))
    }

    fn output(&self, outcome: &Value) -> Result<String, String> {
        let object = text(outcome, "/output/object")?;
        text(outcome, "/output/digest")?;
        let bytes = fs::read(self.audit.join(&object)).map_err(|_| format!("{object} is missing"))?;
        if u64::try_from(bytes.len()).ok() != Some(number(outcome, "/output/bytes")?) {
            return Err(format!("{object} has another length"));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn sealed(&self, record: &Value, kind: &str, role: &str) -> Result<Value, String> {
        let copy = copies(record, kind).next().ok_or_else(|| format!("no sealed {kind}"))?;
        self.open(copy, &format!("countersign/{kind}/v1"), role)
    }

    /// A seal is a signature over purpose, NUL, deployment, NUL, bytes, by a key that the root
    /// certified for a role.
    fn open(&self, copy: &str, purpose: &str, role: &str) -> Result<Value, String> {
        let seal: Value = serde_json::from_str(copy).map_err(|error| error.to_string())?;
        let certificate = text(&seal, "/cert/bytes")?;
        let message = [b"countersign/certificate/v1\0", certificate.as_bytes()].concat();
        verify(&self.root, &message, &text(&seal, "/cert/sig")?)?;
        let claims: Value = serde_json::from_str(&certificate).map_err(|error| error.to_string())?;
        same("the sealing key's role", &text(&claims, "/role")?, role)?;
        let key = BASE64.decode(text(&claims, "/key")?).map_err(|error| error.to_string())?;
        let key: [u8; 32] = key.try_into().map_err(|_| "a key has 32 bytes")?;
        let key = VerifyingKey::from_bytes(&key).map_err(|error| error.to_string())?;
        let bytes = text(&seal, "/bytes")?;
        let message =
            [purpose.as_bytes(), b"\0", text(&claims, "/deployment")?.as_bytes(), b"\0", bytes.as_bytes()].concat();
        verify(&key, &message, &text(&seal, "/sig")?)?;
        serde_json::from_str(&bytes).map_err(|error| error.to_string())
    }
}

fn verify(key: &VerifyingKey, message: &[u8], signature: &str) -> Result<(), String> {
    let bytes = BASE64.decode(signature).map_err(|error| error.to_string())?;
    let signature = Signature::from_slice(&bytes).map_err(|error| error.to_string())?;
    key.verify_strict(message, &signature).map_err(|_| "a signature does not fit".into())
}

fn one<'v>(told: &'v [Value], event: &str, errand: Option<&str>) -> Result<&'v Value, String> {
    let mut found =
        told.iter().filter(|record| record["event"] == event && errand.is_none_or(|errand| record["errand"] == errand));
    match (found.next(), found.next()) {
        (Some(record), None) => Ok(record),
        (None, _) => Err(format!("no {event} record")),
        (Some(_), Some(_)) => Err(format!("two {event} records")),
    }
}

fn copies<'v>(record: &'v Value, kind: &str) -> impl Iterator<Item = &'v str> {
    let all = record["sealed"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |copy| copy["kind"] == kind).filter_map(|copy| copy["text"].as_str())
}

fn text(value: &Value, pointer: &str) -> Result<String, String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("{pointer} is missing"))
}

fn number(value: &Value, pointer: &str) -> Result<u64, String> {
    value.pointer(pointer).and_then(Value::as_u64).ok_or_else(|| format!("{pointer} is missing"))
}

fn words(value: &Value, pointer: &str) -> Result<Vec<String>, String> {
    let list = value.pointer(pointer).and_then(Value::as_array).ok_or_else(|| format!("{pointer} is missing"))?;
    list.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(|| format!("{pointer} is no text"))).collect()
}

fn person(value: &Value, pointer: &str) -> Result<String, String> {
    Ok(format!("{}/{}", text(value, &format!("{pointer}/iss"))?, text(value, &format!("{pointer}/sub"))?))
}

fn same(what: &str, one: &str, other: &str) -> Result<(), String> {
    if one == other { Ok(()) } else { Err(format!("{what}: `{one}` is not `{other}`")) }
}

/// As `sha256sum` prints it, with the prefix of the log.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes every text");
    }
    text
}

/// How many people `1 of sre and 1 of payments` are.
fn quorum(text: &str) -> usize {
    text.split(" and ").map(|part| part.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(0)).sum()
}
