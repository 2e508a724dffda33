//! Cases as data: who types what, and what must come of it.
//!
//! **Invariant:** a case that cannot be read has failed; nothing in a case file is skipped.
//!
//! ```yaml
//! version: 1
//! cases:
//!   - note: two people for a deletion in production
//!     groups: [sre]
//!     text: "/kubectl delete pod api -n web --context prod --apply"
//!     want: { tier: destructive, decision: pending, rule: prod-destructive, quorum: "2 of sre" }
//!   - note: many lines of which the same must come
//!     groups: [engineering]
//!     texts: [ "/kubectl get pods --context prod", "/kubectl get po --context prod" ]
//!     want: { decision: cleared, tier: read, sensitivity: plain }
//! ```

use crate::answer::{self, Answer};
use crate::coverage::Coverage;
use crate::policy::{Policy, Source};
use crate::problems::{ProblemCode, Problems};
use crate::reader::Reader;
use read::Case;
use std::fmt;

mod compare;
mod read;

pub use read::{KEYS, WANT_KEYS};

/// What came of a set of case files.
#[derive(Debug, Clone, Default)]
pub struct Report {
    passed: usize,
    failures: Problems,
    coverage: Coverage,
}

impl Report {
    /// How many cases came out as they say.
    #[must_use]
    pub const fn passed(&self) -> usize {
        self.passed
    }

    /// The cases that did not, and the mistakes of the files.
    #[must_use]
    pub const fn failures(&self) -> &Problems {
        &self.failures
    }

    /// Catalog entries without a case that is allowed, or without one that is denied.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        self.coverage.missing_entries()
    }

    /// What the cases asked of the files' entries and rules.
    #[must_use]
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Whether every case passed and none is missing.
    #[must_use]
    pub fn is_green(&self) -> bool {
        self.failures.is_empty() && self.missing().is_empty()
    }

    pub(crate) fn into_failures(self) -> Problems {
        self.failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in self.failures.all() {
            writeln!(f, "{failure}")?;
        }
        let missing = self.missing();
        for entry in &missing {
            writeln!(f, "missing: {entry}")?;
        }
        let failed = self.failures.all().len();
        write!(f, "{} cases passed, {failed} failed, {} missing", self.passed, missing.len())
    }
}

/// Runs every case of these files against a policy.
#[must_use]
pub fn run(policy: &Policy, files: &[Source]) -> Report {
    run_some(policy, files, None)
}

/// Runs the cases of these files whose file, note or text holds `filter`.
///
/// A file is read whole: a mistake in it fails, whatever the filter.
#[must_use]
pub fn run_some(policy: &Policy, files: &[Source], filter: Option<&str>) -> Report {
    let mut report = Report { coverage: Coverage::of(policy), ..Report::default() };
    let mut failures = Vec::new();
    for file in files {
        let mut reader = Reader::new(&file.name, &file.text);
        for case in read::read(&mut reader) {
            if filter.is_none_or(|filter| is_about(filter, &file.name, &case)) {
                let got = answer::ask(policy, &case.asker, &case.text);
                report.coverage.add(&got);
                report.passed += usize::from(passes(&mut reader, &case, &got));
            }
        }
        failures.extend(reader.problems());
    }
    report.failures = Problems::of(failures);
    report
}

fn is_about(filter: &str, file: &str, case: &Case) -> bool {
    [file, &case.note, &case.text].iter().any(|text| text.contains(filter))
}

/// Whether it came out as it says; notes how not.
fn passes(reader: &mut Reader<'_>, case: &Case, got: &Answer) -> bool {
    let differences = compare::differences(&case.want, got);
    if differences.is_empty() {
        return true;
    }
    let message = format!("{}: {}", case.note, differences.join("; "));
    reader.note_with_hint(case.at, ProblemCode::Case, message, said(got));
    false
}

/// What the person reads.
fn said(got: &Answer) -> String {
    match &got.refusal {
        Some(refusal) => format!("{refusal}; {}", refusal.hint()),
        None => format!("it was allowed by {}", got.granted_by.join(", ")),
    }
}

#[cfg(test)]
mod tests;
