//! The closed list of options, in every spelling that Terraform takes and in one that we write.
//!
//! **Invariant:** an option means here what Terraform makes of it: one dash or two, `-name=value` or
//! `-name value`, and the words of Go for true and false. What is given twice has two readings and is
//! refused, except for the addresses, of which there may be many.

use super::act::Mode;
use super::address::{Address, address};
use super::instead;
use crate::custom::duration;
use crate::no::{Checked, Pointing, no, quoted};
use crate::own::{self, Own};
use crate::words::Word;
use countersign_core::refusal::Code;
use std::slice::Iter;
use std::time::Duration;

/// More at once nobody needs and a provider's rate limit does not take. Terraform's own is 10.
const MOST_PARALLEL: u8 = 32;

/// A longer wait for the lock is a hung command.
const LONGEST_WAIT: Duration = Duration::from_mins(5);

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Nothing, or a boolean after `=`.
    Switch,
    /// A value after `=`, or the next word.
    Value,
}

/// What an option is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Destroy,
    RefreshOnly,
    Refresh,
    Replace,
    Target,
    Parallelism,
    LockTimeout,
    Ref,
    /// It is always so, or is about a terminal that is not there: taken and left away.
    Granted(bool),
}

/// Every option there is.
const OPTIONS: [(&str, Takes, Is); 13] = [
    ("ref", Takes::Value, Is::Ref),
    ("destroy", Takes::Switch, Is::Destroy),
    ("refresh-only", Takes::Switch, Is::RefreshOnly),
    ("refresh", Takes::Switch, Is::Refresh),
    ("replace", Takes::Value, Is::Replace),
    ("target", Takes::Value, Is::Target),
    ("parallelism", Takes::Value, Is::Parallelism),
    ("lock-timeout", Takes::Value, Is::LockTimeout),
    ("no-color", Takes::Switch, Is::Granted(true)),
    ("compact-warnings", Takes::Switch, Is::Granted(true)),
    ("detailed-exitcode", Takes::Switch, Is::Granted(true)),
    ("input", Takes::Switch, Is::Granted(false)),
    ("lock", Takes::Switch, Is::Granted(true)),
];

/// Their names, for suggestions.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().map(|(name, ..)| *name)
}

/// What was asked for, beyond verb and stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    revision: Option<Word>,
    destroy: Option<bool>,
    refresh_only: Option<bool>,
    refresh: Option<bool>,
    replace: Vec<String>,
    target: Vec<String>,
    parallelism: Option<u8>,
    lock_timeout: Option<Duration>,
    granted: Vec<&'static str>,
}

/// Reads the words after the verb: the stack's word, if there is one, and the options.
pub(super) fn read<'w>(words: &'w [Word], own: &mut Own) -> Checked<(Option<&'w Word>, Options)> {
    let mut options = Options::default();
    let mut stack = None;
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if own.takes(word, &mut rest)? {
            continue;
        }
        if word.text.starts_with('-') {
            options.take(word, &mut rest)?;
        } else if stack.replace(word).is_some() {
            let hint = "a saved plan is not taken: what is applied is what was shown; one stack at a time";
            let sentence = format!("one stack is enough, and {} is another word", quoted(&word.text));
            return Err(no(Code::UnexpectedArgument, sentence, hint).over(word));
        }
    }
    options.check_modes(words)?;
    Ok((stack, options))
}

impl Options {
    fn take(&mut self, word: &Word, rest: &mut Iter<'_, Word>) -> Checked<()> {
        let bare = word.text.strip_prefix("--").or_else(|| word.text.strip_prefix('-')).unwrap_or_default();
        let (name, value) = bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
        let Some((name, takes, is)) = OPTIONS.iter().find(|(known, ..)| *known == name) else {
            return Err(instead::of_option(word));
        };
        match takes {
            Takes::Switch => self.switch(name, *is, value, word),
            Takes::Value => {
                let next = if value.is_none() { rest.next() } else { None };
                let Some(value) = value.or(next.map(|next| next.text.as_str())) else {
                    let hint = format!("write `-{name}=…`");
                    return Err(no(Code::MissingValue, format!("`-{name}` needs a value"), hint).over(word));
                };
                self.value(name, *is, value, next.unwrap_or(word))
            }
        }
    }

