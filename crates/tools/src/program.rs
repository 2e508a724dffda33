//! What a process becomes by its first argument: the filters, or a driver.
//!
//! **Invariant:** the filters take one argument, a JSON array of canonical argvs; a driver takes one canonical argv.
//! Each is read with the grammar that decided about it; what does not read back runs nothing.

use crate::driver;
use crate::filters::{Limits, Summary, run};
use countersign_command::filters::Filter;
use countersign_core::command::Argv;
use std::io::{self, Write as _};

/// The argument that turns a program with this library into the filter.
pub const MARKER: &str = "__countersign-filter";

/// It did what it was told.
const DONE: i32 = 0;
/// It did, and no line matched.
const NO_MATCH: i32 = 1;
/// It could not go on; why stands on standard error.
const FAILED: i32 = 2;

/// Becomes the filters or a driver if this process was started as one, and then never returns.
///
/// Call it first in `main`, before any thread exists and before anything is read or opened.
pub fn enter_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    let Some(first) = arguments.next() else { return };
    if first == MARKER {
        let chain = arguments.next().and_then(|chain| chain.into_string().ok());
        std::process::exit(enter(&chain.unwrap_or_default()));
    }
    if first == driver::MARKER {
        // What is no text is no word of a canonical argv.
        let words: Option<Vec<String>> = arguments.map(|word| word.into_string().ok()).collect();
        std::process::exit(driver::enter(words.unwrap_or_default()));
    }
}

fn enter(chain: &str) -> i32 {
    let said = |problem: &str| {
        // Whoever closed the other end does not read it.
        let _ = writeln!(io::stderr(), "{problem}");
        FAILED
    };
    let chain = match read(chain) {
        Ok(chain) => chain,
        Err(problem) => return said(&problem),
    };
    match run(chain, Box::new(io::stdin()), Box::new(io::stdout()), Limits::default()) {
        Ok(Summary { notes, matched }) => {
            for note in notes {
                said(&note);
            }
            if matched { DONE } else { NO_MATCH }
        }
        Err(error) => said(&error.to_string()),
    }
}

fn read(chain: &str) -> Result<Vec<Filter>, String> {
    let argvs: Vec<Argv> = serde_json::from_str(chain).map_err(|error| format!("these are no filters: {error}"))?;
    argvs
        .iter()
        .map(|argv| {
            let filter = Filter::parse(argv).map_err(|refusal| refusal.to_string())?;
            if filter.canonical() == argv.elements() { Ok(filter) } else { Err(format!("`{argv}` is not canonical")) }
        })
        .collect()
}
