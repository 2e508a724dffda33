//! Reads the credentials of the entries of catalog.yaml.
//!
//! **Invariant:** a credential that can write is never the one that looks, whether it lies somewhere
//! or is minted; what a kind of target cannot use is refused here.

use super::place::{Entry, label_of, reference};
use crate::catalog::{Credential, Credentials, Impersonate, Origin, Reference, VaultEngine};
use crate::problems::{Mark, ProblemCode};
use crate::reader::{Fields, Reader};
use crate::yaml::{Node, Value};
use countersign_core::refusal::shown;

/// What a kind of target takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Takes<'a> {
    /// The keys of its minted credentials.
    keys: &'static [&'static str],
    engines: &'static [(&'static str, VaultEngine)],
    /// The account that roles must be of.
    account: Option<&'a str>,
    /// The region whose token service is asked when none is named.
    region: Option<&'a str>,
    /// Whether a kept secret is one field.
    field: bool,
}

/// A Kubernetes cluster.
pub(super) const CLUSTER: Takes<'static> = Takes {
    keys: &["reference", "token_request", "vault", "impersonate"],
    engines: &[("kubernetes", VaultEngine::Kubernetes), ("kv-v2", VaultEngine::KvV2)],
    account: None,
    region: None,
    field: true,
};

/// A Google Cloud project.
pub(super) const PROJECT: Takes<'static> = Takes {
    keys: &["reference", "vault", "access_token"],
    engines: &[("gcp", VaultEngine::Gcp), ("kv-v2", VaultEngine::KvV2)],
    ..CLUSTER
};

/// A Terraform stack, whose providers read variables.
pub(super) const STACK: Takes<'static> = Takes {
    keys: &["reference", "vault", "assume_role", "access_token"],
    engines: &[("aws", VaultEngine::Aws), ("gcp", VaultEngine::Gcp), ("kv-v2", VaultEngine::KvV2)],
    field: false,
    ..CLUSTER
};

/// An Alertmanager.
pub(super) const ALERTMANAGER: Takes<'static> =
    Takes { keys: &["reference", "vault"], engines: &[("kv-v2", VaultEngine::KvV2)], ..CLUSTER };

/// An AWS account.
pub(super) const fn profile<'a>(account: Option<&'a str>, region: Option<&'a str>) -> Takes<'a> {
    Takes {
        keys: &["reference", "vault", "assume_role"],
        engines: &[("aws", VaultEngine::Aws), ("kv-v2", VaultEngine::KvV2)],
        account,
        region,
        field: false,
    }
}

/// One credential a tier.
pub(super) fn credentials(reader: &mut Reader<'_>, entry: &Entry<'_>, takes: Takes<'_>) -> Option<Credentials> {
    let node = entry.required(reader, "credentials")?;
    let keys = ["read", "sensitive", "preview", "change", "destructive"];
    let fields = reader.fields(node, "`credentials`", &keys, &[])?;
    let mut one = |key: &str| fields.of(key).and_then(|node| credential(reader, node, takes));
    let credentials = Credentials {
        read: one("read"),
        sensitive: one("sensitive"),
        preview: one("preview"),
        change: one("change"),
        destructive: one("destructive"),
    };
    separate(reader, node.at, &credentials);
    Some(credentials)
}

/// The same of a target that cannot be held to a dry run: its previews are reads, and look with the
/// credential that reads unless there is one of their own.
pub(super) fn credentials_that_look(
    reader: &mut Reader<'_>,
    entry: &Entry<'_>,
    takes: Takes<'_>,
) -> Option<Credentials> {
    let credentials = credentials(reader, entry, takes)?;
    let preview = credentials.preview.clone().or_else(|| credentials.read.clone());
    Some(Credentials { preview, ..credentials })
}

/// The same of a target that may ask nobody who they are, which is then said: `credentials: none`.
pub(super) fn credentials_or_none(reader: &mut Reader<'_>, entry: &Entry<'_>, takes: Takes<'_>) -> Option<Credentials> {
    match entry.fields.of("credentials").map(|node| &node.value) {
        Some(Value::Text(text)) if text == "none" => Some(Credentials::nothing()),
        _ => credentials_that_look(reader, entry, takes),
    }
}

