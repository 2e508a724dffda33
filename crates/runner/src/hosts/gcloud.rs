//! The hosts of Google Cloud's APIs.
//!
//! **Invariant:** the hosts are those of the APIs that the command's group uses; a token is brought along, so none of
//! them hands out another.

use super::https;
use crate::target::HostPort;
use countersign_core::command::Argv;

/// The beginning of a command and the APIs it uses; the longest beginning counts. An API's host is its name below
/// `googleapis.com`, unless it has dots or places of its own.
///
/// Source: the base addresses in `googlecloudsdk/generated_clients/apis/apis_map.py`, and for the groups what the
/// modules below `surface/` ask for, Google Cloud SDK 528.
const GROUPS: &[(&str, &[&str])] = &[
    ("alloydb", &["alloydb"]),
    ("artifacts", &["artifactregistry"]),
    ("artifacts attachments", &["artifactregistry"]),
    ("artifacts docker", &["artifactregistry", "containeranalysis"]),
    ("artifacts docker images scan", &["artifactregistry", "ondemandscanning"]),
    ("artifacts sbom", &["artifactregistry", "containeranalysis", "storage"]),
    ("artifacts vulnerabilities", &["artifactregistry", "containeranalysis"]),
    ("bigtable", &["bigtableadmin"]),
    ("builds", &["cloudbuild"]),
    ("builds log", &["cloudbuild", "logging", "storage"]),
    ("certificate-manager", &["certificatemanager"]),
    ("compute", &["compute"]),
    ("compute diagnose", &["compute", "storage"]),
    ("compute instances os-inventory", &["compute", "osconfig"]),
    ("compute networks vpc-access", &["vpcaccess"]),
    ("compute os-config", &["compute", "osconfig"]),
    ("compute os-login", &["oslogin"]),
    ("compute shared-vpc", &["cloudresourcemanager", "compute"]),
    ("compute tpus", &["tpu"]),
    ("container", &["container"]),
    ("container binauthz", &["binaryauthorization", "cloudkms", "containeranalysis"]),
    ("container clusters create", &["compute", "container"]),
    ("container fleet", &["cloudresourcemanager", "gkehub"]),
    ("container images", &["containeranalysis", "gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"]),
    ("deploy", &["clouddeploy"]),
    ("deploy releases", &["clouddeploy", "storage"]),
    ("dns", &["dns"]),
    ("eventarc", &["eventarc"]),
    ("filestore", &["file"]),
    ("firestore", &["firestore"]),
    ("functions", &["cloudfunctions", "run"]),
    ("functions logs", &["cloudfunctions", "logging", "run"]),
    ("iam", &["iam"]),
    ("iam simulator", &["policysimulator"]),
    ("kms", &["cloudkms"]),
    ("kms inventory", &["cloudkms", "kmsinventory"]),
    ("logging", &["logging"]),
    ("memcache", &["memcache"]),
    ("memorystore", &["memorystore"]),
    ("monitoring", &["monitoring"]),
    ("projects", &["cloudresourcemanager"]),
    ("pubsub", &["pubsub"]),
    ("redis", &["redis"]),
    ("run", &["run", "{location}-run.googleapis.com"]),
    ("scheduler", &["appengine", "cloudscheduler"]),
    ("secrets", &["secretmanager", "secretmanager.{location}.rep.googleapis.com"]),
    ("services", &["serviceusage"]),
    ("services api-keys", &["apikeys"]),
    ("services list", &["servicemanagement", "serviceusage"]),
    ("services peered-dns-domains", &["cloudresourcemanager", "servicenetworking"]),
    ("services vpc-peerings", &["cloudresourcemanager", "servicenetworking"]),
    ("spanner", &["spanner"]),
    ("sql", &["sqladmin"]),
    ("storage", &["storage"]),
    ("storage batch-operations", &["storagebatchoperations"]),
    ("storage insights", &["storage", "storageinsights"]),
    ("tasks", &["appengine", "cloudtasks"]),
    ("workflows", &["workflows"]),
    ("workflows execute", &["workflowexecutions", "workflows"]),
    ("workflows executions", &["workflowexecutions", "workflows"]),
    ("workflows run", &["workflowexecutions", "workflows"]),
];