    fn switch(&mut self, name: &'static str, is: Is, value: Option<&str>, word: &Word) -> Checked<()> {
        let on = value.map_or(Some(true), boolean).ok_or_else(|| {
            let hint = format!("write `-{name}`, `-{name}=true` or `-{name}=false`");
            no(Code::BadValue, format!("`-{name}` is true or false"), hint).over(word)
        })?;
        let place = match is {
            Is::Destroy => &mut self.destroy,
            Is::RefreshOnly => &mut self.refresh_only,
            Is::Refresh => &mut self.refresh,
            _ => return self.grant(name, is == Is::Granted(on), word),
        };
        if place.replace(on).is_some() {
            return Err(own::repeated(&format!("-{name}"), word));
        }
        Ok(())
    }

    fn grant(&mut self, name: &'static str, so: bool, word: &Word) -> Checked<()> {
        if !so && name == "input" {
            let hint = "leave it away: variables are set in the stack's repository";
            return Err(no(Code::Interactive, "nobody is asked anything while a command runs", hint).over(word));
        }
        if !so && name == "lock" {
            return Err(instead::of_option(word));
        }
        if self.granted.contains(&name) {
            return Err(own::repeated(&format!("-{name}"), word));
        }
        self.granted.push(name);
        Ok(())
    }

    fn value(&mut self, name: &str, is: Is, value: &str, word: &Word) -> Checked<()> {
        let bad = |sentence: String, hint: &str| no(Code::BadValue, sentence, hint).over(word);
        let twice = match is {
            Is::Replace | Is::Target => {
                let found = address(value);
                if found.is_none() || (is == Is::Replace && found != Some(Address::Managed)) {
                    let sentence = format!("{} is not the address of what `-{name}` takes", quoted(value));
                    return Err(bad(sentence, "write for example '-target=module.web[\"eu\"].aws_instance.api[0]'"));
                }
                let list = if is == Is::Replace { &mut self.replace } else { &mut self.target };
                let twice = list.iter().any(|other| other == value);
                list.push(value.to_owned());
                twice
            }
            Is::Parallelism => {
                let number = value.parse::<u8>().ok().filter(|one| (1..=MOST_PARALLEL).contains(one));
                let sentence = || format!("`-parallelism` is 1 to {MOST_PARALLEL}, not {}", quoted(value));
                let number = number.ok_or_else(|| bad(sentence(), "leave it away: the usual number is 10"))?;
                self.parallelism.replace(number).is_some()
            }
            Is::LockTimeout => {
                let wait = duration(value).filter(|wait| *wait <= LONGEST_WAIT);
                let sentence = || format!("`-lock-timeout` is a wait of up to 5m, not {}", quoted(value));
                let wait = wait.ok_or_else(|| bad(sentence(), "write for example `-lock-timeout=30s`"))?;
                self.lock_timeout.replace(wait).is_some()
            }
            _ => {
                if !is_revision(value) {
                    let sentence = format!("{} is not a branch, a tag or a commit", quoted(value));
                    return Err(bad(sentence, "write its plain name or the commit's whole hash"));
                }
                let place = Word { text: value.to_owned(), column: word.column, length: word.length };
                self.revision.replace(place).is_some()
            }
        };
        if twice { Err(own::repeated(&format!("-{name}"), word)) } else { Ok(()) }
    }

    /// Combinations that Terraform refuses, in its own words of "planning modes".
    fn check_modes(&self, words: &[Word]) -> Checked<()> {
        let (destroy, only) = (self.destroy == Some(true), self.refresh_only == Some(true));
        let clash = match (destroy, only) {
            (true, true) => Some("`-destroy` and `-refresh-only`"),
            (_, true) if self.refresh == Some(false) => Some("`-refresh-only` and `-refresh=false`"),
            (_, true) if !self.replace.is_empty() => Some("`-refresh-only` and `-replace`"),
            (true, _) if !self.replace.is_empty() => Some("`-destroy` and `-replace`"),
            _ => None,
        };
        let Some(clash) = clash else { return Ok(()) };
        let refusal = no(Code::BadValue, format!("{clash} exclude each other"), "ask for one of them");
        Err(words.last().map_or(refusal.clone(), |word| refusal.over(word)))
    }

    /// The revision that was typed, if it is not the protected branch.
    pub(super) fn other_than(&self, branch: &str) -> Option<&str> {
        self.revision.as_ref().map(|word| word.text.as_str()).filter(|one| *one != branch)
    }

