//! Vault's engines, its policies, and what becomes of leases.

use super::world::{Ground, WALL, lease, many, refused, sweep};
use crate::broker::Broker as _;
use crate::catalogued::CatalogBroker;
use crate::issuers::IssuerSettings;
use crate::lease::{Lease, Material};
use crate::recipe::{Engine, Mint, Recipe, VaultRole};
use crate::reference::Reference;
use crate::target::TargetKind;
use crate::vault::{Journal, VaultLogin, VaultSettings};
use countersign_simulators::vault::{AppRole, AwsCredential, Capability, Rule, Vault};
use secrecy::ExposeSecret as _;
use serde_json::json;
use std::time::Duration;

struct World {
    ground: Ground,
    vault: Vault,
    dev: AppRole,
}

/// What docs/credentials.md gives a worker of a pool.
fn rules(pool: &str) -> Vec<Rule> {
    use Capability::{Create, Delete, List, Read, Update};
    let journal = |kind: &str| format!("kv/{kind}/countersign/leases/{pool}/*");
    vec![
        Rule::new("auth/token/create", &[Update]),
        Rule::new("auth/token/revoke-accessor", &[Update]),
        Rule::new("sys/leases/revoke", &[Update]),
        Rule::new(&format!("aws/{pool}/creds/+"), &[Update]),
        Rule::new(&format!("gcp/{pool}/+/+/token"), &[Read]),
        Rule::new(&format!("k8s/{pool}/creds/+"), &[Update]),
        Rule::new(&format!("kv/data/{pool}/*"), &[Read]),
        Rule::new(&journal("data"), &[Create, Update, Read]),
        Rule::new(&journal("metadata"), &[Delete]),
        Rule::new(&format!("kv/metadata/countersign/leases/{pool}"), &[List]),
    ]
}

impl World {
    async fn new() -> Self {
        let ground = Ground::new();
        let vault = Vault::start_at(ground.clock.simulated(), &ground.tasks, ground.stop.clone()).await.unwrap();
        for pool in ["dev", "prod"] {
            vault.write_policy(&format!("worker-{pool}"), rules(pool));
            vault.mount_aws(&format!("aws/{pool}"), &[("read", AwsCredential::User), ("sts", AwsCredential::Session)]);
            vault.mount_gcp(&format!("gcp/{pool}"), &["roleset/read"]);
            vault.mount_kubernetes(&format!("k8s/{pool}"), &[("read", "shop")]);
        }
        vault.mount_kv("kv");
        let dev = vault.app_role(&["worker-dev"]);
        Self { ground, vault, dev }
    }

    fn settings(&self, login: VaultLogin) -> IssuerSettings {
        let vault = VaultSettings {
            address: self.vault.url(),
            ca: Some(self.ground.file("vault.pem", self.vault.ca_pem())),
            namespace: None,
            login,
            journal: Some(Journal { mount: "kv".to_owned(), folder: "countersign/leases".to_owned() }),
        };
        IssuerSettings { vault: Some(vault), ..IssuerSettings::default() }
    }

    fn app_role(role: &AppRole) -> VaultLogin {
        let secret_id = Reference::Env("SECRET_ID".to_owned());
        VaultLogin::AppRole { mount: "approle".to_owned(), role_id: role.role_id.clone(), secret_id }
    }

    /// A worker of the pool `dev`.
    fn worker(&self, kind: TargetKind, role: VaultRole) -> CatalogBroker {
        self.worker_as(&self.dev, kind, role)
    }

    fn worker_as(&self, who: &AppRole, kind: TargetKind, role: VaultRole) -> CatalogBroker {
        let recipe = Recipe::Minted(Mint::Vault(role));
        self.ground.broker(kind, recipe, self.settings(Self::app_role(who)), &[("SECRET_ID", &who.secret_id)])
    }

    fn paths(&self) -> Vec<String> {
        self.vault.requests().into_iter().map(|it| format!("{} {} {}", it.method, it.path, it.code)).collect()
    }
}

fn role(engine: Engine, mount: &str, role: &str) -> VaultRole {
    let namespace = (engine == Engine::Kubernetes).then(|| "shop".to_owned());
    VaultRole { engine, mount: mount.to_owned(), role: role.to_owned(), namespace, field: None }
}

