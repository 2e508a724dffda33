//! Reads words as pflag reads them: long flags in full, bundles of short ones, `--`, flags anywhere.
//!
//! Source: spf13/pflag `parseLongArg`, `parseSingleShortArg`; spf13/cobra `Find`.

use super::{Arity, Flag, Grammar, Repeat, Rule, Switch, Verb};
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// A flag as it was given.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) flag: &'static Flag,
    /// Its effective value; `true` or `false` for a switch.
    pub(crate) value: String,
    /// Where.
    pub(crate) word: Word,
}

/// A verb with everything that was said.
#[derive(Debug)]
pub(crate) struct Parsed<I: 'static> {
    pub(crate) verb: &'static Verb<I>,
    /// Flags of every verb.
    pub(crate) global: &'static [Flag],
    pub(crate) given: Vec<Given>,
    pub(crate) positionals: Vec<Word>,
    /// What follows `--`, which no flag can be in.
    pub(crate) after_flags: Vec<Word>,
    pub(crate) own: Own,
}

impl<I> Parsed<I> {
    /// Takes what follows `--` as what it is to most verbs: more of the same, and never a flag.
    pub(crate) fn join_after_flags(&mut self) -> Checked<()> {
        for word in std::mem::take(&mut self.after_flags) {
            if word.text.starts_with('-') {
                return Err(no(
                    Code::UnexpectedArgument,
                    format!("{} after `--` looks like a flag and is no name", quoted(&word.text)),
                    "write flags before `--`",
                )
                .over(&word));
            }
            self.positionals.push(word);
        }
        Ok(())
    }

    /// The effective value of a flag: the last one given.
    pub(crate) fn value(&self, long: &str) -> Option<&Given> {
        self.given.iter().rev().find(|given| given.flag.long == long)
    }

    /// Takes a word as the value of a flag that it is another way of writing.
    pub(crate) fn set(&mut self, long: &str, word: &Word) -> Checked<()> {
        let Some(flag) = self.verb.flags.iter().flat_map(|table| table.iter()).find(|flag| flag.long == long) else {
            return Ok(());
        };
        check(flag, &word.text, &self.given, word)?;
        self.given.push(Given { flag, value: word.text.clone(), word: word.clone() });
        Ok(())
    }

    /// Writes every value of a flag in another way.
    pub(crate) fn rewrite(&mut self, long: &str, anew: impl Fn(&str) -> Option<String>) {
        for given in self.given.iter_mut().filter(|given| given.flag.long == long) {
            given.value = anew(&given.value).unwrap_or_else(|| given.value.clone());
        }
    }

    /// Every value of a flag, in the order of writing.
    pub(crate) fn values(&self, long: &str) -> impl Iterator<Item = &Given> {
        self.given.iter().filter(move |given| given.flag.long == long)
    }

    /// Whether a switch is effectively on.
    pub(crate) fn is_on(&self, long: &str) -> bool {
        self.value(long).is_some_and(|given| given.value == "true")
    }

    /// The canonical spelling of every flag that has an effect, in the order of the tables: the
    /// verb's own, then those of every verb.
    pub(crate) fn canonical_flags(&self, except: &[&str]) -> Vec<String> {
        let own = self.verb.flags.iter().flat_map(|table| table.iter());
        // One of the verb's own hides a global one of the same name.
        let given = |flag: &&Flag| self.given.iter().any(|given| std::ptr::eq(given.flag, *flag));
        own.chain(self.global.iter().filter(given))
            .filter(|flag| matches!(flag.rule, Rule::Allow(_)) && !except.contains(&flag.long))
            .flat_map(|flag| self.canonical(flag))
            .collect()
    }

    fn canonical(&self, flag: &Flag) -> Vec<String> {
        let values: Vec<&str> = self.values(flag.long).map(|given| given.value.as_str()).collect();
        let effective = match flag.repeat {
            Repeat::Accumulate if values.is_empty() => Vec::new(),
            Repeat::Accumulate => vec![values.join(",")],
            Repeat::Each => values.into_iter().map(str::to_owned).collect(),
            Repeat::Refuse | Repeat::LastWins => values.last().map(|value| (*value).to_owned()).into_iter().collect(),
        };
        let spelled = |value: String| {
            if flag.arity == Arity::Bool && value == "true" {
                format!("--{}", flag.long)
            } else {
                format!("--{}={value}", flag.long)
            }
        };
        effective.into_iter().filter(|value| value != flag.default).map(spelled).collect()
    }
}

