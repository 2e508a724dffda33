//! A plan for people.
//!
//! **Invariant:** the same plan gives the same text, byte for byte, whoever renders it and whenever; every line goes
//! through [`Secrets::hide`] at the end.

use super::masked::{HIDDEN, Secrets, Sides, differences};
use super::plan::{Action, Change, Check, Plan, ResourceChange};
use countersign_command::tf::{Act, PlanMode as Mode};
use countersign_core::digest::Digest;
use countersign_core::refusal::shown;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Of a longer text the rest is counted: nobody reads more, and the plan itself is bound by its digest.
const LONGEST_TEXT: usize = 256 << 10;

/// The actions in the order in which they are counted.
const COUNTED: [Action; 9] = [
    Action::Create,
    Action::Update,
    Action::Replace,
    Action::Delete,
    Action::Import,
    Action::Move,
    Action::Forget,
    Action::Read,
    Action::Other,
];

/// What an apply of this plan would do.
pub(super) fn plan(plan: &Plan, act: &Act) -> String {
    let secrets = secrets(plan);
    let mut changes: Vec<(&ResourceChange, Action)> =
        plan.resource_changes.iter().map(|one| (one, one.action())).filter(|(_, it)| *it != Action::Nothing).collect();
    changes.sort_by(|(one, _), (other, _)| (&one.address, &one.deposed).cmp(&(&other.address, &other.deposed)));
    let mut lines: Vec<String> = act.narrowed.clone();
    lines.push(match act.mode {
        Mode::RefreshOnly => refreshed(plan),
        Mode::Normal | Mode::Destroy => counts(&changes, plan),
    });
    lines.extend(warnings(&changes, plan).into_iter().map(|line| format!("warning: {line}")));
    for (one, action) in &changes {
        lines.extend(resource(one, *action, &secrets));
    }
    let drift: Vec<&ResourceChange> =
        plan.resource_drift.iter().filter(|one| one.action() != Action::Nothing).collect();
    if !drift.is_empty() {
        lines.push("changed outside of Terraform since the last apply:".to_owned());
        for one in drift {
            lines.extend(resource(one, one.action(), &secrets));
        }
    }
    lines.extend(section("outputs", outputs(plan, &secrets)));
    lines.extend(section("variables", variables(plan, &secrets)));
    let text: String = lines.iter().map(|line| secrets.hide(line) + "\n").collect();
    bounded(text)
}

/// A plan that only refreshes changes nothing but the state.
fn refreshed(plan: &Plan) -> String {
    match plan.resource_drift.len() {
        0 => "nothing to change: the state says what is there".to_owned(),
        count => format!("{count} to write into the state as they are"),
    }
}

fn section(name: &str, lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { lines } else { std::iter::once(format!("{name}:")).chain(lines).collect() }
}

fn bounded(text: String) -> String {
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let end = text[..text.floor_char_boundary(LONGEST_TEXT)].rfind('\n').map_or(0, |at| at + 1);
    let (more, digest) = (text[end..].lines().count(), Digest::of(text.as_bytes()).short());
    format!("{}… and {more} more lines; all of it is {digest}\n", &text[..end])
}

fn counts(changes: &[(&ResourceChange, Action)], plan: &Plan) -> String {
    let count = |action| changes.iter().filter(|(_, it)| *it == action).count();
    let parts = COUNTED.iter().map(|action| (action, count(*action))).filter(|(_, count)| *count > 0);
    let parts: Vec<String> = parts.map(|(action, count)| format!("{count} to {}", action.word())).collect();
    let outputs = plan.output_changes.values().any(|change| change.action() != Action::Nothing);
    match (parts.is_empty(), outputs) {
        (false, _) => parts.join(", "),
        (true, true) => "no resource changes, outputs do".to_owned(),
        (true, false) => "nothing to change".to_owned(),
    }
}