fn access_key(lease: &Lease) -> String {
    let Material::Aws { access_key_id, .. } = lease.material() else { panic!("{:?}", lease.material()) };
    access_key_id.clone()
}

#[tokio::test]
async fn p23_keys_of_a_command_end_with_it() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let lease = lease(&broker, TargetKind::Profile, "a").await;
    let key = access_key(&lease);
    assert_eq!(lease.issued().by, "vault");
    assert_eq!(w.vault.leases(), [lease.issued().id.clone().unwrap()], "the lease's own id is on record");
    assert_eq!(w.vault.tokens().iter().filter(|name| name.ends_with(lease.handle())).count(), 1);
    assert!(!w.vault.has_ended(&key));

    broker.revoke(lease).await.unwrap();
    assert!(w.vault.has_ended(&key));
    assert_eq!(w.vault.leases(), Vec::<String>::new());
    assert!(w.paths().iter().any(|path| path == "POST sys/leases/revoke 204"), "{:#?}", w.paths());
    assert_eq!(w.vault.tokens().len(), 1, "the worker's own is left");
    assert_eq!(sweep(&broker, &[]).await, Vec::<String>::new(), "nothing is noted of it");
}

#[tokio::test]
async fn p23_what_nobody_revokes_ends_a_minute_after_the_job() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let lease = lease(&broker, TargetKind::Profile, "a").await;
    let (key, nominal) = (access_key(&lease), lease.expiry().nominal);
    assert_eq!(nominal, w.ground.clock.later(WALL + Duration::from_mins(1)));
    assert_eq!(lease.expiry().effective, Some(nominal));
    w.ground.clock.pass(WALL + Duration::from_secs(59));
    assert!(!w.vault.has_ended(&key));
    w.ground.clock.pass(Duration::from_secs(1));
    assert!(w.vault.has_ended(&key), "the engine's own limit is 32 days; the token's is the job's");
    broker.revoke(lease).await.unwrap();
}

#[tokio::test]
async fn p23_a_sweep_revokes_what_a_dead_worker_left() {
    let w = World::new().await;
    let dead = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let [held, left] = [lease(&dead, TargetKind::Profile, "a").await, lease(&dead, TargetKind::Profile, "b").await];
    drop(dead);
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    assert_eq!(sweep(&broker, &[&held]).await, Vec::<String>::new(), "it is young");
    w.ground.clock.pass(Duration::from_mins(3));
    assert_eq!(sweep(&broker, &[&held]).await, [left.handle()]);
    assert_eq!((w.vault.has_ended(&access_key(&held)), w.vault.has_ended(&access_key(&left))), (false, true));
    assert_eq!(sweep(&broker, &[&held]).await, Vec::<String>::new());
    // Its token is over by now; the note goes all the same.
    w.ground.clock.pass(Duration::from_hours(1));
    assert_eq!(sweep(&broker, &[]).await, [held.handle()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn p46_thousands_of_commands_leave_no_lease_no_token_and_no_note() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let left = Box::pin(many(&broker, TargetKind::Profile)).await;
    assert_eq!(w.vault.leases().len(), left, "only what dead workers left is there");
    w.ground.clock.pass(Duration::from_mins(3));
    assert_eq!(sweep(&broker, &[]).await.len(), left);
    assert_eq!((w.vault.leases(), w.vault.tokens().len()), (Vec::<String>::new(), 1), "the worker's own is left");
    assert_eq!(sweep(&broker, &[]).await, Vec::<String>::new(), "nothing is noted of any");
}

#[tokio::test]
async fn each_engine_gives_what_its_target_takes() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Cluster, role(Engine::Kubernetes, "k8s/dev", "read"));
    let token = lease(&broker, TargetKind::Cluster, "a").await;
    assert!(matches!(token.material(), Material::BearerToken(_)));
    assert_eq!(token.expiry().effective, Some(w.ground.clock.later(Duration::from_mins(10))));

    let broker = w.worker(TargetKind::Project, role(Engine::Gcp, "gcp/dev", "roleset/read"));
    let token = lease(&broker, TargetKind::Project, "b").await;
    assert!(matches!(token.material(), Material::AccessToken(_)));
    assert_eq!(token.expiry().effective, Some(w.ground.clock.later(Duration::from_hours(1))), "Google ends it, not we");
    broker.revoke(token).await.unwrap();

    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "sts"));
    let session = lease(&broker, TargetKind::Profile, "c").await;
    assert!(matches!(session.material(), Material::Aws { session_token: Some(_), .. }));
    assert_eq!(session.expiry().effective, Some(w.ground.clock.later(Duration::from_mins(15))), "the floor of AWS");

    let broker = w.worker(TargetKind::Stack, role(Engine::Aws, "aws/dev", "sts"));
    let stack = lease(&broker, TargetKind::Stack, "d").await;
    let Material::Variables(variables) = stack.material() else { panic!("{:?}", stack.material()) };
    let names: Vec<&str> = variables.keys().map(String::as_str).collect();
    assert_eq!(names, ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]);
    assert_eq!(stack.known_secrets().len(), 3);
}

