//! What clusters made before 2020 print beside what people look for: a client key and a password.
//!
//! **Invariant:** a look at a cluster is plain only when both are withheld, or when every field it asks
//! for is another. Whatever cannot be told apart is not.
//!
//! Source: `gcloud topic formats` and `gcloud topic projections`, and the printers of SDK 528 over a
//! cluster that has both: `FORMAT[transforms]:(…)` prints everything, and of a named key what the
//! transform makes of it; `object` and `config` know no transforms; `.` is the whole cluster.

use super::read::Parsed;

/// Commands that print clusters, and whether they print everything when no format is given.
const PRINTING: &[(&str, bool)] = &[
    ("container clusters create", false),
    ("container clusters create-auto", false),
    ("container clusters describe", true),
    ("container clusters list", false),
];

/// Formats that print everything, transformed.
const WHOLE: &[&str] = &["default", "flattened", "json", "text", "yaml"];

const WITHOUT: &str = "[transforms]:(masterAuth.clientKey.yesno(yes=withheld),masterAuth.password.yesno(yes=withheld))";

/// Formats that print the fields they are told.
const OF_FIELDS: &[&str] = &["csv", "flattened", "get", "json", "list", "table", "text", "value", "yaml"];

/// Formats that print nothing.
const NOTHING: &[&str] = &["disable", "none"];

/// A cluster's fields that are no credential, in lower case. Source: `container_v1_messages.Cluster`.
const FIELDS: &[&str] = &[
    "addonsconfig",
    "alphaclusterfeaturegates",
    "anonymousauthenticationconfig",
    "authenticatorgroupsconfig",
    "autopilot",
    "autoscaling",
    "binaryauthorization",
    "clusteripv4cidr",
    "compliancepostureconfig",
    "concurrentopsconfig",
    "conditions",
    "confidentialnodes",
    "controlplaneendpointsconfig",
    "costmanagementconfig",
    "createtime",
    "currentmasterversion",
    "currentnodecount",
    "currentnodeversion",
    "databaseencryption",
    "defaultmaxpodsconstraint",
    "description",
    "enablek8sbetaapis",
    "enablekubernetesalpha",
    "enabletpu",
    "endpoint",
    "enterpriseconfig",
    "etag",
    "expiretime",
    "fleet",
    "gkeautoupgradeconfig",
    "id",
    "identityserviceconfig",
    "initialclusterversion",
    "initialnodecount",
    "instancegroupurls",
    "ipallocationpolicy",
    "labelfingerprint",
    "legacyabac",
    "location",
    "locations",
    "loggingconfig",
    "loggingservice",
    "maintenancepolicy",
    "managedconfig",
    "masterauthorizednetworksconfig",
    "meshcertificates",
    "monitoringconfig",
    "monitoringservice",
    "name",
    "network",
    "networkconfig",
    "networkpolicy",
    "nodeconfig",
    "nodeipv4cidrsize",
    "nodepoolautoconfig",
    "nodepooldefaults",
    "nodepools",
    "notificationconfig",
    "parentproductconfig",
    "podautoscaling",
    "privateclusterconfig",
    "rbacbindingconfig",
    "releasechannel",
    "resourcelabels",
    "resourceusageexportconfig",
    "runtimevulnerabilityinsightconfig",
    "satisfiespzi",
    "satisfiespzs",
    "secretmanagerconfig",
    "securitypostureconfig",
    "selflink",
    "servicesipv4cidr",
    "shieldednodes",
    "status",
    "statusmessage",
    "subnetwork",
    "tags",
    "tpuipv4cidrblock",
    "usermanagedkeysconfig",
    "verticalpodautoscaling",
    "workloadidentityconfig",
    "zone",
];

/// Of what else it says, the part that everybody may know.
const PUBLIC: &str = "masterauth.clustercacertificate";

/// The format to ask for instead of the typed one, or of none.
pub(super) fn format(parsed: &Parsed) -> Option<String> {
    let (_, whole) = PRINTING.iter().find(|(path, _)| *path == parsed.spec.path)?;
    let typed = match parsed.global("format") {
        Some(given) => given.value.as_deref()?,
        None if *whole => "yaml",
        None => return None,
    };
    WHOLE.contains(&typed).then(|| format!("{typed}{WITHOUT}"))
}

/// The same for a look that is part of a preview, and asks for no format.
pub(super) fn format_of_step(step: &[String]) -> Option<String> {
    let is_it = |path: &str| path.split(' ').eq(step.iter().take(3).map(String::as_str));
    let looks = PRINTING.iter().any(|(path, whole)| *whole && is_it(path));
    looks.then(|| format!("yaml{WITHOUT}"))
}