/// What people should look at twice.
fn warnings(changes: &[(&ResourceChange, Action)], plan: &Plan) -> Vec<String> {
    let addresses = |of: fn(Action) -> bool| -> Vec<String> {
        changes.iter().filter(|(_, action)| of(*action)).map(|(one, _)| shown(&one.address)).collect()
    };
    let mut all = Vec::new();
    let mut say = |found: &[String], what: &str| {
        if !found.is_empty() {
            all.push(format!("{} {what}: {}", found.len(), found.join(", ")));
        }
    };
    say(&addresses(|it| it == Action::Delete), "destroyed");
    say(&addresses(|it| it == Action::Replace), "destroyed and made anew");
    say(&addresses(|it| it == Action::Forget), "left to itself, no longer managed");
    say(&addresses(|it| it == Action::Other), "with an action that this version does not know");
    let provisioners = plan.configuration.root_module.provisioners();
    let mut with: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (one, action) in changes {
        if *action != Action::Create && !action.takes_away() {
            continue;
        }
        for kind in provisioners.get(&one.configured()).into_iter().flatten() {
            with.entry(kind).or_default().push(shown(&one.address));
        }
    }
    for (kind, found) in with {
        let what = match kind {
            "local-exec" => {
                "local-exec: runs a program of the repository where Terraform runs, and there is no shell there"
            }
            "remote-exec" => "remote-exec: runs commands on another host, which has to be one of the stack's hosts",
            _ => "a provisioner that Terraform does not see into",
        };
        say(&found, &format!("with the provisioner {} ({what})", shown(kind)));
    }
    let programs = plan.configuration.root_module.programs();
    if programs > 0 {
        all.push(format!("{programs} data sources run a program while it is planned"));
    }
    let failed = plan.checks.iter().filter(|check| check.status == "fail" || check.status == "error");
    all.extend(failed.map(|check| format!("the check {} fails", check_name(check))));
    if !plan.deferred_changes.is_empty() {
        all.push(format!("{} changes are deferred to a later plan", plan.deferred_changes.len()));
    }
    all
}

fn check_name(check: &Check) -> String {
    shown(check.address.get("to_display").and_then(Value::as_str).unwrap_or_default())
}

fn resource(one: &ResourceChange, action: Action, secrets: &Secrets) -> Vec<String> {
    let deposed = one.deposed.as_ref().map(|key| format!(" (deposed {})", shown(key))).unwrap_or_default();
    let reason = reason(one).map(|reason| format!(": {reason}")).unwrap_or_default();
    let moved = one.previous_address.as_ref().map(|from| format!(", moved from {}", shown(from))).unwrap_or_default();
    let imported = if one.change.importing.is_some() && action != Action::Import { ", imported" } else { "" };
    let head =
        format!("{} {}{deposed} ({}{moved}{imported}{reason})", action.sign(), shown(&one.address), action.word());
    let inner = values(&one.change, secrets).into_iter().map(|line| format!("    {line}"));
    std::iter::once(head).chain(inner).collect()
}

fn values(change: &Change, secrets: &Secrets) -> Vec<String> {
    let Change { before, after, after_unknown, before_sensitive, after_sensitive, .. } = change;
    let marks = [before_sensitive, after_sensitive];
    differences(Sides { before, after, unknown: after_unknown, marks }, secrets)
}

/// Why Terraform does it. Source: "JSON Output Format", `action_reason`.
fn reason(one: &ResourceChange) -> Option<String> {
    let paths: Vec<String> = one.change.replace_paths.iter().map(|path| path_text(path)).collect();
    let by = if paths.is_empty() { String::new() } else { format!(" ({})", paths.join(", ")) };
    let words = match one.action_reason.as_deref()? {
        "replace_because_cannot_update" => format!("it cannot be changed in place{by}"),
        "replace_because_tainted" => "it is tainted".to_owned(),
        "replace_by_request" => "it was asked for with `-replace`".to_owned(),
        "replace_by_triggers" => "what it depends on changes (`replace_triggered_by`)".to_owned(),
        "delete_because_no_resource_config" => "it is no longer in the configuration".to_owned(),
        "delete_because_no_module" => "its module is no longer in the configuration".to_owned(),
        "delete_because_wrong_repetition" => "its kind of repetition changed".to_owned(),
        "delete_because_count_index" => "`count` is smaller".to_owned(),
        "delete_because_each_key" => "its key is no longer in `for_each`".to_owned(),
        "delete_because_no_move_target" => "it was moved to what is not there".to_owned(),
        "read_because_config_unknown" => "what it is asked for is known only then".to_owned(),
        "read_because_dependency_pending" => "what it depends on changes".to_owned(),
        "read_because_check_nested" => "a check needs it".to_owned(),
        other => shown(other),
    };
    Some(words)
}

fn path_text(path: &[Value]) -> String {
    let mut text = String::new();
    for part in path {
        match part {
            Value::String(name) if text.is_empty() => text.push_str(&shown(name)),
            Value::String(name) => {
                let _ = write!(text, ".{}", shown(name));
            }
            other => {
                let _ = write!(text, "[{other}]");
            }
        }
    }
    text
}