#[tokio::test]
async fn what_is_kept_is_read_and_not_leased() {
    let w = World::new().await;
    assert!(w.vault.put_secret("kv", "dev/alerts", &json!({ "token": "kept-canary-5512", "other": "x" })));
    let kept = |field: &str| VaultRole { field: Some(field.to_owned()), ..role(Engine::KvV2, "kv", "dev/alerts") };
    let lease = lease(&w.worker(TargetKind::Alertmanager, kept("token")), TargetKind::Alertmanager, "a").await;
    let Material::BearerToken(token) = lease.material() else { panic!("{:?}", lease.material()) };
    assert_eq!(token.expose_secret(), "kept-canary-5512");
    assert_eq!((lease.expiry().effective, lease.issued().id.as_deref()), (None, Some("kv/dev/alerts")));

    let (_, text) = refused(&w.worker(TargetKind::Alertmanager, kept("nothing")), TargetKind::Alertmanager).await;
    assert!(text.ends_with("its answer is not understood"), "{text}");
    let elsewhere = VaultRole { role: "dev/nowhere".to_owned(), ..kept("token") };
    let (_, text) = refused(&w.worker(TargetKind::Alertmanager, elsewhere), TargetKind::Alertmanager).await;
    assert!(text.ends_with("it does not have what the catalog names"), "{text}");
    assert!(w.vault.put_secret("kv", "dev/stack", &json!({ "LD_PRELOAD": "x" })));
    let loud = role(Engine::KvV2, "kv", "dev/stack");
    let (_, text) = refused(&w.worker(TargetKind::Stack, loud), TargetKind::Stack).await;
    assert!(text.ends_with("its answer is not understood"), "{text}");
}

#[tokio::test]
async fn p23_a_worker_of_dev_cannot_mint_for_prod() {
    let w = World::new().await;
    for (kind, role) in [
        (TargetKind::Profile, role(Engine::Aws, "aws/prod", "read")),
        (TargetKind::Project, role(Engine::Gcp, "gcp/prod", "roleset/read")),
        (TargetKind::Cluster, role(Engine::Kubernetes, "k8s/prod", "read")),
    ] {
        let broker = w.worker(kind, role.clone());
        let (_, text) = refused(&broker, kind).await;
        assert!(text.ends_with("from Vault: it does not allow this worker to do that"), "{text}");
        assert_eq!(w.vault.leases(), Vec::<String>::new());
        let prod = w.vault.app_role(&["worker-prod", "worker-dev"]);
        lease(&w.worker_as(&prod, kind, role), kind, "as-prod").await;
        w.ground.clock.pass(Duration::from_mins(30));
    }
    assert!(w.vault.put_secret("kv", "prod/alerts", &json!({ "token": "x" })));
    let kept = VaultRole { field: Some("token".to_owned()), ..role(Engine::KvV2, "kv", "prod/alerts") };
    let (_, text) = refused(&w.worker(TargetKind::Alertmanager, kept), TargetKind::Alertmanager).await;
    assert!(text.ends_with("it does not allow this worker to do that"), "{text}");
}

#[tokio::test]
async fn p23_what_was_half_minted_is_taken_back() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "nobody"));
    refused(&broker, TargetKind::Profile).await;
    assert_eq!(w.vault.tokens().len(), 1, "the command's own token is gone again");
    // What the engine gives is of another kind than the target takes.
    refused(&w.worker(TargetKind::Cluster, role(Engine::Aws, "aws/dev", "read")), TargetKind::Cluster).await;
    assert_eq!(w.vault.leases(), Vec::<String>::new());
}

