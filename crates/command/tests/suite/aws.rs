//! aws, as typed: what runs, where, how dangerous it is, and what is refused.
//!
//! Sources: aws-cli 1.45.11 and its service models (names, options, kinds), facts measured with it
//! against recording endpoints (abbreviations, `file://`, `@=`, bodies, offline credentials), and the
//! AWS CLI version 2 reference.

use crate::common::{again, all_refused, refusal, run, typed, vocabulary};
use countersign_command::{Typed, parse_again, verbs};
use countersign_core::command::{Argv, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use proptest::prelude::*;

fn argv(text: &str) -> String {
    run(text).argv().to_string()
}

/// Tier, sensitivity and reversibility of each line.
#[track_caller]
fn all_are(want: (Tier, Sensitivity), texts: &str) {
    for text in texts.lines().map(str::trim).filter(|text| !text.is_empty()) {
        let action = run(text).action().clone();
        assert_eq!((action.tier, action.sensitivity), want, "{text}: {}", action.reasons.join(", "));
    }
}

fn steps(text: &str) -> Vec<String> {
    run(text).preview().map(|plan| plan.steps.iter().map(Argv::to_string).collect()).unwrap_or_default()
}

#[test]
fn p38_region_and_profile_are_always_in_the_command() {
    let command = run("/aws prod ec2 describe-instances --instance-ids i-1 i-2");
    assert_eq!(command.argv().to_string(), "aws ec2 describe-instances --region eu-west-1 --instance-ids i-1 i-2");
    let action = command.action();
    assert_eq!((action.verb.as_str(), action.tier), ("ec2 describe-instances", Tier::Read));
    assert_eq!(action.scope.env.as_deref(), Some("prod"));
    assert_eq!(action.scope.target.as_deref(), Some("prod"));
    assert_eq!(action.scope.region.as_deref(), Some("eu-west-1"));
    assert_eq!(action.resources.first().unwrap().as_str(), "aws/prod/eu-west-1/ec2/describe-instances");
    assert_eq!(command.mode(), Mode::Apply);
    for text in [
        "aws dev ec2 describe-vpcs --region us-east-1",
        "aws dev ec2 --region us-east-1 describe-vpcs",
        "aws dev --region=us-east-1 ec2 describe-vpcs",
        "aws dev --output json ec2 --region us-east-1 describe-vpcs",
    ] {
        assert_eq!(run(text).action().scope.region.as_deref(), Some("us-east-1"), "{text}");
        assert!(argv(text).starts_with("aws ec2 describe-vpcs --region us-east-1"), "{text}");
    }
    all_refused(
        "aws dev ec2 describe-vpcs --region ap-southeast-2 => unknown-target
         aws dev ec2 describe-vpcs --region us-east-1 --region eu-west-1 => repeated-flag
         aws dev ec2 --region us-east-1 describe-vpcs --region=us-east-1 => repeated-flag
         aws dev ec2 describe-vpcs --region => missing-value
         aws staging ec2 describe-vpcs => unknown-target
         aws ec2 describe-vpcs => unknown-target
         aws --region us-east-1 dev ec2 describe-vpcs => unknown-target
         aws => missing-target
         aws dev s3 cp s3://a/x s3://b/x --source-region ap-southeast-2 => unknown-target",
    );
}

#[test]
fn canonical_argv_has_one_spelling_and_order() {
    assert_eq!(
        argv(
            "aws dev ec2 run-instances --count=2 --image-id ami-1 --no-dry-run --security-group-ids sg-1 sg-2 --output text"
        ),
        "aws ec2 run-instances --region eu-west-1 --image-id ami-1 --security-group-ids sg-1 sg-2 --count 2 --output text"
    );
    assert_eq!(
        argv("aws dev sns publish --message=-hello --topic-arn arn:aws:sns:eu-west-1:1:t"),
        "aws sns publish --region eu-west-1 --topic-arn arn:aws:sns:eu-west-1:1:t --message=-hello"
    );
    assert_eq!(
        argv("aws dev s3 sync s3://a s3://b --exclude '*' --include '*.txt' --exclude 'b*'"),
        "aws s3 sync s3://a s3://b --region eu-west-1 --exclude '*' --include '*.txt' --exclude 'b*'"
    );
    assert_eq!(
        argv("aws dev iam list-users --query 'Users[].UserName' --no-cli-pager --max-items 5 --no-paginate"),
        "aws iam list-users --region eu-west-1 --query 'Users[].UserName' --no-paginate --max-items 5"
    );
    assert_eq!(
        argv("aws dev ec2 wait instance-running --instance-ids i-1"),
        "aws ec2 wait instance-running --region eu-west-1 --instance-ids i-1"
    );
    assert_eq!(
        argv(
            "aws dev cloudwatch put-metric-alarm --alarm-name a --evaluation-periods 1 --comparison-operator LessThanThreshold --threshold -5"
        ),
        "aws cloudwatch put-metric-alarm --region eu-west-1 --alarm-name a --evaluation-periods 1 --threshold=-5 --comparison-operator LessThanThreshold"
    );
}

#[test]
fn p14_names_are_spelled_in_full_and_once() {
    all_refused(
        "aws dev ec3 describe-instances => unknown-verb
         aws dev ec2 describe-instance => unknown-verb
         aws dev ec2 describe-inst => unknown-verb
         aws dev EC2 describe-instances => unknown-verb
         aws dev ec2 Describe-Instances => unknown-verb
         aws dev ec2 wait.instance-running => unknown-verb
         aws dev ec2 wait instance-runs => unknown-verb
         aws dev ec2 wait => unknown-verb
         aws dev ec2 => unknown-verb
         aws dev => unknown-verb
         aws dev help => unknown-verb
         aws dev ec2 help => unknown-verb
         aws dev ec2 describe-instances help => unexpected-argument
         aws dev ec2 describe-instances --instance i-1 => unknown-flag
         aws dev ec2 describe-instances --dry => unknown-flag
         aws dev ec2 describe-instances --nam x => unknown-flag
         aws dev ec2 describe-instances --Region us-east-1 => unknown-flag
         aws dev ec2 describe-instances -r us-east-1 => unknown-flag
         aws dev ec2 describe-instances -- --profile x => unknown-flag
         aws dev ec2 describe-instances --no-instance-ids => unknown-flag
         aws dev ec2 describe-instances i-1 => unexpected-argument
         aws dev ec2 describe-instances --instance-ids => missing-value
         aws dev ec2 describe-instances --instance-ids=i-1 i-2 => unexpected-argument
         aws dev ec2 describe-instances --instance-ids i-1 --instance-ids i-2 => repeated-flag
         aws dev ec2 terminate-instances => missing-value
         aws dev ec2 terminate-instances --instance-ids i-1 --dry-run --no-dry-run => repeated-flag
         aws dev ec2 terminate-instances --instance-ids i-1 --no-dry-run --dry-run => repeated-flag
         aws dev ec2 terminate-instances --instance-ids i-1 --dry-run --dry-run => repeated-flag
         aws dev ec2 terminate-instances --instance-ids i-1 --dry-run --apply => bad-value
         aws dev ec2 terminate-instances --instance-ids i-1 --dry-run=false => bad-value
         aws dev ec2 terminate-instances --instance-ids i-1 --apply --apply => repeated-flag
         aws dev ec2 terminate-instances --instance-ids i-1 --apply=true => bad-value
         aws dev ec2 create-image --instance-id i-1 --name x --reboot --no-reboot => repeated-flag
         aws dev ssm get-parameter --name x --no-with-decryption --with-decryption => repeated-flag
         aws dev ssm get-parameter --name x --with-decryption=true => bad-value
         aws dev ssm get-parameter --name x --with-dec => unknown-flag
         aws dev ssm get-parameter --nam x => unknown-flag
         aws dev ec2 describe-instances --output xml => bad-value
         aws dev ec2 describe-instances --max-items many => bad-value
         aws dev ec2 describe-instances --context prod => unknown-flag
         aws dev s3 cp s3://a/x s3://b/x --recur => unknown-flag",
    );
    let hint = refusal("aws dev ec2 describe-instances --instance i-1");
    assert_eq!(hint.hint(), "write it in full: `--instance-ids`");
    assert_eq!(refusal("aws dev ec2 descibe-instances").hint(), "did you mean `describe-instances`?");
    assert_eq!(refusal("aws dev ecs2 list-clusters").code(), Code::UnknownVerb);
}

#[test]
fn p21_what_picks_credential_endpoint_or_request_is_refused_in_every_spelling() {
    let values = ["", " x", "=x"];
    for flag in [
        "--endpoint-url",
        "--profile",
        "--no-sign-request",
        "--no-verify-ssl",
        "--ca-bundle",
        "--debug",
        "--v2-debug",
        "--cli-input-json",
        "--cli-input-yaml",
        "--generate-cli-skeleton",
        "--cli-auto-prompt",
        "--version",
    ] {
        for value in values {
            for text in [
                format!("aws dev ec2 describe-instances {flag}{value}"),
                format!("aws dev ec2 {flag}{value} describe-instances"),
                format!("aws dev {flag}{value} ec2 describe-instances"),
                format!("aws dev ec2 describe-instances '{flag}'{value}"),
                format!("aws dev ec2 terminate-instances --instance-ids i-1 {flag}{value} --apply"),
                format!("aws dev s3 ls {flag}{value}"),
            ] {
                let code = refusal(&text).code();
                assert!(matches!(code, Code::FlagNotAllowed | Code::Interactive), "{text}: {code}");
            }
            // aws-cli 1 takes every unambiguous beginning; here none is taken.
            for short in [4, 5, 6, flag.len() - 1] {
                let short = flag.get(..short).unwrap_or(flag);
                let code = refusal(&format!("aws dev ec2 describe-instances {short}{value}")).code();
                assert_eq!(code, Code::UnknownFlag, "{short}{value}");
            }
        }
    }
}

#[test]
fn p16_no_value_is_read_from_a_file_or_fetched() {
    all_refused(
        "aws dev ssm get-parameter --name file:///etc/hostname => worker-files
         aws dev ssm get-parameter --name=file:///etc/hostname => worker-files
         aws dev ssm get-parameter --name fileb:///etc/hostname => worker-files
         aws dev ssm get-parameter --name http://169.254.169.254/latest/meta-data => worker-files
         aws dev ssm get-parameter --name https://example.com/x => worker-files
         aws dev ssm get-parameter --name FILE:///etc/hostname => worker-files
         aws dev ec2 describe-instances --instance-ids file:///etc/passwd => worker-files
         aws dev ec2 describe-instances --instance-ids i-1 file:///etc/passwd => worker-files
         aws dev ec2 describe-instances --filters file://x.json => worker-files
         aws dev ec2 describe-instances --filters Name@=file:///etc/passwd,Values=x => worker-files
         aws dev ec2 describe-instances --query file://x => worker-files
         aws dev ec2 run-instances --image-id ami-1 --user-data file://x.sh --apply => worker-files
         aws dev s3api put-object --bucket b --key k --body /etc/passwd => worker-files
         aws dev s3api get-object --bucket b --key k out => worker-files
         aws dev s3api get-object --bucket b --key k /dev/stdout/../x => worker-files
         aws dev lambda invoke --function-name f out.json => worker-files
         aws dev lambda update-function-code --function-name f --zip-file fileb://f.zip => worker-files
         aws dev lambda create-function --function-name f --role r --zip-file f.zip => worker-files
         aws dev cloudformation deploy --stack-name s --template-file t => worker-files
         aws dev cloudformation create-stack --stack-name s --template-body file://t.yaml => worker-files
         aws dev ec2 get-password-data --instance-id i-1 --priv-launch-key key.pem => worker-files
         aws dev iam create-policy --policy-name p --policy-document file://p.json => worker-files
         aws dev iot create-certificate-from-csr --certificate-signing-request x --certificate-pem-outfile o => worker-files
         aws dev rekognition detect-labels --image-bytes fileb://i.png => worker-files
         aws dev s3 cp s3://a/x . => worker-files
         aws dev s3 cp ./x s3://a/x => worker-files
         aws dev s3 cp s3://a/x - => worker-files
         aws dev s3 cp - s3://a/x => worker-files
         aws dev s3 cp /etc/passwd s3://a/x => worker-files
         aws dev s3 cp file:///etc/passwd s3://a/x => worker-files
         aws dev s3 mv s3://a/x x => worker-files
         aws dev s3 sync . s3://a => worker-files
         aws dev s3 sync s3://a . => worker-files
         aws dev s3 rm ./x => worker-files
         aws dev s3 rm file:///etc/passwd => worker-files
         aws dev s3 ls file:///etc/passwd => worker-files
         aws dev s3 ls http://example.com => worker-files
         aws dev s3 cp s3:// s3://a/x => worker-files
         aws dev eks update-kubeconfig --name c => worker-files
         aws dev configure set region us-east-1 => worker-files
         aws dev configure list => worker-files",
    );
    // Where aws-cli itself leaves addresses alone, they are values.
    run("aws dev sqs get-queue-attributes --queue-url https://sqs.eu-west-1.amazonaws.com/1/q");
    run("aws dev cloudformation validate-template --template-url https://s3.amazonaws.com/b/t.yaml");
    run("aws dev sns subscribe --topic-arn t --protocol https --notification-endpoint https://example.com");
    // Inside JSON nothing is expanded.
    run(
        r#"aws dev cognito-idp update-user-pool-client --user-pool-id p --client-id c --callback-urls '["https://example.com"]'"#,
    );
    // A dry-run option of aws's own is no way around.
    all_refused(r#"aws dev ec2 describe-instances --filters '[{"Name":' => bad-value"#);
}

#[test]
fn p24_what_holds_secrets_is_sensitive_and_what_mints_credentials_refused() {
    all_are(
        (Tier::Read, Sensitivity::Sensitive),
        "aws prod secretsmanager get-secret-value --secret-id db
         aws prod secretsmanager batch-get-secret-value --secret-id-list db api
         aws prod ssm get-parameter --name /db --with-decryption
         aws prod ssm --output json get-parameters --with-decryption --names /db
         aws prod ssm get-parameters-by-path --path / --recursive --with-decryption
         aws prod ssm get-parameter-history --name /db --with-decryption
         aws prod kms decrypt --ciphertext-blob AQID
         aws prod kms generate-data-key --key-id k --key-spec AES_256
         aws prod ec2 get-password-data --instance-id i-1
         aws prod ec2 get-console-output --instance-id i-1
         aws prod ec2 describe-instance-attribute --instance-id i-1 --attribute userData
         aws prod ec2 describe-launch-template-versions --launch-template-id lt-1
         aws prod lambda get-function --function-name f
         aws prod lambda get-function-configuration --function-name f
         aws prod lambda list-functions --query 'Functions[]'
         aws prod ecs describe-task-definition --task-definition t
         aws prod iam get-credential-report
         aws prod apigateway get-api-key --api-key k --include-value
         aws prod apigateway get-api-keys --include-values
         aws prod cognito-idp describe-user-pool-client --user-pool-id p --client-id c
         aws prod glue get-connection --name c
         aws prod glue get-connection --name c --no-hide-password
         aws prod codebuild batch-get-projects --names p
         aws prod dynamodb scan --table-name t
         aws prod dynamodb execute-statement --statement 'SELECT * FROM t'",
    );
    all_are(
        (Tier::Read, Sensitivity::Plain),
        "aws prod secretsmanager list-secrets
         aws prod secretsmanager describe-secret --secret-id db
         aws prod ssm get-parameter --name /db
         aws prod ssm get-parameter --name /db --no-with-decryption
         aws prod ssm describe-parameters
         aws prod ec2 describe-instance-attribute --instance-id i-1 --attribute instanceType
         aws prod iam list-access-keys --user-name u
         aws prod iam get-account-password-policy
         aws prod apigateway get-api-keys
         aws prod apigateway get-api-keys --no-include-values
         aws prod glue get-connection --name c --hide-password
         aws prod sts get-caller-identity
         aws prod kms describe-key --key-id k",
    );
    for text in [
        "sts get-session-token",
        "sts get-federation-token --name x",
        "sts assume-role --role-arn r --role-session-name s",
        "sts assume-role-with-web-identity --role-arn r --role-session-name s --web-identity-token t",
        "ecr get-login-password",
        "ecr get-login",
        "ecr get-authorization-token",
        "ecr-public get-login-password",
        "eks get-token --cluster-name c",
        "rds generate-db-auth-token --hostname h --port 5432 --username u",
        "s3 presign s3://b/k",
        "cloudfront sign --url u --key-pair-id k --private-key p --date-less-than d",
        "codeartifact get-authorization-token --domain d",
        "codeartifact login --tool pip --domain d --repository r",
        "redshift get-cluster-credentials --db-user u --cluster-identifier c",
        "emr get-cluster-session-credentials --cluster-id c",
        "iam create-access-key --user-name u",
        "iam create-login-profile --user-name u",
        "cognito-identity get-credentials-for-identity --identity-id i",
        "s3api create-session --bucket b",
        "sso get-role-credentials --role-name r --account-id 1 --access-token t",
        "acm export-certificate --certificate-arn a --passphrase p",
    ] {
        assert_eq!(refusal(&format!("aws prod {text}")).code(), Code::FlagNotAllowed, "{text}");
        assert_eq!(refusal(&format!("aws prod {text} --apply")).code(), Code::FlagNotAllowed, "{text}");
    }
}

#[test]
fn sessions_are_refused_with_what_to_use_instead() {
    for text in [
        "ssm start-session --target i-1",
        "ssm resume-session --session-id s",
        "ecs execute-command --cluster c --task t --command sh --interactive",
        "ec2-instance-connect ssh --instance-id i-1",
        "emr ssh --cluster-id c --key-pair-file k",
        "logs start-live-tail --log-group-identifiers g",
    ] {
        let refusal = refusal(&format!("aws dev {text}"));
        assert_eq!(refusal.code(), Code::Interactive, "{text}");
        assert!(refusal.hint().len() > 20, "{text}");
    }
}

#[test]
fn p13_changes_are_changes() {
    all_are(
        (Tier::Change, Sensitivity::Plain),
        r#"aws dev ec2 run-instances --image-id ami-1
         aws dev ec2 start-instances --instance-ids i-1
         aws dev ec2 reboot-instances --instance-ids i-1
         aws dev ec2 create-tags --resources i-1 --tags Key=a,Value=b
         aws dev s3 cp s3://a/x s3://b/x
         aws dev s3 mb s3://new
         aws dev dynamodb put-item --table-name t --item '{"id":{"S":"1"}}'
         aws dev sqs receive-message --queue-url https://sqs.eu-west-1.amazonaws.com/1/q
         aws dev ecs update-service --cluster c --service s --desired-count 2
         aws dev rds modify-db-instance --db-instance-identifier d --allocated-storage 20
         aws dev kms cancel-key-deletion --key-id k"#,
    );
    all_are(
        (Tier::Destructive, Sensitivity::Plain),
        r#"aws dev ec2 terminate-instances --instance-ids i-1
         aws dev ec2 stop-instances --instance-ids i-1
         aws dev s3 rm s3://a/x
         aws dev s3 mv s3://a/x s3://b/x
         aws dev s3 sync s3://a s3://b --delete
         aws dev s3 rb s3://a --force
         aws dev s3 cp s3://a/x s3://b/x --acl public-read
         aws dev s3api delete-objects --bucket b --delete 'Objects=[{Key=a}]'
         aws dev iam attach-role-policy --role-name r --policy-arn p
         aws dev iam put-user-policy --user-name u --policy-name p --policy-document '{}'
         aws dev s3api put-bucket-policy --bucket b --policy '{}'
         aws dev kms schedule-key-deletion --key-id k
         aws dev sqs purge-queue --queue-url https://sqs.eu-west-1.amazonaws.com/1/q
         aws dev cognito-idp admin-delete-user --user-pool-id p --username u
         aws dev ecr batch-delete-image --repository-name r --image-ids imageTag=a
         aws dev ssm send-command --document-name AWS-RunShellScript --instance-ids i-1
         aws dev rds-data execute-statement --resource-arn r --secret-arn s --sql 'select 1'
         aws dev elbv2 deregister-targets --target-group-arn t --targets Id=i-1
         aws dev cloudtrail stop-logging --name t
         aws dev ec2 terminate-instances --instance-ids '["i-1","i-2"]'"#,
    );
    let reversibility = |text: &str| run(text).action().reversibility;
    assert_eq!(reversibility("aws dev ec2 terminate-instances --instance-ids i-1"), Reversibility::Irreversible);
    assert_eq!(reversibility("aws dev ec2 stop-instances --instance-ids i-1"), Reversibility::Reversible);
    assert_eq!(reversibility("aws dev ec2 describe-instances"), Reversibility::NoneNeeded);
    assert_eq!(reversibility("aws dev sns publish --message x"), Reversibility::Irreversible);
}

#[test]
fn p39_many_or_unknown_targets_raise() {
    let tier = |text: &str| run(text).action().tier;
    let start = "aws dev ec2 start-instances --instance-ids";
    assert_eq!(tier(&format!("{start} i-1 i-2 i-3")), Tier::Change);
    assert_eq!(tier(&format!("{start} i-1 i-2 i-3 i-4")), Tier::Destructive);
    assert_eq!(tier(&format!(r#"{start} '["i-1","i-2","i-3","i-4"]'"#)), Tier::Destructive);
    let by_tag = run("aws dev ssm create-association --name d --targets Key=tag:env,Values=prod");
    assert_eq!(by_tag.action().tier, Tier::Destructive);
    assert!(by_tag.action().reasons.iter().any(|reason| reason.contains("unknown before")));
}

#[test]
fn p36_a_change_is_first_shown_by_a_read() {
    let show = |text: &str| steps(text).join("; ");
    assert_eq!(
        show("aws dev ec2 terminate-instances --instance-ids i-1 i-2 --dry-run"),
        "aws ec2 describe-instances --region eu-west-1 --instance-ids i-1 i-2"
    );
    assert_eq!(
        show("aws dev rds delete-db-instance --db-instance-identifier d --skip-final-snapshot"),
        "aws rds describe-db-instances --region eu-west-1 --db-instance-identifier d"
    );
    assert_eq!(
        show("aws dev ecs update-service --cluster c --service s --desired-count 2"),
        "aws ecs describe-services --region eu-west-1 --cluster c --services s"
    );
    assert_eq!(
        show("aws dev s3 rm s3://b/x --recursive --region us-east-1"),
        "aws s3 rm s3://b/x --region us-east-1 --recursive --dryrun"
    );
    assert_eq!(show("aws dev s3 rb s3://b"), "aws s3 ls s3://b --region eu-west-1");
    assert_eq!(show("aws dev iam delete-role --role-name r"), "aws iam get-role --region eu-west-1 --role-name r");
    // Creating shows nobody; a read that prints secrets shows nothing.
    let identity = "aws sts get-caller-identity --region eu-west-1";
    assert_eq!(show("aws dev ec2 create-vpc --cidr-block 10.0.0.0/16"), identity);
    assert_eq!(show("aws dev s3api create-bucket --bucket b"), identity);
    assert!(
        !show("aws dev lambda update-function-configuration --function-name f --timeout 5").contains("get-function")
    );
    assert_eq!(run("aws dev ec2 stop-instances --instance-ids i-1").mode(), Mode::DryRun);
    assert_eq!(run("aws dev ec2 stop-instances --instance-ids i-1 --apply --reason 'why not'").mode(), Mode::Apply);
    assert_eq!(run("aws dev s3 rm s3://b/x --dryrun").mode(), Mode::DryRun);
    all_refused("aws dev s3 rm s3://b/x --dryrun --apply => bad-value");
}

#[test]
fn canonical_argv_reads_back_to_itself_and_nothing_else() {
    for text in [
        "aws prod ec2 describe-instances --filters Name=a,Values=b --query 'x[].y'",
        "aws dev ec2 modify-instance-attribute --instance-id i-1 --no-source-dest-check --apply",
        "aws dev ec2 create-image --instance-id i-1 --name x --reboot",
        "aws dev s3 sync s3://a s3://b --exclude '*' --include x --delete --apply",
        "aws dev sns publish --message=-x --topic-arn t",
        "aws dev ec2 wait instance-stopped",
        "aws prod secretsmanager get-secret-value --secret-id x | head -1",
    ] {
        let command = run(text);
        assert_eq!(again(&command).as_ref(), Ok(&command), "{text}");
    }
    let command = run("aws dev ec2 describe-instances");
    let forged = command.argv().with(&["--endpoint-url=http://x"]).unwrap();
    let canonical = Canonical { argv: &forged, ..Canonical::of(&command) };
    assert!(parse_again(&canonical, &vocabulary()).is_err());
    assert!(verbs(&Tool::Aws).is_empty());
}

/// An option of the table as its line has it, with a value that fits its kind.
fn typed_option(word: &str) -> Option<String> {
    let name = word.trim_start_matches('!');
    let (name, kind) = match name.split_once('/') {
        Some((on, _)) => (on, '~'),
        None => match name.chars().next_back() {
            Some(kind) if "*%&?~=@^|".contains(kind) => (name.trim_end_matches(kind), kind),
            _ => (name, ' '),
        },
    };
    match kind {
        '^' => None,
        '?' | '~' => Some(format!("--{name}")),
        '*' => Some(format!("--{name} a b")),
        '%' | '&' => Some(format!("--{name} Key=a,Value=b")),
        _ if name.ends_with("region") => Some(format!("--{name} eu-west-1")),
        _ => Some(format!("--{name} x")),
    }
}

/// Lines that name every operation of the table with the options it needs and some more.
fn of_the_table() -> impl Strategy<Value = String> {
    let lines: Vec<(String, Vec<String>)> = table().collect();
    let flags =
        prop::sample::select(vec!["", "--apply", "--region us-east-1", "--output json", "--dry-run", "--query x"]);
    (prop::sample::select(lines), any::<u64>(), flags).prop_map(|((name, options), chosen, flag)| {
        let chosen = options
            .iter()
            .enumerate()
            .filter(|(nth, word)| word.starts_with('!') || (chosen >> (nth % 64)).trailing_zeros() >= 3);
        let options: Vec<String> = chosen.filter_map(|(_, word)| typed_option(word)).collect();
        format!("aws dev {name} {flag} {}", options.join(" "))
    })
}

fn table() -> impl Iterator<Item = (String, Vec<String>)> {
    let mut service = "";
    include_str!("../../data/aws.txt").lines().filter(|line| !line.starts_with('#')).filter_map(move |line| {
        if let Some(name) = line.strip_prefix('@') {
            service = name;
            return None;
        }
        let mut words = line.split(' ').map(str::to_owned);
        let name = format!("{service} {}", words.next()?.replacen("wait.", "wait ", 1));
        Some((name, words.skip(1).collect()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p37_every_operation_reads_back_and_is_shown_by_what_reads(text in of_the_table()) {
        let Ok(Typed::Run { command, .. }) = typed(&text) else { return Ok(()) };
        let read_back = again(&command);
        prop_assert_eq!(read_back.as_ref(), Ok(&command));
        let action = command.action();
        prop_assert_eq!(command.preview().is_none(), action.tier == Tier::Read);
        prop_assert!(command.mode() == Mode::DryRun || action.tier == Tier::Read || text.contains("--apply"));
        prop_assert_eq!(action.scope.region.as_deref(), Some(if text.contains("us-east-1") { "us-east-1" } else { "eu-west-1" }));
        for step in command.preview().into_iter().flat_map(|plan| &plan.steps) {
            let words = step.arguments().join(" ");
            let shown = run(&format!("aws dev {}", words.replace("--dryrun", "")));
            let dry = words.ends_with("--dryrun") && words.starts_with("s3 ");
            prop_assert!(dry || (shown.action().tier, shown.action().sensitivity) == (Tier::Read, Sensitivity::Plain));
            prop_assert_eq!(&shown.action().scope, &action.scope);
        }
        for element in command.argv().elements().iter().skip(1) {
            let ours = ["--region", "eu-west-1", "--query"].contains(&element.as_str()) || element.contains("FunctionName:");
            let ours = ours || element.contains('{') && !text.contains("--query");
            prop_assert!(ours || text.contains(element.trim_start_matches("--no-")), "{} of {}", element, text);
        }
    }
}

#[test]
fn nearly_every_change_can_be_asked_for() {
    let (mut changes, mut refused) = (0, Vec::new());
    for (name, options) in table() {
        // A waiter's line says only which operation's options it takes.
        if name.contains(" wait ") {
            continue;
        }
        let needed: Vec<String> =
            options.iter().filter(|word| word.starts_with('!')).filter_map(|word| typed_option(word)).collect();
        match typed(&format!("aws dev {name} {} --apply", needed.join(" "))) {
            Ok(_) => changes += 1,
            Err(_) => refused.push(name),
        }
    }
    // What mints credentials, opens sessions, reads or writes files, or needs a password typed.
    assert!(refused.len() * 60 < changes, "{} of {}: {}", refused.len(), changes, refused.join("; "));
}

/// What an operation would write into a file is shown instead, and only at that one name.
#[test]
fn p16_what_goes_into_a_file_is_shown_or_refused() {
    assert_eq!(
        argv("aws dev lambda invoke --function-name f --payload '{}' /dev/stdout"),
        "aws lambda invoke /dev/stdout --region eu-west-1 --function-name f --payload '{}'"
    );
    all_are((Tier::Change, Sensitivity::Plain), "aws dev lambda invoke --function-name f /dev/stdout");
    all_are(
        (Tier::Read, Sensitivity::Sensitive),
        "aws dev s3api get-object --bucket b --key k /dev/stdout
         aws dev appconfig get-configuration --application a --environment e --configuration c --client-id i /dev/stdout",
    );
    all_refused(
        "aws dev lambda invoke --function-name f => worker-files
         aws dev lambda invoke --function-name f out.json => worker-files
         aws dev lambda invoke --function-name f /dev/fd/1 => worker-files
         aws dev lambda invoke --function-name f /dev/stdout/ => worker-files
         aws dev lambda invoke /dev/stdout --function-name f /dev/stdout => unexpected-argument
         aws dev s3api get-object --bucket b --key k /dev/stderr => worker-files",
    );
}

#[test]
fn p14_logs_that_end_are_read_and_those_that_do_not_are_refused() {
    assert_eq!(
        argv("aws dev logs tail --since 1h --filter-pattern ERROR /aws/lambda/f"),
        "aws logs tail /aws/lambda/f --region eu-west-1 --since 1h --filter-pattern ERROR"
    );
    all_are(
        (Tier::Read, Sensitivity::Plain),
        "aws dev logs tail g
         aws prod logs tail g --format short --log-stream-names a b",
    );
    all_refused(
        "aws dev logs tail => missing-target
         aws dev logs tail g h => unexpected-argument
         aws dev logs tail g --follow => not-available-yet
         aws dev logs tail --follow g => not-available-yet
         aws dev logs tail g --foll => unknown-flag
         aws dev logs filter-log-events g --log-group-name g => unexpected-argument",
    );
}
