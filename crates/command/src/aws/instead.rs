//! Operations that do not run from chat, each with what to use instead.
//!
//! **Invariant:** what opens a session, hands out a credential or touches the worker's files is
//! refused by name, also where no request is ever sent.

use crate::no::no;
use countersign_core::refusal::{Code, Refusal};

/// How an aws command is typed.
pub(super) const FORM: &str = "write `/aws <profile> <service> <operation> …`, options after the operation";

/// Commands of aws-cli 1 and 2 in the place of a service that are none.
const TOP: &[(&str, Code, &str)] = &[
    ("alias", Code::UnknownVerb, "aliases are not read: write the whole command"),
    ("cli-dev", Code::UnknownVerb, "write the command of a service"),
    ("configure", Code::WorkerFiles, "profiles are named by the catalog: see `/countersign catalog`"),
    ("ddb", Code::UnknownVerb, "use `dynamodb get-item`, `dynamodb query` or `dynamodb put-item`"),
    ("help", Code::UnknownVerb, "see `/countersign help aws`"),
    ("history", Code::WorkerFiles, "what ran is in the audit log: see `/countersign status`"),
    ("login", Code::FlagNotAllowed, SIGN_IN),
    ("logout", Code::FlagNotAllowed, SIGN_IN),
];

const SIGN_IN: &str = "credentials come from Countersign: leave it away";
const MINTS: &str = "credentials are not handed out in chat; Countersign gets each command its own";
const KEYS: &str = "keys are not handed out in chat: make them where they are kept";
const LINKS: &str = "a signed address is a credential: send people to the console, which asks who they are";
const SESSION: &str = "sessions do not pass through chat; a fixed command can become a custom command";
const FILES: &str = "files do not pass through chat: keep them in a bucket or repository, and deploy from there";

const fn mints(name: &'static str) -> (&'static str, Code, &'static str) {
    (name, Code::FlagNotAllowed, MINTS)
}

const fn keys(name: &'static str) -> (&'static str, Code, &'static str) {
    (name, Code::FlagNotAllowed, KEYS)
}

const fn links(name: &'static str) -> (&'static str, Code, &'static str) {
    (name, Code::FlagNotAllowed, LINKS)
}

const fn session(name: &'static str, instead: &'static str) -> (&'static str, Code, &'static str) {
    (name, Code::Interactive, instead)
}

const fn files(name: &'static str, instead: &'static str) -> (&'static str, Code, &'static str) {
    (name, Code::WorkerFiles, instead)
}

