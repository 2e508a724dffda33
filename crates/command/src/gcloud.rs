//! Google Cloud: `/gcloud <project> <group> … <command> …`.
//!
//! **Invariant:** the project is a catalogued one and stands in argv, and no name, address or flag
//! leads out of it. A command that is not known to read is at least a change. argv is rebuilt from
//! what was understood and reads back to itself.

mod classify;
mod globals;
mod name;
mod preview;
mod raises;
mod read;
mod refused;
mod scope;
mod table;
mod verbs;
mod withheld;

use crate::no::{Checked, Pointing, meant, no, quoted};
use crate::own::{self, Own};
use crate::vocabulary::{Project, Vocabulary};
use crate::words::Word;
use classify::{Class, classify};
use countersign_core::action::{Action, Resource, Scope};
use countersign_core::command::{Argv, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Tier};
use read::Parsed;

/// Reads the words after `gcloud`, which is `name`.
pub(crate) fn parse(name: &Word, words: &[Word], vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let Some((first, rest)) = words.split_first() else {
        let hint = format!("write one of: {}", projects(vocabulary));
        return Err(no(Code::MissingTarget, "`/gcloud` needs a project first", hint).over(name));
    };
    let (target, project) = project(first, vocabulary)?;
    let mut parsed = read::read(rest)?;
    if let Some(format) = withheld::format(&parsed) {
        parsed.say("format", format);
    }
    let command = understand(&parsed, target, project, vocabulary)?;
    Ok((command, parsed.own))
}

/// Reads a canonical argv, mode and scope that came out of a seal.
pub(crate) fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Checked<Command> {
    let target = canonical.scope.target.as_deref().unwrap_or_default();
    let mut words = vec![Word::untyped(target)];
    words.extend(canonical.argv.arguments().iter().map(|one| Word::untyped(one)));
    let (command, _) = parse(&Word::untyped(canonical.argv.program()), &words, vocabulary)?;
    own::in_mode(&command, canonical.mode)
}

fn project<'v>(word: &Word, vocabulary: &'v Vocabulary) -> Checked<(&'v String, &'v Project)> {
    if let Some(found) = vocabulary.projects.get_key_value(&word.text) {
        return Ok(found);
    }
    if table::is_group(&word.text) || word.text.starts_with('-') {
        refused::group(word)?;
        let hint = format!("write `/gcloud <project> …` with one of: {}", projects(vocabulary));
        return Err(no(Code::MissingTarget, "the first word after `gcloud` is the project", hint).over(word));
    }
    refused::group(word)?;
    let known = vocabulary.projects.keys().map(String::as_str);
    let hint = meant(&word.text, known, &format!("one of: {}", projects(vocabulary)));
    Err(no(Code::UnknownTarget, format!("the catalog knows no project {}", quoted(&word.text)), hint).over(word))
}

fn projects(vocabulary: &Vocabulary) -> String {
    let names: Vec<&str> = vocabulary.projects.keys().map(String::as_str).collect();
    if names.is_empty() { "none is catalogued".to_owned() } else { names.join(", ") }
}

fn understand(parsed: &Parsed, target: &str, project: &Project, vocabulary: &Vocabulary) -> Checked<Command> {
    let class = classify(parsed, &vocabulary.thresholds);
    scope::check(parsed, &project.id, classify::tier(parsed.spec))?;
    check_source(parsed)?;
    let mode = if parsed.own.apply || class.tier == Tier::Read { Mode::Apply } else { Mode::DryRun };
    let parts = CommandParts {
        tool: Tool::Gcloud,
        argv: canonical(parsed, &project.id)?,
        mode,
        preview: plan(parsed, &class, &project.id)?,
        action: Action {
            tool: "gcloud".to_owned(),
            verb: parsed.spec.path.to_owned(),
            scope: Scope {
                env: Some(project.env.clone()),
                target: Some(target.to_owned()),
                namespace: None,
                region: scope::region(parsed),
            },
            resources: resources(parsed, target, &class),
            tier: class.tier,
            sensitivity: class.sensitivity,
            reversibility: class.reversibility,
            reasons: class.reasons,
        },
        stdin: None,
        filters: Vec::new(),
    };
    Command::new(parts).map_err(|fault| broken(&fault))
}

