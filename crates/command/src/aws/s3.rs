//! `aws s3 …`: commands that aws-cli makes of many requests.
//!
//! **Invariant:** both ends are buckets; a local path or a stream would be one of the worker.

use super::classify::Class;
use super::raises::PERMITTING;
use super::read::Said;
use crate::no::{Checked, Pointing, no, quoted};
use crate::words::Word;
use countersign_core::refusal::Code;
use countersign_core::tier::{Reversibility, Sensitivity, Tier};

/// How the effect of a command is seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// It reads, so there is none.
    None,
    /// The same with `--dryrun`.
    DryRun,
    /// What is in the bucket.
    List,
    /// Who would do it.
    Identity,
}

/// A command of `aws s3`. Source: awscli/customizations/s3/subcommands.py, 1.45.11.
struct Known {
    name: &'static str,
    /// The fewest and the most places it takes.
    places: (usize, usize),
    tier: Tier,
    reversibility: Reversibility,
    why: &'static str,
    look: Look,
}

const COMMANDS: &[Known] = &[
    Known {
        name: "ls",
        places: (0, 1),
        tier: Tier::Read,
        reversibility: Reversibility::NoneNeeded,
        why: "lists buckets or objects",
        look: Look::None,
    },
    Known {
        name: "cp",
        places: (2, 2),
        tier: Tier::Change,
        reversibility: Reversibility::Irreversible,
        why: "copies objects, over those that are there",
        look: Look::DryRun,
    },
    Known {
        name: "sync",
        places: (2, 2),
        tier: Tier::Change,
        reversibility: Reversibility::Irreversible,
        why: "copies objects, over those that are there",
        look: Look::DryRun,
    },
    Known {
        name: "mv",
        places: (2, 2),
        tier: Tier::Destructive,
        reversibility: Reversibility::Irreversible,
        why: "copies objects and deletes the originals",
        look: Look::DryRun,
    },
    Known {
        name: "rm",
        places: (1, 1),
        tier: Tier::Destructive,
        reversibility: Reversibility::Irreversible,
        why: "deletes objects",
        look: Look::DryRun,
    },
    Known {
        name: "mb",
        places: (1, 1),
        tier: Tier::Change,
        reversibility: Reversibility::Reversible,
        why: "makes a bucket",
        look: Look::Identity,
    },
    Known {
        name: "rb",
        places: (1, 1),
        tier: Tier::Destructive,
        reversibility: Reversibility::Irreversible,
        why: "deletes a bucket",
        look: Look::List,
    },
    Known {
        name: "website",
        places: (1, 1),
        tier: Tier::Change,
        reversibility: Reversibility::Reversible,
        why: "makes a bucket a web site",
        look: Look::Identity,
    },
];

/// Options that carry an encryption key.
const KEYS: [&str; 2] = ["sse-c-key", "sse-c-copy-source-key"];

fn known(name: &str) -> Option<&'static Known> {
    COMMANDS.iter().find(|known| known.name == name)
}

/// Refuses what would touch the worker's files, and places that are too few or too many.
pub(super) fn check(name: &str, said: &Said, at: &Word) -> Checked<()> {
    let Some(known) = known(name) else {
        return Err(
            no(Code::UnknownVerb, format!("`aws s3 {name}` is not for chat"), "use `s3 ls` or `s3 cp`").over(at)
        );
    };
    if let Some(key) = KEYS.iter().find(|key| said.is_on(key)) {
        return Err(no(
            Code::SecretInCommand,
            format!("`--{key}` carries an encryption key"),
            "keys do not pass through chat: encrypt with `--sse-kms-key-id`",
        ));
    }
    for place in &said.places {
        bucket(place, name == "ls")?;
    }
    let (fewest, most) = known.places;
    if let Some(extra) = said.places.get(most) {
        return Err(no(
            Code::UnexpectedArgument,
            format!("`aws s3 {name}` takes no more than {most}, so {} has no place", quoted(&extra.text)),
            "give one command for each",
        )
        .over(extra));
    }
    if said.places.len() < fewest {
        let hint = if fewest == 2 { "write `s3://from/… s3://to/…`" } else { "write `s3://bucket/…`" };
        return Err(no(Code::MissingTarget, format!("`aws s3 {name}` does not say where"), hint).over(at));
    }
    Ok(())
}

/// `s3://…`; `ls` takes the name of a bucket without it too.
fn bucket(place: &Word, bare: bool) -> Checked<()> {
    let text = place.text.as_str();
    let named = text.strip_prefix("s3://").or((bare && !text.contains("://")).then_some(text));
    let dropped = |rest: &str| rest.split('/').any(|part| matches!(part, "." | ".."));
    if named.is_some_and(|rest| dropped(rest) && rest.starts_with(|c: char| c.is_ascii_alphanumeric())) {
        return Err(no(
            Code::BadValue,
            format!("{} has a part that a path drops, so it names another object on the way", quoted(text)),
            "write the whole name without `.` and `..`",
        )
        .over(place));
    }
    if named.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric())) || (bare && text == "s3://") {
        return Ok(());
    }
    Err(no(
        Code::WorkerFiles,
        format!("{} is a path or stream of the worker, and no bucket", quoted(text)),
        "both ends are `s3://bucket/…`: files do not pass through chat",
    )
    .over(place))
}

/// How dangerous it is.
pub(super) fn classify(name: &str, said: &Said) -> Option<Class> {
    let known = known(name)?;
    let (mut tier, mut reasons) = (known.tier, vec![known.why.to_owned()]);
    if said.is_on("delete") {
        tier = Tier::Destructive;
        reasons.push("deletes what is only at the second place".to_owned());
    }
    for option in PERMITTING.iter().filter(|option| said.is_on(option)) {
        tier = Tier::Destructive;
        reasons.push(format!("`--{option}` says who may do what"));
    }
    let all = [("recursive", "everything below"), ("force", "with everything in it")];
    reasons.extend(all.iter().filter(|(option, _)| said.is_on(option)).map(|(_, why)| (*why).to_owned()));
    Some(Class { tier, sensitivity: Sensitivity::Plain, reversibility: known.reversibility, reasons })
}

/// How its effect is seen first.
pub(super) fn look(name: &str) -> Look {
    known(name).map_or(Look::Identity, |known| known.look)
}
