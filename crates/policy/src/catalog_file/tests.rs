//! The sections of catalog.yaml, and what is said about their mistakes.

use crate::catalog::{Catalog, Credential, Origin, Overrides, Reference, VaultEngine};
use crate::policy::{Policy, Source, Sources};
use crate::problems::Problems;
use countersign_core::warrant::CredentialClass;
use std::time::Duration;

const RBAC: &str = "version: 1\nroles:\n  viewer: { allow: [ { tool: \"*\", tier: read } ] }\nbindings: [ { group: engineering, role: viewer } ]\n";

const GROUND: &str = "version: 1\nenvironments: { dev: {}, prod: { production: true } }\n";

const CLUSTER: &str = "clusters: { dev: { env: dev, address: \"https://k\", owners: [a], pool: main, credentials: { read: \"env:A\", change: \"env:B\" } } }\n";

fn load(sections: &str) -> Result<Policy, Problems> {
    let catalog = Source::new("catalog.yaml", format!("{GROUND}{sections}"));
    Policy::load(Sources { rbac: Source::new("rbac.yaml", RBAC), catalog }, &Overrides::default())
}

#[track_caller]
fn catalog(sections: &str) -> Catalog {
    load(sections).unwrap_or_else(|problems| panic!("{problems}")).catalog().clone()
}

/// Line and column of each mistake, and what is said; the sections begin in line 3.
#[track_caller]
fn wrong(sections: &str, want: &[&str]) {
    let problems = load(sections).map(|_| ()).unwrap_err();
    let all: Vec<String> =
        problems.all().iter().map(|one| format!("{}:{} {}", one.line(), one.column(), one.message())).collect();
    assert_eq!(all, want, "{sections}");
}

fn profile(what: &str) -> String {
    format!("profiles:\n  main: {{ env: dev, owners: [a], pool: main, {what} }}\n")
}

#[test]
fn a_profile_knows_its_regions_and_looks_with_what_reads() {
    let text = profile(
        "account: \"123456789012\", region: eu-west-1, regions: [us-gov-east-1], credentials: { read: \"env:R\", change: \"env:C\" }",
    );
    let catalog = catalog(&text);
    let one = &catalog.profiles()["main"];
    let regions: Vec<&str> = one.grammar.regions.iter().map(String::as_str).collect();
    assert_eq!(regions, ["eu-west-1", "us-gov-east-1"]);
    assert_eq!(catalog.vocabulary().profiles["main"], one.grammar);
    assert_eq!(one.credentials.of(CredentialClass::Preview), one.credentials.of(CredentialClass::Read));
    assert!(one.credentials.of(CredentialClass::Destructive).is_none());
}

#[test]
fn p17_an_endpoint_is_an_https_address_or_on_this_very_host() {
    let of = |address: &str| {
        profile(&format!(
            "account: \"123456789012\", region: eu-west-1, endpoint: \"{address}\", credentials: {{ read: \"env:R\" }}"
        ))
    };
    for address in
        ["https://vpce-1.example.com", "https://vpce-1.example.com:8443/", "http://127.0.0.1:5000", "http://[::1]:5000"]
    {
        assert_eq!(catalog(&of(address)).profiles()["main"].endpoint.as_deref(), Some(address));
    }
    for address in [
        "http://vpce-1.example.com",
        "http://127.0.0.1",
        "http://10.0.0.1:80",
        "https://a/b",
        "ftp://a:1",
        "localhost:1",
    ] {
        wrong(&of(address), &[&format!("4:100 `{address}` is not the address of an endpoint")]);
    }
}

#[test]
fn the_mistakes_of_a_profile() {
    wrong(
        &profile(
            "account: 123456789012, region: Ireland, regions: [eu-west], credentials: { read: \"env:R\", change: \"env:R\", preview: hunter2 }",
        ),
        &[
            "4:55 `account` is text; this is a number or a boolean",
            "4:77 `Ireland` is not a region of AWS",
            "4:96 `eu-west` is not a region of AWS",
            "4:119 `read` has the credential of `change`",
            "4:162 a reference is `file:/absolute/path` or `env:NAME`; a secret itself never stands in a file",
        ],
    );
    wrong(
        &profile("account: \"12\", region: eu-west-1, credentials: {}"),
        &["4:55 `12` is not the number of an AWS account"],
    );
    wrong(
        "profiles:\n  prod: { env: dev, isolation: none }\n",
        &[
            "4:9 AWS profile `prod` is production by its name",
            "4:9 an AWS profile needs `account`",
            "4:9 an AWS profile needs `credentials`",
            "4:9 an AWS profile needs `owners`",
            "4:9 an AWS profile needs `pool`",
            "4:9 an AWS profile needs `region`",
            "4:9 an AWS profile's commands can change things, so they need an isolation level",
        ],
    );
}

