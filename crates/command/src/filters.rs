//! The filters after `|`: a closed set, each with a closed list of options.
//!
//! **Invariant:** a filter reads the output of the command and nothing else: no file, no
//! environment, no clock, no program. Its canonical argv parses to itself, and the same reading of
//! it decides what runs in the jail. A filter never lowers what a command needs.

mod cut;
mod grep;
mod jq;
mod options;
mod sort;
mod wc;

pub use cut::{Cut, End, Extent};
pub use grep::{Grep, Lines, PatternError, Syntax};
pub use jq::{FUNCTIONS, Jq, Reads};
pub use sort::{By, Key, Order, Sort};
pub use wc::Wc;

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::words::Word;
use countersign_core::command::{Argv, Command, CommandParts};
use countersign_core::refusal::{Code, Refusal, is_deceptive};

/// What there is, for hints.
pub(crate) const FILTERS: &str =
    "after `|` there are `grep`, `head`, `tail`, `sort`, `wc` and `jq`; what stands after it in quotes is text";

/// Their names.
const NAMES: [&str; 6] = ["grep", "head", "tail", "sort", "wc", "jq"];

/// Most filters behind one command.
const MOST: usize = 5;

/// The longest argument of a filter, in characters.
const LONGEST: usize = 1_000;

/// Programs people reach for, and what there is instead.
const INSTEAD: &[(&[&str], &str)] = &[
    (&["egrep"], "`grep` reads extended patterns as it is"),
    (&["fgrep"], "write `grep -F`"),
    (&["rg", "ag", "ack", "findstr"], "write `grep`"),
    (&["uniq"], "write `sort -u`"),
    (&["gojq", "jaq", "yq"], "ask for JSON, and write `jq`"),
    (
        &["awk", "cut", "sed", "tr", "column", "perl", "python", "python3"],
        "ask for the columns you want (`-o custom-columns=…`, `--query`, `--format`), or for JSON and write `jq`",
    ),
    (&["less", "more", "cat"], "leave it away: the output is shown whole, in pages"),
    (
        &["sh", "bash", "zsh", "xargs", "tee", "ssh", "curl", "nc", "kubectl", "aws", "gcloud", "tf", "terraform"],
        "a filter starts no program and writes no file: ask for each command on its own",
    ),
];

/// A filter, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Keeps lines that match.
    Grep(Grep),
    /// Keeps the beginning or the end.
    Cut(Cut),
    /// Puts lines in order.
    Sort(Sort),
    /// Counts.
    Wc(Wc),
    /// Runs a jq program over JSON values.
    Jq(Jq),
}

impl Filter {
    /// Understands a filter's argv.
    ///
    /// # Errors
    /// A refusal when there is no such filter, or it takes no such argument.
    pub fn parse(argv: &Argv) -> Result<Self, Box<Refusal>> {
        let words: Vec<Word> = argv.elements().iter().map(|one| Word::untyped(one)).collect();
        Self::read(&words)
    }

    fn read(words: &[Word]) -> Checked<Self> {
        let Some((name, rest)) = words.split_first() else {
            return Err(no(Code::MissingValue, "there is no filter", FILTERS));
        };
        words.iter().try_for_each(plain)?;
        Ok(match name.text.as_str() {
            "grep" => Self::Grep(Grep::read(rest)?),
            "head" => Self::Cut(Cut::read(End::Head, rest)?),
            "tail" => Self::Cut(Cut::read(End::Tail, rest)?),
            "sort" => Self::Sort(Sort::read(rest)?),
            "wc" => Self::Wc(Wc::read(rest)?),
            "jq" => Self::Jq(Jq::read(rest)?),
            _ => return Err(unknown(name)),
        })
    }

    /// Its one spelling: every option for itself, in a fixed order, and what to look for at the end.
    #[must_use]
    pub fn canonical(&self) -> Vec<String> {
        match self {
            Self::Grep(grep) => grep.canonical(),
            Self::Cut(cut) => cut.canonical(),
            Self::Sort(sort) => sort.canonical(),
            Self::Wc(wc) => wc.canonical(),
            Self::Jq(jq) => jq.canonical(),
        }
    }
}

/// Neither what a terminal or log would act on, nor more than a person reads.
fn plain(word: &Word) -> Checked<()> {
    if word.text.chars().count() > LONGEST {
        let sentence = format!("an argument of a filter has at most {LONGEST} characters");
        return Err(no(Code::TooLong, sentence, "look for less").over(word));
    }
    match word.text.chars().find(|c| is_deceptive(*c)) {
        None => Ok(()),
        Some(c) => Err(no(
            Code::CharacterNotAllowed,
            format!("U+{:04X} is not allowed in a filter", u32::from(c)),
            "type the filter again with plain characters",
        )
        .over(word)),
    }
}

fn unknown(name: &Word) -> Box<Refusal> {
    let instead = INSTEAD.iter().find(|(names, _)| names.contains(&name.text.as_str()));
    let hint = match instead {
        Some((_, instead)) => format!("{instead}; {FILTERS}"),
        None => meant(&name.text, NAMES, FILTERS),
    };
    no(Code::UnknownTool, format!("there is no filter {}", quoted(&name.text)), hint).over(name)
}

/// Puts the filters of a line behind its command.
pub(crate) fn behind(command: Command, filters: &[Vec<Word>]) -> Checked<Command> {
    if filters.is_empty() {
        return Ok(command);
    }
    if let Some(extra) = filters.get(MOST).and_then(|words| words.first()) {
        return Err(no(
            Code::TooLong,
            format!("at most {MOST} filters stand behind a command"),
            "put what you look for into fewer",
        )
        .over(extra));
    }
    let argvs = filters.iter().map(|words| {
        let elements = Filter::read(words)?.canonical();
        Argv::new(elements).map_err(|fault| no(Code::BadValue, fault.to_string(), "leave the character away"))
    });
    let filters = argvs.collect::<Checked<Vec<Argv>>>()?;
    Command::new(CommandParts { filters, ..command.parts().clone() })
        .map_err(|fault| no(Code::BadValue, fault.to_string(), "write the command differently"))
}

/// Understands the filters of a decision again.
pub(crate) fn behind_again(command: Command, filters: &[Argv]) -> Checked<Command> {
    let words = |argv: &Argv| argv.elements().iter().map(|one| Word::untyped(one)).collect::<Vec<_>>();
    behind(command, &filters.iter().map(words).collect::<Vec<_>>())
}

/// Points at a character of a word: exactly where it was typed if the word has no quotes or one
/// pair around it, and over the whole word otherwise.
fn inside(refusal: Box<Refusal>, word: &Word, at: usize) -> Box<Refusal> {
    let characters = word.text.chars().count();
    let quotes = word.length.saturating_sub(characters);
    match quotes {
        0 | 2 if word.column > 0 && at <= characters => refusal.at_column(word.column + quotes / 2 + at, 1),
        _ => refusal.over(word),
    }
}
