//! `jq`: runs a program over JSON values.
//!
//! **Invariant:** what a program could read besides its input is not there to be called: the native
//! functions for environment, clock, time zone, log, further input and exit codes are left out, and
//! no module can be loaded.

use super::{FilterError, Told};
use countersign_command::filters::{Jq, Reads};
use jaq_core::data::JustLut;
use jaq_core::load::parse::Def;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::native::Fun;
use jaq_core::{Compiler, Ctx, Filter, Vars, unwrap_valr};
use jaq_json::write::{Pp, write};
use jaq_json::{Val, read};
use std::io::{self, BufRead, Read as _, Write};

/// What the program runs on: values, and nothing beside them.
type Values = JustLut<Val>;

/// Native functions that are not there.
const NATIVES: &[&str] = &["env", "now", "halt", "localtime", "strflocaltime", "debug_empty", "stderr_empty"];
/// Functions made of those.
const MADE: &[&str] = &["stderr", "debug", "halt", "halt_error"];
/// Functions of the jq manual that jaq leaves to its program.
const OWN: &str = include_str!("jq.jq");

/// Most failing values that are told one by one.
const TOLD: usize = 3;

fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let own = jaq_core::load::parse(OWN, |parser| parser.defs()).expect("jq.jq is read by every test of `jq`");
    let all = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs()).chain(own);
    all.filter(|def| !MADE.contains(&def.name))
}

fn functions() -> impl Iterator<Item = Fun<Values>> {
    let all = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    all.filter(|(name, ..)| !NATIVES.contains(name))
}

/// Every function there is, with the number of its arguments, those behind others included.
pub fn offered() -> impl Iterator<Item = (&'static str, usize)> {
    let made = definitions().map(|def| (def.name, def.args.len()));
    made.chain(functions().map(|(name, arguments, _)| (name, arguments.len())))
}

pub(super) fn run(jq: &Jq, input: Box<dyn BufRead + Send>, output: &mut dyn Write) -> Result<Told, FilterError> {
    let filter = compile(jq)?;
    let mut run = Run { jq, filter, output, failed: 0, notes: Vec::new() };
    match (jq.reads, jq.slurp) {
        (Reads::Lines, true) => run.value(text(&whole(input)?))?,
        (Reads::Lines, false) => {
            let mut input = input;
            let mut line = Vec::new();
            while input.read_until(b'\n', &mut line)? > 0 {
                run.value(text(line.strip_suffix(b"\n").unwrap_or(&line)))?;
                line.clear();
            }
        }
        (Reads::Values, true) => {
            let values =
                read::read_many(input).map(|value| value.map_err(not_json)).collect::<Result<Vec<Val>, _>>()?;
            run.value(values.into_iter().collect())?;
        }
        (Reads::Values, false) => {
            for value in read::read_many(input) {
                run.value(value.map_err(not_json)?)?;
            }
        }
    }
    Ok(Told { found_nothing: false, notes: run.told() })
}

fn whole(mut input: Box<dyn BufRead + Send>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    input.read_to_end(&mut all).map(|_| all)
}

fn text(bytes: &[u8]) -> Val {
    Val::from(String::from_utf8_lossy(bytes).into_owned())
}

/// A stream that broke is one thing, and a text that is not JSON another.
fn not_json(error: io::Error) -> FilterError {
    match error.kind() {
        io::ErrorKind::InvalidData => FilterError::NotJson(error.to_string()),
        _ => FilterError::Stream(error),
    }
}

fn compile(jq: &Jq) -> Result<Filter<Values>, FilterError> {
    let wrong = || FilterError::Program("the program cannot be used".to_owned());
    let arena = Arena::default();
    let file = File { code: jq.program.as_str(), path: () };
    let modules = Loader::new(definitions()).load(&arena, file).map_err(|_| wrong())?;
    Compiler::default()
        .with_funs(functions())
        .with_global_vars(jq.args.iter().map(|(name, _)| name.as_str()))
        .compile(modules)
        .map_err(|_| wrong())
}

struct Run<'a> {
    jq: &'a Jq,
    filter: Filter<Values>,
    output: &'a mut dyn Write,
    failed: u64,
    notes: Vec<String>,
}

impl Run<'_> {
    /// Prints what the program makes of a value. A value that fails does not end the others.
    fn value(&mut self, value: Val) -> Result<(), FilterError> {
        let variables = Vars::new(self.jq.args.iter().map(|(_, value)| Val::from(value.clone())));
        let context = Ctx::<Values>::new(&self.filter.lut, variables);
        for made in self.filter.id.run((context, value)).map(unwrap_valr) {
            match made {
                Ok(value) => print(self.jq, &value, self.output)?,
                Err(error) => {
                    self.failed += 1;
                    if self.notes.len() < TOLD {
                        self.notes.push(format!("`jq`: {}", shortened(&error.to_string())));
                    }
                    break;
                }
            }
        }
        Ok(())
    }

    fn told(mut self) -> Vec<String> {
        let more = self.failed.saturating_sub(self.notes.len() as u64);
        self.notes.extend((more > 0).then(|| format!("`jq`: {more} more values failed")));
        self.notes
    }
}

fn print(jq: &Jq, value: &Val, output: &mut dyn Write) -> io::Result<()> {
    match value {
        Val::TStr(text) | Val::BStr(text) if jq.raw => output.write_all(text)?,
        _ => {
            let indent = (!jq.compact).then(|| "  ".to_owned());
            let pp = Pp { indent, sort_keys: jq.sort_keys, sep_space: !jq.compact, ..Pp::default() };
            write(output, &pp, 0, value)?;
        }
    }
    output.write_all(b"\n")
}

/// What failed may be a whole document.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
