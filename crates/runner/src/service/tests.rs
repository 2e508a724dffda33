use super::*;
use countersign_secrets::Impersonation;
use countersign_secrets::Material;
use serde_json::{Value, json};

pub(crate) fn service() -> Service {
    let text = str::to_owned;
    Service {
        cluster: Cluster::of_address("https://k.example:6443".into(), Some("PEM".into())).unwrap(),
        cluster_name: text("prod"),
        namespace: text("shop"),
        deployment: text("web"),
        container: text("web"),
        image: text("registry.example.com/shop/web"),
        versions: None,
        registry: Registry::default(),
        source: None,
        run: None,
        provenance: None,
    }
}

fn github(address: &str) -> Source {
    Source { address: address.into(), repository: "shop/web".into(), ca_pem: None, credential: None }
}

fn run(hosts: &[&str]) -> WorkflowRun {
    let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    WorkflowRun { workflow: "release.yml".into(), artifact: "image".into(), hosts }
}

#[track_caller]
fn hosts(service: &Service) -> (Vec<String>, Vec<String>) {
    let text = |all: Vec<HostPort>| all.iter().map(ToString::to_string).collect();
    let (tls, plain) = service.hosts().unwrap();
    (text(tls), text(plain))
}

#[test]
fn p17_a_job_reaches_its_cluster_its_registry_and_its_forge() {
    assert_eq!(hosts(&service()), (vec!["k.example:6443".into(), "registry.example.com:443".into()], vec![]));
    let with = Service {
        source: Some(github("https://ghe.example/api/v3")),
        run: Some(run(&["files.example:443"])),
        ..service()
    };
    let expected = ["k.example:6443", "registry.example.com:443", "ghe.example:443", "files.example:443"];
    assert_eq!(hosts(&with), (expected.map(str::to_owned).to_vec(), vec![]));
    let (tls, _) = hosts(&Service { source: Some(github("https://api.github.com")), run: Some(run(&[])), ..service() });
    assert!(tls.contains(&"productionresultssa0.blob.core.windows.net:443".to_owned()) && tls.len() == 23, "{tls:?}");
}

#[test]
fn p17_without_tls_it_is_this_very_host_or_nobody() {
    let registry = Registry { address: Some("http://127.0.0.1:5000".into()), ..Registry::default() };
    let here = Service {
        registry,
        source: Some(github("http://127.0.0.1:81")),
        run: Some(run(&["http://127.0.0.1:82"])),
        ..service()
    };
    let plain = ["127.0.0.1:5000", "127.0.0.1:81", "127.0.0.1:82"].map(str::to_owned).to_vec();
    assert_eq!(hosts(&here), (vec!["k.example:6443".into()], plain));
    let elsewhere = Service { run: Some(run(&["http://files.example:80"])), ..here.clone() };
    assert!(elsewhere.hosts().is_err());
    let registry = Registry { address: Some("http://registry.example:5000".into()), ..Registry::default() };
    assert!(Service { registry, ..here }.hosts().is_err());
}

fn section(material: &Material, acts_as: Option<&Impersonation>, told: &Told<'_>) -> Option<Value> {
    render(&service(), material, acts_as, told).map(|section| serde_json::to_value(section).unwrap())
}

#[test]
fn p18_what_a_driver_is_told_is_the_catalogs_and_the_leases() {
    let acts_as = Impersonation { user: "ann".into(), groups: vec!["sre".into()] };
    let told = Told { registry: Some("robot:password".to_owned().into()), agreed: Some("agreed"), ..Told::default() };
    let token = Material::BearerToken("t".to_owned().into());
    assert_eq!(
        section(&token, Some(&acts_as), &told).unwrap(),
        json!({
            "cluster": {"name": "prod", "impersonate": {"user": "ann", "groups": ["sre"]}},
            "namespace": "shop", "deployment": "web", "container": "web", "image": "registry.example.com/shop/web",
            "registry": {"credential": "robot:password"}, "agreed": "agreed",
        })
    );
    let certificate = Material::ClientCertificate { certificate_pem: "C".into(), key_pem: "K".to_owned().into() };
    let with = section(&certificate, None, &Told::default()).unwrap();
    assert_eq!(with["cluster"], json!({"name": "prod", "certificate": "C", "key": "K"}));
    assert!(section(&Material::None, None, &Told::default()).is_none());
}

#[tokio::test]
async fn p18_what_is_kept_is_read_for_each_job_and_looked_for_in_its_output() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credential");
    let write = |text: &str| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let kept = Kept::new(Reference::File(path.clone()), Arc::default());
    let registry = Registry { credential: Some(kept), ..Registry::default() };
    let service = Service { registry, ..service() };
    for password in ["first-password", "second-password"] {
        write(&format!("robot:{password}\n"));
        let known = service.secrets().await.unwrap().known();
        let known: Vec<(&str, &str)> =
            known.iter().map(|(name, secret)| (name.as_str(), secrecy::ExposeSecret::expose_secret(secret))).collect();
        let whole = format!("robot:{password}");
        assert_eq!(known, [("registry-credential", whole.as_str()), ("registry-password", password)]);
    }
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(service.secrets().await, Err(RunFault::Refused(_))));
}