#[test]
fn the_mistakes_of_a_project() {
    let project = |id: &str| {
        format!(
            "projects:\n  main: {{ env: dev, owners: [a], pool: main, id: {id}, credentials: {{ read: \"env:R\" }} }}\n"
        )
    };
    assert_eq!(catalog(&project("example-dev")).projects()["main"].grammar.id, "example-dev");
    wrong(&project("example-prod"), &["4:9 project `example-prod` is production by its name"]);
    for id in ["Example", "short", "1example", "example-", "example_dev", "example.com:dev"] {
        wrong(&project(id), &[&format!("4:50 `{id}` is not the id of a project")]);
    }
    wrong(
        "projects:\n  Main: { env: qa, owners: [a], pool: main, id: example-dev, credential: x }\n",
        &[
            "4:3 the name of a project is lower-case letters, digits and dashes: `Main`",
            "4:9 a project needs `credentials`",
            "4:16 no environment `qa`",
            "4:62 a project has no key `credential`",
        ],
    );
}

fn stack(what: &str) -> String {
    format!(
        "repositories: {{ infra: {{ address: \"https://git.example.com/infra.git\" }} }}\nstacks:\n  net: {{ env: dev, owners: [a], pool: main, credentials: {{ read: \"env:R\" }}, {what} }}\n"
    )
}

#[test]
fn a_stack_is_a_folder_of_a_repository_that_is_catalogued() {
    let good = stack("repository: infra, branch: release/main, folder: stacks/net");
    let catalog = catalog(&good);
    assert_eq!(catalog.vocabulary().stacks["net"].branch, "release/main");
    assert!(catalog.vocabulary().repositories.contains("infra"));
    wrong(&stack("repository: ifra, branch: main, folder: x"), &["5:89 no repository `ifra`"]);
    for folder in ["/etc", "../x", "a//b", ".git/x", "-x", "a/../b"] {
        let said = format!("5:118 `folder` is a path without `..` and hidden parts: `{folder}`");
        wrong(&stack(&format!("repository: infra, branch: main, folder: {folder}")), &[&said]);
    }
    for address in [
        "file://host/x",
        "file:///srv/../x",
        "ext::sh",
        "ssh://git@x/y",
        "https://user@host/x",
        "http://host/x",
        "https://host",
    ] {
        let said = format!("3:35 `{address}` is not the address of a repository");
        wrong(&format!("repositories: {{ infra: {{ address: \"{address}\" }} }}\n"), &[&said]);
    }
}

fn service(what: &str) -> String {
    format!("{CLUSTER}services:\n  shop: {{ owners: [a], pool: main, {what}, provenance: none }}\n")
}

#[test]
fn a_service_runs_on_a_cluster_of_its_environment() {
    let catalog =
        catalog(&service("image: r.example.com:5000/a/b, environments: { dev: { cluster: dev, container: web } }"));
    let rollout = &catalog.services()["shop"].environments["dev"];
    assert_eq!((rollout.namespace.as_str(), rollout.deployment.as_str()), ("default", "shop"));
    assert_eq!((rollout.container.as_str(), rollout.place.env.as_str()), ("web", "dev"));
    let image = "image: r.example.com/x";
    wrong(
        &service(&format!("{image}, environments: {{ prod: {{ cluster: dev }} }}")),
        &["5:93 cluster `dev` is in `dev`, not in `prod`"],
    );
    wrong(&service(&format!("{image}, environments: {{}}")), &["5:74 a service runs in an environment"]);
    wrong(
        &service(&format!("{image}, environments: {{ deb: {{ cluster: dve }} }}")),
        &["5:74 a service runs in an environment", "5:76 no environment `deb`", "5:92 no cluster `dve`"],
    );
    for image in [
        "checkout",
        "checkout:1",
        "r.example.com/x:1",
        "r.example.com/x@sha256:00",
        "https://r/x",
        "r.example.com/X",
        "r.example.com/../x",
    ] {
        let said = format!("5:43 `{image}` is not the repository of an image");
        wrong(&service(&format!("image: {image}, environments: {{ dev: {{ cluster: dev }} }}")), &[&said]);
    }
    let named = service(&format!("{image}, environments: {{ dev: {{ cluster: dev }} }}")).replace("shop:", "undo:");
    wrong(&named, &["5:9 `undo` is a verb of `/deploy`, so no service can have that name"]);
}

