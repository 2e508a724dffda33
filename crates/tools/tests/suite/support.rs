//! Running a chain as it is typed.

use countersign_command::filters::Filter;
use countersign_core::command::Argv;
use countersign_tools::filters::{FilterError, Limits, Summary, run};
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn filter(elements: &[&str]) -> Filter {
    let argv = Argv::new(elements.iter().map(|element| (*element).to_owned()).collect()).unwrap();
    Filter::parse(&argv).unwrap_or_else(|refusal| panic!("{argv}: {refusal}"))
}

pub(crate) fn chain(filters: &[&[&str]], input: &[u8], limits: Limits) -> Result<(Vec<u8>, Summary), FilterError> {
    let output = Shared::default();
    let chain = filters.iter().map(|elements| filter(elements)).collect();
    let summary = run(chain, Box::new(Cursor::new(input.to_vec())), Box::new(output.clone()), limits)?;
    let bytes = output.0.lock().unwrap().clone();
    Ok((bytes, summary))
}

pub(crate) fn text(filters: &[&[&str]], input: &str) -> String {
    String::from_utf8(chain(filters, input.as_bytes(), Limits::default()).unwrap().0).unwrap()
}
