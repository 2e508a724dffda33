//! The hosts of AWS's services.
//!
//! **Invariant:** the hosts are those of the command's own service in the decided region; STS, which hands out
//! credentials, is among them only when the command itself is one of STS.

use super::https;
use crate::target::HostPort;
use countersign_core::command::Argv;

/// Its header explains the notation.
const TABLE: &str = include_str!("../../data/aws-hosts.txt");

/// Commands of aws-cli's own that ask several services.
///
/// Source: awscli/customizations, 1.45.11.
const SEVERAL: &[(&str, &str, &[&str])] = &[
    ("cloudtrail", "create-subscription", &["s3", "sns"]),
    ("cloudtrail", "update-subscription", &["s3", "sns"]),
    ("cloudtrail", "validate-logs", &["organizations", "s3"]),
    ("configservice", "subscribe", &["s3", "sns"]),
    ("datapipeline", "create-default-roles", &["iam"]),
    ("dlm", "create-default-role", &["iam"]),
    ("emr", "create-default-roles", &["iam"]),
    ("emr-containers", "update-role-trust-policy", &["eks", "iam"]),
];

/// Where a command connects to; `None` if the table does not know its service or region.
pub(crate) fn hosts(argv: &Argv, account: &str) -> Option<Vec<HostPort>> {
    let (service, operation) = match argv.arguments() {
        [service, wait, what, ..] if wait == "wait" => (service, what),
        [service, operation, ..] => (service, operation),
        _ => return None,
    };
    let region = after(argv, "--region")?;
    let more = SEVERAL.iter().find(|(known, name, _)| (known, name) == (&service.as_str(), &operation.as_str()));
    let more = more.map_or(&[][..], |(.., services)| services);
    let mut names = vec![host(service, operation, region, account)?];
    for other in more {
        names.push(host(other, "", region, account)?);
    }
    // A copy between regions reads where its source is.
    if let Some(source) = after(argv, "--source-region") {
        names.push(host(service, operation, source, account)?);
    }
    names.sort_unstable();
    names.dedup();
    names.iter().map(|name| https(name)).collect()
}

/// The value of an option in canonical argv.
fn after<'a>(argv: &'a Argv, option: &str) -> Option<&'a str> {
    let elements = argv.arguments();
    let at = elements.iter().position(|element| element == option)?;
    elements.get(at + 1).map(String::as_str)
}

/// The host of a service.
fn host(service: &str, operation: &str, region: &str, account: &str) -> Option<String> {
    let (partition, suffix) = partition(region)?;
    let line = TABLE.lines().find(|line| line.strip_prefix(service).is_some_and(|rest| rest.starts_with('\t')))?;
    let mut fields = line.split('\t').skip(1);
    let usual = fields.next()?;
    let exception = |name: &str| fields.clone().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let found = exception(region).or_else(|| exception(&format!("@{partition}"))).unwrap_or(usual);
    let prefix = fields.clone().find_map(|field| field.strip_prefix(operation)?.strip_prefix('+')).unwrap_or_default();
    let found = found.replace("{account}", account).replace("{region}", region).replace("{suffix}", suffix);
    Some(format!("{prefix}{found}"))
}

/// The partition of a region: the one with the longest beginning. Returns its name and its hosts' suffix.
fn partition(region: &str) -> Option<(&'static str, &'static str)> {
    let lines = TABLE.lines().filter_map(|line| line.strip_prefix('%'));
    let begins = lines.filter_map(|line| {
        let mut words = line.split(' ');
        let (name, suffix, begins) = (words.next()?, words.next()?, words.next()?);
        let longest = begins.split(',').filter(|begin| starts(region, begin)).map(str::len).max()?;
        Some((longest, name, suffix))
    });
    begins.max_by_key(|(longest, ..)| *longest).map(|(_, name, suffix)| (name, suffix))
}

fn starts(region: &str, begin: &str) -> bool {
    region.strip_prefix(begin).is_some_and(|rest| rest.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Argv {
        Argv::new(text.split(' ').map(str::to_owned).collect()).unwrap()
    }

    #[track_caller]
    fn reaches(text: &str, expected: &[&str]) {
        let found = hosts(&argv(text), "111111111111").unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, expected.iter().map(|name| format!("{name}:443")).collect::<Vec<_>>());
    }

    // As `aws --debug` of aws-cli 1.45.11 says where it connects to, with the configuration the runner writes.
    #[test]
    fn p17_a_command_reaches_its_own_service_in_its_own_region() {
        reaches("aws ec2 describe-instances --region eu-west-1", &["ec2.eu-west-1.amazonaws.com"]);
        reaches("aws ec2 wait instance-running --region cn-north-1", &["ec2.cn-north-1.amazonaws.com.cn"]);
        reaches("aws s3 ls --region us-east-1", &["s3.us-east-1.amazonaws.com"]);
        reaches("aws iam list-users --region eu-west-1", &["iam.amazonaws.com"]);
        reaches("aws iam list-users --region us-gov-west-1", &["iam.us-gov.amazonaws.com"]);
        reaches("aws sts get-caller-identity --region eu-west-1", &["sts.eu-west-1.amazonaws.com"]);
        reaches("aws ce get-cost-and-usage --region eu-west-1", &["ce.us-east-1.amazonaws.com"]);
        reaches("aws ecr describe-images --region eu-west-1", &["api.ecr.eu-west-1.amazonaws.com"]);
        reaches("aws s3control list-jobs --region eu-west-1", &["111111111111.s3-control.eu-west-1.amazonaws.com"]);
        reaches(
            "aws servicediscovery discover-instances --region eu-west-1",
            &["data-servicediscovery.eu-west-1.amazonaws.com"],
        );
    }

    #[test]
    fn p17_several_services_are_reached_by_those_commands_alone_that_need_them() {
        reaches(
            "aws s3 sync s3://a s3://b --region eu-west-1 --source-region us-east-1",
            &["s3.eu-west-1.amazonaws.com", "s3.us-east-1.amazonaws.com"],
        );
        reaches(
            "aws dlm create-default-role --region eu-west-1",
            &["dlm.eu-west-1.amazonaws.com", "iam.amazonaws.com"],
        );
        reaches("aws dlm get-lifecycle-policies --region eu-west-1", &["dlm.eu-west-1.amazonaws.com"]);
    }

    #[test]
    fn p17_what_no_table_knows_reaches_nothing() {
        for text in [
            "aws nonesuch list --region eu-west-1",
            "aws %aws list --region eu-west-1",
            "aws ec2 describe-instances",
            "aws ec2 describe-instances --region xx-west-1",
            "aws ec2 describe-instances --region eu-west-1.evil.example/",
        ] {
            assert_eq!(hosts(&argv(text), "111111111111"), None, "{text}");
        }
    }

    #[test]
    fn p17_every_host_of_the_table_belongs_to_aws() {
        // Source: the suffixes of botocore's partitions.json, with those of dual stack.
        let own = [".amazonaws.com", ".api.aws", ".aws.dev", ".aws.amazon.com"];
        let lines = TABLE.lines().filter(|line| !line.starts_with(['#', '%']));
        let services: Vec<&str> = lines.filter_map(|line| line.split('\t').next()).collect();
        assert!(services.len() > 400 && services.is_sorted());
        for service in services {
            let name = host(service, "", "eu-west-1", "111111111111").unwrap();
            assert!(!name.contains(['{', '/', '*']) && own.iter().any(|own| name.ends_with(own)), "{name}");
            assert!(https(&name).is_some(), "{name}");
        }
    }
}