/// A read with the credential of a change would make the tiers a matter of belief.
fn separate(reader: &mut Reader<'_>, at: Mark, credentials: &Credentials) {
    let weak = [("read", &credentials.read), ("sensitive", &credentials.sensitive), ("preview", &credentials.preview)];
    let strong = [("change", &credentials.change), ("destructive", &credentials.destructive)];
    let same = |one: &Option<Credential>, another: &Option<Credential>| {
        one.as_ref().zip(another.as_ref()).is_some_and(|(one, another)| one.is_who(another))
    };
    for (name, one) in weak {
        for (other, another) in strong {
            if same(one, another) {
                let message = format!("`{name}` has the credential of `{other}`");
                let hint = "a credential that can write is never used to look";
                reader.note_with_hint(at, ProblemCode::Floor, message, hint);
            }
        }
    }
    if same(&credentials.read, &credentials.sensitive) {
        let hint = "what reads for everybody must not be able to read secrets";
        reader.note_with_hint(at, ProblemCode::Floor, "`sensitive` has the credential of `read`".to_owned(), hint);
    }
}

fn credential(reader: &mut Reader<'_>, node: &Node, takes: Takes<'_>) -> Option<Credential> {
    match &node.value {
        Value::Map(_) => made(reader, node, takes),
        Value::Text(text) if text.starts_with("vault:") => {
            let from = kept(reader, node, text, takes)?;
            Some(Credential { from, impersonate: None })
        }
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float | Value::List(_) => {
            reference(reader, node).map(Credential::from)
        }
    }
}

/// A map that names who makes the credential.
fn made(reader: &mut Reader<'_>, node: &Node, takes: Takes<'_>) -> Option<Credential> {
    let fields = reader.fields(node, "a credential", takes.keys, &[])?;
    let makers: Vec<&str> =
        takes.keys.iter().copied().filter(|key| *key != "impersonate" && fields.of(key).is_some()).collect();
    let [maker] = makers.as_slice() else {
        let known = takes.keys.iter().filter(|key| **key != "impersonate");
        let known = known.map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        reader.note_with_hint(
            node.at,
            ProblemCode::Shape,
            "a credential has one origin",
            format!("write one of {known}"),
        );
        return None;
    };
    let of = fields.of(maker).expect("it was found among the fields");
    let from = match *maker {
        "token_request" => token_request(reader, of),
        "vault" => vault(reader, of, takes),
        "assume_role" => assume_role(reader, of, takes),
        "access_token" => access_token(reader, of),
        _ => match &of.value {
            Value::Text(text) if text.starts_with("vault:") => kept(reader, of, text, takes),
            _ => reference(reader, of).map(Origin::Reference),
        },
    };
    let impersonate = match fields.of("impersonate") {
        Some(node) => Some(impersonate(reader, node)?),
        None => None,
    };
    Some(Credential { from: from?, impersonate })
}

fn token_request(reader: &mut Reader<'_>, node: &Node) -> Option<Origin> {
    let what = "`token_request`";
    let fields = reader.fields(node, what, &["service_account", "namespace", "audiences"], &[])?;
    let service_account = reader.required(&fields, "service_account", what);
    let service_account = service_account.and_then(|node| label_of(reader, node, "a service account"));
    let namespace = reader.required(&fields, "namespace", what);
    let namespace = namespace.and_then(|node| label_of(reader, node, "a namespace"));
    let audiences = texts(reader, &fields, "audiences", "an audience")?;
    let (service_account, namespace) = (service_account?.to_owned(), namespace?.to_owned());
    Some(Origin::TokenRequest { service_account, namespace, audiences })
}