#[test]
fn an_alertmanager_says_how_long_is_long() {
    let one = |what: &str| {
        format!(
            "alertmanagers:\n  main: {{ env: dev, owners: [a], pool: main, credentials: {{ read: \"env:R\" }}, {what} }}\n"
        )
    };
    let catalog = catalog(&one("address: \"https://am\", change_up_to: 4h, longest: 1d"));
    assert_eq!(catalog.vocabulary().alertmanagers["main"].longest, Duration::from_hours(24));
    wrong(
        &one("address: \"https://am\", change_up_to: 4h, longest: 1h"),
        &["4:9 `change_up_to` is longer than `longest`, so nothing would be destructive"],
    );
    wrong(
        &one("address: \"http://am\", change_up_to: 4, longest: soon"),
        &[
            "4:87 `http://am` is not the address of an Alertmanager",
            "4:114 `change_up_to` is text; this is a number or a boolean",
            "4:126 `soon` is not a duration",
        ],
    );
}

#[test]
fn an_alertmanager_may_ask_nobody_who_they_are() {
    let one = |address: &str, credentials: &str| {
        format!(
            "alertmanagers:\n  main: {{ env: dev, owners: [a], pool: main, change_up_to: 4h, longest: 1d, address: \"{address}\", ca: \"file:/etc/ca.pem\", credentials: {credentials} }}\n"
        )
    };
    let catalog = catalog(&one("http://127.0.0.1:9093", "none"));
    let am = &catalog.alertmanagers()["main"];
    assert!(am.ca.is_some());
    assert_eq!(am.credentials.change.as_ref().map(|it| &it.from), Some(&Origin::Nothing));
    // It has to be said, with that very word.
    assert!(load(&one("https://am", "no")).is_err() && load(&one("http://am:9093", "none")).is_err());
    wrong(&on_a_cluster("none"), &["4:80 `credentials` should be a map of keys, not text"]);
}

fn on_a_cluster(credentials: &str) -> String {
    format!(
        "clusters:\n  dev: {{ env: dev, address: \"https://k\", owners: [a], pool: main, credentials: {credentials} }}\n"
    )
}

#[test]
fn a_credential_may_be_minted() {
    let text = on_a_cluster(
        "{ read: { token_request: { service_account: reader, namespace: countersign, audiences: [api] } }, \
         sensitive: \"vault:kv/dev/sensitive#token\", \
         preview: { vault: { engine: kubernetes, mount: k8s/dev, role: preview, namespace: shop } }, \
         change: { reference: \"env:C\", impersonate: { user: \"{principal}\", groups: [changers] } } }",
    );
    let catalog = catalog(&text);
    let held = &catalog.clusters()["dev"].credentials;
    let read = Origin::TokenRequest {
        service_account: "reader".into(),
        namespace: "countersign".into(),
        audiences: vec!["api".into()],
    };
    assert_eq!(held.read, Some(Credential { from: read, impersonate: None }));
    let vault = |engine, mount: &str, role: &str, namespace: Option<&str>, field: Option<&str>| Origin::Vault {
        engine,
        mount: mount.into(),
        role: role.into(),
        namespace: namespace.map(str::to_owned),
        field: field.map(str::to_owned),
    };
    let from = |credential: &Option<Credential>| credential.as_ref().unwrap().from.clone();
    assert_eq!(from(&held.sensitive), vault(VaultEngine::KvV2, "kv", "dev/sensitive", None, Some("token")));
    assert_eq!(from(&held.preview), vault(VaultEngine::Kubernetes, "k8s/dev", "preview", Some("shop"), None));
    let as_whom = held.change.as_ref().unwrap().impersonate.clone().unwrap();
    assert_eq!((as_whom.user.as_str(), as_whom.groups), ("{principal}", vec!["changers".to_owned()]));

    let text = profile(
        "account: \"123456789012\", region: eu-west-1, credentials: { read: { assume_role: { role: \"arn:aws:iam::123456789012:role/ops/read\", source: \"file:/k\" } } }",
    );
    let expected = Origin::AssumeRole {
        role: "arn:aws:iam::123456789012:role/ops/read".into(),
        source: Reference::File("/k".into()),
        region: "eu-west-1".into(),
    };
    assert_eq!(from(&self::catalog(&text).profiles()["main"].credentials.read), expected);
}