/// Reads the words after the tool's name.
pub(crate) fn parse<I>(grammar: &'static Grammar<I>, words: &[Word]) -> Checked<Parsed<I>> {
    let mut reader = Reader {
        tool: grammar.tool,
        words: words.iter(),
        tables: vec![grammar.global],
        elsewhere: grammar.verbs.iter().flat_map(|verb| verb.flags.iter().copied()).collect(),
        verb: None,
        given: Vec::new(),
        own: Own::default(),
        flags_end: false,
    };
    let verb = find_verb(grammar, &mut reader)?;
    // cobra looks for no verb behind `--`: kubectl would print its help and do nothing.
    if reader.flags_end {
        let sentence = format!("`{}` reads no verb after `--`", grammar.tool);
        return Err(no(Code::UnknownVerb, sentence, "write the verb before `--`, or leave `--` away"));
    }
    reader.verb = Some(verb.name);
    // A verb's own flag hides a global one of the same name.
    reader.tables.splice(0..0, verb.flags.iter().copied());
    let (mut positionals, mut after_flags) = (Vec::new(), Vec::new());
    while let Some(word) = reader.positional()? {
        if reader.flags_end { &mut after_flags } else { &mut positionals }.push(word);
    }
    let Reader { given, own, .. } = reader;
    Ok(Parsed { verb, global: grammar.global, given, positionals, after_flags, own })
}

/// Reads one word after the other until they name a verb. Flags that stand before the verb must be
/// global: which others there are depends on the verb.
fn find_verb<I>(grammar: &'static Grammar<I>, reader: &mut Reader<'_>) -> Checked<&'static Verb<I>> {
    let tool = grammar.tool;
    let Some(first) = reader.positional()? else {
        return Err(no(
            Code::UnknownVerb,
            format!("`{tool}` needs a verb"),
            format!("one of {}", listed(grammar.below("").into_iter())),
        ));
    };
    let mut word = first;
    let mut path = String::new();
    loop {
        let parent = path.clone();
        path = grammar.path(&parent, &word.text);
        if let Some(refused) = grammar.refused.iter().find(|refused| refused.name == path) {
            let sentence = format!("`{tool} {}` does not run from chat", refused.name);
            return Err(no(refused.code, sentence, refused.instead).over(&word));
        }
        let verb = grammar.verbs.iter().find(|verb| verb.name == path);
        let below = grammar.below(&path);
        let next = match (verb, below.is_empty()) {
            (Some(verb), true) => return Ok(verb),
            (None, true) => return Err(unknown_verb(tool, &parent, &word, &grammar.below(&parent))),
            (Some(verb), false) => match reader.next_verb(|text| below.contains(&grammar.word(&path, text).as_str())) {
                Some(next) => next,
                None => return Ok(verb),
            },
            (None, false) => reader.positional()?.ok_or_else(|| {
                no(
                    Code::UnknownVerb,
                    format!("`{tool} {path}` needs to be told what to do"),
                    format!("one of {}", listed(below.iter().copied())),
                )
                .over(&word)
            })?,
        };
        word = next;
    }
}

impl<I> Grammar<I> {
    /// The words that can follow these words of a verb.
    fn below(&self, path: &str) -> Vec<&'static str> {
        let names = self.verbs.iter().map(|verb| verb.name).chain(self.refused.iter().map(|refused| refused.name));
        let rest = names.filter_map(|name| match path {
            "" => Some(name),
            _ => name.strip_prefix(path)?.strip_prefix(' '),
        });
        rest.filter_map(|rest| rest.split(' ').next()).collect()
    }

    /// The words of a verb so far, and one more, as they are used.
    fn path(&self, parent: &str, word: &str) -> String {
        let typed = if parent.is_empty() { word.to_owned() } else { format!("{parent} {word}") };
        match self.aliases.iter().find(|(alias, _)| *alias == typed) {
            Some((_, used)) => (*used).to_owned(),
            None => typed,
        }
    }

    /// The last word of such a path.
    fn word(&self, parent: &str, word: &str) -> String {
        let path = self.path(parent, word);
        path.rsplit(' ').next().unwrap_or_default().to_owned()
    }
}

fn unknown_verb(tool: &str, parent: &str, word: &Word, known: &[&str]) -> Box<Refusal> {
    let here = if parent.is_empty() { tool.to_owned() } else { format!("{tool} {parent}") };
    let known = || known.iter().copied();
    no(
        Code::UnknownVerb,
        format!("`{here}` has no verb {} here", quoted(&word.text)),
        meant(&word.text, known(), &format!("one of {}", listed(known()))),
    )
    .over(word)
}

/// Names once each, in backticks.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if !seen.contains(&name) {
            seen.push(name);
        }
    }
    format!("`{}`", seen.join("`, `"))
}

#[derive(Clone)]
struct Reader<'a> {
    tool: &'static str,
    words: std::slice::Iter<'a, Word>,
    tables: Vec<&'static [Flag]>,
    /// The tables of all verbs: a flag of theirs before the verb is named, and not taken.
    elsewhere: Vec<&'static [Flag]>,
    verb: Option<&'static str>,
    given: Vec<Given>,
    own: Own,
    flags_end: bool,
}