fn outputs(plan: &Plan, secrets: &Secrets) -> Vec<String> {
    let changed = plan.output_changes.iter().filter(|(_, change)| change.action() != Action::Nothing);
    let lines = changed.flat_map(|(name, change)| {
        let head = format!("{} {}", change.action().sign(), shown(name));
        // The value of an output is not an object of attributes: it stands behind the name.
        match values(change, secrets).as_slice() {
            [] => vec![head],
            [one] if !one.contains(": ") || one.starts_with(['"', '(', '[']) => vec![format!("{head}: {one}")],
            all => std::iter::once(head).chain(all.iter().map(|line| format!("    {line}"))).collect(),
        }
    });
    lines.collect()
}

fn variables(plan: &Plan, secrets: &Secrets) -> Vec<String> {
    let line = |(name, variable): (&String, &super::plan::Variable)| {
        let mark = Value::Bool(is_sensitive(plan, name));
        let nothing = Value::Null;
        let sides = Sides { before: &nothing, after: &variable.value, unknown: &nothing, marks: [&mark, &nothing] };
        let lines = if mark == Value::Bool(true) { vec![HIDDEN.to_owned()] } else { differences(sides, secrets) };
        match lines.as_slice() {
            [] => vec![format!("  {} = null", shown(name))],
            [one] => vec![format!("  {} = {one}", shown(name))],
            all => std::iter::once(format!("  {}", shown(name)))
                .chain(all.iter().map(|line| format!("    {line}")))
                .collect(),
        }
    };
    plan.variables.iter().flat_map(line).collect()
}

/// Also one whose declaration is not there.
fn is_sensitive(plan: &Plan, name: &str) -> bool {
    plan.configuration.root_module.variables.get(name).is_none_or(|it| it.sensitive || it.ephemeral)
}

/// Everything that the plan marks as sensitive anywhere.
pub(super) fn secrets(plan: &Plan) -> Secrets {
    let mut secrets = Secrets::default();
    let changes = plan.resource_changes.iter().chain(&plan.resource_drift).map(|one| &one.change);
    for change in changes.chain(plan.output_changes.values()) {
        secrets.learn(&change.before, &change.before_sensitive);
        secrets.learn(&change.after, &change.after_sensitive);
        secrets.learn(&change.before, &change.after_sensitive);
        secrets.learn(&change.after, &change.before_sensitive);
    }
    for (_, variable) in plan.variables.iter().filter(|(name, _)| is_sensitive(plan, name)) {
        secrets.learn_all(&variable.value);
    }
    for values in [&plan.planned_values, &plan.prior_state["values"]] {
        for output in values["outputs"].as_object().into_iter().flat_map(|all| all.values()) {
            secrets.learn(&output["value"], &output["sensitive"]);
        }
        in_module(&values["root_module"], &mut secrets);
    }
    secrets
}

