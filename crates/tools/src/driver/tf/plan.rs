//! A plan, as `terraform show -json` prints it.
//!
//! **Invariant:** nothing in here is printed but through [`super::masked`]: the JSON has every sensitive value in clear.
//!
//! Source: Terraform, "JSON Output Format", `format_version` 1.2.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A plan. Keys that are not named here are not looked at.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Plan {
    pub(super) format_version: String,
    pub(super) variables: BTreeMap<String, Variable>,
    pub(super) resource_changes: Vec<ResourceChange>,
    pub(super) resource_drift: Vec<ResourceChange>,
    pub(super) output_changes: BTreeMap<String, Change>,
    pub(super) planned_values: Value,
    pub(super) prior_state: Value,
    pub(super) configuration: Configuration,
    pub(super) checks: Vec<Check>,
    pub(super) deferred_changes: Vec<Value>,
    pub(super) errored: bool,
}

/// The value of a variable of the root module; whether it is sensitive stands in the configuration.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Variable {
    pub(super) value: Value,
}

/// What happens to one instance of a resource.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ResourceChange {
    pub(super) address: String,
    pub(super) previous_address: Option<String>,
    pub(super) module_address: Option<String>,
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) deposed: Option<String>,
    pub(super) change: Change,
    pub(super) action_reason: Option<String>,
}

/// Before and after.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Change {
    pub(super) actions: Vec<String>,
    pub(super) before: Value,
    pub(super) after: Value,
    pub(super) after_unknown: Value,
    pub(super) before_sensitive: Value,
    pub(super) after_sensitive: Value,
    pub(super) replace_paths: Vec<Vec<Value>>,
    pub(super) importing: Option<Value>,
}

/// What the files say.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Configuration {
    pub(super) root_module: Module,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Module {
    pub(super) resources: Vec<Resource>,
    #[serde(rename = "module_calls")]
    pub(super) calls: BTreeMap<String, Call>,
    pub(super) variables: BTreeMap<String, Declared>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Call {
    pub(super) module: Module,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) mode: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) provisioners: Vec<Provisioner>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Provisioner {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// How a variable is declared.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Declared {
    pub(super) sensitive: bool,
    pub(super) ephemeral: bool,
}

/// A condition that was checked.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Check {
    pub(super) address: Map<String, Value>,
    pub(super) status: String,
}

/// What is done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Action {
    Create,
    Update,
    Replace,
    Delete,
    Forget,
    Read,
    Import,
    Move,
    Nothing,
    /// Of a later Terraform.
    Other,
}

impl Action {
    /// As people know it from Terraform.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Delete => "-",
            Self::Forget => ".",
            Self::Read => "<=",
            Self::Import => "=",
            Self::Move => ">",
            Self::Nothing => " ",
            Self::Other => "?",
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Delete => "destroy",
            Self::Forget => "forget",
            Self::Read => "read",
            Self::Import => "import",
            Self::Move => "move",
            Self::Nothing => "leave",
            Self::Other => "act on",
        }
    }

    /// Whether something is there before that is not there after.
    pub(super) const fn takes_away(self) -> bool {
        matches!(self, Self::Replace | Self::Delete)
    }
}

impl Change {
    /// What the list of actions comes to.
    pub(super) fn action(&self) -> Action {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        match actions.as_slice() {
            ["create"] => Action::Create,
            ["update"] => Action::Update,
            ["delete", "create"] | ["create", "delete" | "forget"] => Action::Replace,
            ["delete"] => Action::Delete,
            ["forget"] => Action::Forget,
            ["read"] => Action::Read,
            ["no-op"] | [] => Action::Nothing,
            _ => Action::Other,
        }
    }
}

impl ResourceChange {
    /// What happens to it, where a move or an import is something, too.
    pub(super) fn action(&self) -> Action {
        match self.change.action() {
            Action::Nothing if self.change.importing.is_some() => Action::Import,
            Action::Nothing if self.previous_address.is_some() => Action::Move,
            action => action,
        }
    }

    /// Its module and name without the keys of instances: where the configuration has it.
    pub(super) fn configured(&self) -> String {
        let module = self.module_address.as_deref().map(without_keys).unwrap_or_default();
        let data = if self.mode == "data" { "data." } else { "" };
        let dot = if module.is_empty() { "" } else { "." };
        format!("{module}{dot}{data}{}.{}", self.kind, self.name)
    }
}

impl Module {
    /// The kinds of provisioners of each resource that has some, by its place in the configuration.
    pub(super) fn provisioners(&self) -> BTreeMap<String, Vec<String>> {
        let mut all = BTreeMap::new();
        self.collect("", &mut all);
        all
    }

    fn collect(&self, within: &str, all: &mut BTreeMap<String, Vec<String>>) {
        for one in self.resources.iter().filter(|one| !one.provisioners.is_empty()) {
            let data = if one.mode == "data" { "data." } else { "" };
            let kinds = one.provisioners.iter().map(|provisioner| provisioner.kind.clone()).collect();
            all.insert(format!("{within}{data}{}.{}", one.kind, one.name), kinds);
        }
        for (name, call) in &self.calls {
            call.module.collect(&format!("{within}module.{name}."), all);
        }
    }

    /// Data sources that run a program while it is planned.
    pub(super) fn programs(&self) -> usize {
        let own = self.resources.iter().filter(|one| one.mode == "data" && one.kind == "external").count();
        own + self.calls.values().map(|call| call.module.programs()).sum::<usize>()
    }
}

/// `module.web["a]b"].module.x[0]` without its keys.
fn without_keys(address: &str) -> String {
    let (mut out, mut in_key, mut in_quotes) = (String::new(), false, false);
    for c in address.chars() {
        match (in_key, in_quotes, c) {
            (false, _, '[') => in_key = true,
            (true, false, ']') => in_key = false,
            (true, _, '"') => in_quotes = !in_quotes,
            (false, ..) => out.push(c),
            (true, ..) => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_without_the_keys_of_its_instances() {
        assert_eq!(without_keys("module.web[\"a]b\"].module.x[0]"), "module.web.module.x");
        let change: ResourceChange = serde_json::from_str(
            r#"{"module_address":"module.a[0]","mode":"managed","type":"terraform_data","name":"x"}"#,
        )
        .unwrap();
        assert_eq!(change.configured(), "module.a.terraform_data.x");
    }

    #[test]
    fn an_action_nobody_knows_is_no_nothing() {
        let of = |actions: &[&str]| {
            let actions = actions.iter().map(|one| (*one).to_owned()).collect();
            Change { actions, ..Change::default() }.action()
        };
        assert_eq!(of(&["create", "delete"]), Action::Replace);
        assert_eq!(of(&["no-op"]), Action::Nothing);
        assert_eq!(of(&["explode"]), Action::Other);
    }
}
