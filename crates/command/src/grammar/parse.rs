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
    pub(crate) given: Vec<Given>,
    pub(crate) positionals: Vec<Word>,
    pub(crate) own: Own,
}

impl<I> Parsed<I> {
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

    /// Whether a switch is effectively on.
    pub(crate) fn is_on(&self, long: &str) -> bool {
        self.value(long).is_some_and(|given| given.value == "true")
    }

    /// The canonical spelling of every flag of the verb that has an effect, in the table's order.
    pub(crate) fn canonical_flags(&self, except: &[&str]) -> Vec<String> {
        let flags = self.verb.flags.iter().flat_map(|table| table.iter());
        flags
            .filter(|flag| matches!(flag.rule, Rule::Allow(_)) && !except.contains(&flag.long))
            .filter_map(|flag| self.canonical(flag))
            .collect()
    }

    fn canonical(&self, flag: &Flag) -> Option<String> {
        let values: Vec<&str> =
            self.given.iter().filter(|given| given.flag.long == flag.long).map(|given| given.value.as_str()).collect();
        let value = match flag.repeat {
            Repeat::Accumulate => values.join(","),
            Repeat::Refuse | Repeat::LastWins => (*values.last()?).to_owned(),
        };
        if values.is_empty() || value == flag.default {
            return None;
        }
        Some(if flag.arity == Arity::Bool && value == "true" {
            format!("--{}", flag.long)
        } else {
            format!("--{}={value}", flag.long)
        })
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
    reader.verb = Some(verb.name);
    reader.tables.extend(verb.flags);
    let mut positionals = Vec::new();
    while let Some(word) = reader.positional()? {
        positionals.push(word);
    }
    let Reader { given, own, .. } = reader;
    Ok(Parsed { verb, given, positionals, own })
}

/// Flags that stand before the verb must be global: which others there are depends on the verb.
fn find_verb<I>(grammar: &'static Grammar<I>, reader: &mut Reader<'_>) -> Checked<&'static Verb<I>> {
    let tool = grammar.tool;
    let names = || grammar.verbs.iter().filter_map(|verb| verb.name.split(' ').next());
    let Some(word) = reader.positional()? else {
        return Err(no(Code::UnknownVerb, format!("`{tool}` needs a verb"), format!("one of {}", listed(names()))));
    };
    if let Some(refused) = grammar.refused.iter().find(|refused| refused.name == word.text) {
        return Err(
            no(refused.code, format!("`{tool} {}` does not run from chat", refused.name), refused.instead).over(&word)
        );
    }
    if let Some(verb) = grammar.verbs.iter().find(|verb| verb.name == word.text) {
        return Ok(verb);
    }
    if !names().any(|name| name == word.text) {
        return Err(unknown_verb(tool, &word, names()));
    }
    let subs = || grammar.verbs.iter().filter_map(|verb| verb.name.strip_prefix(&word.text)?.strip_prefix(' '));
    let Some(sub) = reader.positional()? else {
        return Err(no(
            Code::UnknownVerb,
            format!("`{tool} {}` needs to be told what to do", word.text),
            format!("one of {}", listed(subs())),
        )
        .over(&word));
    };
    let found = grammar
        .verbs
        .iter()
        .find(|verb| verb.name.split_once(' ').is_some_and(|(first, second)| first == word.text && second == sub.text));
    found.ok_or_else(|| unknown_verb(&format!("{tool} {}", word.text), &sub, subs()))
}

fn unknown_verb<'a>(tool: &str, word: &Word, known: impl Iterator<Item = &'a str> + Clone) -> Box<Refusal> {
    no(
        Code::UnknownVerb,
        format!("`{tool}` has no verb {} here", quoted(&word.text)),
        meant(&word.text, known.clone(), &format!("one of {}", listed(known))),
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
    /// The next word that is no flag; flags on the way are taken in.
    fn positional(&mut self) -> Checked<Option<Word>> {
        while let Some(word) = self.words.next() {
            if self.flags_end {
                return positional_after_flags(word).map(Some);
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

/// After `--` nothing is a flag, and nothing that looks like one is a name.
fn positional_after_flags(word: &Word) -> Checked<Word> {
    if word.text.starts_with('-') {
        return Err(no(
            Code::UnexpectedArgument,
            format!("{} after `--` looks like a flag and is no name", quoted(&word.text)),
            "write flags before `--`",
        )
        .over(word));
    }
    Ok(word.clone())
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