/// Sorted by name. Sources: the response shapes of botocore 1.43.11 (credentials, tokens, keys and
/// signed addresses in them), awscli/customizations, and for `ec2-instance-connect`, `sso` and `dsql`
/// the AWS CLI version 2 reference.
const OPERATIONS: &[(&str, Code, &str)] = &[
    keys("acm export-certificate"),
    mints("amplifybackend create-token"),
    mints("amplifybackend get-token"),
    mints("amplifyuibuilder exchange-code-for-token"),
    mints("amplifyuibuilder refresh-token"),
    links("appstream create-app-block-builder-streaming-url"),
    links("appstream create-image-builder-streaming-url"),
    links("appstream create-streaming-url"),
    links("athena create-presigned-notebook-url"),
    mints("athena get-session-endpoint"),
    mints("bedrock-agentcore complete-resource-token-auth"),
    mints("bedrock-agentcore get-resource-api-key"),
    mints("bedrock-agentcore get-resource-oauth2-token"),
    mints("bedrock-agentcore get-resource-payment-token"),
    mints("bedrock-agentcore get-workload-access-token"),
    mints("bedrock-agentcore get-workload-access-token-for-jwt"),
    mints("bedrock-agentcore get-workload-access-token-for-user-id"),
    files("cloudformation deploy", "use `cloudformation create-change-set` with `--template-url`"),
    files("cloudformation package", FILES),
    links("cloudfront sign"),
    mints("codeartifact get-authorization-token"),
    mints("codeartifact login"),
    mints("codecatalyst create-access-token"),
    session("codecatalyst start-dev-environment-session", SESSION),
    mints("codecommit credential-helper"),
    mints("codepipeline get-job-details"),
    mints("codepipeline get-third-party-job-details"),
    mints("codepipeline poll-for-jobs"),
    mints("cognito-identity get-credentials-for-identity"),
    mints("cognito-identity get-open-id-token"),
    mints("cognito-identity get-open-id-token-for-developer-identity"),
    mints("cognito-idp admin-initiate-auth"),
    mints("cognito-idp admin-respond-to-auth-challenge"),
    mints("cognito-idp get-tokens-from-refresh-token"),
    mints("cognito-idp initiate-auth"),
    mints("cognito-idp respond-to-auth-challenge"),
    mints("connect create-participant"),
    mints("connect get-federation-token"),
    mints("connectparticipant create-participant-connection"),
    mints("connectparticipant get-authentication-url"),
    mints("datazone get-environment-credentials"),
    links("datazone get-iam-portal-login-url"),
    mints("deadline assume-fleet-role-for-read"),
    mints("deadline assume-fleet-role-for-worker"),
    mints("deadline assume-queue-role-for-read"),
    mints("deadline assume-queue-role-for-user"),
    mints("deadline assume-queue-role-for-worker"),
    files("deploy deregister", FILES),
    files("deploy install", FILES),
    files("deploy push", "put the bundle into a bucket, and use `deploy create-deployment`"),
    files("deploy register", FILES),
    files("deploy uninstall", FILES),
    mints("dsql generate-db-connect-admin-auth-token"),
    mints("dsql generate-db-connect-auth-token"),
    keys("ec2 create-key-pair"),
    session("ec2-instance-connect open-tunnel", SESSION),
    session("ec2-instance-connect ssh", "look with `ec2 describe-instances` and `ssm get-command-invocation`"),
    mints("ecr get-authorization-token"),
    mints("ecr get-login"),
    mints("ecr get-login-password"),
    mints("ecr-public get-authorization-token"),
    mints("ecr-public get-login-password"),
    files("ecs deploy", "use `ecs register-task-definition` and `ecs update-service`"),
    session("ecs execute-command", "look with `ecs describe-tasks` and `logs filter-log-events`"),
    mints("eks get-token"),
    files("eks update-kubeconfig", "clusters are in the catalog: use `/kubectl … --context <cluster>`"),
    mints("eks-auth assume-role-for-pod-identity"),
    session("emr get", SESSION),
    mints("emr get-cluster-session-credentials"),
    links("emr get-on-cluster-app-ui-presigned-url"),
    links("emr get-persistent-app-ui-presigned-url"),
    session("emr put", SESSION),
    session("emr socks", SESSION),
    session("emr ssh", "look with `emr describe-cluster` and `emr list-steps`"),
    mints("emr-containers get-managed-endpoint-session-credentials"),
    links("emr-serverless get-dashboard-for-job-run"),
    mints("emr-serverless get-session-endpoint"),
    mints("finspace get-kx-connection-string"),
    mints("finspace-data get-external-data-view-access-details"),
    mints("finspace-data get-programmatic-access-credentials"),
    mints("finspace-data reset-user-password"),
    mints("gamelift get-compute-access"),
    mints("gamelift get-compute-auth-token"),
    files("gamelift get-game-session-log", "use `gamelift describe-game-sessions`"),
    mints("gamelift get-instance-access"),
    mints("gamelift request-upload-credentials"),
    files("gamelift upload-build", FILES),
    mints("grafana create-workspace-api-key"),
    mints("grafana create-workspace-service-account-token"),
    keys("iam create-access-key"),
    mints("iam create-login-profile"),
    keys("iam create-service-specific-credential"),
    files("iam create-virtual-mfa-device", "people enrol their own devices in the console"),
    keys("iam reset-service-specific-credential"),
    mints("iam update-login-profile"),
    keys("iot create-keys-and-certificate"),
    keys("iot create-provisioning-claim"),
    keys("iot-managed-integrations create-provisioning-profile"),
    mints("iotsecuretunneling open-tunnel"),
    mints("iotsecuretunneling rotate-tunnel-access-token"),
    mints("ivs-realtime create-participant-token"),
    mints("ivschat create-chat-token"),
    links("kinesis-video-archived-media get-dash-streaming-session-url"),
    links("kinesis-video-archived-media get-hls-streaming-session-url"),
    mints("kinesis-video-signaling get-ice-server-config"),
    links("kinesisanalyticsv2 create-application-presigned-url"),
    mints("lakeformation assume-decorated-role-with-saml"),
    mints("lakeformation get-temporary-data-location-credentials"),
    mints("lakeformation get-temporary-glue-partition-credentials"),
    mints("lakeformation get-temporary-glue-table-credentials"),
    mints("license-manager create-token"),
    mints("license-manager get-access-token"),
    keys("lightsail create-bucket-access-key"),
    mints("lightsail create-container-service-registry-login"),
    links("lightsail create-gui-session-access-details"),
    keys("lightsail create-key-pair"),
    keys("lightsail download-default-key-pair"),
    mints("lightsail get-instance-access-details"),
    session("logs start-live-tail", "use `logs filter-log-events` with `--start-time`"),
    links("m2 get-signed-bluinsights-url"),
    mints("mwaa create-cli-token"),
    mints("mwaa create-web-login-token"),
    links("qapps create-presigned-url"),
    links("qbusiness create-anonymous-web-experience-url"),
    links("quicksight generate-embed-url-for-anonymous-user"),
    links("quicksight generate-embed-url-for-registered-user"),
    links("quicksight generate-embed-url-for-registered-user-with-identity"),
    links("quicksight get-dashboard-embed-url"),
    links("quicksight get-session-embed-url"),
    mints("rds generate-db-auth-token"),
    mints("redshift get-cluster-credentials"),
    mints("redshift get-cluster-credentials-with-iam"),
    mints("redshift get-identity-center-auth-token"),
    mints("redshift-serverless get-credentials"),
    mints("redshift-serverless get-identity-center-auth-token"),
    links("s3 presign"),
    mints("s3api create-session"),
    mints("s3control get-data-access"),
    links("sagemaker create-hub-content-presigned-urls"),
    links("sagemaker create-partner-app-presigned-url"),
    links("sagemaker create-presigned-domain-url"),
    links("sagemaker create-presigned-mlflow-app-url"),
    links("sagemaker create-presigned-mlflow-tracking-server-url"),
    links("sagemaker create-presigned-notebook-instance-url"),
    session("sagemaker start-session", SESSION),
    files("servicecatalog generate", FILES),
    mints("signin create-o-auth2-token"),
    mints("ssm get-access-token"),
    session("ssm resume-session", SESSION),
    session(
        "ssm start-session",
        "look with `ssm describe-instance-information`; a fixed command can become a custom command",
    ),
    mints("sso get-role-credentials"),
    mints("sso login"),
    mints("sso logout"),
    mints("sso-oidc create-token"),
    mints("sso-oidc create-token-with-iam"),
    mints("sso-oidc register-client"),
    mints("sso-oidc start-device-authorization"),
    mints("sts assume-role"),
    mints("sts assume-role-with-saml"),
    mints("sts assume-role-with-web-identity"),
    mints("sts assume-root"),
    mints("sts get-delegated-access-token"),
    mints("sts get-federation-token"),
    mints("sts get-session-token"),
    mints("sts get-web-identity-token"),
    mints("workmail assume-impersonation-role"),
];

