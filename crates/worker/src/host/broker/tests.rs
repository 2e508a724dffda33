//! What the catalog says becomes the recipe of the right target.

use super::*;
use countersign_policy::{Overrides, Policy, Source, Sources};

const RBAC: &str = "version: 1\nroles: { viewer: { allow: [ { tool: \"*\", tier: read } ] } }\nbindings: [ { group: all, role: viewer } ]\n";

const CATALOG: &str = "
version: 1
environments: { dev: {} }
clusters:
  dev:
    env: dev
    address: https://dev:6443
    ca: file:/ca.pem
    owners: [all]
    pool: main
    credentials:
      read: { token_request: { service_account: reader, namespace: countersign, audiences: [api] } }
      change: { reference: \"env:CHANGE\", impersonate: { user: \"{principal}\", groups: [changers] } }
profiles:
  dev:
    env: dev
    account: \"111111111111\"
    region: eu-west-1
    owners: [all]
    pool: main
    credentials:
      read: { assume_role: { role: \"arn:aws:iam::111111111111:role/reader\", source: \"file:/aws.json\" } }
      change: { vault: { engine: aws, mount: aws/main, role: change } }
projects:
  dev:
    env: dev
    id: example-dev
    owners: [all]
    pool: main
    credentials: { read: \"file:/key.json\", change: { access_token: { service_account: c@p.iam.gserviceaccount.com, source: \"env:KEY\" } } }
services:
  shop:
    image: registry.example.com/shop/shop
    provenance: none
    owners: [all]
    pool: main
    environments: { dev: { cluster: dev } }
alertmanagers:
  dev:
    env: dev
    address: https://alerts
    change_up_to: 1h
    longest: 2h
    owners: [all]
    pool: main
    credentials: { read: \"vault:kv/alerts#token\" }
";

fn all() -> Recipes {
    let sources = Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", CATALOG) };
    let policy = Policy::load(sources, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
    recipes(policy.catalog())
}

fn of(kind: TargetKind, name: &str, class: CredentialClass) -> Option<Recipe> {
    all().get(&(TargetKey::new(kind, name), class)).cloned()
}

fn minted(kind: TargetKind, name: &str, class: CredentialClass) -> Mint {
    match of(kind, name, class) {
        Some(Recipe::Minted(mint)) => mint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn targets_of_one_name_have_each_their_own() {
    use CredentialClass::{Change, Preview, Read};
    let Mint::TokenRequest(request) = minted(TargetKind::Cluster, "dev", Read) else { panic!("it is minted there") };
    assert_eq!((request.service_account.as_str(), request.audiences), ("reader", vec!["api".to_owned()]));
    let place = request.place;
    assert_eq!((place.cluster.as_str(), place.address.as_str()), ("dev", "https://dev:6443"));
    assert_eq!((place.namespace.as_str(), place.ca), ("countersign", Some(Reference::File("/ca.pem".into()))));
    assert!(matches!(minted(TargetKind::Profile, "dev", Read), Mint::AssumeRole(role) if role.region == "eu-west-1"));
    assert_eq!(of(TargetKind::Profile, "dev", Preview), of(TargetKind::Profile, "dev", Read));
    assert!(matches!(minted(TargetKind::Profile, "dev", Change), Mint::Vault(role) if role.engine == Engine::Aws));
    assert!(matches!(minted(TargetKind::Project, "dev", Read), Mint::AccessToken(it) if it.service_account.is_none()));
    assert!(
        matches!(minted(TargetKind::Project, "dev", Change), Mint::AccessToken(it) if it.service_account.is_some())
    );
    let kept = minted(TargetKind::Alertmanager, "dev", Read);
    assert!(matches!(kept, Mint::Vault(role) if role.field.as_deref() == Some("token") && role.mount == "kv"));
}

#[test]
fn a_service_is_rolled_out_with_its_clusters_credentials() {
    use CredentialClass::{Change, Destructive, Read};
    for class in [Read, Change, Destructive] {
        assert_eq!(of(TargetKind::Service, "shop/dev", class), of(TargetKind::Cluster, "dev", class));
    }
    assert!(of(TargetKind::Service, "shop/dev", Destructive).is_none());
    let Some(Recipe::Impersonating { user, with, .. }) = of(TargetKind::Service, "shop/dev", Change) else {
        panic!("it is somebody else's")
    };
    assert_eq!((user.as_str(), *with), ("{principal}", Recipe::BearerToken(Reference::Env("CHANGE".into()))));
}