/// Commands that take code from where gcloud runs, unless they are told of a bucket or an image.
fn check_source(parsed: &Parsed) -> Checked<()> {
    let remote = |name: &str| parsed.value(name).is_some_and(|value| value.starts_with("gs://"));
    let hint = match parsed.spec.path {
        "functions deploy" | "deploy releases create" if !remote("source") => "write `--source=gs://…`",
        "run deploy" | "run jobs deploy" if parsed.value("image").is_none() || parsed.value("source").is_some() => {
            "write `--image=…`, and have the image built by a pipeline"
        }
        "artifacts docker images scan" if !parsed.flags.iter().any(|given| given.name == "remote" && !given.is_off) => {
            "add `--remote`"
        }
        "workflows deploy" => "have it deployed by a repository's pipeline",
        _ => return Ok(()),
    };
    let sentence = format!("`gcloud {}` would take its source from the machine that gcloud runs on", parsed.spec.path);
    let refusal = no(Code::WorkerFiles, sentence, hint);
    Err(match parsed.flags.iter().find(|given| given.name == "source") {
        Some(given) => refusal.over(&given.word),
        None => refusal,
    })
}

/// path, names, flags in the order of their names, what every command gets.
fn canonical(parsed: &Parsed, id: &str) -> Checked<Argv> {
    let mut elements = vec!["gcloud".to_owned()];
    elements.extend(parsed.spec.path.split(' ').map(str::to_owned));
    elements.extend(parsed.positionals.iter().map(|word| word.text.clone()));
    elements.extend(parsed.sorted().into_iter().map(read::Given::canonical));
    let passed = globals::GLOBALS.iter().filter(|(_, rule)| matches!(rule, globals::Rule::Pass(_)));
    elements.extend(passed.filter_map(|(name, _)| parsed.global(name)).map(read::Given::canonical));
    if takes_project(parsed) {
        elements.push(format!("--project={id}"));
    }
    elements.push("--quiet".to_owned());
    Argv::new(elements).map_err(|fault| broken(&fault))
}

/// Google's own roles are of no project: with one, gcloud lists or looks for others.
fn takes_project(parsed: &Parsed) -> bool {
    let predefined = match parsed.spec.path {
        "iam roles list" => true,
        "iam roles describe" => parsed.positionals.iter().any(|word| word.text.starts_with("roles/")),
        _ => false,
    };
    !predefined || parsed.global("project").is_some()
}

fn plan(parsed: &Parsed, class: &Class, id: &str) -> Checked<Option<PreviewPlan>> {
    if class.tier == Tier::Read {
        return Ok(None);
    }
    let argv = |step: Vec<String>| {
        let format = withheld::format_of_step(&step).map(|format| format!("--format={format}"));
        let tail = [format!("--project={id}"), "--quiet".to_owned()];
        Argv::new(["gcloud".to_owned()].into_iter().chain(step).chain(format).chain(tail).collect())
    };
    let steps: Result<Vec<Argv>, _> = preview::steps(parsed, id).into_iter().map(argv).collect();
    Ok(Some(PreviewPlan { steps: steps.map_err(|fault| broken(&fault))?, form: EffectForm::Text }))
}

/// `gcp/<project>/<group>/<name>`; a change that takes no name acts on what a flag names, or on the project.
fn resources(parsed: &Parsed, target: &str, class: &Class) -> Vec<Resource> {
    let group = classify::group(parsed.spec).replace(' ', ".");
    let of = |name: &str| Resource::from_parts(&["gcp", target, &group, name]);
    let words = parsed.positionals.iter().zip(scope::names(parsed));
    let named: Vec<Resource> =
        words.filter(|(_, name)| !scope::TEXT.contains(name)).map(|(word, _)| of(short(&word.text))).collect();
    let names_itself = parsed.spec.positionals().next().is_some();
    if classify::has_pattern(parsed) || (named.is_empty() && (names_itself || class.tier != Tier::Change)) {
        return vec![of("*")];
    }
    if named.is_empty() {
        let name = NAMING.iter().find_map(|flag| parsed.value(flag)).unwrap_or(target);
        return vec![of(short(name))];
    }
    named
}

/// Flags that name what a command without names acts on.
const NAMING: &[&str] = &["name", "instance", "cluster", "database", "backup", "key", "network", "service", "topic"];

/// `bucket/object` of an address, and the last part of a whole name.
fn short(name: &str) -> &str {
    if let Some(object) = name.strip_prefix("gs://") {
        return object;
    }
    if name.contains("projects/") { name.rsplit('/').next().unwrap_or(name) } else { name }
}

fn broken(fault: &dyn std::fmt::Display) -> Box<Refusal> {
    no(Code::BadValue, fault.to_string(), "write the command differently")
}