    /// Before an apply somebody sees its plan, and a plan of unreviewed code would run it before
    /// anybody agreed.
    pub(super) fn check_apply(&self, branch: &str) -> Checked<()> {
        match &self.revision {
            Some(word) if word.text != branch => Err(no(
                Code::BadValue,
                format!("only what is on `{branch}` is applied, not {}", quoted(&word.text)),
                format!("have it reviewed and merged into `{branch}`; `/tf plan` takes `--ref`"),
            )
            .over(word)),
            _ => Ok(()),
        }
    }

    /// Why an apply with these is more than a change.
    pub(super) fn raises(&self) -> Vec<String> {
        let raising = [
            (self.destroy == Some(true), "`-destroy` removes what the stack manages"),
            (self.refresh_only == Some(true), "`-refresh-only` rewrites the state, unreviewed"),
            (!self.replace.is_empty(), "`-replace` removes and makes anew"),
            (!self.target.is_empty(), "`-target` applies a part, which nobody reviewed alone"),
        ];
        raising.into_iter().filter(|(is, _)| *is).map(|(_, why)| why.to_owned()).collect()
    }

    /// Whether applying with these removes something in any case.
    pub(super) fn takes_away(&self) -> bool {
        self.destroy == Some(true) || self.refresh_only == Some(true) || !self.replace.is_empty()
    }

    /// The canonical argv: one spelling, one order, and nothing that is so anyway.
    pub(super) fn argv(&self, verb: &str, stack: &str, branch: &str) -> Vec<String> {
        let mut argv = vec!["tf".to_owned(), verb.to_owned(), stack.to_owned()];
        argv.extend(self.other_than(branch).map(|revision| format!("--ref={revision}")));
        argv.extend(self.planning());
        argv.extend(self.running());
        argv
    }

    /// What says what is planned, as Terraform takes it.
    pub(super) fn planning(&self) -> Vec<String> {
        let switches = [
            (self.destroy == Some(true), "-destroy"),
            (self.refresh_only == Some(true), "-refresh-only"),
            (self.refresh == Some(false), "-refresh=false"),
        ];
        let switches = switches.into_iter().filter(|(on, _)| *on).map(|(_, text)| text.to_owned());
        let replace = self.replace.iter().map(|one| format!("-replace={one}"));
        let target = self.target.iter().map(|one| format!("-target={one}"));
        switches.chain(replace).chain(target).collect()
    }

    /// What says how, as Terraform takes it for a plan and for an apply.
    pub(super) fn running(&self) -> Vec<String> {
        let parallelism = self.parallelism.map(|number| format!("-parallelism={number}"));
        let wait = self.lock_timeout.map(|wait| format!("-lock-timeout={}s", wait.as_secs()));
        parallelism.into_iter().chain(wait).collect()
    }

    pub(super) fn mode(&self) -> Mode {
        match (self.destroy, self.refresh_only) {
            (Some(true), _) => Mode::Destroy,
            (_, Some(true)) => Mode::RefreshOnly,
            _ => Mode::Normal,
        }
    }

    /// Why the plan may say less, or more, than the configuration does.
    pub(super) fn narrowed(&self) -> Vec<String> {
        let modes = [
            (self.destroy == Some(true), "`-destroy`: everything that the stack manages is removed"),
            (self.refresh_only == Some(true), "`-refresh-only`: only the state changes, and no resource"),
            (self.refresh == Some(false), "`-refresh=false`: what is there was not looked at, the state is believed"),
        ];
        let modes = modes.into_iter().filter(|(is, _)| *is).map(|(_, why)| why.to_owned());
        let part =
            (!self.target.is_empty()).then(|| format!("`-target`: only {} and what it needs", self.target.join(", ")));
        let anew = (!self.replace.is_empty()).then(|| format!("`-replace`: {} anew", self.replace.join(", ")));
        modes.chain(part).chain(anew).collect()
    }
}

/// Source: Go, `strconv.ParseBool`.
fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// A branch, tag or commit that git cannot take for an option or an expression.
///
/// Source: git-check-ref-format(1), narrowed to letters, digits and `-_./+`.
fn is_revision(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && part.strip_suffix(".lock").is_none()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
    };
    text.len() <= 200 && !text.contains("..") && text.split('/').all(part)
}
