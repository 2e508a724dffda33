//! Reads the custom commands of catalog.yaml.
//!
//! **Invariant:** a command that leaves here complete has no mistake that its grammar knows of, and
//! no runner that would make its template into a shell.

use super::place::{environment, isolation, label, owners, pool};
use super::{limits, sensitivity};
use crate::catalog::{Catalog, Command, Place};
use crate::floor::Floor;
use crate::problems::ProblemCode;
use crate::reader::{Fields, Reader};
use crate::selector::TIERS;
use crate::yaml::{Node, Value};
use countersign_command::vocabulary::{CustomCommand, CustomPreview, LeadingDash, Param, Values};
use countersign_core::refusal::{is_deceptive, shown};
use countersign_core::tier::{Isolation, Reversibility, Tier};
use std::collections::BTreeMap;

pub(super) fn commands(
    reader: &mut Reader<'_>,
    node: &Node,
    catalog: &Catalog,
    floor: &Floor,
) -> BTreeMap<String, Command> {
    let mut found = BTreeMap::new();
    for (key, item) in reader.map(node, "`commands`").unwrap_or_default() {
        if let Some(command) = command(reader, item, &key.text, catalog, floor) {
            for mistake in command.grammar.mistakes() {
                reader.note(key.at, ProblemCode::Value, mistake);
            }
            found.insert(key.text.clone(), command);
        }
    }
    found
}

fn command(reader: &mut Reader<'_>, node: &Node, name: &str, catalog: &Catalog, floor: &Floor) -> Option<Command> {
    let keys = [
        "description",
        "runner",
        "argv",
        "params",
        "tier",
        "reversibility",
        "sensitive",
        "env",
        "target",
        "owners",
        "pool",
        "isolation",
        "preview",
        "limits",
        "examples",
    ];
    let fields = reader.fields(node, "a custom command", &keys, &[])?;
    let what = "a custom command";
    let env = environment(reader, &fields, what, &catalog.environments);
    let owners = owners(reader, &fields, what);
    let pool = pool(reader, &fields, what);
    let isolation = isolation(reader, &fields);
    let grammar = grammar(reader, &fields, name, env, floor);
    if isolation == Isolation::None && grammar.as_ref().is_some_and(|one| one.tier > Tier::Read) {
        let message = "`isolation: none` is for reads alone";
        reader.note(node.at, ProblemCode::Floor, message);
    }
    Some(Command {
        grammar: grammar?,
        place: Place { env: env?.to_owned(), owners, pool: pool?, isolation },
        limits: fields.of("limits").and_then(|node| limits(reader, node)),
    })
}

fn grammar(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &str,
    env: Option<&str>,
    floor: &Floor,
) -> Option<CustomCommand> {
    let what = "a custom command";
    let reversibilities = [
        ("none-needed", Reversibility::NoneNeeded),
        ("reversible", Reversibility::Reversible),
        ("irreversible", Reversibility::Irreversible),
    ];
    let description = reader.required(fields, "description", what);
    let description = description.and_then(|node| reader.text(node, "`description`"));
    let runner = reader.required(fields, "runner", what);
    let runner = runner.and_then(|node| runner_of(reader, node, floor));
    let template = reader.required(fields, "argv", what);
    let template = template.map(|node| texts(reader, node, "`argv`"));
    let tier = reader.required(fields, "tier", what);
    let tier = tier.and_then(|node| reader.word(node, "tier", &TIERS));
    let reversibility = reader.required(fields, "reversibility", what);
    let reversibility = reversibility.and_then(|node| reader.word(node, "reversibility", &reversibilities));
    let sensitivity = sensitivity(reader, fields);
    let examples = reader.required(fields, "examples", what);
    let examples = examples.map(|node| texts(reader, node, "`examples`"));
    let target = fields.of("target").and_then(|node| reader.name(node, "`target`"));
    let preview = match fields.of("preview") {
        Some(node) => CustomPreview::Template(texts(reader, node, "`preview`")),
        None => CustomPreview::None,
    };
    let params = fields.of("params").map_or_else(Vec::new, |node| params(reader, node));
    let examples = examples?;
    if examples.is_empty() {
        reader.note(fields.at, ProblemCode::Missing, "a custom command needs an example");
    }
    Some(CustomCommand {
        name: name.to_owned(),
        description: description?.to_owned(),
        template: template?,
        params,
        tier: tier?,
        reversibility: reversibility?,
        sensitivity: sensitivity?,
        env: env.map(str::to_owned),
        target: target.map(str::to_owned),
        preview,
        runner: runner?.to_owned(),
        examples,
    })
}

