//! Words to options, exactly as aws-cli's argument parser takes them, without its abbreviations.
//!
//! **Invariant:** an option is spelled in full and given once, its values end where the next option
//! begins, and whatever is left over is refused.

use super::globals::{GLOBALS, Global, PAGES};
use super::table::{Kind, Operation, Opt};
use super::{instead, values};
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{Own, check_reason, repeated};
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};
use std::slice::Iter;

/// The options of `s3` commands that may be given more than once: each adds a filter.
const FILTERS: [&str; 2] = ["exclude", "include"];

/// What was typed after the profile.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// What was said to Countersign.
    pub(super) own: Own,
    /// Words that belong to no option: service, operation and what an operation takes besides.
    pub(super) places: Vec<Word>,
    /// Options of the operation.
    pub(super) given: Vec<Given>,
    /// Options of every operation: name, and value if it takes one.
    pub(super) globals: Vec<(&'static str, Option<Word>)>,
    /// What was given, by the name that a repetition would have.
    seen: Vec<&'static str>,
}

/// An option of the operation, as it was given.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) option: Opt,
    pub(super) form: Form,
}

/// What was given with an option.
#[derive(Debug, Clone)]
pub(super) enum Form {
    On,
    /// Its other name: `--no-x`.
    Off,
    /// At least one.
    Values(Vec<Word>),
}

impl Said {
    /// What would have been typed for another operation on the same.
    pub(super) fn about(places: Vec<Word>, given: Vec<Given>) -> Self {
        Self { places, given, ..Self::default() }
    }

    /// The values of an option of the operation; none where it was not given or has none.
    pub(super) fn values(&self, name: &str) -> &[Word] {
        match self.given.iter().find(|given| given.option.name == name).map(|given| &given.form) {
            Some(Form::Values(values)) => values,
            Some(Form::On | Form::Off) | None => &[],
        }
    }

    /// The first of [`Self::values`].
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(|word| word.text.as_str())
    }

    /// Whether an option was given, and not turned off.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.given.iter().any(|given| given.option.name == name && !matches!(given.form, Form::Off))
    }

    /// The value of an option of every operation.
    pub(super) fn global(&self, name: &str) -> Option<&Word> {
        self.globals.iter().find(|(known, _)| *known == name).and_then(|(_, value)| value.as_ref())
    }

    fn once(&mut self, name: &'static str, word: &Word) -> Checked<()> {
        if self.seen.contains(&name) && !FILTERS.contains(&name) {
            return Err(repeated(&format!("--{name}"), word));
        }
        self.seen.push(name);
        Ok(())
    }
}

/// Reads what follows the profile; `operation` finds what the first words name, once there are
/// enough of them.
pub(super) fn read(words: &[Word], find: impl Fn(&[Word]) -> Checked<Option<Operation>>) -> Checked<(Operation, Said)> {
    let mut said = Said::default();
    let mut operation = None;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if is_option(&word.text) {
            option(word, &mut rest, operation.as_ref(), &mut said)?;
            continue;
        }
        said.places.push(word.clone());
        if operation.is_none() {
            operation = find(&said.places)?;
            // What names the operation is no argument of it.
            said.places.truncate(if operation.is_some() { 0 } else { said.places.len() });
        }
    }
    match operation {
        Some(operation) => Ok((operation, said)),
        None => Err(incomplete(&said.places)),
    }
}

fn incomplete(places: &[Word]) -> Box<Refusal> {
    let hint = "write `/aws <profile> <service> <operation> …`, as in `/aws dev ec2 describe-instances`";
    match places.last() {
        None => no(Code::UnknownVerb, "`/aws` needs a service and an operation", hint),
        Some(last) => no(Code::UnknownVerb, format!("{} needs an operation", quoted(&last.text)), hint).over(last),
    }
}

/// What aws-cli's argument parser takes for an option; a negative number is a value.
fn is_option(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.strip_prefix('-').is_some_and(|rest| !rest.is_empty() && !number(rest))
}

/// One option with its values.
fn option(word: &Word, rest: &mut Iter<'_, Word>, operation: Option<&Operation>, said: &mut Said) -> Checked<()> {
    let (name, value) = split(word)?;
    let known = operation.and_then(|operation| operation.option(name));
    if let Some((_, off)) = known.filter(|(option, _)| matches!(option.name, "dry-run" | "dryrun")) {
        return dry_run(off, value.is_some(), word, said);
    }
    // A few operations ask for a reason themselves; it is the same reason.
    let asks = known.is_some_and(|(option, _)| option.name == "reason");
    if !asks && said.own.takes(word, rest)? {
        return Ok(());
    }
    if let Some(refusal) = operation.and_then(|operation| instead::of_option(&operation.full_name(), name)) {
        return Err(refusal.over(word));
    }
    if let Some((option, off)) = known {
        said.once(option.name, word)?;
        of_operation(option, off, value, (word, rest), said)?;
        let reason = said.value("reason").filter(|_| asks).map(|text| check_reason(text, word)).transpose()?;
        said.own.reason = reason.or(said.own.reason.take());
        return Ok(());
    }
    let pages = operation.is_some_and(|operation| operation.pages);
    let pages = if pages { PAGES } else { &[] };
    match GLOBALS.iter().chain(pages).find(|(known, _)| *known == name) {
        Some((name, global)) => of_all(name, *global, value, (word, rest), said),
        None => Err(unknown(name, word, operation)),
    }
}

