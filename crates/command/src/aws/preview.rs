//! How to see what a mutating operation would act on.
//!
//! **Invariant:** a step reads, prints nothing secret and names the same targets with the same
//! options; where there is no such read, the step says which account and role would do it.

use super::read::{Form, Given, Said};
use super::table::{Argument, Kind, Operation, Opt};
use super::{classify, instead};
use countersign_core::tier::{Sensitivity, Tier};

/// Verbs whose target need not exist yet, so that looking for it may fail.
const MAY_NOT_EXIST: &[&str] = &[
    "accept",
    "add",
    "allocate",
    "copy",
    "create",
    "import",
    "invoke",
    "issue",
    "publish",
    "purchase",
    "put",
    "register",
    "request",
    "run",
    "send",
    "subscribe",
    "upload",
];

/// Verbs that read, the ones that show most first.
const LOOKS: [&str; 4] = ["describe", "get", "head", "list"];

/// Reads that their names do not tell: the mutation, the read. Sorted by the mutation.
const NAMED: &[(&str, &str)] = &[
    ("autoscaling set-desired-capacity", "describe-auto-scaling-groups"),
    ("autoscaling update-auto-scaling-group", "describe-auto-scaling-groups"),
    ("ec2 create-tags", "describe-tags"),
    ("ec2 modify-instance-attribute", "describe-instances"),
    ("ec2 reboot-instances", "describe-instances"),
    ("ecs update-service", "describe-services"),
    ("lambda delete-function", "list-tags"),
    ("rds promote-read-replica", "describe-db-instances"),
    ("s3api delete-objects", "get-bucket-location"),
];

/// The read that shows what the mutation acts on, with its options in argv's order.
pub(super) fn look(operation: &Operation, said: &Said) -> Option<(Operation, Vec<Given>)> {
    let name = operation.full_name();
    if let Some((_, read)) = NAMED.iter().find(|(known, _)| *known == name) {
        return suits(operation, said, read);
    }
    let (verb, noun) = operation.name.split_once('-')?;
    if MAY_NOT_EXIST.contains(&verb) {
        return None;
    }
    let nouns = nouns(noun);
    let mut names = nouns.iter().flat_map(|noun| LOOKS.iter().map(move |look| format!("{look}-{noun}")));
    names.find_map(|name| suits(operation, said, &name))
}

/// One thing or several, and then what it is a part of: `function-configuration`, `function`.
fn nouns(noun: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = Some(noun);
    while let Some(noun) = rest {
        let singular = noun.strip_suffix("ies").map(|stem| format!("{stem}y"));
        let singular = singular.or_else(|| noun.strip_suffix('s').map(str::to_owned));
        let plural = noun.strip_suffix('y').map_or_else(|| format!("{noun}s"), |stem| format!("{stem}ies"));
        found.extend([Some(noun.to_owned()), singular, Some(plural)].into_iter().flatten());
        rest = noun.rsplit_once('-').map(|(head, _)| head);
    }
    found
}

/// The read with what the mutation gives it, if that is enough and names a target.
fn suits(operation: &Operation, said: &Said, name: &str) -> Option<(Operation, Vec<Given>)> {
    let read = operation.service.operation(name)?;
    let given: Vec<Given> = read.options.iter().filter_map(|option| same(*option, said)).collect();
    let has = |option: &Opt| given.iter().any(|given| given.option.name == option.name);
    let complete = read.options.iter().filter(|option| option.required).all(has);
    if given.is_empty()
        || !complete
        || read.argument == Argument::File
        || instead::of_operation(&read.full_name()).is_some()
    {
        return None;
    }
    let what = Said::about(Vec::new(), given.clone());
    let class = classify::classify(&read, &what, &[]);
    (class.tier == Tier::Read && class.sensitivity == Sensitivity::Plain).then_some((read, given))
}

/// The same option, or its plural or singular, as the mutation was given it. Only what says which
/// target is meant is taken over: options that the mutation requires, and those the read requires.
fn same(option: Opt, said: &Said) -> Option<Given> {
    let names = [
        option.name.to_owned(),
        format!("{}s", option.name),
        option.name.strip_suffix('s').unwrap_or(option.name).to_owned(),
    ];
    let given = said.given.iter().find(|given| names.iter().any(|name| name == given.option.name))?;
    let says_which = option.required || given.option.required || PLACES.contains(&given.option.name);
    let fits = matches!(
        (option.kind, given.option.kind),
        (Kind::Value | Kind::Verbatim | Kind::Values, Kind::Value | Kind::Verbatim | Kind::Values)
    );
    match &given.form {
        Form::Values(values) if says_which && fits && (option.kind.is_many() || values.len() == 1) => {
            Some(Given { option, form: Form::Values(values.clone()) })
        }
        Form::Values(_) | Form::On | Form::Off => None,
    }
}

/// Options that say where the target is, although the mutation does not require them.
const PLACES: &[&str] = &[
    "account-id",
    "alias",
    "bucket",
    "catalog-id",
    "cluster",
    "cluster-name",
    "db-cluster-identifier",
    "event-bus-name",
    "group-id",
    "group-name",
    "qualifier",
    "registry-id",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::table;

    #[test]
    fn named_reads_exist() {
        for (mutation, read) in NAMED {
            let (service, operation) = mutation.split_once(' ').unwrap();
            let service = table::service(service).unwrap();
            assert!(service.operation(operation).is_some() && service.operation(read).is_some(), "{mutation}");
        }
    }
}
