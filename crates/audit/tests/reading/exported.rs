//! Exports: the exact lines, and a table that is safe to open.

use crate::sample::{actor, every_kind, full, id};
use countersign_audit::event::{Event, Kind, Typed};
use countersign_audit::export::{COLUMNS, Exporter, Format};
use countersign_audit::record::Record;
use countersign_audit::search::Hit;
use countersign_core::digest::Digest;
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn exported(format: Format, records: &[Record]) -> String {
    let memory = Memory::default();
    let mut exporter = Exporter::new(format, memory.clone()).unwrap();
    for record in records {
        exporter.write(&Hit { line: record.line(), record: record.clone() }).unwrap();
    }
    exporter.finish().unwrap();
    let bytes = memory.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn ndjson_is_the_exact_lines() {
    let records = every_kind();
    let lines: String = records.iter().flat_map(|record| [record.line(), "\n".to_owned()]).collect();
    assert_eq!(exported(Format::Ndjson, &records), lines);
}

#[test]
fn the_columns_keep_their_places_and_none_is_always_empty() {
    let text = exported(Format::Csv, &every_kind());
    let mut table = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(table.headers().unwrap().iter().collect::<Vec<_>>(), COLUMNS);
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), every_kind().len());
    for (nth, column) in COLUMNS.iter().enumerate() {
        assert!(rows.iter().any(|row| !row.get(nth).unwrap().is_empty()), "{column}");
    }
    let page = include_str!("../../../../docs/audit.md").replace('\n', " ");
    assert!(page.contains(&COLUMNS.join(", ")), "docs/audit.md names the columns in order");
}

#[test]
fn p48_no_cell_of_a_table_runs_or_hides() {
    let hostile =
        ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "x\u{202e}y\u{1b}]0;t\u{7}\u{0}", "a\",\"b\n=1"];
    let records: Vec<Record> = hostile
        .iter()
        .map(|text| {
            let text = (*text).to_owned();
            let mut who = actor("eve");
            who.name = Some(text.clone());
            let typed = Some(Typed { text: text.clone(), digest: Digest::of(b"") });
            let event = Event { typed, why: Some(text.clone()), ticket: Some(text), ..full(Kind::Received) };
            let writer = crate::sample::writer(countersign_core::certificate::Role::Gateway);
            Record { seq: 1, prev: writer.genesis(), at: crate::sample::START, writer, event: event.by(who) }
        })
        .collect();
    let text = exported(Format::Csv, &records);
    let mut table = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<_> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), hostile.len());
    for cell in rows.iter().flat_map(|row| row.iter().map(str::to_owned).collect::<Vec<_>>()) {
        assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        assert!(!cell.chars().any(countersign_core::refusal::is_deceptive), "{cell:?}");
    }
    assert_eq!(rows[0].get(4), Some(id("full").to_string().as_str()));
}