impl Reader<'_> {
    /// The next word if it goes on naming the verb; otherwise nothing was read.
    fn next_verb(&mut self, goes_on: impl Fn(&str) -> bool) -> Option<Word> {
        let mut ahead = self.clone();
        let word = ahead.positional().ok().flatten().filter(|word| goes_on(&word.text))?;
        *self = ahead;
        Some(word)
    }

    /// The next word that is no flag; flags on the way are taken in.
    fn positional(&mut self) -> Checked<Option<Word>> {
        while let Some(word) = self.words.next() {
            if self.flags_end {
                return Ok(Some(word.clone()));
            }
            match word.text.as_str() {
                "--" => self.flags_end = true,
                "-" => {
                    return Err(no(
                        Code::WorkerFiles,
                        "`-` would read standard input",
                        "name the objects in the command",
                    )
                    .over(word));
                }
                text if text.starts_with("--") => self.long(word)?,
                text if text.starts_with('-') => self.shorts(word)?,
                _ => return Ok(Some(word.clone())),
            }
        }
        Ok(None)
    }

    fn find(&self, matches: impl Fn(&Flag) -> bool) -> Option<&'static Flag> {
        self.tables.iter().flat_map(|table| table.iter()).find(|flag| matches(flag))
    }

    fn long(&mut self, word: &Word) -> Checked<()> {
        let body = word.text.get(2..).unwrap_or_default();
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (body, None),
        };
        let Some(flag) = self.find(|flag| flag.long == name) else {
            return Err(self.unknown_long(name, word));
        };
        let value = match (value, flag.arity) {
            (Some(value), _) => Some(value),
            (None, Arity::Bool) => Some("true".to_owned()),
            (None, Arity::Optional(meaning)) => Some(meaning.to_owned()),
            (None, Arity::Value) => None,
        };
        let typed_value = word.text.contains('=');
        self.take(flag, value, typed_value, word)
    }

    fn shorts(&mut self, word: &Word) -> Checked<()> {
        let mut rest: Vec<char> = word.text.chars().skip(1).collect();
        while let Some(c) = rest.first().copied() {
            let Some(flag) = self.find(|flag| flag.short == Some(c)) else {
                return Err(self.unknown_short(c, word));
            };
            rest.remove(0);
            let assigned = rest.len() > 1 && rest.first() == Some(&'=');
            let value = match flag.arity {
                _ if assigned => Some(rest.drain(..).skip(1).collect()),
                Arity::Bool => Some("true".to_owned()),
                Arity::Optional(meaning) => Some(meaning.to_owned()),
                Arity::Value if rest.is_empty() => None,
                Arity::Value => Some(rest.drain(..).collect()),
            };
            self.take(flag, value, assigned, word)?;
        }
        Ok(())
    }

    /// Takes in one flag; its value is the next word when it has none yet.
    fn take(&mut self, flag: &'static Flag, value: Option<String>, assigned: bool, word: &Word) -> Checked<()> {
        if let Rule::Refuse(code, instead) = flag.rule {
            return Err(refused_flag(code, flag, instead, word));
        }
        let value = match value {
            Some(value) => value,
            None => match self.words.next() {
                Some(next) => next.text.clone(),
                None => {
                    return Err(no(
                        Code::MissingValue,
                        format!("`--{}` needs a value", flag.long),
                        format!("write `--{}=…`", flag.long),
                    )
                    .over(word));
                }
            },
        };
        if let Rule::Own(switch) = flag.rule {
            return self.own_switch(switch, &value, assigned, word);
        }
        let value = match flag.arity {
            Arity::Bool => boolean(flag, &value, word)?,
            Arity::Value | Arity::Optional(_) => value,
        };
        check(flag, &value, &self.given, word)?;
        self.given.push(Given { flag, value, word: word.clone() });
        Ok(())
    }

    fn own_switch(&mut self, switch: Switch, value: &str, assigned: bool, word: &Word) -> Checked<()> {
        match switch {
            Switch::Apply if assigned => return Err(own::apply_with_value(word)),
            Switch::Apply if self.own.apply => return Err(own::repeated("--apply", word)),
            Switch::Apply => self.own.apply = true,
            Switch::DryRun if self.own.dry_run => return Err(own::repeated("--dry-run", word)),
            Switch::DryRun if !matches!(value, "client" | "server") => {
                return Err(no(
                    Code::BadValue,
                    format!("`--dry-run={}` is not needed here", countersign_core::refusal::shown(value)),
                    "the dry run is the default: leave the flag away, or say `--apply`",
                )
                .over(word));
            }
            Switch::DryRun => self.own.dry_run = true,
            Switch::Context => {
                let mut named = word.clone();
                value.clone_into(&mut named.text);
                if self.own.context.replace(named).is_some() {
                    return Err(own::repeated("--context", word));
                }
            }
            Switch::Reason => {
                if self.own.reason.replace(own::check_reason(value, word)?).is_some() {
                    return Err(own::repeated("--reason", word));
                }
            }
        }
        self.own.check(word)
    }

    /// The name of the verb as far as it is known, for sentences.
    fn here(&self) -> String {
        match self.verb {
            Some(verb) => format!("{} {verb}", self.tool),
            None => self.tool.to_owned(),
        }
    }

    fn unknown_long(&self, name: &str, word: &Word) -> Box<Refusal> {
        // The tool itself reads `_` as `-`, so a refused flag is refused in that spelling by name.
        let dashed = name.replace('_', "-");
        let same = self.find(|flag| flag.long.eq_ignore_ascii_case(&dashed));
        if let Some(flag) = same
            && let Rule::Refuse(code, instead) = flag.rule
        {
            return refused_flag(code, flag, instead, word);
        }
        if let Some(refusal) = self.too_early(|flag| flag.long == dashed, &format!("--{name}"), word) {
            return refusal;
        }
        let all = self.tables.iter().flat_map(|table| table.iter());
        let useful = all.filter(|flag| !matches!(flag.rule, Rule::Refuse(..))).map(|flag| flag.long);
        no(
            Code::UnknownFlag,
            format!("`{}` has no flag {}", self.here(), quoted(&format!("--{name}"))),
            match crate::suggest::closest(&dashed, useful) {
                Some(close) => format!("did you mean `--{close}`?"),
                None => "flags are written in full; see `/countersign help`".to_owned(),
            },
        )
        .over(word)
    }

    fn unknown_short(&self, c: char, word: &Word) -> Box<Refusal> {
        if let Some(refusal) = self.too_early(|flag| flag.short == Some(c), &format!("-{c}"), word) {
            return refusal;
        }
        no(
            Code::UnknownFlag,
            format!("`{}` has no flag {}", self.here(), quoted(&format!("-{c}"))),
            "write the long name of the flag you mean",
        )
        .over(word)
    }
}

