//! Modals: opened by a trigger, stacked, changed, closed.
//!
//! **Invariant:** a trigger opens one view, within three seconds of the click or command it came from.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::api::{No, no};
use super::seed::Workspace;
use super::state::{State, View};

/// How long a trigger lives. Source: Slack, "Triggers expire in three seconds".
const TRIGGER: SignedDuration = SignedDuration::from_secs(3);

/// Views on top of each other. Source: `views.push`, error `push_limit_reached`.
const STACK: usize = 3;

/// Where a view goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// First of its stack.
    Root,
    /// Over the view whose trigger is spent.
    OnTop,
}

/// Spends the trigger and shows the view.
pub(super) fn open(state: &mut State, trigger: &str, view: Value, place: Place, now: Timestamp) -> Result<View, No> {
    let it = state.triggers.get_mut(trigger).ok_or_else(|| no("invalid_trigger_id"))?;
    if it.exchanged {
        return Err(no("exchanged_trigger_id"));
    }
    if now.duration_since(it.at) > TRIGGER {
        return Err(no("expired_trigger_id"));
    }
    let (user, from) = (it.user.clone(), it.view.clone());
    let under = match place {
        Place::Root => None,
        Place::OnTop => Some(from.ok_or_else(|| no("invalid_trigger_id"))?),
    };
    if let Some(external) = view["external_id"].as_str().filter(|it| !it.is_empty())
        && state.views.iter().any(|one| one.open && one.view["external_id"] == external)
    {
        return Err(no("duplicate_external_id"));
    }
    if let Some(under) = &under {
        let root = state.views.iter().find(|one| one.id == *under && one.open).map(|one| one.root.clone());
        let root = root.ok_or_else(|| no("not_found"))?;
        if state.views.iter().filter(|one| one.open && one.root == root).count() >= STACK {
            return Err(no("push_limit_reached"));
        }
    }
    if let Some(it) = state.triggers.get_mut(trigger) {
        it.exchanged = true;
    }
    Ok(put(state, &user, under, view))
}

/// Puts a view on somebody's screen.
pub(super) fn put(state: &mut State, user: &str, under: Option<String>, mut view: Value) -> View {
    let number = state.number();
    super::text::name(&mut view["blocks"], number);
    let id = format!("V0{number:08}");
    let root = state.views.iter().find(|one| Some(&one.id) == under.as_ref()).map(|one| one.root.clone());
    let view = View {
        id: id.clone(),
        user: user.to_owned(),
        hash: hash(number),
        root: root.unwrap_or(id),
        previous: under,
        view,
        errors: BTreeMap::new(),
        open: true,
        updates: 0,
    };
    state.views.push(view.clone());
    view
}

/// Changes a view in place.
pub(super) fn update(
    state: &mut State,
    (id, external): (Option<String>, Option<String>),
    hash_seen: Option<&str>,
    mut view: Value,
) -> Result<View, No> {
    let number = state.number();
    super::text::name(&mut view["blocks"], number);
    let named = |one: &View| match (&id, &external) {
        (Some(id), _) => one.id == *id,
        (None, Some(external)) => one.view["external_id"] == external.as_str(),
        (None, None) => false,
    };
    let found = state.views.iter_mut().find(|one| one.open && named(one)).ok_or_else(|| no("not_found"))?;
    if hash_seen.is_some_and(|seen| seen != found.hash) {
        return Err(no("hash_conflict"));
    }
    found.view = view;
    found.hash = hash(number);
    found.errors.clear();
    found.updates += 1;
    Ok(found.clone())
}

/// Takes a view, or the whole stack, off the screen.
pub(super) fn close(state: &mut State, id: &str, whole_stack: bool) {
    let Some(root) = state.views.iter().find(|one| one.id == id).map(|one| one.root.clone()) else { return };
    for view in state.views.iter_mut().filter(|one| one.id == id || (whole_stack && one.root == root)) {
        view.open = false;
    }
}

/// A view as the API and interactions show it.
pub(super) fn shown(state: &State, workspace: &Workspace, view: &View) -> Value {
    let mut shown = view.view.clone();
    for (key, empty) in [("private_metadata", json!("")), ("callback_id", json!("")), ("external_id", json!(""))] {
        if shown.get(key).is_none() {
            shown[key] = empty;
        }
    }
    for key in ["close", "submit"] {
        if shown.get(key).is_none() {
            shown[key] = Value::Null;
        }
    }
    for key in ["clear_on_close", "notify_on_close"] {
        if shown.get(key).is_none() {
            shown[key] = false.into();
        }
    }
    shown["id"] = view.id.clone().into();
    shown["team_id"] = workspace.id.clone().into();
    shown["app_id"] = state.app.clone().into();
    shown["app_installed_team_id"] = workspace.id.clone().into();
    shown["bot_id"] = "B0BOT00001".into();
    shown["hash"] = view.hash.clone().into();
    shown["root_view_id"] = view.root.clone().into();
    shown["previous_view_id"] = view.previous.clone().into();
    shown["state"] = json!({"values": {}});
    shown
}

fn hash(number: u64) -> String {
    format!("1700000000.{number:08x}")
}