/// `--name` or `--name=value`.
fn split(word: &Word) -> Checked<(&str, Option<Word>)> {
    let Some(long) = word.text.strip_prefix("--").filter(|long| !long.is_empty()) else {
        return Err(no(
            Code::UnknownFlag,
            format!("{} is no option: those of aws begin with two dashes", quoted(&word.text)),
            "write a value that begins with a dash as `--option=-value`",
        )
        .over(word));
    };
    Ok(match long.split_once('=') {
        None => (long, None),
        Some((name, value)) => (name, Some(Word { text: value.to_owned(), ..word.clone() })),
    })
}

/// `--dry-run` is what happens anyway, and `--no-dry-run` is what `--apply` is for.
fn dry_run(off: bool, has_value: bool, word: &Word, said: &mut Said) -> Checked<()> {
    if has_value || said.own.dry_run {
        return Err(if has_value { takes_none(word) } else { repeated("--dry-run", word) });
    }
    said.once("dry-run", word)?;
    said.own.dry_run = !off;
    said.own.check(word)
}

fn of_operation(
    option: Opt,
    off: bool,
    value: Option<Word>,
    (word, rest): (&Word, &mut Iter<'_, Word>),
    said: &mut Said,
) -> Checked<()> {
    let takes_value = !off && !matches!(option.kind, Kind::Switch(_) | Kind::Flag);
    if !takes_value && value.is_some() {
        return Err(takes_none(word));
    }
    let form = if off {
        Form::Off
    } else if !takes_value {
        Form::On
    } else {
        let values = following(value, option.kind.is_many(), rest);
        match (values.is_empty(), option.kind) {
            (true, Kind::Optional) => Form::On,
            (true, _) => return Err(needs_value(option.name, word)),
            (false, _) => Form::Values(values),
        }
    };
    if let Form::Values(values) = &form {
        values::check(option, values, word)?;
    }
    said.given.push(Given { option, form });
    Ok(())
}

/// The value after `=`, or the words up to the next option.
fn following(value: Option<Word>, many: bool, rest: &mut Iter<'_, Word>) -> Vec<Word> {
    if let Some(value) = value {
        return vec![value];
    }
    let mut values = Vec::new();
    while let Some(next) = rest.as_slice().first().filter(|next| !is_option(&next.text)) {
        values.push(next.clone());
        rest.next();
        if !many {
            break;
        }
    }
    values
}

fn of_all(
    name: &'static str,
    global: Global,
    value: Option<Word>,
    (word, rest): (&Word, &mut Iter<'_, Word>),
    said: &mut Said,
) -> Checked<()> {
    if let Global::Refused(code, instead) = global {
        return Err(no(code, format!("`--{name}` is not for chat"), instead).over(word));
    }
    said.once(name, word)?;
    if matches!(global, Global::Flag | Global::SoAnyway) {
        if value.is_some() {
            return Err(takes_none(word));
        }
        if global == Global::Flag {
            said.globals.push((name, None));
        }
        return Ok(());
    }
    let Some(value) = following(value, false, rest).pop() else {
        return Err(needs_value(name, word));
    };
    let known = match global {
        Global::Value(known) => known,
        Global::Number if !value.text.chars().all(|c| c.is_ascii_digit()) || value.text.is_empty() => {
            return Err(no(
                Code::BadValue,
                format!("`--{name}` takes a whole number, not {}", quoted(&value.text)),
                format!("write `--{name} 100`"),
            )
            .over(&value));
        }
        Global::Number | Global::Region | Global::Flag | Global::SoAnyway | Global::Refused(..) => &[],
    };
    if !known.is_empty() && !known.contains(&value.text.as_str()) {
        let all = format!("one of: {}", known.join(", "));
        return Err(no(
            Code::BadValue,
            format!("`--{name}` does not take {}", quoted(&value.text)),
            meant(&value.text, known.iter().copied(), &all),
        )
        .over(&value));
    }
    values::no_file(&value)?;
    said.globals.push((name, Some(value)));
    Ok(())
}

fn takes_none(word: &Word) -> Box<Refusal> {
    let name = word.text.split_once('=').map_or(word.text.as_str(), |(name, _)| name);
    no(Code::BadValue, format!("{} takes no value", quoted(name)), "leave out `=` and what follows").over(word)
}

fn needs_value(name: &str, word: &Word) -> Box<Refusal> {
    no(Code::MissingValue, format!("`--{name}` needs a value"), format!("write `--{name} …`")).over(word)
}

/// An option that is in no table. aws-cli would take an abbreviation; here it is spelled out.
fn unknown(name: &str, word: &Word, operation: Option<&Operation>) -> Box<Refusal> {
    let own = operation.into_iter().flat_map(Operation::option_names);
    let pages = operation.filter(|operation| operation.pages).map_or(&[][..], |_| PAGES);
    let of_all = GLOBALS.iter().chain(pages).map(|(name, _)| (*name).to_owned());
    let known: Vec<String> = own.chain(of_all).collect();
    let begun: Vec<String> =
        known.iter().filter(|known| known.starts_with(name)).map(|known| format!("`--{known}`")).collect();
    if !begun.is_empty() {
        return no(
            Code::UnknownFlag,
            format!("{} is an abbreviation", quoted(&format!("--{name}"))),
            format!("write it in full: {}", begun.join(", ")),
        )
        .over(word);
    }
    let Some(operation) = operation else {
        let sentence = format!("{} cannot stand before the operation", quoted(&format!("--{name}")));
        return no(Code::UnknownFlag, sentence, instead::FORM).over(word);
    };
    no(
        Code::UnknownFlag,
        format!("`aws {}` has no option {}", operation.full_name(), quoted(&format!("--{name}"))),
        match crate::suggest::closest(name, known.iter().map(String::as_str)) {
            Some(close) => format!("did you mean `--{close}`?"),
            None => format!("see the options of `aws {}` in its reference", operation.full_name()),
        },
    )
    .over(word)
}