#[test]
fn the_mistakes_of_a_minted_credential() {
    let hunted = "{ read: \"vault:hunter2\", change: { token_request: { service_account: Reader, namespce: x } } }";
    wrong(
        &on_a_cluster(hunted),
        &[
            "4:88 this is not the place of a secret in Vault",
            "4:130 `token_request` needs `namespace`",
            "4:149 a service account is lower-case letters, digits and dashes: `Reader`",
            "4:157 `token_request` has no key `namespce`",
        ],
    );
    wrong(
        &on_a_cluster(
            "{ read: { vault: { engine: aws, mount: ../x, role: r } }, change: { reference: \"env:A\", vault: {} } }",
        ),
        &[
            "4:107 no engine of Vault `aws`",
            "4:119 `mount` is letters, digits, `-`, `_`, `.` and `/`: `../x`",
            "4:146 a credential has one origin",
        ],
    );
    wrong(
        &on_a_cluster("{ read: { reference: \"env:A\", impersonate: { user: \"system:admin\" } } }"),
        &["4:131 nobody is treated as a part of the cluster itself, or as its master"],
    );
    wrong(
        &profile(
            "account: \"123456789012\", region: eu-west-1, credentials: { read: { assume_role: { role: \"arn:aws:iam::210987654321:role/r\", source: \"file:/k\" } }, change: { assume_role: { role: \"arn:aws:iam::123456789012:user/u\", source: hunter2 } } }",
        ),
        &[
            "4:134 the role is of account `210987654321`, and this profile is another one",
            "4:224 `arn:aws:iam::123456789012:user/u` is not the ARN of a role",
            "4:268 a reference is `file:/absolute/path` or `env:NAME`; a secret itself never stands in a file",
        ],
    );
}

#[test]
fn p35_what_looks_is_never_what_writes_however_it_is_had() {
    let weak = |credentials: &str| {
        let problems = load(&on_a_cluster(credentials)).map(|_| ()).unwrap_err();
        problems.all().iter().map(|it| it.message().to_owned()).collect::<Vec<_>>()
    };
    let account = "token_request: { service_account: a, namespace: n }";
    assert_eq!(
        weak(&format!(
            "{{ read: {{ {account}, impersonate: {{ user: weak }} }}, change: {{ {account}, impersonate: {{ user: strong }} }} }}"
        )),
        ["`read` has the credential of `change`"],
        "the token is the same whoever it says it is"
    );
    assert_eq!(
        weak("{ preview: \"vault:kv/a#t\", destructive: { vault: { engine: kv-v2, mount: kv, role: a, field: t } } }"),
        ["`preview` has the credential of `destructive`"]
    );
    assert_eq!(
        weak(&format!("{{ read: {{ {account} }}, sensitive: {{ {account} }} }}")),
        ["`sensitive` has the credential of `read`"]
    );
    let minted = profile(
        "account: \"123456789012\", region: eu-west-1, credentials: { read: \"file:/k\", change: { assume_role: { role: \"arn:aws:iam::123456789012:role/r\", source: \"file:/k\" } } }",
    );
    let problems = load(&minted).map(|_| ()).unwrap_err();
    assert_eq!(problems.all()[0].message(), "`read` has the credential of `change`", "it can mint it");
}

fn repository(what: &str) -> String {
    format!("repositories:\n  infra: {{ {what} }}\n")
}

#[test]
fn a_repository_says_who_knows_what_was_merged() {
    let text = repository(
        "address: \"https://git.example.com/a/b.git\", ca: \"file:/ca.pem\", github: { repository: Platform/infra.tf }",
    );
    let catalog = catalog(&text);
    let one = &catalog.repositories()["infra"];
    assert_eq!(one.ca, Some(Reference::File("/ca.pem".into())));
    let github = one.github.as_ref().unwrap();
    assert_eq!((github.repository.as_str(), github.address.as_str()), ("Platform/infra.tf", "https://api.github.com"));
    assert!(github.checks.is_empty() && github.credential.is_none() && github.ca.is_none());

    let with =
        |github: &str| repository(&format!("address: \"https://git.example.com/b.git\", github: {{ {github} }}"));
    let text = with(
        "repository: a/b, credential: \"file:/t\", ca: \"file:/ca\", address: \"http://127.0.0.1:9\", checks: [\"build / all (x)\", plan]",
    );
    let catalog = self::catalog(&text);
    let github = catalog.repositories()["infra"].github.as_ref().unwrap();
    assert_eq!(github.checks.iter().map(String::as_str).collect::<Vec<_>>(), ["build / all (x)", "plan"]);
    for address in ["https://git.example.com/api/v3", "https://git.example.com:8443/api/v3/", "https://api.github.com"]
    {
        self::catalog(&with(&format!("repository: a/b, address: \"{address}\"")));
    }
}

