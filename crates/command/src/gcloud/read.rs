//! Reads words as gcloud's parser does: flags anywhere, `--flag=value` and `--flag value`.
//!
//! **Invariant:** a flag is spelled in full and given once, unless gcloud itself collects it. What
//! gcloud would read in two ways, such as a value that begins with a dash, is refused.
//!
//! Source: `googlecloudsdk/calliope/parser_extensions.py` (abbreviations are refused there as well),
//! Python's argparse.

use super::globals::{self, Rule};
use super::refused;
use super::table::{self, Flag, Positional, Spec, Takes};
use crate::characters;
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};
use std::slice::Iter;

/// A flag as it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    /// Its full name, without `no-`.
    pub(super) name: &'static str,
    /// Whether `--no-…` was given.
    pub(super) is_off: bool,
    pub(super) value: Option<String>,
    /// Where.
    pub(super) word: Word,
}

/// A command with everything that was said.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) spec: &'static Spec,
    pub(super) flags: Vec<Given>,
    pub(super) globals: Vec<Given>,
    pub(super) positionals: Vec<Word>,
    pub(super) own: Own,
}

impl Parsed {
    /// The value of a flag of the command.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().find(|given| given.name == name)?.value.as_deref()
    }

    /// The flags of the command, sorted by name: one order, in which what was given again stays.
    pub(super) fn sorted(&self) -> Vec<&Given> {
        let mut flags: Vec<&Given> = self.flags.iter().collect();
        flags.sort_by_key(|given| given.name);
        flags
    }

    /// Has a global flag with this value, whatever it was given.
    pub(super) fn say(&mut self, name: &'static str, value: String) {
        let word = Word::untyped(&value);
        self.globals.retain(|given| given.name != name);
        self.globals.push(Given { name, is_off: false, value: Some(value), word });
    }

    /// A global flag that was given.
    pub(super) fn global(&self, name: &str) -> Option<&Given> {
        self.globals.iter().find(|given| given.name == name)
    }
}

