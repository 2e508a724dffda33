//! What an app's answer does to a modal that was submitted.
//!
//! **Invariant:** a modal that was not answered properly stays open with everything in it. Source: Slack, "Modals",
//! "Handling and responding to interactions".

use serde_json::Value;

use super::blocks;
use super::deliver::Outcome;
use super::state::State;
use super::views;

/// What a person reads when the app did not answer as it must.
const TROUBLE: &str = "We had some trouble connecting. Try again?";

/// Does what the answer says; what Slack tells the person when it cannot.
pub(super) fn answered(state: &mut State, id: &str, outcome: &Outcome) -> Option<String> {
    let Outcome::Answered { status: 200, body, .. } = outcome else { return Some(TROUBLE.to_owned()) };
    if body.trim().is_empty() {
        views::close(state, id, false);
        return None;
    }
    let answer: Value = serde_json::from_str(body).unwrap_or_default();
    let done = match answer["response_action"].as_str() {
        Some("clear") => {
            views::close(state, id, true);
            true
        }
        Some("errors") => errors(state, id, &answer["errors"]),
        Some("update") => blocks::modal(&answer["view"]).is_ok() && update(state, id, &answer["view"]),
        Some("push") => blocks::modal(&answer["view"]).is_ok() && push(state, id, &answer["view"]),
        None if answer.as_object().is_some_and(serde_json::Map::is_empty) => {
            views::close(state, id, false);
            true
        }
        Some(_) | None => false,
    };
    (!done).then(|| TROUBLE.to_owned())
}

/// Errors stand at inputs alone.
fn errors(state: &mut State, id: &str, errors: &Value) -> bool {
    let Some(view) = state.view_mut(id) else { return false };
    let inputs: Vec<String> = view.fields().into_iter().map(|(block, ..)| block).collect();
    let told = errors.as_object().into_iter().flatten();
    let told: Vec<(String, Option<String>)> =
        told.map(|(block, text)| (block.clone(), text.as_str().map(str::to_owned))).collect();
    if told.is_empty() || told.iter().any(|(block, text)| !inputs.contains(block) || text.is_none()) {
        return false;
    }
    view.errors = told.into_iter().filter_map(|(block, text)| Some((block, text?))).collect();
    true
}

fn update(state: &mut State, id: &str, view: &Value) -> bool {
    views::update(state, (Some(id.to_owned()), None), None, view.clone()).is_ok()
}

fn push(state: &mut State, id: &str, view: &Value) -> bool {
    let Some(user) = state.view_mut(id).map(|it| it.user.clone()) else { return false };
    views::put(state, &user, Some(id.to_owned()), view.clone());
    true
}