#[test]
fn the_mistakes_of_a_repository() {
    wrong(
        &repository(
            "address: \"file:///srv/git\", ca: \"file:/ca\", github: { repo: a/b, credential: hunter2, checks: [] }",
        ),
        &[
            "4:44 a folder has no `ca`",
            "4:64 `github` needs `repository`",
            "4:66 `github` has no key `repo`",
            "4:89 a reference is `file:/absolute/path` or `env:NAME`; a secret itself never stands in a file",
            "4:106 `checks` is an empty list",
        ],
    );
    let with =
        |github: &str| repository(&format!("address: \"https://git.example.com/b.git\", github: {{ {github} }}"));
    for name in ["infra", "a/b/c", "a/..", "a_b/c", "a/b.git", "https://github.com/a/b", "a/"] {
        wrong(&with(&format!("repository: \"{name}\"")), &[&format!("4:76 `{name}` is not a repository on GitHub")]);
    }
    for address in ["http://git.example.com", "http://127.0.0.1", "https://u@h", "https://h/../x", "https://", "h"] {
        let said = format!("4:90 `{address}` is not the address of the API of GitHub");
        wrong(&with(&format!("repository: a/b, address: \"{address}\"")), &[&said]);
    }
}

#[test]
fn a_stack_connects_to_what_is_written_out() {
    use crate::catalog::Review;
    let with = |what: &str| stack(&format!("repository: infra, branch: main, folder: a, {what}"));
    let one = catalog(&with(
        "review: none, hosts: [\"s3.eu-west-1.amazonaws.com:443\", \"10.1.2.3:8443\", \"http://127.0.0.1:5000\"]",
    ));
    assert_eq!(one.stacks()["net"].review, Review::None);
    assert_eq!(one.stacks()["net"].hosts.len(), 3);
    let one = catalog(&stack("repository: infra, branch: main, folder: a"));
    assert_eq!((one.stacks()["net"].review, one.stacks()["net"].hosts.len()), (Review::Required, 0));

    wrong(&with("review: nobody"), &["5:129 no kind of review `nobody`"]);
    wrong(&with("hosts: []"), &["5:128 `hosts` is an empty list"]);
    for host in [
        "s3.amazonaws.com",
        "*.amazonaws.com:443",
        "https://s3.amazonaws.com:443",
        "s3.amazonaws.com:443/x",
        "s3.amazonaws.com:0",
        "s3.amazonaws.com:+443",
        "s3.amazonaws.com:99999",
        "S3.amazonaws.com:443",
        "localhost:443",
        "127.0.0.1:80",
        "[::1]:80",
        "0x7f.1:80",
        "127.1:80",
        "http://10.0.0.1:80",
        "a..b:443",
        "user@a.b:443",
    ] {
        let said = format!("5:128 `{host}` is not a host with its port");
        wrong(&with(&format!("hosts: \"{host}\"")), &[&said]);
    }
    for host in ["169.254.169.254:80", "[fe80::1]:80", "[fd00:ec2::254]:80", "[::ffff:169.254.169.254]:80"] {
        let said = format!("5:128 `{host}` is where a machine is told who it is");
        wrong(&with(&format!("hosts: \"{host}\"")), &[&said]);
    }
}

/// A service with a source, and this besides.
fn built(what: &str) -> String {
    let infra = "repositories: { app: { address: \"https://g/a\", github: { repository: a/b } }, old: { address: \"https://g/b\" } }\n";
    let image = "image: r.example.com/x, environments: { dev: { cluster: dev } }";
    format!("{infra}{CLUSTER}services:\n  shop:\n    {{ owners: [a], pool: main, {image}, {what} }}\n")
}