/// Whether the output may hold the key or the password.
pub(super) fn may_show(parsed: &Parsed) -> bool {
    let Some((_, whole)) = PRINTING.iter().find(|(path, _)| *path == parsed.spec.path) else { return false };
    let asked = |name: &str| parsed.global(name).and_then(|given| given.value.as_deref());
    let shows = match asked("format") {
        Some(format) => !is_left_out(format),
        None => *whole,
    };
    // What is found, and in which order, tells about what it is found by.
    let by = [parsed.value("filter"), parsed.value("sort-by")];
    let tells = by.into_iter().flatten().any(|text| !names_no_credential(text));
    shows || tells || asked("flatten").is_some_and(|keys| !keys.split(',').all(is_harmless))
}

fn is_left_out(format: &str) -> bool {
    if format.strip_suffix(WITHOUT).is_some_and(|name| WHOLE.contains(&name)) || NOTHING.contains(&format) {
        return true;
    }
    fields(format).is_some_and(|fields| names_no_credential(format) && fields.iter().all(|field| is_harmless(field)))
}

/// The fields of `NAME[ATTRIBUTES](FIELD,…)`, which is all there is.
fn fields(format: &str) -> Option<Vec<&str>> {
    let (head, rest) = format.split_once('(')?;
    let (name, attributes) = head.split_once('[').map_or((head, ""), |(name, rest)| (name, rest));
    let has_attributes =
        attributes.is_empty() || attributes.strip_suffix(']').is_some_and(|it| !it.contains(['[', ']']));
    if !OF_FIELDS.contains(&name) || !has_attributes {
        return None;
    }
    apart(rest)
}

/// What stands between commas, up to the closing parenthesis that ends the text. What gcloud's own
/// reader could end elsewhere, an escape or an index that is no number, is not read.
fn apart(text: &str) -> Option<Vec<&str>> {
    let (mut found, mut from, mut depth, mut closes) = (Vec::new(), 0, 0_u32, None);
    for (at, c) in text.char_indices() {
        match (closes, c) {
            (_, '\\') => return None,
            (Some(close), _) if c == close => closes = None,
            (Some(']'), _) if !(c.is_ascii_digit() || "-:*".contains(c)) => return None,
            (None, '\'' | '"') => closes = Some(c),
            (None, '[') => closes = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => {
                found.push(text.get(from..at)?);
                return (at + 1 == text.len()).then_some(found);
            }
            (None, ')') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                found.push(text.get(from..at)?);
                from = at + 1;
            }
            (Some(_) | None, _) => {}
        }
    }
    None
}

/// Whether a key begins with a field that is no credential.
fn is_harmless(key: &str) -> bool {
    let key = plain(key.trim());
    if let Some(rest) = key.strip_prefix(PUBLIC) {
        return rest.is_empty() || rest.starts_with([':', '.']);
    }
    let end = key.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(key.len());
    let (field, rest) = key.split_at(end);
    FIELDS.binary_search(&field).is_ok() && !rest.starts_with('(')
}

/// gcloud reads `master_auth` as `masterAuth`.
fn plain(text: &str) -> String {
    text.to_ascii_lowercase().replace('_', "")
}

/// Whether neither is named, nor what holds them, anywhere.
fn names_no_credential(text: &str) -> bool {
    let text = plain(text);
    let mut parts = text.split("masterauth");
    parts.next();
    // `masterAuthorizedNetworksConfig` begins like it.
    let harmless = |rest: &str| rest.starts_with(".clustercacertificate") || rest.starts_with("orizednetworks");
    parts.all(harmless) && !text.contains("clientkey")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p34_a_format_withholds_the_key_or_names_other_fields() {
        assert!(FIELDS.is_sorted() && WHOLE.is_sorted() && OF_FIELDS.is_sorted());
        for format in [
            &format!("yaml{WITHOUT}"),
            "none",
            "value(name)",
            "json(name,nodePools)",
            "table[box](name:label='a,b)',node_pools[0].name, status.lower():sort=1)",
            "csv[no-heading](name,location.basename())",
            "value(masterAuth.clusterCaCertificate)",
            "value(masterAuthorizedNetworksConfig.enabled)",
            "get(nodePools.map().format('{0} {1}',name,status).list())",
        ] {
            assert!(is_left_out(format), "{format}");
        }
        for format in [
            "yaml",
            "object",
            "config",
            &format!("object{WITHOUT}"),
            "value(.)",
            "json(.)",
            "json()",
            "value(list())",
            "value(name,.)",
            "value(firstof(name,masterAuth.password))",
            "value(master_auth.client_key)",
            "(masterAuth)json",
            "(.)value(name)",
            "json(name)(.)",
            "value(name):(masterAuth)",
            "json:(name)",
            "multi(name:format=json)",
            "value(masterAuth.clusterCaCertificate,masterAuth)",
            "value(name.format('{0}',masterAuth))",
            "value[a][b](name)",
            "value(name.sub('\\',',.,'x'))",
            "value(name[(),.)",
            "value(name",
        ] {
            assert!(!is_left_out(format), "{format}");
        }
    }
}
