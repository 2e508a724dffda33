//! How long objects are kept, against how long they have to be.
//!
//! **Invariant:** a store that locks nothing has nothing to be short of; of many objects of one
//! stream that are kept too short the report tells the first, and how many.

use super::report::{Finding, Name, Report};
use crate::record::WriterId;
use crate::sink::Kept;
use countersign_core::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Stores round to days, and clocks differ.
const SLACK: Duration = Duration::from_hours(24);

/// What is wrong with how long this object is kept that was stored at this time, if anything is.
pub(super) fn is_short(kept: Kept, stored_at: Timestamp, retention: Duration) -> Option<String> {
    let needed = stored_at.plus(retention.saturating_sub(SLACK));
    match kept {
        Kept::NotApplicable => None,
        Kept::Until(until) if until >= needed => None,
        Kept::Until(until) => Some(format!("it is kept until {until} only, and was stored at {stored_at}")),
        Kept::Removable => Some("nothing keeps it: it is not locked, or in a mode that some may lift".into()),
    }
}

/// Objects of streams that are kept too short.
#[derive(Debug, Default)]
pub(super) struct Short(BTreeMap<Option<WriterId>, (String, String, u64)>);

impl Short {
    /// Looks at one object.
    pub(super) fn look_at(
        &mut self,
        writer: Option<&WriterId>,
        name: &str,
        kept: Option<(Kept, Timestamp)>,
        retention: Option<Duration>,
    ) {
        let (Some((kept, stored_at)), Some(retention)) = (kept, retention) else { return };
        let Some(says) = is_short(kept, stored_at, retention) else { return };
        let (_, _, count) = self.0.entry(writer.cloned()).or_insert_with(|| (name.to_owned(), says, 0));
        *count += 1;
    }

    /// One finding a stream.
    pub(super) fn report(self, report: &mut Report) {
        for (writer, (object, says, count)) in self.0 {
            let more = if count > 1 { format!("; {} more objects are like it", count - 1) } else { String::new() };
            let finding = Finding::new(Name::ShortRetention, says + &more).object(object);
            report.findings.push(match &writer {
                Some(writer) => finding.of(writer),
                None => finding,
            });
        }
    }
}
