//! `jq`: runs a program over the JSON values of the output.
//!
//! **Invariant:** a program that calls anything but the functions listed here does not run: none of
//! them reads an environment, a clock, a file or more input. What is wrong is told while typing.

mod functions;

pub use functions::FUNCTIONS;

use super::options::{Opt, Usage, no_files, read, switch};
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};
use functions::REFUSED;
use jaq_core::Bind;
use jaq_core::compile::{Compiler, Undefined};
use jaq_core::load::{Arena, Error, File, Loader, lex, parse};

/// Most `--arg`s.
const ARGS: usize = 8;
/// Most brackets inside each other, and most operators and keywords: each may be a level of jq's
/// recursive parser, which needs some 12 KiB of stack a level in a debug build.
const DEEPEST: usize = 24;
const STEPS: usize = 100;
/// Words that begin something which ends with an expression.
const KEYWORDS: &[&str] = &["if", "elif", "try", "def", "reduce", "foreach", "label", "as", "and", "or"];

const USAGE: Usage = Usage {
    name: "jq",
    options: &[
        switch('r', "raw-output"),
        switch('c', "compact-output"),
        switch('S', "sort-keys"),
        switch('s', "slurp"),
        switch('R', "raw-input"),
        Opt { short: '\0', long: "arg", values: 2, repeats: true },
    ],
    refused: &[
        (&["-n", "--null-input"], Code::FlagNotAllowed, "it would leave the output of the command unread"),
        (&["-e", "--exit-status"], Code::FlagNotAllowed, "the exit code is the command's own"),
        (
            &["-f", "--from-file", "-L", "--library-path", "--slurpfile", "--rawfile", "--args", "--jsonargs"],
            Code::WorkerFiles,
            "write the program itself; values are given with `--arg NAME VALUE`",
        ),
        (&["--argjson"], Code::FlagNotAllowed, "write `--arg NAME VALUE` and `($NAME | fromjson)`"),
        (
            &["-C", "-M", "--color-output", "--monochrome-output", "-a", "--tab", "--indent", "-j"],
            Code::FlagNotAllowed,
            "leave it away",
        ),
    ],
    number: None,
};

/// How the input becomes values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Each JSON value.
    Values,
    /// Each line, as a string.
    Lines,
}

/// `jq`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own, as the program has them")]
pub struct Jq {
    /// The program.
    pub program: String,
    /// How the input becomes values.
    pub reads: Reads,
    /// All values are one array; lines are one string.
    pub slurp: bool,
    /// Strings are printed without quotes.
    pub raw: bool,
    /// Values are printed on one line each.
    pub compact: bool,
    /// Keys are printed in order.
    pub sort_keys: bool,
    /// Names, with `$`, and the strings they stand for.
    pub args: Vec<(String, String)>,
}

impl Jq {
    pub(super) fn read(words: &[Word]) -> Checked<Self> {
        let read = read(&USAGE, words)?;
        let mut operands = read.operands.iter();
        let Some(program) = operands.next() else {
            return Err(no(
                Code::MissingValue,
                "`jq` needs a program",
                "as `| jq .` or `| jq -r '.items[].metadata.name'`",
            ));
        };
        no_files("jq", operands.next())?;
        let mut args: Vec<(String, String)> = Vec::new();
        for given in read.all('\0') {
            let [name, value] = given else { continue };
            let variable = format!("${}", name.text);
            if !is_name(&name.text) {
                return Err(no(
                    Code::BadValue,
                    format!("{} is not a name", quoted(&name.text)),
                    "write letters, digits and `_`",
                )
                .over(name));
            }
            if args.len() == ARGS || args.iter().any(|(before, _)| *before == variable) {
                return Err(crate::own::repeated(&format!("--arg {}", name.text), name));
            }
            args.push((variable, value.text.clone()));
        }
        let variables: Vec<&str> = args.iter().map(|(name, _)| name.as_str()).collect();
        check(program, &variables)?;
        Ok(Self {
            program: program.text.clone(),
            reads: if read.has('R') { Reads::Lines } else { Reads::Values },
            slurp: read.has('s'),
            raw: read.has('r'),
            compact: read.has('c'),
            sort_keys: read.has('S'),
            args,
        })
    }

    pub(super) fn canonical(&self) -> Vec<String> {
        let switches = [
            ("-r", self.raw),
            ("-c", self.compact),
            ("-S", self.sort_keys),
            ("-s", self.slurp),
            ("-R", self.reads == Reads::Lines),
        ];
        let mut elements = vec!["jq".to_owned()];
        elements.extend(switches.iter().filter(|(_, on)| *on).map(|(name, _)| (*name).to_owned()));
        for (name, value) in &self.args {
            let name = name.trim_start_matches('$').to_owned();
            elements.extend(["--arg".to_owned(), name, value.clone()]);
        }
        elements.extend(self.program.starts_with('-').then(|| "--".to_owned()));
        elements.push(self.program.clone());
        elements
    }
}

fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(plain)
}