/// Flags that say where a command takes place.
const LOCATIONS: [&str; 2] = ["--region=", "--location="];

/// Where a command connects to; `None` if the table does not know its group.
pub(crate) fn hosts(argv: &Argv) -> Option<Vec<HostPort>> {
    let location = argv.arguments().iter().find_map(|one| LOCATIONS.iter().find_map(|flag| one.strip_prefix(flag)));
    let names = apis(argv)?.iter().filter_map(|api| match (api.contains("{location}"), location) {
        (true, Some(location)) => Some(api.replace("{location}", location)),
        (true, None) => None,
        (false, _) if api.contains('.') => Some((*api).to_owned()),
        (false, _) => Some(format!("{api}.googleapis.com")),
    });
    names.map(|name| https(&name)).collect()
}

/// The APIs of a command, as the properties are named that lead them elsewhere.
pub(crate) fn overrides(argv: &Argv) -> impl Iterator<Item = &'static str> {
    let apis = apis(argv).unwrap_or_default().iter().filter(|api| !api.contains('.'));
    // Source: `gcloud topic configurations`; SQL's property is not named as its API is.
    apis.map(|api| if *api == "sqladmin" { "sql" } else { api })
}

fn apis(argv: &Argv) -> Option<&'static [&'static str]> {
    let begins = |group: &str| {
        let mut words = argv.arguments().iter();
        group.split(' ').all(|part| words.next().is_some_and(|word| word == part))
    };
    let found = GROUPS.iter().filter(|(group, _)| begins(group)).max_by_key(|(group, _)| group.len());
    found.map(|(_, apis)| *apis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Argv {
        Argv::new(text.split(' ').map(str::to_owned).collect()).unwrap()
    }

    #[track_caller]
    fn reaches(text: &str, expected: &[&str]) {
        let found: Vec<String> = hosts(&argv(text)).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found, expected.iter().map(|name| format!("{name}:443")).collect::<Vec<_>>());
    }

    #[test]
    fn p17_a_command_reaches_the_apis_of_its_group() {
        reaches("gcloud compute instances list --project=example-dev --quiet", &["compute.googleapis.com"]);
        reaches("gcloud compute os-login ssh-keys list", &["oslogin.googleapis.com"]);
        reaches("gcloud sql instances list", &["sqladmin.googleapis.com"]);
        reaches("gcloud run services list", &["run.googleapis.com"]);
        reaches(
            "gcloud run services describe a --region=europe-west1",
            &["run.googleapis.com", "europe-west1-run.googleapis.com"],
        );
    }

    #[test]
    fn p17_what_no_table_knows_reaches_nothing() {
        for text in ["gcloud auth print-access-token", "gcloud computer list", "gcloud"] {
            assert_eq!(hosts(&argv(text)), None, "{text}");
        }
        // A place that is no name of a place makes no host of it.
        assert_eq!(hosts(&argv("gcloud run services describe a --region=x.evil.example/")), None);
    }

    #[test]
    fn p17_a_location_cannot_lead_to_another_domain() {
        let found = hosts(&argv("gcloud run services describe a --region=evil.example")).unwrap();
        assert!(found.iter().all(|host| host.to_string().ends_with(".googleapis.com:443")));
    }

    #[test]
    fn every_group_of_the_grammar_has_hosts() {
        let table = include_str!("../../../command/data/gcloud.tsv");
        let paths = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split('\t').next());
        for path in paths {
            assert!(hosts(&argv(&format!("gcloud {path}"))).is_some(), "{path}");
        }
        assert!(GROUPS.is_sorted_by_key(|(group, _)| group));
    }

    #[test]
    fn an_endpoint_is_set_by_the_propertys_name() {
        assert_eq!(overrides(&argv("gcloud sql instances list")).collect::<Vec<_>>(), ["sql"]);
        assert_eq!(overrides(&argv("gcloud run services list")).collect::<Vec<_>>(), ["run"]);
    }
}
