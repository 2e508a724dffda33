//! A person as `users.info` tells them.
//!
//! **Invariant:** the address is told only with its own scope. Source: Slack, `users.info` and "User type".

use serde_json::{Value, json};

use super::seed::{Person, Standing, Workspace};

/// The user object.
pub(super) fn shown(person: &Person, workspace: &Workspace) -> Value {
    let is = |standing: Standing| person.standing == standing;
    let team = if is(Standing::Stranger) { "T0PARTNER9" } else { person.team.as_str() };
    let mut profile = json!({"real_name": person.name, "display_name": person.name, "team": team});
    if workspace.scopes.contains("users:read.email") {
        profile["email"] = person.email.clone().into();
    }
    let mut user = json!({"id": person.id, "team_id": team, "name": person.name, "real_name": person.name,
        "deleted": is(Standing::Deactivated), "is_bot": is(Standing::Bot), "is_app_user": false,
        "updated": 1_700_000_000, "profile": profile});
    if is(Standing::Deactivated) {
        // A deactivated account is told without the flags of the living.
        return user;
    }
    user["is_admin"] = false.into();
    user["is_owner"] = false.into();
    user["is_primary_owner"] = false.into();
    user["is_restricted"] = (is(Standing::Guest) || is(Standing::SingleChannelGuest)).into();
    user["is_ultra_restricted"] = is(Standing::SingleChannelGuest).into();
    user["is_email_confirmed"] = (!is(Standing::Unconfirmed)).into();
    if is(Standing::Stranger) {
        user["is_stranger"] = true.into();
    }
    if let Some(enterprise) = &workspace.enterprise {
        user["enterprise_user"] = json!({"id": person.id, "enterprise_id": enterprise, "enterprise_name": "Acme",
            "is_admin": false, "is_owner": false, "teams": [workspace.id]});
    }
    user
}