#[test]
fn a_service_says_who_must_have_built_it() {
    use crate::catalog::Attestations;
    let text = built(
        "source: app, run: { workflow: release.yml, artifact: image }, provenance: { repository: a/b, workflow: .github/workflows/release.yml, refs: [\"refs/heads/main\", \"refs/tags/*\"] }",
    );
    let one = &catalog(&text);
    let service = &one.services()["shop"];
    let provenance = service.provenance.as_ref().unwrap();
    assert_eq!(provenance.issuer, "https://token.actions.githubusercontent.com");
    assert_eq!((provenance.attestations, provenance.refs.len()), (Attestations::Github, 2));
    assert_eq!(service.source.as_deref(), Some("app"));
    assert_eq!(service.run.as_ref().unwrap().artifact, "image");
    assert!(one.vocabulary().services["shop"].runs);

    let text = built(
        "registry: { credential: \"file:/c\", ca: \"file:/ca\", address: \"http://127.0.0.1:5000\" }, provenance: { repository: a/b, workflow: .github/workflows/r.yaml, refs: refs/heads/main, attestations: registry, issuer: \"https://g.example.com/_services/token\", trusted_root: \"file:/root.json\" }",
    );
    let one = &catalog(&text);
    let service = &one.services()["shop"];
    assert_eq!(service.registry.address.as_deref(), Some("http://127.0.0.1:5000"));
    assert_eq!(service.provenance.as_ref().unwrap().attestations, Attestations::Registry);
    assert!(!one.vocabulary().services["shop"].runs);
    assert!(catalog(&built("provenance: none")).services()["shop"].provenance.is_none());
}

#[test]
fn the_mistakes_of_where_a_service_comes_from() {
    let missing =
        service("image: r.example.com/x, environments: { dev: { cluster: dev } }").replace(", provenance: none", "");
    wrong(&missing, &["5:9 a service needs `provenance`"]);
    for odd in ["nine", "true", "[none]", "\"\""] {
        wrong(&built(&format!("provenance: {odd}")), &["7:109 `provenance` is `none` or a map of keys"]);
    }
    wrong(
        &built("provenance: { repository: app, workflow: release.yml, refs: [], attestations: githb, isuer: x }"),
        &[
            "7:123 `app` is not a repository on GitHub",
            "7:138 `release.yml` is not the file of a workflow",
            "7:157 `refs` is an empty list",
            "7:175 no keeper of attestations `githb`",
            "7:182 `provenance` has no key `isuer`",
        ],
    );
    wrong(
        &built("provenance: none, source: ap, run: { workflow: .github/workflows/r.yml, artifact: a b }"),
        &[
            "7:123 no repository `ap`",
            "7:144 `.github/workflows/r.yml` is not the file of a workflow",
            "7:179 the name of an artifact holds ` `",
        ],
    );
    wrong(
        &built("provenance: none, source: old"),
        &["7:123 repository `old` has no `github`, which tells what was built from it"],
    );
    wrong(
        &built("provenance: none, run: { workflow: r.yml, artifact: a }"),
        &["7:120 `run` needs `source`, whose runs are meant"],
    );
    let checked = "repository: a/b, workflow: .github/workflows/r.yml";
    wrong(
        &built(&format!("provenance: {{ {checked}, refs: refs/heads/main }}")),
        &["7:109 attestations at GitHub need `source`, which keeps them"],
    );
    wrong(
        &built("provenance: none, registry: { address: \"http://r.example.com\", credential: me:secret }"),
        &[
            "7:136 `http://r.example.com` is not the address of a registry",
            "7:172 a reference is `file:/absolute/path` or `env:NAME`; a secret itself never stands in a file",
        ],
    );
}

/// What a pull request builds was merged by nobody.
#[test]
fn an_image_is_built_from_a_branch_or_a_tag() {
    let of = |one: &str| {
        built(&format!(
            "source: app, provenance: {{ repository: a/b, workflow: .github/workflows/r.yml, refs: \"{one}\" }}"
        ))
    };
    for good in ["refs/heads/main", "refs/heads/release/*", "refs/tags/v*", "refs/tags/*"] {
        catalog(&of(good));
    }
    for bad in [
        "main",
        "refs/*",
        "refs/*/*/merge",
        "refs/pull/*/merge",
        "*",
        "refs/heads/",
        "refs/heads/**",
        "refs/heads/a..b",
        "refs/tags/[v]*",
    ] {
        wrong(&of(bad), &[&format!("7:182 `{bad}` is not the ref of a branch or a tag")]);
    }
}
