//! Options as GNU programs read them: bundled letters, long names, values attached or apart.
//!
//! **Invariant:** an option that is not in the filter's table is refused, and so is an abbreviated
//! long name; nothing is passed on that was not understood.

use super::plain;
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// One option of a filter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt {
    /// Its letter; also its name where it is read.
    pub(super) short: char,
    /// Its long name.
    pub(super) long: &'static str,
    /// How many values it takes.
    pub(super) values: usize,
    /// Whether it may be given more than once.
    pub(super) repeats: bool,
}

/// A switch.
pub(super) const fn switch(short: char, long: &'static str) -> Opt {
    Opt { short, long, values: 0, repeats: true }
}

/// An option with a value, given once.
pub(super) const fn valued(short: char, long: &'static str) -> Opt {
    Opt { short, long, values: 1, repeats: false }
}

/// What a filter takes.
#[derive(Debug)]
pub(super) struct Usage {
    pub(super) name: &'static str,
    pub(super) options: &'static [Opt],
    /// Options the program has and the filter refuses, with the reason or what to write instead.
    pub(super) refused: &'static [(&'static [&'static str], Code, &'static str)],
    /// The option that a bare number means: `head -5`.
    pub(super) number: Option<char>,
}

/// One option as it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) opt: &'static Opt,
    pub(super) values: Vec<Word>,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) given: Vec<Given>,
    pub(super) operands: Vec<Word>,
}

impl Read {
    /// Whether a switch is on.
    pub(super) fn has(&self, short: char) -> bool {
        self.given.iter().any(|given| given.opt.short == short)
    }

    /// The value of an option that is given once.
    pub(super) fn value(&self, short: char) -> Option<&Word> {
        self.all(short).next().and_then(|values| values.first())
    }

    /// The values of each time an option is given.
    pub(super) fn all(&self, short: char) -> impl Iterator<Item = &[Word]> {
        self.given.iter().filter(move |given| given.opt.short == short).map(|given| given.values.as_slice())
    }

    /// A whole number.
    pub(super) fn number(&self, short: char, most: u64) -> Checked<Option<u64>> {
        self.value(short).map(|word| number(word, most)).transpose()
    }
}

/// A whole number up to `most`, without sign or unit.
pub(super) fn number(word: &Word, most: u64) -> Checked<u64> {
    let digits = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
    word.text.parse().ok().filter(|number| digits && *number <= most).ok_or_else(|| {
        no(
            Code::BadValue,
            format!("{} is not a whole number from 0 to {most}", quoted(&word.text)),
            "write digits alone, without a sign or unit",
        )
        .over(word)
    })
}

/// A piece of a word, where the word stands.
fn part(word: &Word, text: &str) -> Word {
    Word { text: text.to_owned(), ..word.clone() }
}

/// Reads what stands behind a filter's name.
pub(super) fn read(usage: &'static Usage, words: &[Word]) -> Checked<Read> {
    let mut reader = Reader { usage, words: words.iter(), read: Read::default() };
    while let Some(word) = reader.words.next() {
        match word.text.as_str() {
            "--" => reader.read.operands.extend(reader.words.by_ref().cloned()),
            text if text.starts_with("--") => reader.long(word)?,
            text if text.starts_with('-') && text.len() > 1 => reader.shorts(word)?,
            _ => reader.read.operands.push(word.clone()),
        }
    }
    Ok(reader.read)
}

struct Reader<'a> {
    usage: &'static Usage,
    words: std::slice::Iter<'a, Word>,
    read: Read,
}

impl Reader<'_> {
    fn long(&mut self, word: &Word) -> Checked<()> {
        let body = word.text.get(2..).unwrap_or_default();
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(part(word, value))),
            None => (body, None),
        };
        let Some(opt) = self.usage.options.iter().find(|opt| opt.long == name) else {
            return Err(self.unknown(&format!("--{name}"), word));
        };
        if let (0, Some(_)) = (opt.values, &value) {
            let sentence = format!("`--{name}` takes no value");
            return Err(no(Code::BadValue, sentence, "leave `=` and what follows away").over(word));
        }
        self.take(opt, value, word)
    }

    fn shorts(&mut self, word: &Word) -> Checked<()> {
        let body = word.text.get(1..).unwrap_or_default();
        if let Some(short) = self.usage.number.filter(|_| body.bytes().all(|byte| byte.is_ascii_digit())) {
            let opt = self.usage.options.iter().find(|opt| opt.short == short);
            return opt.map_or(Ok(()), |opt| self.take(opt, Some(part(word, body)), word));
        }
        let mut rest = body.chars();
        while let Some(short) = rest.next() {
            let Some(opt) = self.usage.options.iter().find(|opt| opt.short == short) else {
                return Err(self.unknown(&format!("-{short}"), word));
            };
            if opt.values == 0 {
                self.take(opt, None, word)?;
                continue;
            }
            let attached = rest.as_str();
            return self.take(opt, (!attached.is_empty()).then(|| part(word, attached)), word);
        }
        Ok(())
    }

    /// Takes in one option; values it does not have yet are the next words.
    fn take(&mut self, opt: &'static Opt, attached: Option<Word>, word: &Word) -> Checked<()> {
        let mut values: Vec<Word> = attached.into_iter().collect();
        while values.len() < opt.values {
            let Some(next) = self.words.next() else {
                let sentence = format!("`{}` of `{}` needs a value", shown(opt), self.usage.name);
                return Err(no(Code::MissingValue, sentence, "write it right behind the option").over(word));
            };
            values.push(next.clone());
        }
        values.iter().try_for_each(plain)?;
        if !opt.repeats && self.read.has(opt.short) {
            return Err(crate::own::repeated(&format!("{} {}", self.usage.name, shown(opt)), word));
        }
        self.read.given.push(Given { opt, values });
        Ok(())
    }

    fn unknown(&self, name: &str, word: &Word) -> Box<Refusal> {
        let usage = self.usage;
        if let "--apply" | "--reason" | "--context" | "--dry-run" = name {
            let sentence = format!("{} belongs to the command, not to `{}`", quoted(name), usage.name);
            return no(Code::UnknownFlag, sentence, "write it before the first `|`").over(word);
        }
        if let Some((_, code, why)) = usage.refused.iter().find(|(names, ..)| names.contains(&name)) {
            return no(*code, format!("`{} {name}` is not for filters", usage.name), *why).over(word);
        }
        let known: Vec<String> = usage.options.iter().map(|opt| format!("`{}`", shown(opt))).collect();
        no(
            Code::UnknownFlag,
            format!("the filter `{}` has no option {}", usage.name, quoted(name)),
            format!("it has {}", known.join(", ")),
        )
        .over(word)
    }
}

/// The letter, or the long name of an option that has no letter.
fn shown(opt: &Opt) -> String {
    if opt.short.is_ascii_alphabetic() { format!("-{}", opt.short) } else { format!("--{}", opt.long) }
}

/// Refuses an operand that has no place.
pub(super) fn no_files(name: &str, extra: Option<&Word>) -> Checked<()> {
    match extra {
        None => Ok(()),
        Some(word) => Err(no(
            Code::WorkerFiles,
            format!("{} would be a file: `{name}` reads the output of the command", quoted(&word.text)),
            "leave it away, or put quotes around what belongs together",
        )
        .over(word)),
    }
}