impl Given {
    /// `--name=value`, `--name`, `--no-name`.
    pub(super) fn canonical(&self) -> String {
        match &self.value {
            Some(value) => format!("--{}={value}", self.name),
            None if self.is_off => format!("--no-{}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

struct Reader<'a> {
    words: Iter<'a, Word>,
    own: Own,
    globals: Vec<Given>,
    flags: Vec<Given>,
}

/// Reads the words after the project.
pub(super) fn read(words: &[Word]) -> Checked<Parsed> {
    let mut reader = Reader { words: words.iter(), own: Own::default(), globals: Vec::new(), flags: Vec::new() };
    let spec = reader.command()?;
    let mut positionals = Vec::new();
    while let Some(word) = reader.positional(Some(spec))? {
        positionals.push(word.clone());
    }
    let Reader { own, globals, flags, .. } = reader;
    check_count(spec, &positionals)?;
    Ok(Parsed { spec, flags, globals, positionals, own })
}

impl<'a> Reader<'a> {
    /// The group and command that the first words name.
    fn command(&mut self) -> Checked<&'static Spec> {
        let mut path = String::new();
        loop {
            let Some(word) = self.positional(None)? else {
                let hint = format!("one of {}", listed(&table::below(&path)));
                return Err(no(Code::UnknownVerb, format!("`gcloud {path}` is not a whole command"), hint));
            };
            if path.is_empty() {
                refused::group(word)?;
            }
            let group = path.clone();
            if !path.is_empty() {
                path.push(' ');
            }
            path.push_str(&word.text);
            refused::path(&path, word)?;
            if let Some(spec) = table::find(&path) {
                refused::command(spec, word)?;
                return Ok(spec);
            }
            if !table::is_group(&path) {
                return Err(unknown_command(&group, word));
            }
        }
    }

    /// The next word that is no flag; flags are taken in on the way.
    fn positional(&mut self, spec: Option<&'static Spec>) -> Checked<Option<&'a Word>> {
        while let Some(word) = self.words.next() {
            characters::not_a_control(word)?;
            if self.own.takes(word, &mut self.words)? {
                continue;
            }
            if word.text == "--" {
                return Err(
                    no(Code::UnexpectedArgument, "`--` has no place in a gcloud command", "leave it away").over(word)
                );
            }
            if let Some(name) = word.text.strip_prefix("--") {
                self.long(spec, name, word)?;
            } else if word.text.starts_with('-') {
                self.short(spec, word)?;
            } else {
                return Ok(Some(word));
            }
        }
        Ok(None)
    }

    fn long(&mut self, spec: Option<&'static Spec>, text: &str, word: &Word) -> Checked<()> {
        let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        if let Some(spec) = spec {
            let also = || spec.flags().iter().find(|flag| name.len() > 1 && flag.is_also(name)).copied();
            if let Some(flag) = spec.flag(name).or_else(also) {
                return self.flag(flag, value, word);
            }
            let base = name.strip_prefix("no-");
            if let Some(flag) = base.and_then(|base| spec.flag(base)).filter(|flag| flag.has_opposite) {
                without_value(name, value, word)?;
                return self.keep(Given { name: flag.name, is_off: true, value: None, word: word.clone() }, flag.takes);
            }
        }
        match globals::find(name) {
            Some((name, rule)) => self.global(name, *rule, value, word),
            None => Err(unknown_flag(spec, name, word)),
        }
    }

    /// A single letter, alone: bundles and values that stick to it have two readings.
    fn short(&mut self, spec: Option<&'static Spec>, word: &Word) -> Checked<()> {
        let letter = word.text.strip_prefix('-').unwrap_or_default();
        if letter.chars().count() == 1 {
            if let Some(flag) = spec.and_then(|spec| spec.flags().iter().find(|flag| flag.is_also(letter)).copied()) {
                return self.flag(flag, None, word);
            }
            let known = globals::LETTERS.iter().find(|(known, _)| letter.starts_with(*known));
            if let Some((name, rule)) = known.and_then(|(_, name)| globals::find(name)) {
                return self.global(name, *rule, None, word);
            }
        }
        let hint = "write the long name of the flag you mean; a value that begins with `-` is written `--flag=-…`";
        Err(no(Code::UnknownFlag, format!("gcloud has no flag {} here", quoted(&word.text)), hint).over(word))
    }

    fn flag(&mut self, flag: Flag, value: Option<&str>, word: &Word) -> Checked<()> {
        refused::flag(flag.name, word)?;
        let value = match flag.takes {
            Takes::Nothing => {
                without_value(flag.name, value, word)?;
                None
            }
            Takes::File if MAY_BE_REMOTE.contains(&flag.name) => Some(self.remote(flag.name, value, word)?),
            Takes::File => {
                return Err(local(flag.name, word));
            }
            Takes::Maybe if value.is_none() => self.words.clone().next().filter(|next| is_value(next)).map(|next| {
                self.words.next();
                next.text.clone()
            }),
            Takes::Maybe | Takes::Value | Takes::Many | Takes::Either => Some(self.value(flag.name, value, word)?),
        };
        if flag.takes == Takes::Either && value.as_deref().is_some_and(may_name_a_file) {
            return Err(no(
                Code::WorkerFiles,
                format!("gcloud would read the value of `--{}` from a file", flag.name),
                "write the value itself",
            )
            .over(word));
        }
        if flag.name == "platform" && value.as_deref() != Some("managed") {
            let hint = "leave it away: a cluster would be reached with credentials of the machine that gcloud runs on";
            return Err(no(Code::FlagNotAllowed, "`--platform` is `managed` or not for chat", hint).over(word));
        }
        self.keep(Given { name: flag.name, is_off: false, value, word: word.clone() }, flag.takes)
    }

    fn global(&mut self, name: &'static str, rule: Rule, value: Option<&str>, word: &Word) -> Checked<()> {
        let value = match rule {
            Rule::Refuse(code, instead) => {
                return Err(no(code, format!("`--{name}` is not for chat"), instead).over(word));
            }
            // It is so anyway, however often it is said.
            Rule::Quiet => return without_value(name, value, word),
            Rule::Project => Some(self.value(name, value, word)?),
            Rule::Pass(check) => {
                let value = self.value(name, value, word)?;
                check(&value).map_err(|why| {
                    let hint = format!("correct the value of `--{name}`");
                    no(Code::BadValue, format!("`--{name}` {why}, not {}", quoted(&value)), hint).over(word)
                })?;
                Some(value)
            }
        };
        if self.globals.iter().any(|given| given.name == name) {
            return Err(own::repeated(&format!("--{name}"), word));
        }
        self.globals.push(Given { name, is_off: false, value, word: word.clone() });
        Ok(())
    }

    /// What stands after `=`, or the next word.
    fn value(&mut self, name: &str, value: Option<&str>, word: &Word) -> Checked<String> {
        if let Some(value) = value {
            return Ok(value.to_owned());
        }
        match self.words.next().filter(|next| is_value(next)) {
            Some(next) => {
                characters::not_a_control(next)?;
                Ok(next.text.clone())
            }
            None => Err(no(
                Code::MissingValue,
                format!("`--{name}` needs a value"),
                format!("write `--{name}=…`; a value that begins with `-` needs the `=`"),
            )
            .over(word)),
        }
    }

    /// The address of an object, where gcloud takes the name of a file as well.
    fn remote(&mut self, name: &str, value: Option<&str>, word: &Word) -> Checked<String> {
        let value = self.value(name, value, word)?;
        if value.starts_with("gs://") { Ok(value) } else { Err(local(name, word)) }
    }

    fn keep(&mut self, given: Given, takes: Takes) -> Checked<()> {
        if takes != Takes::Many && self.flags.iter().any(|before| before.name == given.name) {
            return Err(own::repeated(&format!("--{}", given.name), &given.word));
        }
        self.flags.push(given);
        Ok(())
    }
}

/// Flags that name a local file or an object of Cloud Storage.
///
/// Source: `gcloud compute images import --help`, `gcloud compute os-config patch-jobs execute --help`.
const MAY_BE_REMOTE: &[&str] = &[
    "post-patch-linux-executable",
    "post-patch-windows-executable",
    "pre-patch-linux-executable",
    "pre-patch-windows-executable",
    "source-file",
];

fn local(name: &str, word: &Word) -> Box<Refusal> {
    no(
        Code::WorkerFiles,
        format!("`--{name}` reads or writes a file of the machine that gcloud runs on"),
        "write what is in it with the command's other flags, or do it in a terminal",
    )
    .over(word)
}

/// A dash alone is a value: of `--location` it means every one.
fn is_value(word: &Word) -> bool {
    word.text == "-" || !word.text.starts_with('-')
}

/// Source: `arg_parsers.ArgObject`: what ends in `.yaml` or `.json`, also inside of a list.
fn may_name_a_file(value: &str) -> bool {
    value.contains(".yaml") || value.contains(".json") || value.contains(".yml")
}

fn without_value(name: &str, value: Option<&str>, word: &Word) -> Checked<()> {
    if value.is_none() {
        return Ok(());
    }
    let hint = format!("write `--{name}`, or leave it away");
    Err(no(Code::BadValue, format!("`--{name}` takes no value"), hint).over(word))
}

fn check_count(spec: &Spec, words: &[Word]) -> Checked<()> {
    let least = spec.positionals().filter(Positional::is_demanded).count();
    let most = if spec.positionals().any(|one| one.is_many()) { usize::MAX } else { spec.positionals().count() };
    if let Some(extra) = words.get(most..).and_then(<[Word]>::first) {
        let takes = if most == 0 { "takes no names".to_owned() } else { format!("takes {most} at most") };
        return Err(no(
            Code::UnexpectedArgument,
            format!("`gcloud {}` {takes}, so {} has no place", spec.path, quoted(&extra.text)),
            "leave it away",
        )
        .over(extra));
    }
    if words.len() < least {
        let names: Vec<&str> = spec.positionals().filter(Positional::is_demanded).map(|one| one.name).collect();
        return Err(no(
            Code::MissingTarget,
            format!("`gcloud {}` does not say what it acts on", spec.path),
            format!("it takes {}", names.join(" ")),
        ));
    }
    match words.iter().find(|word| word.text.is_empty()) {
        Some(empty) => Err(no(Code::BadValue, "a name is empty", "write it, or leave the quotes away").over(empty)),
        None => Ok(()),
    }
}

fn unknown_command(group: &str, word: &Word) -> Box<Refusal> {
    let known = table::below(group);
    let here = if group.is_empty() { "gcloud".to_owned() } else { format!("gcloud {group}") };
    let hint = meant(&word.text, known.iter().copied(), &format!("one of {}", listed(&known)));
    no(Code::UnknownVerb, format!("`{here}` has no command {} here", quoted(&word.text)), hint).over(word)
}

fn unknown_flag(spec: Option<&'static Spec>, name: &str, word: &Word) -> Box<Refusal> {
    let flag = quoted(&format!("--{name}"));
    let Some(spec) = spec else {
        let hint = "write it after the command: which flags there are depends on it";
        return no(Code::UnknownFlag, format!("{flag} stands before the command"), hint).over(word);
    };
    let passed = globals::GLOBALS.iter().filter(|(_, rule)| !matches!(rule, Rule::Refuse(..))).map(|(name, _)| *name);
    let known: Vec<&str> = spec.flags().iter().map(|flag| flag.name).chain(passed).collect();
    let prefixed = || known.iter().find(|one| name.len() > 1 && one.starts_with(name));
    let hint = match crate::suggest::closest(name, known.iter().copied()).or_else(|| prefixed().copied()) {
        Some(close) => format!("did you mean `--{close}`? flags are written in full"),
        None => "flags are written in full".to_owned(),
    };
    no(Code::UnknownFlag, format!("`gcloud {}` has no flag {flag}", spec.path), hint).over(word)
}

fn listed(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}
