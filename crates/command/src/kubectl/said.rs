//! The words after a verb, told apart: objects, what to write to them, a program.
//!
//! **Invariant:** a word has one place; what has none is refused, as kubectl or as a reader would.

mod pair;
mod question;

use super::does::{Does, Last, Pair, Takes};
use super::kinds::{self, KindRef};
use super::target::{Objects, check_name};
use crate::grammar::Parsed;
use crate::no::{Checked, Pointing, no, quoted};
use crate::vocabulary::Vocabulary;
use crate::words::Word;
use countersign_core::refusal::{Code, Refusal};

/// What was said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) objects: Objects,
    /// Objects that are made for those, or read for them.
    pub(super) besides: Vec<(KindRef, String)>,
    /// The words as canonical argv has them.
    pub(super) elements: Vec<String>,
    /// What stands after `--`: a program and its arguments.
    pub(super) program: Vec<String>,
}

impl From<Objects> for Said {
    fn from(objects: Objects) -> Self {
        Self { elements: objects.elements(), objects, besides: Vec::new(), program: Vec::new() }
    }
}

impl Said {
    pub(super) fn read(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        let words = parsed.positionals.as_slice();
        match parsed.verb.id.meaning().takes {
            Takes::Objects => Self::objects(parsed, vocabulary),
            Takes::Pod => Self::pod(parsed, vocabulary),
            Takes::Pairs(pair) => Self::pairs(parsed, pair, vocabulary),
            Takes::Last(last) => Self::last(words, last, vocabulary),
            Takes::NamesOf(kind) => Self::names(parsed, kind, vocabulary),
            Takes::NameOf(kind) => {
                no_more(words.get(1), parsed)?;
                Self::names(parsed, kind, vocabulary)
            }
            Takes::New(kind) => Self::new_object(parsed, kind, vocabulary),
            Takes::AllOf(kind) => {
                no_more(words.first(), parsed)?;
                object_of(parsed, "for", vocabulary)?;
                Ok(Self { elements: Vec::new(), ..Objects::OfKinds(vec![built_in(kind, vocabulary)?]).into() })
            }
            Takes::Nothing(name) => {
                no_more(words.first(), parsed)?;
                Ok(Objects::interface(name).into())
            }
            Takes::Question => question::asked(parsed),
            Takes::Field => question::field(parsed),
        }
    }

    fn objects(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        let mut said = Self::from(Objects::read(&parsed.positionals, vocabulary)?);
        said.besides = match parsed.verb.id {
            Does::Autoscale => said.made_for(parsed, "horizontalpodautoscalers.autoscaling", vocabulary)?,
            Does::Expose => said.made_for(parsed, "services", vocabulary)?,
            _ => Vec::new(),
        };
        Ok(said)
    }

    /// New objects of this kind, each with `--name` or the name of what it is for.
    fn made_for(&self, parsed: &Parsed<Does>, kind: &str, vocabulary: &Vocabulary) -> Checked<Vec<(KindRef, String)>> {
        let kind = built_in(kind, vocabulary)?;
        let name = parsed.value("name").map(|given| given.value.clone());
        let named = self.objects.named().iter();
        Ok(named.map(|(_, of)| (kind.clone(), name.clone().unwrap_or_else(|| of.clone()))).collect())
    }