fn runner_of<'n>(reader: &mut Reader<'_>, node: &'n Node, floor: &Floor) -> Option<&'n str> {
    let name = reader.name(node, "the name of a runner")?;
    label(reader, node.at, name, "the name of a runner");
    if let Some(why) = floor.forbids_runner(name) {
        let message = format!("runner `{}` is never allowed: {why}", shown(name));
        reader.note(node.at, ProblemCode::Floor, message);
    }
    Some(name)
}

/// A list of texts, each as it is written: an argument may begin with a space or be empty.
fn texts(reader: &mut Reader<'_>, node: &Node, what: &str) -> Vec<String> {
    let mut found = Vec::new();
    for item in reader.list(node, what) {
        let Value::Text(text) = &item.value else {
            reader.text(item, what);
            continue;
        };
        if text.chars().any(is_deceptive) {
            reader.text(item, what);
        }
        found.push(text.clone());
    }
    found
}

fn params(reader: &mut Reader<'_>, node: &Node) -> Vec<Param> {
    let mut found = Vec::new();
    for (key, item) in reader.map(node, "`params`").unwrap_or_default() {
        reader.check_name(key.at, &key.text, "the name of a parameter");
        found.extend(param(reader, item, &key.text));
    }
    found
}

fn param(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Param> {
    let keys = ["description", "enum", "regex", "int", "duration", "default", "leading_dash"];
    let fields = reader.fields(node, "a parameter", &keys, &[])?;
    let dashes = [("refused", LeadingDash::Refused), ("allowed", LeadingDash::Allowed)];
    let description = reader.required(&fields, "description", "a parameter");
    let description = description.and_then(|node| reader.text(node, "`description`"));
    let leading_dash = fields.of("leading_dash");
    let leading_dash = leading_dash.and_then(|node| reader.word(node, "`leading_dash`", &dashes));
    let default = fields.of("default").and_then(|node| reader.text(node, "`default`"));
    Some(Param {
        name: name.to_owned(),
        values: values(reader, &fields)?,
        description: description?.to_owned(),
        default: default.map(str::to_owned),
        leading_dash: leading_dash.unwrap_or(LeadingDash::Refused),
    })
}

fn values(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Option<Values> {
    let kinds = ["enum", "regex", "int", "duration"];
    let given: Vec<(&str, &Node)> = kinds.into_iter().filter_map(|kind| Some((kind, fields.of(kind)?))).collect();
    let [(kind, node)] = given.as_slice() else {
        let message = "a parameter has exactly one of `enum`, `regex`, `int`, `duration`";
        reader.note(fields.at, ProblemCode::Missing, message);
        return None;
    };
    match *kind {
        "enum" => Some(Values::Enum(texts(reader, node, "`enum`"))),
        "regex" => {
            let source = reader.text(node, "`regex`")?;
            match countersign_command::pattern::Pattern::new(source) {
                Ok(pattern) => Some(Values::Regex(pattern)),
                Err(wrong) => {
                    reader.note(node.at, ProblemCode::Value, wrong.to_string());
                    None
                }
            }
        }
        "int" => {
            let fields = reader.fields(node, "`int`", &["min", "max"], &[])?;
            let min = reader.required(&fields, "min", "`int`");
            let max = reader.required(&fields, "max", "`int`");
            let min = reader.whole(min?, "`min`", i64::MIN, i64::MAX)?;
            let max = reader.whole(max?, "`max`", i64::MIN, i64::MAX)?;
            Some(Values::Int { min, max })
        }
        _ => {
            let fields = reader.fields(node, "`duration`", &["min", "max"], &[])?;
            let min = reader.required(&fields, "min", "`duration`");
            let max = reader.required(&fields, "max", "`duration`");
            let min = reader.duration(min?, "`min`")?;
            let max = reader.duration(max?, "`max`")?;
            Some(Values::Duration { min, max })
        }
    }
}
