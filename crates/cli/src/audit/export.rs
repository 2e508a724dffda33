//! `countersign audit export`.

use super::filters::Filters;
use super::forgiven;
use super::log::Log;
use super::reader::Reader;
use super::report::visible;
use super::show::create;
use crate::installation::system_clock;
use crate::places::Purpose;
use countersign_audit::export::{Exporter, Format};
use countersign_audit::search::{Hit, scan};
use countersign_audit::story::harmless;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

/// What `countersign audit export` was asked for.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// `ndjson`: each record's exact line. `csv`: a table; docs/audit.md names its columns.
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Wanted,
    /// Where to; standard output if absent. No file is replaced.
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Which records.
    #[command(flatten)]
    filters: Filters,
    /// Where the log is.
    #[command(flatten)]
    log: Log,
    /// Who reads.
    #[command(flatten)]
    reader: Reader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Wanted {
    Ndjson,
    Csv,
}

impl From<Wanted> for Format {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Ndjson => Self::Ndjson,
            Wanted::Csv => Self::Csv,
        }
    }
}

impl Export {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let filter = self.filters.at(system_clock().now());
        let reading = self.reader.open(&self.log).await?;
        let sink = self.log.sink(Purpose::Read).await?;
        let file = self.to.as_deref().map(create).transpose()?;
        let format = Format::from(self.format);
        let about = |found: &str| {
            let format = match format {
                Format::Ndjson => "ndjson",
                Format::Csv => "csv",
            };
            [("filter", filter.to_string()), ("format", format.to_owned()), ("found", found.to_owned())]
        };
        // How many there are is known when they are written; that they are read is recorded before.
        reading.record("export", None, &about("not counted yet")).await?;
        // A terminal would obey what it is shown; a file or a program gets the exact bytes.
        let on_terminal = file.is_none() && io::stdout().is_terminal();
        let out: Box<dyn Write + Send> = match file {
            Some(file) => Box::new(BufWriter::new(file)),
            None => Box::new(BufWriter::new(io::stdout())),
        };
        let mut exporter = Exporter::new(format, out)?;
        let mut failed = None;
        let mut write = |mut hit: Hit| {
            if on_terminal {
                hit.line = visible(&hit.line);
            }
            match exporter.write(&hit) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        };
        let scanned = scan(sink.as_ref(), &filter, &mut write).await?;
        let written = failed.map_or_else(|| exporter.finish(), Err);
        reading.record("export", None, &about(&scanned.found.to_string())).await?;
        reading.close().await?;
        forgiven(written)?;
        if scanned.unreadable > 0 {
            eprintln!("{} lines cannot be read by this version and were left out.", scanned.unreadable);
        }
        if scanned.found == 0 {
            eprintln!(
                "Nothing fits: {}. ({} segments were searched.)",
                harmless(&filter.to_string()),
                scanned.segments
            );
            return Ok(ExitCode::from(1));
        }
        eprintln!("{} records of {} segments.", scanned.found, scanned.segments);
        Ok(ExitCode::SUCCESS)
    }
}