    /// `logs POD`, `logs TYPE/NAME`, `logs -l …`.
    fn pod(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Self> {
        let read =
            |text: &str, word: &Word| Objects::read(&[Word { text: text.to_owned(), ..word.clone() }], vocabulary);
        Ok(match parsed.positionals.as_slice() {
            [] if parsed.value("selector").is_some() => {
                Self { elements: Vec::new(), ..read("pods", &Word::untyped("pods"))?.into() }
            }
            [] => {
                return Err(no(
                    Code::MissingTarget,
                    "`kubectl logs` needs a pod",
                    "name a pod, or a TYPE/NAME, or select with `-l`",
                ));
            }
            [one] if one.text.contains('/') => read(&one.text, one)?.into(),
            [one] => read(&format!("pods/{}", one.text), one)?.into(),
            [_, extra, ..] => {
                return Err(unexpected(extra, "`kubectl logs` takes one pod and one container"));
            }
        })
    }

    /// Objects and then pairs: from the first pair on, only pairs.
    fn pairs(parsed: &Parsed<Does>, pair: Pair, vocabulary: &Vocabulary) -> Checked<Self> {
        let words = &parsed.positionals;
        let at = words.iter().position(|word| pair.is_meant(&word.text)).unwrap_or(words.len());
        let (objects, written) = words.split_at_checked(at).unwrap_or_default();
        let flags: Vec<Word> =
            parsed.values("env").map(|given| Word { text: given.value.clone(), ..given.word.clone() }).collect();
        let written: Vec<&Word> = flags.iter().chain(written).collect();
        if written.is_empty() && parsed.value("from").is_none() {
            return Err(pair.missing(parsed.verb.name));
        }
        let mut keys = Vec::new();
        for word in &written {
            let key = pair.key(word)?;
            if keys.contains(&key) {
                return Err(crate::own::repeated(&key, word));
            }
            keys.push(key);
        }
        let mut said = Self::from(Objects::read(objects, vocabulary)?);
        if pair == Pair::Taint {
            said.elements = said.objects.type_and_names();
        }
        said.besides.extend(source(parsed, vocabulary)?);
        said.elements.extend(written.iter().map(|word| word.text.clone()));
        Ok(said)
    }

    /// Objects and then one word about them.
    fn last(words: &[Word], last: Last, vocabulary: &Vocabulary) -> Checked<Self> {
        let Some((word, objects)) = words.split_last().filter(|(_, objects)| !objects.is_empty()) else {
            return Err(no(
                Code::MissingValue,
                "the command does not say what it sets, and of which objects",
                "write the objects, and then what is set",
            ));
        };
        match last {
            Last::ServiceAccount => check_name(&word.text, word)?,
            Last::Selector => pair::check_selector(word)?,
        }
        let mut said = Self::from(Objects::read(objects, vocabulary)?);
        said.elements.push(word.text.clone());
        Ok(said)
    }

    /// Names of one kind, which may stand before each.
    fn names(parsed: &Parsed<Does>, kind: &str, vocabulary: &Vocabulary) -> Checked<Self> {
        let kind = built_in(kind, vocabulary)?;
        let mut names: Vec<(KindRef, String)> = Vec::new();
        for word in &parsed.positionals {
            let name = match word.text.split_once('/') {
                None => word.text.as_str(),
                Some((of, name)) if kinds::one(of, word, vocabulary)?.id == kind.id => name,
                Some(_) => return Err(unexpected(word, &format!("`kubectl {}` acts on one kind", parsed.verb.name))),
            };
            check_name(name, word)?;
            names.push((kind.clone(), name.to_owned()));
        }
        if names.is_empty() {
            return Ok(Self { elements: Vec::new(), ..Objects::OfKinds(vec![kind]).into() });
        }
        let objects = Objects::of_names(names);
        Ok(Self { elements: objects.named().iter().map(|(_, name)| name.clone()).collect(), ..objects.into() })
    }

    /// `create KIND NAME [-- PROGRAM …]`.
    fn new_object(parsed: &Parsed<Does>, kind: &str, vocabulary: &Vocabulary) -> Checked<Self> {
        let kind = built_in(kind, vocabulary)?;
        let Some(word) = parsed.positionals.first() else {
            return Err(no(
                Code::MissingTarget,
                format!("`kubectl {}` needs a name for the new object", parsed.verb.name),
                "write the name after the verb",
            ));
        };
        no_more(parsed.positionals.get(1), parsed)?;
        check_name(&word.text, word)?;
        Ok(Self {
            besides: copied(parsed, vocabulary)?.into_iter().collect(),
            elements: vec![word.text.clone()],
            program: parsed.after_flags.iter().map(|word| word.text.clone()).collect(),
            ..Objects::of_names(vec![(kind, word.text.clone())]).into()
        })
    }
}

fn built_in(kind: &str, vocabulary: &Vocabulary) -> Checked<KindRef> {
    kinds::one(kind, &Word::untyped(kind), vocabulary)
}

fn no_more(extra: Option<&Word>, parsed: &Parsed<Does>) -> Checked<()> {
    match extra {
        None => Ok(()),
        Some(word) => Err(unexpected(word, &format!("`kubectl {}` takes no more words", parsed.verb.name))),
    }
}

/// The flag's value as TYPE/NAME of a kind that is known.
fn object_of(parsed: &Parsed<Does>, long: &str, vocabulary: &Vocabulary) -> Checked<Option<(KindRef, String)>> {
    let Some(given) = parsed.value(long) else {
        return Ok(None);
    };
    let Some((kind, name)) = given.value.split_once('/') else {
        return Err(no(
            Code::BadValue,
            format!("`--{long}` takes TYPE/NAME, not {}", quoted(&given.value)),
            format!("write `--{long}=pod/api-7f`, say"),
        )
        .over(&given.word));
    };
    check_name(name, &given.word)?;
    Ok(Some((kinds::one(kind, &given.word, vocabulary)?, name.to_owned())))
}

/// `set env --from` reads a secret or a config map, and nothing else.
fn source(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Option<(KindRef, String)>> {
    match object_of(parsed, "from", vocabulary)? {
        Some((kind, _)) if !matches!(kind.id.as_str(), "secrets" | "configmaps") => {
            Err(from_another(parsed, "a secret or a config map, as `configmap/api`"))
        }
        found => Ok(found),
    }
}

/// `create job --from` copies a cron job, with its program.
fn copied(parsed: &Parsed<Does>, vocabulary: &Vocabulary) -> Checked<Option<(KindRef, String)>> {
    match object_of(parsed, "from", vocabulary)? {
        Some((kind, _)) if kind.id != "cronjobs.batch" => Err(from_another(parsed, "a cron job, as `cronjob/report`")),
        Some(_) if !parsed.after_flags.is_empty() || parsed.value("image").is_some() => Err(no(
            Code::UnexpectedArgument,
            "`--from` brings image and program with it",
            "leave `--image` and what follows `--` away",
        )),
        found => Ok(found),
    }
}

fn from_another(parsed: &Parsed<Does>, what: &str) -> Box<Refusal> {
    let refusal = no(Code::BadValue, format!("`--from` takes {what}"), "correct the value of `--from`");
    match parsed.value("from") {
        Some(given) => refusal.over(&given.word),
        None => refusal,
    }
}

pub(super) fn unexpected(word: &Word, why: &str) -> Box<Refusal> {
    no(
        Code::UnexpectedArgument,
        format!("{why}, so {} has no place", quoted(&word.text)),
        "leave it away, or ask for it in a command of its own",
    )
    .over(word)
}