/// Reads a program with jq's own parser, and looks up every name it uses.
fn check(program: &Word, variables: &[&str]) -> Checked<()> {
    shallow(program)?;
    let code = program.text.as_str();
    let arena = Arena::default();
    let modules = Loader::new([]).load(&arena, File { code, path: () }).map_err(|errors| {
        let error = errors.into_iter().map(|(_, error)| error).next();
        unread(program, error)
    })?;
    let functions = FUNCTIONS.iter().map(|(name, arity)| (*name, vec![Bind::Fun(()); *arity].into_boxed_slice(), ()));
    let compiled = Compiler::<&str, ()>::default()
        .with_funs(functions)
        .with_global_vars(variables.iter().copied())
        .compile(modules);
    match compiled {
        Ok(_) => Ok(()),
        Err(errors) => {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).min_by_key(|(name, _)| offset(code, name));
            let (name, undefined) = first.unwrap_or(("", Undefined::Mod));
            Err(undefined_name(program, name, &undefined))
        }
    }
}

/// Refuses what would make a recursive reader go deep, and what would read a module.
fn shallow(program: &Word) -> Checked<()> {
    let text = program.text.as_str();
    let mut words = text.trim_start().split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    if let Some(word @ ("import" | "include" | "module")) = words.next() {
        return Err(wrong(program, 0, &format!("`{word}` would read a file"), "write the program itself"));
    }
    let keywords = words.chain(text.split(' ').take(1)).filter(|word| KEYWORDS.contains(word)).count();
    let operators = text.chars().filter(|c| "|,+-*/%=<>".contains(*c)).count();
    let mut open = 0_usize;
    for (at, c) in text.chars().enumerate() {
        open = match c {
            '(' | '[' | '{' => open + 1,
            ')' | ']' | '}' => open.saturating_sub(1),
            _ => open,
        };
        if open > DEEPEST {
            return Err(wrong(program, at, "the program is nested too deeply", "do it in several filters"));
        }
    }
    if keywords + operators > STEPS {
        return Err(wrong(program, 0, "the program has too many steps", "do it in several filters"));
    }
    Ok(())
}

/// What the parser did not understand.
fn unread(program: &Word, error: Option<Error<&str>>) -> Box<Refusal> {
    let code = program.text.as_str();
    let (found, expected) = match &error {
        Some(Error::Lex(errors)) => match errors.first() {
            Some((expect, found)) => (*found, lexed(expect)),
            None => ("", "something else".to_owned()),
        },
        Some(Error::Parse(errors)) => match errors.first() {
            Some((parse::Expect::Just(token), found)) => (*found, format!("`{token}`")),
            Some((parse::Expect::Nothing, found)) => (*found, "nothing".to_owned()),
            Some((parse::Expect::Term, found)) => (*found, "a value or a path".to_owned()),
            Some((expect, found)) => (*found, expect.as_str().to_owned()),
            None => ("", "something else".to_owned()),
        },
        Some(Error::Io(_)) | None => (code, "no other files".to_owned()),
    };
    let at = code.get(..offset(code, found)).unwrap_or(code).chars().count();
    let sentence = format!("`jq` expects {expected} at character {} of the program", at + 1);
    super::inside(no(Code::BadValue, sentence, "correct the program"), program, at)
}

fn lexed(expect: &lex::Expect<&str>) -> String {
    match expect {
        lex::Expect::Digit => "a digit".to_owned(),
        lex::Expect::Ident => "a name".to_owned(),
        lex::Expect::Delim(open) => format!("the end of what `{open}` opens"),
        lex::Expect::Escape => "another escape".to_owned(),
        lex::Expect::Unicode => "four hexadecimal digits".to_owned(),
        _ => "another character".to_owned(),
    }
}

/// A name that stands for nothing here.
fn undefined_name(program: &Word, name: &str, undefined: &Undefined) -> Box<Refusal> {
    let at = program.text.get(..offset(&program.text, name)).unwrap_or_default().chars().count();
    if let Some((_, why)) = REFUSED.iter().find(|(names, _)| names.contains(&name)) {
        return wrong(program, at, &format!("`jq` has no `{name}` here"), why);
    }
    let (what, hint) = match undefined {
        Undefined::Var => ("no variable", "bind it with `… as $name | …`, or give it with `--arg`".to_owned()),
        Undefined::Label => ("no label", "write `label $name | …` before".to_owned()),
        Undefined::Filter(arity) if FUNCTIONS.iter().any(|(known, _)| *known == name) => {
            let known: Vec<String> =
                FUNCTIONS.iter().filter(|(known, _)| *known == name).map(|(_, arity)| arity.to_string()).collect();
            let hint = format!("it takes {}, separated by `;`, and not {arity}", known.join(" or "));
            return wrong(program, at, &format!("`{name}` takes another number of arguments"), &hint);
        }
        _ => {
            let known = FUNCTIONS.iter().map(|(name, _)| *name);
            (
                "no function",
                meant(name, known, "see the jq manual; functions that read anything but the output are left out"),
            )
        }
    };
    wrong(program, at, &format!("`jq` knows {what} {}", quoted(name)), &hint)
}

/// A refusal that points into the program.
fn wrong(program: &Word, at: usize, sentence: &str, hint: &str) -> Box<Refusal> {
    let sentence = format!("{sentence} (character {} of the program)", at + 1);
    super::inside(no(Code::BadValue, sentence, hint), program, at)
}

/// Where in the program a piece of it begins; the parser gives pieces of the text it was given.
fn offset(code: &str, piece: &str) -> usize {
    let (begin, at) = (code.as_ptr().addr(), piece.as_ptr().addr());
    at.checked_sub(begin).filter(|offset| *offset <= code.len()).unwrap_or(code.len())
}
