//! Tokens of the cluster's own.

use super::world::{Ground, WALL, lease, many, need, refused, sweep};
use crate::broker::Broker as _;
use crate::catalogued::CatalogBroker;
use crate::issuers::IssuerSettings;
use crate::lease::{Impersonation, Lease, Material};
use crate::need::Need;
use crate::recipe::{Mint, Place, Recipe, TokenRequest};
use crate::reference::Reference;
use crate::target::TargetKind;
use countersign_simulators::kubernetes::{Cluster, Seed};
use secrecy::ExposeSecret as _;
use std::time::Duration;

struct World {
    ground: Ground,
    cluster: Cluster,
}

impl World {
    async fn new() -> Self {
        let ground = Ground::new();
        let clock = ground.clock.simulated();
        let cluster = Cluster::start(Seed::demo("dev"), clock, &ground.tasks, ground.stop.clone()).await.unwrap();
        Self { ground, cluster }
    }

    fn request(&self, account: &str) -> TokenRequest {
        let place = Place {
            cluster: "dev".to_owned(),
            address: self.cluster.url(),
            ca: Some(Reference::File(self.ground.file("ca.pem", self.cluster.ca_pem()))),
            namespace: "countersign".to_owned(),
        };
        TokenRequest { place, service_account: account.to_owned(), audiences: Vec::new() }
    }

    /// A worker that is this account of the cluster.
    fn worker(&self, account: &str, request: TokenRequest) -> CatalogBroker {
        self.worker_with(account, Recipe::Minted(Mint::TokenRequest(request)))
    }

    fn worker_with(&self, account: &str, recipe: Recipe) -> CatalogBroker {
        let token = self.cluster.token(account).unwrap();
        let settings = IssuerSettings {
            clusters: [("dev".to_owned(), Reference::Env("MINTER".to_owned()))].into(),
            ..IssuerSettings::default()
        };
        self.ground.broker(TargetKind::Cluster, recipe, settings, &[("MINTER", &token)])
    }

    fn broker(&self) -> CatalogBroker {
        self.worker("issuer", self.request("read"))
    }

    fn objects(&self) -> Vec<String> {
        self.cluster.names("secrets", Some("countersign"))
    }

