//! Access tokens of Google's service accounts.

use super::world::{Ground, WALL, lease, refused};
use crate::catalogued::CatalogBroker;
use crate::issuers::IssuerSettings;
use crate::lease::Material;
use crate::recipe::{AccessToken, Mint, Recipe};
use crate::reference::Reference;
use crate::target::TargetKind;
use countersign_simulators::google::Google;
use secrecy::ExposeSecret as _;
use std::time::Duration;

const WORKER: &str = "worker@example-dev.iam.gserviceaccount.com";
const READER: &str = "reader@example-dev.iam.gserviceaccount.com";

struct World {
    ground: Ground,
    google: Google,
}

impl World {
    async fn new() -> Self {
        let ground = Ground::new();
        let google = Google::start(ground.clock.simulated(), &ground.tasks, ground.stop.clone()).await.unwrap();
        google.allow(WORKER, READER);
        Self { ground, google }
    }

    fn broker(&self, account: Option<&str>, source: &str) -> CatalogBroker {
        let ca = Reference::File(self.ground.file("google.pem", self.google.ca_pem()));
        let settings = IssuerSettings {
            iam_credentials: Some(self.google.url()),
            oauth2: Some(self.google.url()),
            ca: Some(ca),
            ..IssuerSettings::default()
        };
        let source_at = Reference::Env("SOURCE".to_owned());
        let account = AccessToken { service_account: account.map(str::to_owned), source: source_at };
        let recipe = Recipe::Minted(Mint::AccessToken(account));
        self.ground.broker(TargetKind::Project, recipe, settings, &[("SOURCE", source)])
    }

    async fn token(&self, broker: &CatalogBroker) -> (String, Option<countersign_core::time::Timestamp>) {
        let lease = lease(broker, TargetKind::Project, "a").await;
        let Material::AccessToken(token) = lease.material() else { panic!("{:?}", lease.material()) };
        (token.expose_secret().to_owned(), lease.expiry().effective)
    }
}

#[tokio::test]
async fn p23_a_token_of_an_account_ends_a_minute_after_the_job() {
    let w = World::new().await;
    let (token, effective) = w.token(&w.broker(Some(READER), &w.google.account(WORKER))).await;
    assert_eq!(w.google.account_of(&token).as_deref(), Some(READER));
    assert_eq!(effective, Some(w.ground.clock.later(WALL + Duration::from_mins(1))));
    w.ground.clock.pass(WALL + Duration::from_mins(1));
    assert_eq!(w.google.account_of(&token), None);
}

#[tokio::test]
async fn a_key_never_leaves_the_worker() {
    let w = World::new().await;
    let (token, effective) = w.token(&w.broker(None, &w.google.account(WORKER))).await;
    assert_eq!(w.google.account_of(&token).as_deref(), Some(WORKER));
    assert_eq!(effective, Some(w.ground.clock.later(Duration::from_secs(3599))));
    let (again, _) = w.token(&w.broker(Some(READER), &token)).await;
    assert_eq!(w.google.account_of(&again).as_deref(), Some(READER), "a plain token mints as well");
}

#[tokio::test]
async fn p23_a_worker_that_may_not_mint_gets_nothing() {
    let w = World::new().await;
    let stranger = w.google.account("stranger@example-dev.iam.gserviceaccount.com");
    let (_, text) = refused(&w.broker(Some(READER), &stranger), TargetKind::Project).await;
    assert!(text.ends_with("from Google: it does not allow this worker to do that"), "{text}");
    // An account that Google does not have.
    let key = w.google.account(WORKER).replace(WORKER, "nobody@example-dev.iam.gserviceaccount.com");
    let (_, text) = refused(&w.broker(Some(READER), &key), TargetKind::Project).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
    let (_, text) = refused(&w.broker(Some(READER), "ya29.old"), TargetKind::Project).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
    let (error, _) = refused(&w.broker(Some(READER), "{ not a key }"), TargetKind::Project).await;
    assert_eq!(
        error.to_string(),
        "`env:SOURCE` is not a credential: it is neither an access token nor the key file of a service account"
    );
}