#[tokio::test]
async fn an_engine_that_cannot_revoke_is_told_and_the_sweep_tries_again() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let lease = lease(&broker, TargetKind::Profile, "a").await;
    let handle = lease.handle().to_owned();
    w.vault.keep_leases();
    let error = broker.revoke(lease).await.unwrap_err();
    assert_eq!(error.to_string(), format!("lease `{handle}` could not be revoked"));
    w.ground.clock.pass(Duration::from_mins(3));
    assert_eq!(sweep(&broker, &[]).await, [handle]);
}

#[tokio::test]
async fn the_workers_own_token_is_had_again_when_it_is_gone_or_too_short() {
    let w = World::new().await;
    let logins = |w: &World| w.paths().iter().filter(|path| path.starts_with("POST auth/approle/login 200")).count();
    let short = w.vault.short_app_role(&["worker-dev"], 600);
    let broker = w.worker_as(&short, TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let first = lease(&broker, TargetKind::Profile, "a").await;
    lease(&broker, TargetKind::Profile, "b").await;
    assert_eq!(logins(&w), 1);
    w.ground.clock.pass(Duration::from_mins(4));
    let third = lease(&broker, TargetKind::Profile, "c").await;
    assert_eq!(logins(&w), 2, "what it would issue would end with it, before the command may");
    assert!(!w.vault.has_ended(&access_key(&first)), "the old one stays as long as its leases");
    w.ground.clock.pass(WALL);
    assert!(!w.vault.has_ended(&access_key(&third)));

    let too_short = w.vault.short_app_role(&["worker-dev"], 300);
    let broker = w.worker_as(&too_short, TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let (_, text) = refused(&broker, TargetKind::Profile).await;
    assert!(text.ends_with("what it issues ends before the command may"), "{text}");
}

#[tokio::test]
async fn a_token_that_somebody_revoked_is_had_again() {
    let w = World::new().await;
    let broker = w.worker(TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    lease(&broker, TargetKind::Profile, "a").await;
    w.vault.revoke_all_logins();
    lease(&broker, TargetKind::Profile, "b").await;
}

#[tokio::test]
async fn a_pod_logs_in_with_its_service_account() {
    let w = World::new().await;
    w.vault.pod_role("worker", "pod-jwt-canary", &["worker-dev"]);
    let of = |file: &str, jwt: &str| {
        let jwt = w.ground.file(file, jwt);
        let login = VaultLogin::Kubernetes { mount: "kubernetes".to_owned(), role: "worker".to_owned(), jwt };
        let recipe = Recipe::Minted(Mint::Vault(role(Engine::Aws, "aws/dev", "read")));
        w.ground.broker(TargetKind::Profile, recipe, w.settings(login), &[])
    };
    lease(&of("good", "pod-jwt-canary\n"), TargetKind::Profile, "a").await;
    let (_, text) = refused(&of("bad", "another"), TargetKind::Profile).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
}

#[tokio::test]
async fn a_vault_that_says_no_breaks_or_sleeps_is_a_refusal_with_its_reason() {
    let w = World::new().await;
    let wrong = AppRole { role_id: "nobody".to_owned(), secret_id: "canary-secret-id".to_owned() };
    let of = |who: &AppRole| w.worker_as(who, TargetKind::Profile, role(Engine::Aws, "aws/dev", "read"));
    let (_, text) = refused(&of(&wrong), TargetKind::Profile).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
    w.vault.seal();
    let (_, text) = refused(&of(&w.dev), TargetKind::Profile).await;
    assert!(text.ends_with("it is sealed or out of service"), "{text}");
    w.vault.unseal();
    w.vault.break_with(Some(500));
    let (_, text) = refused(&of(&w.dev), TargetKind::Profile).await;
    assert!(text.ends_with("it failed with HTTP 500"), "{text}");
    w.vault.break_with(None);
    let broker = of(&w.dev);
    lease(&broker, TargetKind::Profile, "a").await;
    w.vault.fall_silent();
    let (_, text) = refused(&broker, TargetKind::Profile).await;
    assert!(text.ends_with("it did not answer in time"), "{text}");
}