fn in_module(module: &Value, secrets: &mut Secrets) {
    for resource in module["resources"].as_array().into_iter().flatten() {
        secrets.learn(&resource["values"], &resource["sensitive_values"]);
    }
    for child in module["child_modules"].as_array().into_iter().flatten() {
        in_module(child, secrets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::command::Argv;
    use serde_json::json;

    /// Of Terraform 1.11.4: one resource is updated, one is replaced, and the provider repeats what it was given.
    const RECORDED: &str = include_str!("recorded.json");

    fn act(line: &str) -> Act {
        Act::read(&Argv::new(line.split(' ').map(str::to_owned).collect()).unwrap()).unwrap()
    }

    fn told(document: &Value) -> String {
        plan(&serde_json::from_value(document.clone()).unwrap(), &act("tf plan dev"))
    }

    #[test]
    fn p24_a_recorded_plan_is_told_without_its_secrets() {
        let document: Value = serde_json::from_str(RECORDED).unwrap();
        assert!(RECORDED.contains("hunter2-very-secret") && RECORDED.contains("hunter3-another-secret"));
        let expected = "\
2 to update, 1 to replace
warning: 1 destroyed and made anew: terraform_data.again
warning: 1 with the provisioner local-exec (local-exec: runs a program of the repository where Terraform runs, and there is no shell there): terraform_data.again
-/+ terraform_data.again (replace: it cannot be changed in place (triggers_replace))
    id: \"54f98cef-db4e-166f-49fd-16821a8806e3\" -> (known after apply)
    input: (sensitive value) -> (sensitive value)
    output: (sensitive value) -> (known after apply)
    triggers_replace[0]: 3 -> 4
~ terraform_data.nested (update)
    input.list[1]: (sensitive value) -> (sensitive value)
    input.list[2].deep[0]: (sensitive value) -> (sensitive value)
    output: nothing -> (known after apply)
    output.list[0]: \"a\" -> nothing
    output.list[1]: (sensitive value) -> nothing
    output.list[2].deep[0]: (sensitive value) -> nothing
    output.list[2].deep[1]: \"open\" -> nothing
    output.name: \"db\" -> nothing
~ terraform_data.plain (update)
    input: \"hello 3\" -> \"hello 4\"
    output: \"hello 3\" -> (known after apply)
outputs:
~ open: \"hello 3\" -> (known after apply)
~ secret: (sensitive value) -> (sensitive value)
variables:
  password = (sensitive value)
  size = 4
";
        assert_eq!(told(&document), expected);
    }

    #[test]
    fn p24_a_variable_that_is_not_declared_is_hidden() {
        let text = told(&json!({"variables": {"x": {"value": "s3cret"}, "y": {"value": "open"}},
            "configuration": {"root_module": {"variables": {"y": {}}}}}));
        assert!(text.contains("  x = (sensitive value)\n  y = \"open\"\n"), "{text}");
    }

    #[test]
    fn p24_what_is_sensitive_in_the_state_is_hidden_in_names_as_well() {
        let text = told(&json!({
            "resource_changes": [{"address": "a.b[\"s3cret-key\"]", "change": {"actions": ["create"],
                "after": {"s3cret-key": 1}}}],
            "prior_state": {"values": {"root_module": {"child_modules": [{"resources": [
                {"values": {"x": ["s3cret-key"]}, "sensitive_values": {"x": [true]}}]}]}}},
        }));
        assert_eq!(text, "1 to create\n+ a.b[\"(sensitive value)\"] (create)\n    (sensitive value): 1\n");
    }

    #[test]
    fn what_people_should_look_at_twice_comes_first() {
        let change = |address: &str, actions: &[&str]| json!({"address": address, "mode": "managed", "type": "t", "name": "x", "change": {"actions": actions}});
        let text = told(&json!({
            "resource_changes": [change("t.x[1]", &["delete"]), change("t.x[0]", &["create", "delete"]),
                change("t.y", &["no-op"]), change("t.z", &["explode"])],
            "configuration": {"root_module": {"resources": [
                {"mode": "managed", "type": "t", "name": "x", "provisioners": [{"type": "remote-exec"}]},
                {"mode": "data", "type": "external", "name": "e"}]}},
            "checks": [{"address": {"to_display": "check.health"}, "status": "fail"}],
        }));
        let lines: Vec<&str> = text.lines().take(7).collect();
        assert_eq!(
            lines[..4],
            [
                "1 to replace, 1 to destroy, 1 to act on",
                "warning: 1 destroyed: t.x[1]",
                "warning: 1 destroyed and made anew: t.x[0]",
                "warning: 1 with an action that this version does not know: t.z",
            ]
        );
        assert!(
            lines[4].starts_with("warning: 2 with the provisioner remote-exec (")
                && lines[4].ends_with(": t.x[0], t.x[1]")
        );
        assert_eq!(lines[5], "warning: 1 data sources run a program while it is planned");
        assert_eq!(lines[6], "warning: the check check.health fails");
    }

    #[test]
    fn what_the_options_leave_out_is_said() {
        let plan_of =
            |document: &Value, line: &str| plan(&serde_json::from_value(document.clone()).unwrap(), &act(line));
        let text = plan_of(&json!({}), "tf plan dev -refresh=false -target=a.b");
        let expected = "`-refresh=false`: what is there was not looked at, the state is believed\n\
                        `-target`: only a.b and what it needs\nnothing to change\n";
        assert_eq!(text, expected);
        let drift = json!({"resource_drift": [{"address": "a.b", "change": {"actions": ["update"], "before": {"x": 1},
            "after": {"x": 2}}}]});
        let text = plan_of(&drift, "tf plan dev -refresh-only");
        assert!(
            text.contains("1 to write into the state as they are\n")
                && text.ends_with("~ a.b (update)\n    x: 1 -> 2\n")
        );
    }

    #[test]
    fn a_plan_that_nobody_could_read_is_cut_and_counted() {
        let changes: Vec<Value> = (0..9_000)
            .map(
                |nth| json!({"address": format!("t.x[{nth}]"), "change": {"actions": ["create"], "after": {"a": "b"}}}),
            )
            .collect();
        let text = told(&json!({"resource_changes": changes}));
        assert!(text.len() < LONGEST_TEXT + 100 && text.starts_with("9000 to create\n"));
        assert!(text.lines().last().unwrap().starts_with("… and "), "{:?}", text.lines().last());
    }
}
