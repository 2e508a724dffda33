//! What the driver of Terraform gets about a stack.
//!
//! **Invariant:** of a lease only those variables are passed on that providers read credentials from; none of them names
//! a file, an address or a program.

use super::Surroundings;
use crate::stack::Prepared;
use countersign_secrets::{Material, VARIABLES};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::collections::BTreeMap;

/// A stack (countersign-tools, `driver::job::Stack`).
#[derive(Serialize)]
pub(super) struct Stack<'a> {
    task: &'static str,
    commit: &'a str,
    branch: &'a str,
    folder: &'a str,
    tree: &'static str,
    said: &'a [String],
    variables: BTreeMap<&'a str, &'a str>,
    live: bool,
}

/// The stack that was prepared; `None` without one, and for a credential that no provider reads.
pub(super) fn render<'a>(material: &'a Material, around: Surroundings<'a>) -> Option<Stack<'a>> {
    let Prepared { task, commit, branch, folder, said, live, .. } = around.stack?;
    Some(Stack {
        task: task.as_str(),
        commit,
        branch,
        folder,
        tree: Prepared::tree_inside(),
        said,
        variables: variables(material)?,
        live: *live,
    })
}

/// Source of the names: [`VARIABLES`].
fn variables(material: &Material) -> Option<BTreeMap<&str, &str>> {
    let variables = match material {
        Material::None => BTreeMap::new(),
        Material::Variables(all) => all.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect(),
        Material::Aws { access_key_id, secret_access_key, session_token } => {
            let mut all = BTreeMap::from([
                ("AWS_ACCESS_KEY_ID", access_key_id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", secret_access_key.expose_secret()),
            ]);
            all.extend(session_token.iter().map(|token| ("AWS_SESSION_TOKEN", token.expose_secret())));
            all
        }
        Material::AccessToken(token) => BTreeMap::from([("GOOGLE_OAUTH_ACCESS_TOKEN", token.expose_secret())]),
        Material::BearerToken(token) => BTreeMap::from([("KUBE_TOKEN", token.expose_secret())]),
        Material::ClientCertificate { .. } => return None,
    };
    variables.keys().all(|name| VARIABLES.contains(name)).then_some(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p59_only_credentials_of_providers_become_variables() {
        let of = |name: &str| Material::Variables(BTreeMap::from([(name.to_owned(), "s3cret".to_owned().into())]));
        assert_eq!(variables(&of("CLOUDFLARE_API_TOKEN")).unwrap()["CLOUDFLARE_API_TOKEN"], "s3cret");
        for name in ["TF_CLI_ARGS", "TF_VAR_x", "PATH", "LD_PRELOAD", "AWS_CONFIG_FILE", "HTTPS_PROXY", "HOME"] {
            assert!(variables(&of(name)).is_none(), "{name}");
        }
        let aws = Material::Aws {
            access_key_id: "AKIA".into(),
            secret_access_key: "k".to_owned().into(),
            session_token: Some("t".to_owned().into()),
        };
        let names: Vec<&str> = variables(&aws).unwrap().into_keys().collect();
        assert_eq!(names, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
        assert!(variables(&Material::None).unwrap().is_empty());
    }
}