/// The refusal of what stands in the place of a service, if it is one of aws-cli's own commands.
pub(super) fn of_service(name: &str) -> Option<Box<Refusal>> {
    let (name, code, instead) = TOP.iter().find(|(known, ..)| *known == name)?;
    Some(no(*code, format!("`aws {name}` is not for chat"), *instead))
}

/// The refusal of an operation by its full name, `ecr get-login`.
pub(super) fn of_operation(full_name: &str) -> Option<Box<Refusal>> {
    let at = OPERATIONS.binary_search_by(|(known, ..)| (*known).cmp(full_name)).ok()?;
    let (name, code, instead) = OPERATIONS.get(at)?;
    Some(no(*code, format!("`aws {name}` is not for chat"), *instead))
}

/// Options that change what an operation is: operation, option, why, what to use instead.
const OPTIONS: &[(&str, &str, Code, &str)] =
    &[("logs tail", "follow", Code::NotAvailableYet, "leave `--follow` away, and bound the output with `--since`")];

/// The refusal of an option of an operation, if it is one of them.
pub(super) fn of_option(full_name: &str, option: &str) -> Option<Box<Refusal>> {
    let (_, name, code, instead) = OPTIONS.iter().find(|(of, name, ..)| *of == full_name && *name == option)?;
    let sentence = format!("`--{name}` of `aws {full_name}` is not available yet");
    Some(no(*code, sentence, *instead))
}

/// The refusal of an operation whose output goes to a file.
pub(super) fn of_outfile(full_name: &str) -> Box<Refusal> {
    let instead = match full_name {
        "s3api get-object" => {
            "look with `s3api head-object`, copy between buckets with `s3 cp`, or write `/dev/stdout` to have it shown"
        }
        "lambda invoke" => "write `/dev/stdout` for the file, and the answer is shown",
        _ => "write `/dev/stdout` for the file, and what it gets is shown",
    };
    no(Code::WorkerFiles, format!("`aws {full_name}` writes what it gets into a file of the worker"), instead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table;

    /// Of version 2 only, so in no table of version 1.
    const LATER: &[&str] = &[
        "dsql generate-db-connect-admin-auth-token",
        "dsql generate-db-connect-auth-token",
        "ec2-instance-connect open-tunnel",
        "ec2-instance-connect ssh",
        "sso login",
    ];

    #[test]
    fn refused_operations_are_sorted_and_exist() {
        assert!(OPERATIONS.is_sorted_by_key(|(name, ..)| name));
        for (name, ..) in OPERATIONS {
            let (service, operation) = name.split_once(' ').unwrap();
            let known = table::service(service).is_some_and(|service| service.operation(operation).is_some());
            assert!(known || LATER.contains(name), "{name}");
            assert!(of_operation(name).is_some());
        }
    }
}