    /// The status of a request with this lease's token.
    async fn status(&self, lease: &Lease) -> u16 {
        let Material::BearerToken(token) = lease.material() else { panic!("{:?}", lease.material()) };
        let client = crate::http::client(&self.cluster.url(), Some(self.cluster.ca_pem())).unwrap();
        let url = format!("{}/api/v1/namespaces/payments/pods", self.cluster.url());
        client.get(url).bearer_auth(token.expose_secret()).send().await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn p23_a_token_of_a_command_ends_with_it() {
    let w = World::new().await;
    let broker = w.broker();
    let lease = lease(&broker, TargetKind::Cluster, "a").await;
    assert_eq!(w.status(&lease).await, 200);
    assert_eq!(w.objects(), [lease.handle()], "the object it is bound to is named as the intent says");
    let expiry = lease.expiry();
    assert_eq!(expiry.nominal, w.ground.clock.later(WALL + Duration::from_mins(1)));
    assert_eq!(expiry.effective, Some(w.ground.clock.later(Duration::from_mins(10))), "the cluster's floor");
    let issued = lease.issued().clone();
    assert_eq!((issued.by, issued.id.map(|jti| jti.len())), ("token-request", Some(32)));
    let token = w.cluster.requests().into_iter().find(|it| it.path.ends_with("/token")).unwrap();
    assert_eq!(token.body["spec"]["boundObjectRef"]["name"], lease.handle());

    let Material::BearerToken(kept) = lease.material() else { panic!() };
    let kept = kept.clone();
    broker.revoke(lease).await.unwrap();
    assert_eq!(w.objects(), Vec::<String>::new());
    let again = self::lease(&broker, TargetKind::Cluster, "b").await;
    let Lease { release, handle, .. } = again;
    let dead = Lease { material: Material::BearerToken(kept), ..self::lease(&broker, TargetKind::Cluster, "c").await };
    assert_eq!(w.status(&dead).await, 401, "the revoked token opens nothing, whatever else is leased");
    drop((release, handle));
}

#[tokio::test]
async fn a_lease_that_is_given_back_twice_is_no_error_and_takes_nothing_else() {
    let w = World::new().await;
    let broker = w.broker();
    let first = lease(&broker, TargetKind::Cluster, "a").await;
    // The same command is tried again: its first token ends, and returning that one hurts nobody.
    let second = lease(&broker, TargetKind::Cluster, "a").await;
    assert_eq!((w.status(&first).await, w.status(&second).await), (401, 200));
    broker.revoke(first).await.unwrap();
    assert_eq!(w.status(&second).await, 200);
}

#[tokio::test]
async fn p23_a_sweep_ends_what_a_dead_worker_left_and_nothing_that_lives() {
    let w = World::new().await;
    let broker = w.broker();
    let [held, left] = [lease(&broker, TargetKind::Cluster, "a").await, lease(&broker, TargetKind::Cluster, "b").await];
    assert_eq!(
        sweep(&broker, &[]).await,
        Vec::<String>::new(),
        "what is young may have begun since the living were counted"
    );
    w.ground.clock.pass(Duration::from_mins(3));
    let another_worker = w.broker();
    assert_eq!(sweep(&another_worker, &[&held]).await, [left.handle()]);
    assert_eq!((w.status(&held).await, w.status(&left).await), (200, 401));
    assert_eq!(sweep(&another_worker, &[&held]).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn p46_thousands_of_commands_leave_no_object_and_no_token() {
    let w = World::new().await;
    let broker = w.broker();
    let left = Box::pin(many(&broker, TargetKind::Cluster)).await;
    assert_eq!(w.objects().len(), left, "only what dead workers left is there");
    w.ground.clock.pass(Duration::from_mins(3));
    let another_worker = w.broker();
    assert_eq!(sweep(&another_worker, &[]).await.len(), left);
    assert_eq!(w.objects(), Vec::<String>::new());
}

#[tokio::test]
async fn a_sweep_touches_the_leases_of_its_own_pool_alone() {
    let w = World::new().await;
    let broker = w.broker();
    let theirs = broker.lease(Need { pool: "prod".to_owned(), ..need(TargetKind::Cluster, "a") }).await.unwrap();
    w.ground.clock.pass(Duration::from_mins(3));
    assert_eq!(sweep(&broker, &[]).await, Vec::<String>::new());
    assert_eq!(w.status(&theirs).await, 200);
}

#[tokio::test]
async fn p23_a_worker_that_may_not_mint_leaves_nothing_behind() {
    let w = World::new().await;
    let (error, text) = refused(&w.worker("read", w.request("read")), TargetKind::Cluster).await;
    assert_eq!(error.to_string(), "the cluster issued nothing (the lease's secret)");
    assert_eq!(
        text,
        "the credential for this command could not be had from the cluster: it does not allow this worker to do that"
    );
    let (error, text) = refused(&w.worker("issuer", w.request("nobody")), TargetKind::Cluster).await;
    assert_eq!(error.to_string(), "the cluster issued nothing (a token)");
    assert!(text.ends_with("it does not have what the catalog names"), "{text}");
    assert_eq!(w.objects(), Vec::<String>::new(), "the object without a token is gone");
}

#[tokio::test]
async fn a_worker_without_a_credential_of_its_own_mints_nothing() {
    let w = World::new().await;
    let recipe = Recipe::Minted(Mint::TokenRequest(w.request("read")));
    let broker = w.ground.broker(TargetKind::Cluster, recipe, IssuerSettings::default(), &[]);
    let (error, _) = refused(&broker, TargetKind::Cluster).await;
    assert_eq!(error.to_string(), "this worker's countersign.yaml says nothing about minting in cluster `dev`");
    assert!(w.cluster.requests().is_empty());
    assert_eq!(sweep(&broker, &[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_cluster_that_is_away_or_somebody_else_is_a_refusal() {
    let w = World::new().await;
    let mut away = w.request("read");
    away.place.address = "https://127.0.0.1:1".to_owned();
    let (_, text) = refused(&w.worker("issuer", away), TargetKind::Cluster).await;
    assert!(text.ends_with("it cannot be reached"), "{text}");
    let mut stranger = w.request("read");
    let other = World::new().await;
    stranger.place.ca = Some(Reference::File(w.ground.file("other.pem", other.cluster.ca_pem())));
    let (_, text) = refused(&w.worker("issuer", stranger), TargetKind::Cluster).await;
    assert!(text.ends_with("it cannot be reached"), "{text}");
    assert!(w.cluster.requests().is_empty(), "the worker's own token was not shown to a stranger");
}

#[tokio::test]
async fn a_token_for_other_servers_opens_nothing_here() {
    let w = World::new().await;
    let mut request = w.request("read");
    request.audiences = vec!["https://vault.example".to_owned()];
    let lease = lease(&w.worker("issuer", request), TargetKind::Cluster, "a").await;
    assert_eq!(w.status(&lease).await, 401);
}

#[tokio::test]
async fn requests_may_be_made_as_somebody_else() {
    let w = World::new().await;
    let recipe = Recipe::Impersonating {
        user: "countersign:{principal}".to_owned(),
        groups: vec!["readers".to_owned()],
        with: Box::new(Recipe::Minted(Mint::TokenRequest(w.request("read")))),
    };
    let lease = w.worker_with("issuer", recipe).lease(need(TargetKind::Cluster, "a")).await.unwrap();
    let whom = Impersonation { user: "countersign:ann@example.com".to_owned(), groups: vec!["readers".to_owned()] };
    assert_eq!(lease.impersonation(), Some(&whom));
}