impl Reader<'_> {
    /// Which flags there are depends on the verb, so a verb's own flag cannot stand before it.
    fn too_early(&self, matches: impl Fn(&Flag) -> bool, name: &str, word: &Word) -> Option<Box<Refusal>> {
        let mut elsewhere = self.elsewhere.iter().flat_map(|table| table.iter());
        let flag = elsewhere.find(|flag| matches(flag)).filter(|_| self.verb.is_none())?;
        Some(match flag.rule {
            Rule::Refuse(code, instead) => refused_flag(code, flag, instead, word),
            Rule::Allow(_) | Rule::OnlyDefault(..) | Rule::Own(_) => no(
                Code::UnknownFlag,
                format!("{} stands before the verb", quoted(name)),
                "write it after the verb: which flags there are depends on it",
            )
            .over(word),
        })
    }
}

/// Whether a flag may have this value, here.
fn check(flag: &Flag, value: &str, given: &[Given], word: &Word) -> Checked<()> {
    match flag.rule {
        Rule::OnlyDefault(code, instead) if value != flag.default => {
            return Err(refused_flag(code, flag, instead, word));
        }
        Rule::Allow(check) => check(value).map_err(|why| {
            no(
                Code::BadValue,
                format!("`--{}` {why}, not {}", flag.long, quoted(value)),
                format!("correct the value of `--{}`", flag.long),
            )
            .over(word)
        })?,
        Rule::OnlyDefault(..) | Rule::Refuse(..) | Rule::Own(_) => {}
    }
    let before = given.iter().any(|given| given.flag.long == flag.long);
    if before && flag.repeat == Repeat::Refuse {
        return Err(own::repeated(&format!("--{}", flag.long), word));
    }
    Ok(())
}

fn refused_flag(code: Code, flag: &Flag, instead: &str, word: &Word) -> Box<Refusal> {
    let sentence = match code {
        Code::NotAvailableYet => format!("`--{}` is not available yet", flag.long),
        _ => format!("`--{}` is not for chat", flag.long),
    };
    no(code, sentence, instead).over(word)
}

/// The spellings Go's `strconv.ParseBool` takes.
fn boolean(flag: &Flag, value: &str, word: &Word) -> Checked<String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok("true".to_owned()),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok("false".to_owned()),
        _ => Err(no(
            Code::BadValue,
            format!("`--{}` is on or off, not {}", flag.long, quoted(value)),
            format!("write `--{}` or `--{}=false`", flag.long, flag.long),
        )
        .over(word)),
    }
}
