//! Reads the parameters of a custom command as they were typed.

use super::{Filled, bad_value, fill, values};
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{CustomCommand, Param};
use crate::words::Word;
use countersign_core::refusal::Code;

/// The values that were typed, the defaults of the others, and what was said to Countersign.
pub(super) fn typed(custom: &CustomCommand, words: &[Word]) -> Checked<(Filled, Own)> {
    let mut reader = Reader { custom, words: words.iter(), filled: Filled::new(), own: Own::default() };
    let mut names_end = false;
    while let Some(word) = reader.words.next() {
        if names_end {
            reader.positional(word)?;
        } else if word.text == "--" {
            names_end = true;
        } else {
            reader.word(word)?;
        }
    }
    let Reader { filled, own, .. } = reader;
    let filled = complete(custom, filled)?;
    let arguments = fill::fill(&custom.template, &filled);
    if fill::read_back(&custom.template, &arguments, &custom.params).as_ref() != Some(&filled) {
        return Err(no(
            Code::BadValue,
            format!("the values of `{}` cannot be told apart once they are joined", custom.name),
            "choose values without the characters that the template joins them with",
        ));
    }
    Ok((filled, own))
}

struct Reader<'a> {
    custom: &'a CustomCommand,
    words: std::slice::Iter<'a, Word>,
    filled: Filled,
    own: Own,
}

impl Reader<'_> {
    fn word(&mut self, word: &Word) -> Checked<()> {
        if self.own.takes(word, &mut self.words)? {
            return Ok(());
        }
        if let Some(option) = word.text.strip_prefix("--") {
            let (name, value) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            let Some(param) = self.param(name) else { return Err(self.unknown(name, word)) };
            let value = self.value(&format!("--{name}"), value, word)?;
            return self.set(&param, &value, word);
        }
        if word.text.starts_with('-') {
            return Err(self.unknown(&word.text, word));
        }
        match word.text.split_once('=') {
            Some((name, value)) => match self.param(name) {
                Some(param) => self.set(&param, value, word),
                None => Err(self.unknown(name, word)),
            },
            None => self.positional(word),
        }
    }

    fn value(&mut self, name: &str, value: Option<String>, word: &Word) -> Checked<String> {
        value.or_else(|| self.words.next().map(|next| next.text.clone())).ok_or_else(|| {
            no(Code::MissingValue, format!("`{name}` needs a value"), format!("write `{name}=…`")).over(word)
        })
    }

    fn param(&self, name: &str) -> Option<Param> {
        self.custom.params.iter().find(|param| param.name == name).cloned()
    }

    fn positional(&mut self, word: &Word) -> Checked<()> {
        let open = self.custom.params.iter().find(|param| !self.filled.contains_key(&param.name)).cloned();
        match open {
            Some(param) => self.set(&param, &word.text, word),
            None => Err(no(
                Code::UnexpectedArgument,
                format!("`{}` takes no further value, as {} is", self.custom.name, quoted(&word.text)),
                self.usage(),
            )
            .over(word)),
        }
    }

    fn set(&mut self, param: &Param, value: &str, word: &Word) -> Checked<()> {
        if let Some(why) = values::objection(param, value) {
            let refusal = match &param.values {
                crate::vocabulary::Values::Enum(known) => no(
                    Code::BadValue,
                    format!("`{}` {why}", param.name),
                    meant(value, known.iter().map(String::as_str), "choose one of them"),
                )
                .over(word),
                _ => bad_value(&param.name, word, &why),
            };
            return Err(refusal);
        }
        if self.filled.insert(param.name.clone(), value.to_owned()).is_some() {
            return Err(own::repeated(&param.name, word));
        }
        Ok(())
    }

    fn unknown(&self, name: &str, word: &Word) -> Box<countersign_core::refusal::Refusal> {
        let known = self.custom.params.iter().map(|param| param.name.as_str());
        no(
            Code::UnknownFlag,
            format!("`{}` has no parameter {}", self.custom.name, quoted(name)),
            meant(name.trim_start_matches('-'), known.chain(["apply", "reason"]), &self.usage()),
        )
        .over(word)
    }

    fn usage(&self) -> String {
        usage(self.custom)
    }
}

fn usage(custom: &CustomCommand) -> String {
    format!("write `{}`", custom.usage())
}

fn complete(custom: &CustomCommand, mut filled: Filled) -> Checked<Filled> {
    let mut missing = Vec::new();
    for param in &custom.params {
        match (&param.default, filled.contains_key(&param.name)) {
            (_, true) => {}
            (Some(default), false) => {
                filled.insert(param.name.clone(), default.clone());
            }
            (None, false) => missing.push(format!("`{}` ({})", param.name, values::described(param))),
        }
    }
    if missing.is_empty() {
        return Ok(filled);
    }
    Err(no(Code::MissingValue, format!("`{}` needs {}", custom.name, missing.join(" and ")), usage(custom)))
}
