//! aws: `/aws <profile> <service> <operation> …`.
//!
//! **Invariant:** an operation and its options are in the table that is made from aws-cli's own, in
//! their full spelling, and argv is rebuilt from what was understood: nothing in it makes aws-cli read
//! a file, fetch an address, or use another credential, endpoint or region than the profile's.

mod classify;
mod documented;
mod globals;
mod instead;
mod known;
mod preview;
mod raises;
mod read;
mod s3;
mod secrets;
mod table;
mod typed;
mod values;
mod withheld;

use crate::characters;
use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{Profile, Threshold, Vocabulary};
use crate::words::Word;
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Tier};
use globals::GLOBALS;
use read::{Form, Given, Said};
use table::{Argument, Operation, Service};

/// Where a command takes place.
#[derive(Debug, Clone, Copy)]
struct On<'a> {
    name: &'a str,
    profile: &'a Profile,
    region: &'a str,
    thresholds: &'a [Threshold],
}

/// Reads the words after `aws`, which is `name`.
pub(crate) fn parse(name: &Word, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    for word in words {
        characters::not_a_control(word)?;
    }
    let Some((first, rest)) = words.split_first() else {
        let hint = format!("write one of {} and then the service", profiles(vocabulary));
        return Err(no(Code::MissingTarget, "`/aws` needs a profile", hint).over(name));
    };
    let (target, profile) = profile_of(first, vocabulary)?;
    let (operation, mut said) = read::read(rest, find)?;
    if let Some(query) = withheld::query(&operation, &said) {
        said.globals.push(("query", Some(Word::untyped(&query))));
    }
    let region = region_of(&said, profile)?;
    for word in said.places.iter().chain(said.values("bucket")) {
        bucket_in(region, word)?;
    }
    typed::refuse(&operation, &said)?;
    let on = On { name: target, profile, region, thresholds: &vocabulary.thresholds };
    let command = understand(on, &operation, &said, rest.first().unwrap_or(first))?;
    Ok((command, said.own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let profile = canonical.scope.target.iter();
    let words = profile.chain(canonical.argv.arguments()).map(|one| Word::untyped(one));
    let (command, _) = parse(&Word::untyped(canonical.argv.program()), &words.collect::<Vec<_>>(), vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

fn profile_of<'v>(word: &Word, vocabulary: &'v Vocabulary) -> Checked<(&'v str, &'v Profile)> {
    let found = vocabulary.profiles.get_key_value(&word.text);
    found.map(|(name, profile)| (name.as_str(), profile)).ok_or_else(|| {
        let known = vocabulary.profiles.keys().map(String::as_str);
        let hint = meant(&word.text, known, &format!("the first word is one of: {}", profiles(vocabulary)));
        no(Code::UnknownTarget, format!("the catalog knows no profile {}", quoted(&word.text)), hint).over(word)
    })
}

fn profiles(vocabulary: &Vocabulary) -> String {
    let names: Vec<&str> = vocabulary.profiles.keys().map(String::as_str).collect();
    if names.is_empty() { "none is catalogued".to_owned() } else { names.join(", ") }
}

/// The region typed, if the profile has it, or the profile's own.
fn region_of<'p>(said: &Said, profile: &'p Profile) -> Checked<&'p str> {
    for option in ["source-region", "bucket-region"] {
        if let Some(word) = said.values(option).first() {
            known_region(word, profile)?;
        }
    }
    said.global("region").map_or(Ok(profile.region.as_str()), |word| known_region(word, profile))
}

fn known_region<'p>(word: &Word, profile: &'p Profile) -> Checked<&'p str> {
    profile.regions.get(&word.text).map(String::as_str).ok_or_else(|| {
        let known: Vec<&str> = profile.regions.iter().map(String::as_str).collect();
        let hint = meant(&word.text, known.iter().copied(), &format!("one of: {}", known.join(", ")));
        no(Code::UnknownTarget, format!("the profile has no region {}", quoted(&word.text)), hint).over(word)
    })
}

/// botocore asks where the ARN of an access point says, and not in `--region`.
fn bucket_in(region: &str, word: &Word) -> Checked<()> {
    let text = word.text.strip_prefix("s3://").unwrap_or(&word.text);
    let Some(("arn", rest)) = text.split_once(':') else { return Ok(()) };
    let there = rest.split(':').nth(2).unwrap_or_default();
    if there == region {
        return Ok(());
    }
    let sentence = match there {
        "" => format!("{} is in no region", quoted(text)),
        _ => format!("{} is in {}, and the command is for {region}", quoted(text), quoted(there)),
    };
    Err(no(Code::UnknownTarget, sentence, "write the name of a bucket, or `--region` with the region of the ARN")
        .over(word))
}

