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

/// What the verification was asked to look at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// Chains and heads only.
    pub(super) integrity_only: bool,
    /// The fate store was at hand.
    pub(super) fates: bool,
    /// The installation's name.
    pub(super) deployment: &'a str,
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
pub(super) fn people(report: &Report, measured: &Measured, asked: &Asked<'_>) -> String {
    let mut out = String::new();
    let Report { writers, records, heads, intents, .. } = report;
    let _ = writeln!(
        out,
        "{} of {}, {}{}{}",
        counted(*records, "record"),
        counted(*writers, "writer"),
        counted(*heads, "signed head"),
        if asked.integrity_only { String::new() } else { format!(", {}", counted(*intents, "run")) },
        rate(report, measured)
    );
    section(&mut out, report, Concern::Integrity, "Integrity", "nothing was changed");
    if asked.integrity_only {
        out.push_str("Completeness: the streams only (--integrity); what the records say was not checked\n");
        section_findings(&mut out, report, Concern::Completeness);
    } else {
        section(&mut out, report, Concern::Completeness, "Completeness", "nothing is missing");
    }
    section(&mut out, report, Concern::Notice, "Notices", "none");
    let _ = writeln!(out, "{}", conclusion(report, asked));
    out.push_str(&advice(report, asked));
    out
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
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

/// How many findings have this name.
fn count(report: &Report, name: &str) -> u64 {
    let found = report.findings.iter().filter(|finding| finding.name.as_str() == name);
    found.fold(0, |sum, _| sum + 1)
}

/// What to do first, where a mistake in the asking is likelier than one in the log, or where the
/// verdict rests on less than it could.
fn advice(report: &Report, asked: &Asked<'_>) -> String {
    let mut advice = String::new();
    if report.writers == 0 {
        advice.push_str(
            "There is no stream here at all. First see whether --audit is the log: the folder that has `records` in it.\n",
        );
    }
    if report.writers > 0 && count(report, "foreign-writer") == report.writers {
        let _ = writeln!(
            advice,
            "Not one of the writers is certified. First see whether --root and --deployment (`{}`) are this log's.",
            asked.deployment
        );
    }
    if !asked.fates && !asked.integrity_only {
        advice.push_str("The fates were not compared; give their place with --fate.\n");
    }
    advice
}

/// Whether the store's settings are all that is wrong.
fn only_the_store(report: &Report) -> bool {
    let integrity = report.findings.iter().filter(|finding| finding.concern == Concern::Integrity);
    integrity.map(|finding| finding.name.as_str()).all(|name| matches!(name, "weak-store" | "short-retention"))
}

fn conclusion(report: &Report, asked: &Asked<'_>) -> &'static str {
    let has = |name: &str| count(report, name) > 0;
    match report.conclusion() {
        Conclusion::Sound if has("no-anchors") => {
            "Sound, as far as one store can tell. Give the second place of the heads with --anchors: without it a\n\
             store that was put back to an older state as a whole would look the same."
        }
        Conclusion::Sound if asked.integrity_only => {
            "Sound, as far as chains and signed heads tell. Without --integrity what the records say is checked as well."
        }
        Conclusion::Sound => "Sound: the log is what was written, and all of it is there.",
        Conclusion::Incomplete => {
            "Incomplete: nothing was changed, and something is missing. Compare with a copy or with the store's older\n\
             versions; if it cannot be found, the requests named above have no proof of their end."
        }
        Conclusion::Broken if only_the_store(report) => {
            "Broken: no record was found changed, and the store does not keep them as it should. Set what is named above;\n\
             what is stored from then on is safe. Of what was stored before, only the second places say that it is whole."
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