fn vault(reader: &mut Reader<'_>, node: &Node, takes: Takes<'_>) -> Option<Origin> {
    let fields = reader.fields(node, "`vault`", &["engine", "mount", "role", "namespace", "field"], &[])?;
    let engine = reader.required(&fields, "engine", "`vault`");
    let engine = engine.and_then(|node| reader.word(node, "engine of Vault", takes.engines));
    let mount = reader.required(&fields, "mount", "`vault`").and_then(|node| path(reader, node, "`mount`"));
    let role_node = reader.required(&fields, "role", "`vault`");
    let role = role_node.and_then(|node| path(reader, node, "`role`"));
    let (engine, mount, role) = (engine?, mount?, role?);
    let namespace = fields.of("namespace").and_then(|node| label_of(reader, node, "a namespace"));
    let field = fields.of("field").and_then(|node| reader.name(node, "`field`"));
    for (key, node, fits) in [
        ("namespace", fields.of("namespace"), engine == VaultEngine::Kubernetes),
        ("field", fields.of("field"), engine == VaultEngine::KvV2 && takes.field),
    ] {
        if let Some(node) = node.filter(|_| !fits) {
            let message = format!("`{key}` means nothing here");
            reader.note_with_hint(node.at, ProblemCode::UnknownKey, message, "take it away");
        }
    }
    if engine == VaultEngine::KvV2 && takes.field && field.is_none() {
        let hint = "write `field: token`, or `vault:mount/path#field`";
        reader.note_with_hint(node.at, ProblemCode::Missing, "a kept token is one `field` of its secret", hint);
        return None;
    }
    let accounts = ["roleset/", "static-account/", "impersonated-account/"];
    if engine == VaultEngine::Gcp && !accounts.iter().any(|kind| role.starts_with(kind)) {
        let at = role_node.map_or(node.at, |node| node.at);
        let hint = "write `roleset/NAME`, `static-account/NAME` or `impersonated-account/NAME`";
        reader.note_with_hint(at, ProblemCode::Value, "a role of this engine has a kind", hint);
    }
    let (namespace, field) = (namespace.map(str::to_owned), field.map(str::to_owned));
    Some(Origin::Vault { engine, mount: mount.to_owned(), role: role.to_owned(), namespace, field })
}

/// `vault:mount/path#field`, or without a field what is more than a word.
fn kept(reader: &mut Reader<'_>, node: &Node, text: &str, takes: Takes<'_>) -> Option<Origin> {
    let rest = text.trim_start_matches("vault:");
    let (place, field) = rest.split_once('#').map_or((rest, None), |(place, field)| (place, Some(field)));
    let parts = place.split_once('/').filter(|(mount, path)| is_path(mount) && is_path(path));
    let Some((mount, path)) = parts.filter(|_| field.is_some() == takes.field && field.is_none_or(is_path)) else {
        let hint = if takes.field { "write `vault:mount/path#field`" } else { "write `vault:mount/path`" };
        // It may be a secret that somebody pasted behind the word.
        reader.note_with_hint(node.at, ProblemCode::Value, "this is not the place of a secret in Vault", hint);
        return None;
    };
    Some(Origin::Vault {
        engine: VaultEngine::KvV2,
        mount: mount.to_owned(),
        role: path.to_owned(),
        namespace: None,
        field: field.map(str::to_owned),
    })
}

fn assume_role(reader: &mut Reader<'_>, node: &Node, takes: Takes<'_>) -> Option<Origin> {
    let what = "`assume_role`";
    let fields = reader.fields(node, what, &["role", "source", "region"], &[])?;
    let role = reader.required(&fields, "role", what).and_then(|node| role_arn(reader, node, takes.account));
    let source = source(reader, &fields, what);
    let region = match (fields.of("region"), takes.region) {
        (Some(node), _) => super::profiles::region(reader, node),
        (None, Some(region)) => Some(region),
        (None, None) => {
            // A profile whose region is wrong has been told so.
            if takes.account.is_none() && takes.keys.contains(&"access_token") {
                reader.note(node.at, ProblemCode::Missing, "`assume_role` needs `region`");
            }
            None
        }
    };
    Some(Origin::AssumeRole { role: role?.to_owned(), source: source?, region: region?.to_owned() })
}

