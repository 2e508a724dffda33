//! What gcloud gets: an access token in a file, a configuration of its own that is empty, and the way out.
//!
//! **Invariant:** no account, no key and no refresh token: when the token ends, so does what gcloud can do.

use super::{Private, Surroundings};
use crate::hosts;
use crate::target::{Endpoint, Project};
use countersign_secrets::Material;
use secrecy::ExposeSecret as _;

/// The token's file, and the variables that lead to it and to the proxy.
///
/// Source: `gcloud topic configurations`: a property is a variable `CLOUDSDK_SECTION_PROPERTY`.
pub(super) fn render(project: &Project, material: &Material, around: Surroundings<'_>) -> Option<Private> {
    let Material::AccessToken(token) = material else { return None };
    let token = token.expose_secret();
    if token.is_empty() || token.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let mut private = Private::default();
    private.file("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", format!("{}/token", around.home), token.as_bytes().to_vec());
    private.set("CLOUDSDK_CONFIG", format!("{}/gcloud", around.home));
    private.proxy(around.proxy, project.endpoint.as_ref().is_some_and(Endpoint::is_plain));
    if let Some(endpoint) = &project.endpoint {
        // An address without a path keeps the one of the API (googlecloudsdk/api_lib/util/apis_internal.py).
        for api in around.steps.iter().flat_map(hosts::gcloud::overrides) {
            let variable = format!("CLOUDSDK_API_ENDPOINT_OVERRIDES_{}", api.to_ascii_uppercase());
            private.set(&variable, format!("{}/", endpoint.url()));
        }
    }
    Some(private)
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::command::Argv;

    fn render_for(endpoint: Option<&str>, material: &Material) -> Option<Private> {
        let project = Project { endpoint: endpoint.map(|text| text.parse().unwrap()) };
        let steps = [Argv::new(["gcloud", "sql", "instances", "list"].map(str::to_owned).to_vec()).unwrap()];
        let around = Surroundings {
            home: "/home/job",
            proxy: 3128,
            steps: &steps,
            requester: "ann",
            seconds: 60,
            stack: None,
            service: None,
        };
        render(&project, material, around)
    }

    #[test]
    fn p18_the_token_is_in_a_file_and_in_no_variable() {
        let private = render_for(None, &Material::AccessToken("ya29.x".to_owned().into())).unwrap();
        assert_eq!(private.files.len(), 1);
        assert_eq!(private.files[0].content, b"ya29.x");
        let names: Vec<&str> = private.env.keys().map(String::as_str).collect();
        assert_eq!(names, ["CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", "CLOUDSDK_CONFIG", "HTTPS_PROXY"]);
        assert!(!private.env.values().any(|value| value.contains("ya29")));
    }

    #[test]
    fn a_private_endpoint_is_set_for_the_apis_of_the_command() {
        let token = Material::AccessToken("ya29.x".to_owned().into());
        let private = render_for(Some("http://127.0.0.1:5000"), &token).unwrap();
        assert_eq!(private.env["CLOUDSDK_API_ENDPOINT_OVERRIDES_SQL"], "http://127.0.0.1:5000/");
        assert_eq!(private.env["HTTP_PROXY"], "http://127.0.0.1:3128");
    }

    #[test]
    fn what_is_no_token_makes_no_file() {
        assert!(render_for(None, &Material::AccessToken("a\nb".to_owned().into())).is_none());
        assert!(render_for(None, &Material::BearerToken("a".to_owned().into())).is_none());
    }
}
