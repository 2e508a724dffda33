//! The configuration and the credentials that AWS's own tools read.
//!
//! **Invariant:** one profile, `default`, with static values: no role to assume, no `credential_process`, no plugin, no
//! alias, and no value that could become a line of its own.

use super::{Private, Surroundings};
use crate::target::Profile;
use countersign_secrets::Material;
use secrecy::ExposeSecret as _;
use std::fmt::Write as _;

/// What every job gets.
///
/// Source: AWS CLI, "Configuration and credential file settings"; AWS SDKs and Tools Reference Guide, "Settings
/// reference".
const SETTINGS: &str = "\
[default]
output = json
cli_follow_urlparam = false
cli_pager =
cli_auto_prompt = off
cli_history = disabled
retry_mode = standard
max_attempts = 3
sts_regional_endpoints = regional
account_id_endpoint_mode = disabled
endpoint_discovery_enabled = false
use_fips_endpoint = false
use_dualstack_endpoint = false
";

/// Buckets stand in the path, so that the host is the region's own.
const S3: &str = "\
s3 =
  addressing_style = path
  us_east_1_regional_endpoint = regional
  use_accelerate_endpoint = false
";

/// The files, and the variables that lead to them and to the proxy.
pub(super) fn render(profile: &Profile, material: &Material, around: Surroundings<'_>) -> Option<Private> {
    let Material::Aws { access_key_id, secret_access_key, session_token } = material else { return None };
    let mut credentials = "[default]\n".to_owned();
    let mut line = |key: &str, value: &str| {
        let is_one_line = !value.is_empty() && !value.chars().any(|c| c.is_control() || c.is_whitespace());
        is_one_line.then(|| writeln!(credentials, "{key} = {value}").ok()).flatten()
    };
    line("aws_access_key_id", access_key_id)?;
    line("aws_secret_access_key", secret_access_key.expose_secret())?;
    if let Some(token) = session_token {
        line("aws_session_token", token.expose_secret())?;
    }
    let endpoint = profile.endpoint.as_ref();
    let endpoint_url = endpoint.map_or_else(String::new, |endpoint| format!("endpoint_url = {}\n", endpoint.url()));
    let config = format!("{SETTINGS}{endpoint_url}{S3}");
    let mut private = Private::default();
    // Not in `.aws`, where aliases, models and plugins would be looked for.
    private.file("AWS_CONFIG_FILE", format!("{}/aws-config", around.home), config.into_bytes());
    private.file("AWS_SHARED_CREDENTIALS_FILE", format!("{}/aws-credentials", around.home), credentials.into_bytes());
    private.proxy(around.proxy, endpoint.is_some_and(crate::target::Endpoint::is_plain));
    Some(private)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: Surroundings<'_> = Surroundings {
        home: "/home/job",
        proxy: 3128,
        steps: &[],
        requester: "ann",
        seconds: 60,
        stack: None,
        service: None,
    };

    fn material(key: &str, secret: &str, token: Option<&str>) -> Material {
        Material::Aws {
            access_key_id: key.to_owned(),
            secret_access_key: secret.to_owned().into(),
            session_token: token.map(|token| token.to_owned().into()),
        }
    }

    fn text(private: &Private, name: &str) -> String {
        let file = private.files.iter().find(|file| file.path == name).unwrap();
        String::from_utf8(file.content.clone()).unwrap()
    }

    #[test]
    fn p18_secrets_are_in_a_file_and_in_no_variable() {
        let profile = Profile { account: "111111111111".into(), endpoint: None };
        let private = render(&profile, &material("AKIA1", "s3cr3t/+=", Some("t0ken==")), AROUND).unwrap();
        let expected =
            "[default]\naws_access_key_id = AKIA1\naws_secret_access_key = s3cr3t/+=\naws_session_token = t0ken==\n";
        assert_eq!(text(&private, "/home/job/aws-credentials"), expected);
        assert!(!private.env.values().any(|value| value.contains("s3cr3t") || value.contains("t0ken")));
        assert!(!private.env.contains_key("HTTP_PROXY"));
        assert_eq!(private.env["HTTPS_PROXY"], "http://127.0.0.1:3128");
    }

    #[test]
    fn p16_the_configuration_follows_no_address_and_names_no_program() {
        let endpoint = Some("https://vpce-1.example".parse().unwrap());
        let profile = Profile { account: "111111111111".into(), endpoint };
        let config = text(&render(&profile, &material("A", "b", None), AROUND).unwrap(), "/home/job/aws-config");
        for line in ["cli_follow_urlparam = false", "endpoint_url = https://vpce-1.example", "cli_pager ="] {
            assert!(config.lines().any(|one| one.trim() == line), "{line}");
        }
        assert!(!config.contains("process") && !config.contains("plugins") && !config.contains("role"));
        assert_eq!(config.matches('[').count(), 1);
    }

    #[test]
    fn a_value_is_one_line() {
        let profile = Profile { account: "111111111111".into(), endpoint: None };
        for bad in ["a\ncredential_process = /x", "a b", "", "a\u{0}"] {
            assert!(render(&profile, &material("A", bad, None), AROUND).is_none());
            assert!(render(&profile, &material(bad, "b", None), AROUND).is_none());
            assert!(render(&profile, &material("A", "b", Some(bad)), AROUND).is_none());
        }
        assert!(render(&profile, &Material::BearerToken("t".to_owned().into()), AROUND).is_none());
    }
}
