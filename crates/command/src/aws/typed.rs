//! Options whose value is a secret in clear.
//!
//! **Invariant:** what opens something is never typed: a chat keeps it. The refusal does not repeat it.

use super::read::Said;
use super::table::Operation;
use crate::no::{Checked, no};
use countersign_core::refusal::Code;

const ELSEWHERE: &str =
    "revoke it, because it has been seen in chat; put the new one into Secrets Manager where it is made, and name it";
const MANAGED: &str = "`--manage-master-user-password` has the service make and keep it; revoke the one that was typed";
const ROTATED: &str =
    "values do not pass through chat: `secretsmanager rotate-secret` makes a new one, and the console takes one";
const SIGNED: &str = "a signed address is a credential: leave it away, aws-cli makes its own from `--source-region`";
const PARAMETER: &str = "values of SecureString do not pass through chat: put it in where it is made";
const CUSTOMER_KEY: &str = "keys do not pass through chat: encrypt with a key of KMS";

/// Of every operation that has them. Sources: members of request shapes that botocore 1.43.11 marks
/// `sensitive` and that open something.
const OPTIONS: &[(&str, &str)] = &[
    ("access-token", ELSEWHERE),
    ("add-private-key", ELSEWHERE),
    ("admin-user-password", MANAGED),
    ("auth-token", ELSEWHERE),
    ("basic-auth-credentials", ELSEWHERE),
    ("bearer-token", ELSEWHERE),
    ("certificate-private-key", ELSEWHERE),
    ("client-secret", ELSEWHERE),
    ("copy-source-sse-customer-key", CUSTOMER_KEY),
    ("destination-s3-presigned-url", SIGNED),
    ("file-password", ELSEWHERE),
    ("hsm-partition-password", ELSEWHERE),
    ("idp-client-secret", ELSEWHERE),
    ("key-store-password", ELSEWHERE),
    ("local-console-password", ELSEWHERE),
    ("mac-credentials", ELSEWHERE),
    ("master-user-password", MANAGED),
    ("new-password", ELSEWHERE),
    ("oauth-token", ELSEWHERE),
    ("old-password", ELSEWHERE),
    ("password", ELSEWHERE),
    ("passwords", ELSEWHERE),
    ("pre-signed-url", SIGNED),
    ("presigned-url", SIGNED),
    ("previous-password", ELSEWHERE),
    ("private-key", ELSEWHERE),
    ("procurement-portal-shared-secret", ELSEWHERE),
    ("proposed-password", ELSEWHERE),
    ("refresh-token", ELSEWHERE),
    ("saml-assertion", ELSEWHERE),
    ("secret", ELSEWHERE),
    ("secret-binary", ROTATED),
    ("secret-key", ELSEWHERE),
    ("secret-string", ROTATED),
    ("secret-to-authenticate-initiator", ELSEWHERE),
    ("secret-to-authenticate-target", ELSEWHERE),
    ("service-account-credentials", ELSEWHERE),
    ("source-s3-presigned-url", SIGNED),
    ("sse-customer-key", CUSTOMER_KEY),
    ("svm-admin-password", ELSEWHERE),
    ("tde-credential-password", ELSEWHERE),
    ("temporary-password", ELSEWHERE),
    ("trust-password", ELSEWHERE),
    ("user-password", ELSEWHERE),
    ("web-identity-token", ELSEWHERE),
    ("xks-proxy-authentication-credential", ELSEWHERE),
];

/// Of one operation, where the same name is harmless elsewhere.
const OF_ONE: &[(&str, &str)] = &[
    ("apigateway create-api-key", "value"),
    ("bedrock-agentcore-control create-api-key-credential-provider", "api-key"),
    ("bedrock-agentcore-control update-api-key-credential-provider", "api-key"),
    ("codebuild import-source-credentials", "token"),
    ("cognito-idp revoke-token", "token"),
    ("iot test-invoke-authorizer", "token"),
    ("route53domains transfer-domain", "auth-code"),
];

/// Refuses a secret that was typed.
pub(super) fn refuse(operation: &Operation, said: &Said) -> Checked<()> {
    let name = operation.full_name();
    let of_one = OF_ONE.iter().filter(|(of, _)| *of == name).map(|(_, option)| (*option, ELSEWHERE));
    let secure = said.value("type").is_some_and(|kind| kind.eq_ignore_ascii_case("SecureString"));
    let parameter = (name == "ssm put-parameter" && secure).then_some(("value", PARAMETER));
    let found = OPTIONS.iter().copied().chain(of_one).chain(parameter).find(|(option, _)| said.is_on(option));
    found.map_or(Ok(()), |(option, instead)| {
        Err(no(Code::SecretInCommand, format!("`--{option}` carries a secret through chat"), instead))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table;

    #[test]
    fn options_with_secrets_are_sorted_and_exist() {
        assert!(OPTIONS.is_sorted_by_key(|(name, _)| name) && OF_ONE.is_sorted());
        let operations = || {
            let all = table::services().iter();
            all.flat_map(|service| service.operations().filter_map(|name| service.operation(name)))
        };
        for (option, _) in OPTIONS {
            assert!(operations().any(|operation| operation.option(option).is_some()), "{option}");
        }
        for (name, option) in OF_ONE {
            let (service, operation) = name.split_once(' ').unwrap();
            let operation = table::service(service).unwrap().operation(operation).unwrap();
            assert!(operation.option(option).is_some(), "{name}");
        }
    }
}
