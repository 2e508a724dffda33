//! What verification found, for people and for programs.
//!
//! **Invariant:** integrity and completeness are told apart, and nothing in a finding can change
//! how a terminal reads the others.

use anyhow::Context as _;
use countersign_audit::story::harmless;
use countersign_audit::verify::{Concern, Conclusion, Finding, Name, Report};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How many findings of one name are told one by one.
const TOLD: usize = 10;

/// How the verification went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Measured {
    pub(super) took: Duration,
    pub(super) bytes: u64,
}

/// The report as JSON (`countersign audit schema --report`).
pub(super) fn programs(report: &Report) -> anyhow::Result<String> {
    let mut value = serde_json::to_value(report)?;
    let object = value.as_object_mut().context("a report is an object")?;
    let conclusion = match report.conclusion() {
        Conclusion::Sound => "sound",
        Conclusion::Incomplete => "incomplete",
        Conclusion::Broken => "broken",
    };
    let mut told = serde_json::Map::from_iter([("conclusion".to_owned(), json!(conclusion))]);
    told.append(object);
    Ok(format!("{}\n", visible(&serde_json::to_string_pretty(&Value::Object(told))?)))
}

/// JSON text with everything that could hide spelled as `\u…`; it means the same.
pub(super) fn visible(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Line feeds stand between the fields; inside of strings JSON has none.
        if c != '\n' && countersign_core::refusal::is_deceptive(c) {
            let mut units = [0_u16; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// The report for people.
pub(super) fn people(report: &Report, measured: &Measured, integrity_only: bool) -> String {
    let mut out = String::new();
    let Report { writers, records, heads, intents, .. } = report;
    let _ = writeln!(
        out,
        "{records} records of {writers} writers, {heads} signed heads, {intents} runs{}",
        rate(report, measured)
    );
    section(&mut out, report, Concern::Integrity, "Integrity", "nothing was changed");
    if integrity_only {
        out.push_str("Completeness: the streams only (--integrity); what the records say was not checked\n");
        section_findings(&mut out, report, Concern::Completeness);
    } else {
        section(&mut out, report, Concern::Completeness, "Completeness", "nothing is missing");
    }
    section(&mut out, report, Concern::Notice, "Notices", "none");
    let _ = writeln!(out, "{}", conclusion(report));
    out
}

fn rate(report: &Report, measured: &Measured) -> String {
    let seconds = measured.took.as_secs_f64();
    if seconds < 0.001 || measured.bytes == 0 {
        return String::new();
    }
    // Rates are for people: a digit lost beyond 2^53 does not matter.
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal at most")]
    let (records, mebibytes) = (report.records as f64 / seconds, measured.bytes as f64 / seconds / 1_048_576.0);
    format!("; {seconds:.1} s, {records:.0} records/s, {mebibytes:.1} MiB/s")
}

fn section(out: &mut String, report: &Report, concern: Concern, title: &str, good: &str) {
    if report.names(concern).is_empty() {
        let _ = writeln!(out, "{title}: {good}");
    } else {
        let count = report.findings.iter().filter(|finding| finding.concern == concern).count();
        let _ = writeln!(out, "{title}: {count} {}", if count == 1 { "finding" } else { "findings" });
        section_findings(out, report, concern);
    }
}

fn section_findings(out: &mut String, report: &Report, concern: Concern) {
    let mut groups: BTreeMap<Name, Vec<&Finding>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.concern == concern) {
        groups.entry(finding.name).or_default().push(finding);
    }
    for (name, findings) in groups {
        let _ = writeln!(out, "  {name} ({}): {}", findings.len(), name.meaning().trim());
        for finding in findings.iter().take(TOLD) {
            let told = finding.to_string();
            let told = told.strip_prefix(&format!("{name}: ")).unwrap_or(&told);
            let _ = writeln!(out, "    - {}", harmless(told));
        }
        if findings.len() > TOLD {
            let _ = writeln!(out, "    … and {} more (--json has them all)", findings.len() - TOLD);
        }
    }
}

fn conclusion(report: &Report) -> &'static str {
    let has = |name: &str| report.findings.iter().any(|finding| finding.name.as_str() == name);
    match report.conclusion() {
        Conclusion::Sound if has("no-anchors") => {
            "Sound, as far as one store can tell. Give the second place of the heads with --anchors: without it a\n\
             store that was put back to an older state as a whole would look the same."
        }
        Conclusion::Sound => "Sound: the log is what was written, and all of it is there.",
        Conclusion::Incomplete => {
            "Incomplete: nothing was changed, and something is missing. Compare with a copy or with the store's older\n\
             versions; if it cannot be found, the requests named above have no proof of their end."
        }
        Conclusion::Broken => {
            "Broken: something is not as it was written. Change nothing; keep a copy of the store with all its versions,\n\
             of the second places and of root.pub. `countersign audit show ID` tells what is on record about a request\n\
             that is named, and the person who holds the root key can revoke a key that was used wrongly."
        }
    }
}

#[cfg(test)]
mod tests;