/// `arn:aws:iam::123456789012:role/path/name`, of the account that the profile names.
///
/// Source: IAM user guide, "IAM identifiers".
fn role_arn<'n>(reader: &mut Reader<'_>, node: &'n Node, account: Option<&str>) -> Option<&'n str> {
    let text = reader.name(node, "`role`")?;
    let parts: Vec<&str> = text.split(':').collect();
    let parsed = match parts.as_slice() {
        ["arn", "aws" | "aws-cn" | "aws-us-gov", "iam", "", number, role] => {
            let name = role.strip_prefix("role/").is_some_and(is_path);
            (name && number.len() == 12 && number.chars().all(|c| c.is_ascii_digit())).then_some(*number)
        }
        _ => None,
    };
    let Some(number) = parsed else {
        let message = format!("`{}` is not the ARN of a role", shown(text));
        let hint = "write `arn:aws:iam::123456789012:role/NAME`";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    };
    if account.is_some_and(|account| account != number) {
        let message = format!("the role is of account `{number}`, and this profile is another one");
        reader.note_with_hint(node.at, ProblemCode::Value, message, "a role of the profile's own account is assumed");
        return None;
    }
    Some(text)
}

fn access_token(reader: &mut Reader<'_>, node: &Node) -> Option<Origin> {
    let what = "`access_token`";
    let fields = reader.fields(node, what, &["service_account", "source"], &[])?;
    let account = reader.required(&fields, "service_account", what).and_then(|node| email(reader, node));
    let source = source(reader, &fields, what);
    Some(Origin::AccessToken { service_account: account?.to_owned(), source: source? })
}

/// Source: Google Cloud, "Service accounts overview", the forms of their addresses.
fn email<'n>(reader: &mut Reader<'_>, node: &'n Node) -> Option<&'n str> {
    let text = reader.name(node, "`service_account`")?;
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c))
    };
    let fits = |(name, host): (&str, &str)| plain(name) && plain(host) && host.ends_with(".gserviceaccount.com");
    if !text.split_once('@').is_some_and(fits) {
        let message = format!("`{}` is not the address of a service account", shown(text));
        let hint = "write `NAME@PROJECT.iam.gserviceaccount.com`";
        reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        return None;
    }
    Some(text)
}

fn source(reader: &mut Reader<'_>, fields: &Fields<'_>, what: &str) -> Option<Reference> {
    let node = reader.required(fields, "source", what)?;
    reference(reader, node)
}

fn impersonate(reader: &mut Reader<'_>, node: &Node) -> Option<Impersonate> {
    let what = "`impersonate`";
    let fields = reader.fields(node, what, &["user", "groups"], &[])?;
    let user_node = reader.required(&fields, "user", what)?;
    let user = reader.text(user_node, "a user")?;
    let rest = user.replace("{principal}", "x");
    if !reader.check_name(user_node.at, &rest, "a user") {
        return None;
    }
    let groups = texts(reader, &fields, "groups", "a group")?;
    // Source: Kubernetes, "RBAC good practices": members of this group pass every check.
    if user.starts_with("system:") || groups.iter().any(|group| group == "system:masters") {
        let message = "nobody is treated as a part of the cluster itself, or as its master";
        let hint = "impersonate a user and groups of your own that hold the rights of this tier";
        reader.note_with_hint(user_node.at, ProblemCode::Floor, message, hint);
        return None;
    }
    Some(Impersonate { user: user.to_owned(), groups })
}

fn texts(reader: &mut Reader<'_>, fields: &Fields<'_>, key: &str, what: &str) -> Option<Vec<String>> {
    let Some(node) = fields.of(key) else { return Some(Vec::new()) };
    let items = reader.one_or_more(node, &format!("`{key}`"));
    items.iter().map(|item| reader.name(item, what).map(str::to_owned)).collect()
}

fn path<'n>(reader: &mut Reader<'_>, node: &'n Node, what: &str) -> Option<&'n str> {
    let text = reader.name(node, what)?;
    if !is_path(text) {
        let message = format!("{what} is letters, digits, `-`, `_`, `.` and `/`: `{}`", shown(text));
        reader.note(node.at, ProblemCode::Value, message);
        return None;
    }
    Some(text)
}

/// A path that stays where it begins.
fn is_path(text: &str) -> bool {
    text.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+=,@".contains(c))
    })
}