/// What the words so far name: a service and an operation, or `wait` and what for.
fn find(places: &[Word]) -> Checked<Option<Operation>> {
    let Some(first) = places.first() else { return Ok(None) };
    let Some(service) = table::service(&first.text) else {
        if let Some(refusal) = instead::of_service(&first.text) {
            return Err(refusal.over(first));
        }
        let known = near(table::services().iter().map(|service| service.name), &first.text);
        let sentence = format!("aws has no service {}", quoted(&first.text));
        return Err(no(Code::UnknownVerb, sentence, meant(&first.text, known, instead::FORM)).over(first));
    };
    let Some(second) = places.get(1) else { return Ok(None) };
    if let Some(refusal) = instead::of_operation(&format!("{} {}", service.name, second.text)) {
        return Err(refusal.over(second));
    }
    if second.text != "wait" {
        return named(service, &second.text, second).map(Some);
    }
    places.get(2).map(|third| named(service, &format!("wait.{}", third.text), third)).transpose()
}

fn named(service: Service, name: &str, word: &Word) -> Checked<Operation> {
    let Some(operation) = service.operation(name).filter(|_| !word.text.contains('.')) else {
        let sentence = format!("`aws {}` has no operation {}", service.name, quoted(&word.text));
        let waits = name.starts_with("wait.");
        let known = service.operations().filter(|known| known.starts_with("wait.") == waits);
        let known = near(known.map(|known| known.strip_prefix("wait.").unwrap_or(known)), &word.text);
        return Err(no(Code::UnknownVerb, sentence, meant(&word.text, known, instead::FORM)).over(word));
    };
    Ok(operation)
}

/// How many names are worth a comparison, of which a service can have a thousand.
const COMPARED: usize = 4;

/// The names that have the most letters in common with what was typed.
fn near<'k>(known: impl Iterator<Item = &'k str>, typed: &str) -> impl Iterator<Item = &'k str> {
    let typed = letters(typed);
    let apart = |name: &str| letters(name).iter().zip(&typed).map(|(a, b)| usize::from(a.abs_diff(*b))).sum::<usize>();
    let mut names: Vec<(usize, &str)> = known.map(|name| (apart(name), name)).collect();
    names.sort_unstable();
    names.into_iter().take(COMPARED).map(|(_, name)| name)
}

/// How often each letter is in a name; digits and dashes share the places that letters leave.
fn letters(name: &str) -> [u8; 32] {
    let mut counts = [0_u8; 32];
    for byte in name.bytes() {
        if let Some(count) = counts.get_mut(usize::from(byte % 32)) {
            *count = count.saturating_add(1);
        }
    }
    counts
}

fn understand(on: On<'_>, operation: &Operation, said: &Said, at: &Word) -> Checked<Command> {
    let of_s3 = operation.service.name == "s3";
    if of_s3 {
        s3::check(&operation.name, said, at)?;
    } else {
        argument(operation, &said.places, at)?;
    }
    complete(operation, said, at)?;
    let class = of_s3.then(|| s3::classify(&operation.name, said)).flatten();
    let class = class.unwrap_or_else(|| classify::classify(operation, said, on.thresholds));
    let argv = canonical(on, operation, said)?;
    let preview = match class.tier {
        Tier::Read => None,
        Tier::Change | Tier::Destructive => Some(plan(on, operation, said, &argv)?),
    };
    let mode = if said.own.apply || preview.is_none() { Mode::Apply } else { Mode::DryRun };
    let service = operation.service.name;
    let short = operation.name.split(' ').next().unwrap_or_default();
    Command::new(CommandParts {
        tool: Tool::Aws,
        argv,
        mode,
        action: Action {
            tool: "aws".to_owned(),
            verb: operation.full_name(),
            scope: Scope {
                env: Some(on.profile.env.clone()),
                target: Some(on.name.to_owned()),
                namespace: None,
                region: Some(on.region.to_owned()),
            },
            resources: vec![Resource::from_parts(&["aws", on.name, on.region, service, short])],
            tier: class.tier,
            sensitivity: class.sensitivity,
            reversibility: class.reversibility,
            reasons: class.reasons,
        },
        preview,
        stdin: None,
        filters: Vec::new(),
    })
    .map_err(|fault| broken(&fault))
}

/// Where an operation may write what it gets: what is shown is no file of the worker.
const SHOWN: &str = "/dev/stdout";

