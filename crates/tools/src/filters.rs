//! Runs a chain of filters over a stream, each in a thread of its own, joined by pipes.
//!
//! **Invariant:** memory is bounded by [`Limits`], whatever comes in, but for what a jq program
//! builds, which the jail bounds. A filter that has read enough ends, and everything before it with it.

mod cut;
mod grep;
mod jq;
mod lines;
mod sort;
mod wc;

pub use jq::offered;

use countersign_command::filters::Filter;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::thread;

/// Stack of each filter's thread: JSON and jq programs may be nested.
const STACK: usize = 16 << 20;

/// What a chain may hold in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line that are looked at; the rest of a longer one is dropped, and a note says so.
    pub line: usize,
    /// Bytes that `sort` and `tail` keep.
    pub kept: usize,
}

impl Default for Limits {
    /// A line may be a whole JSON document on one line; the rest is the most that a run prints.
    fn default() -> Self {
        Self { line: 4 << 20, kept: 64 << 20 }
    }
}

/// What a chain came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whether every `grep` found something.
    pub matched: bool,
    /// What a person should know, a sentence each.
    pub notes: Vec<String>,
}

/// Why a chain could not go on.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// A stream broke for another reason than that nobody reads any more.
    #[error("the output could not be read or written")]
    Stream(#[source] io::Error),
    /// There is no thread or pipe for another filter.
    #[error("there is no room for the filters")]
    NoRoom(#[source] io::Error),
    /// More has to be kept than may be.
    #[error("`{0}` would have to keep more than {1} MiB; filter first")]
    TooMuch(&'static str, usize),
    /// The pattern of a `grep` cannot be used.
    #[error("the pattern cannot be used")]
    Pattern,
    /// The program of a `jq` cannot be used.
    #[error("`jq`: {0}")]
    Program(String),
    /// The input of a `jq` is not JSON.
    #[error("`jq`: the output is not JSON ({0}); ask for JSON, as with `-o json`, or read lines with `-R`")]
    NotJson(String),
    /// A thread died.
    #[error("a filter ended early")]
    Died,
}

/// What one filter of a chain came to.
#[derive(Debug, Default)]
struct Told {
    found_nothing: bool,
    notes: Vec<String>,
}

type Reader = Box<dyn BufRead + Send>;
type Writer = Box<dyn Write + Send>;

/// Runs the chain to its end.
///
/// # Errors
/// [`FilterError`], of the first filter that failed.
pub fn run(
    chain: Vec<Filter>,
    input: Box<dyn Read + Send>,
    output: Box<dyn Write + Send>,
    limits: Limits,
) -> Result<Summary, FilterError> {
    let mut input: Reader = Box::new(BufReader::new(input));
    let mut output = Some(output);
    let mut threads = Vec::new();
    let last = chain.len().saturating_sub(1);
    for (nth, filter) in chain.into_iter().enumerate() {
        let (next, writer): (Reader, Writer) = if nth == last {
            let output = output.take().unwrap_or_else(|| Box::new(io::sink()));
            (Box::new(io::empty()), Box::new(BufWriter::new(output)))
        } else {
            let (reader, writer) = io::pipe().map_err(FilterError::NoRoom)?;
            (Box::new(BufReader::new(reader)), Box::new(BufWriter::new(writer)))
        };
        let reader = std::mem::replace(&mut input, next);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || one(filter, reader, writer, limits));
        threads.push(thread.map_err(FilterError::NoRoom)?);
    }
    let told: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap_or(Err(FilterError::Died))).collect();
    let mut summary = Summary { matched: true, notes: Vec::new() };
    for told in told {
        let Told { found_nothing, notes } = told?;
        summary.matched &= !found_nothing;
        summary.notes.extend(notes);
    }
    Ok(summary)
}

fn one(filter: Filter, mut input: Reader, mut output: Writer, limits: Limits) -> Result<Told, FilterError> {
    let told = match filter {
        Filter::Grep(grep) => grep::run(&grep, &mut *input, &mut *output, limits),
        Filter::Cut(cut) => cut::run(cut, &mut *input, &mut *output, limits),
        Filter::Sort(sort) => sort::run(&sort, &mut *input, &mut *output, limits),
        Filter::Wc(wc) => wc::run(wc, &mut *input, &mut *output),
        Filter::Jq(jq) => jq::run(&jq, input, &mut *output),
    };
    match told.and_then(|told| output.flush().map(|()| told).map_err(FilterError::Stream)) {
        // Whoever comes next has read enough.
        Err(FilterError::Stream(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Told::default()),
        told => told,
    }
}

impl From<io::Error> for FilterError {
    fn from(error: io::Error) -> Self {
        Self::Stream(error)
    }
}