/// The words that are neither the operation nor an option: a few operations take one.
fn argument(operation: &Operation, places: &[Word], at: &Word) -> Checked<()> {
    let name = operation.full_name();
    let extra = match (operation.argument, places) {
        (Argument::None, []) | (Argument::Subject, [_]) => return Ok(()),
        (Argument::File, [file]) if file.text == SHOWN => return Ok(()),
        (Argument::File, [] | [_]) => return Err(instead::of_outfile(&name).over(places.first().unwrap_or(at))),
        (Argument::Subject, []) => {
            let sentence = format!("`aws {name}` needs to be told what it is about");
            return Err(no(Code::MissingTarget, sentence, "write it after the operation").over(at));
        }
        (Argument::None, [extra, ..]) | (Argument::File | Argument::Subject, [_, extra, ..]) => extra,
    };
    let sentence = format!("{} has no place in `aws {name}`", quoted(&extra.text));
    Err(no(Code::UnexpectedArgument, sentence, "write the option before it, as `--option value`").over(extra))
}

/// aws-cli demands these too; without them nothing could be shown first.
fn complete(operation: &Operation, said: &Said, at: &Word) -> Checked<()> {
    let given = |name: &str| said.given.iter().any(|given| given.option.name == name);
    let missing = operation.options.iter().filter(|option| option.required && !given(option.name));
    let missing: Vec<String> = missing.map(|option| format!("`--{}`", option.name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let sentence = format!("`aws {}` needs {}", operation.full_name(), missing.join(", "));
    Err(no(Code::MissingValue, sentence, "add what is missing").over(at))
}

fn broken(fault: &dyn std::fmt::Display) -> Box<Refusal> {
    no(Code::BadValue, fault.to_string(), "write the command differently")
}

/// Service, operation, places, region, options in the model's order, options of every operation.
fn canonical(on: On<'_>, operation: &Operation, said: &Said) -> Checked<Argv> {
    let mut given: Vec<&Given> = said.given.iter().collect();
    // The order of filters is part of what they mean, so they stay as they were typed.
    let filter = operation.options.iter().position(|option| option.name == "include");
    given.sort_by_key(|given| match given.option.name {
        "include" | "exclude" => filter,
        name => operation.options.iter().position(|option| option.name == name),
    });
    let mut elements = head(on, operation, said);
    for given in given {
        elements.extend(spelled(given));
    }
    for (name, _) in GLOBALS.iter().chain(globals::PAGES).filter(|(name, _)| *name != "region") {
        if let Some((_, value)) = said.globals.iter().find(|(known, _)| known == name) {
            elements.extend(with_values(name, value.as_slice()));
        }
    }
    Argv::new(elements).map_err(|fault| broken(&fault))
}

fn head(on: On<'_>, operation: &Operation, said: &Said) -> Vec<String> {
    let mut elements = vec!["aws".to_owned(), operation.service.name.to_owned()];
    elements.extend(operation.name.split(' ').map(str::to_owned));
    elements.extend(said.places.iter().map(|place| place.text.clone()));
    elements.extend(["--region".to_owned(), on.region.to_owned()]);
    elements
}

/// An option as canonical argv has it.
fn spelled(given: &Given) -> Vec<String> {
    match &given.form {
        Form::On => vec![format!("--{}", given.option.name)],
        Form::Off => match given.option.kind {
            table::Kind::Switch(Some(off)) => vec![format!("--{off}")],
            _ => vec![format!("--no-{}", given.option.name)],
        },
        Form::Values(values) => with_values(given.option.name, values),
    }
}

/// `--name value…`; one value that begins with a dash is joined, because it would be read as an option.
fn with_values(name: &str, values: &[Word]) -> Vec<String> {
    match values {
        [one] if one.text.starts_with('-') => vec![format!("--{name}={}", one.text)],
        _ => std::iter::once(format!("--{name}")).chain(values.iter().map(|value| value.text.clone())).collect(),
    }
}

/// The read that shows what is acted on, or who would act.
fn plan(on: On<'_>, operation: &Operation, said: &Said, argv: &Argv) -> Checked<PreviewPlan> {
    let step = if operation.service.name == "s3" {
        match s3::look(&operation.name) {
            s3::Look::DryRun => Some(argv.with(&["--dryrun"]).map_err(|fault| broken(&fault))?),
            s3::Look::List => {
                let ls = operation.service.operation("ls");
                let bare = Said::about(said.places.clone(), Vec::new());
                ls.map(|ls| canonical(on, &ls, &bare)).transpose()?
            }
            s3::Look::Identity | s3::Look::None => None,
        }
    } else {
        let look = preview::look(operation, said);
        look.map(|(read, given)| canonical(on, &read, &Said::about(Vec::new(), given))).transpose()?
    };
    let identity = || ["aws", "sts", "get-caller-identity", "--region", on.region].map(str::to_owned).to_vec();
    let step = step.map_or_else(|| Argv::new(identity()), Ok).map_err(|fault| broken(&fault))?;
    Ok(PreviewPlan { steps: vec![step], form: EffectForm::Text })
}
