//! An installation with one service, its cluster and its registry.

use crate::site::Installed;
use countersign::demo::world::private;
use countersign::installation::system_clock;
use countersign_chat::{Button, State};
use countersign_core::id::InvocationId;
use countersign_simulators::kubernetes::{Clock, Cluster, Recorded, Seed};
use countersign_simulators::registry::{Access, Registry, Settings};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What the cluster runs at first.
pub(super) const BEFORE: &str = "registry.example.com/shop/front:3.1.0";

/// What the registry wants to hear.
pub(super) const PASSWORD: &str = "a-password-of-the-registry";

/// Where its images are in the registry.
pub(super) const REPOSITORY: &str = "shop/front";

pub(super) struct World {
    site: Installed,
    pub(super) cluster: Cluster,
    pub(super) registry: Registry,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl World {
    /// A service whose catalog entry says this of its provenance.
    pub(super) async fn start(provenance: &str) -> Self {
        Self::with(provenance, |class| class).await
    }

    /// The same, where a class of credentials holds the token of another account.
    pub(super) async fn with(provenance: &str, account: impl Fn(&'static str) -> &'static str) -> Self {
        Self::made(provenance, "", account, |_| {}).await
    }

    /// The same, with more of the catalog, and files beside it.
    pub(super) async fn made(
        provenance: &str,
        repositories: &str,
        account: impl Fn(&'static str) -> &'static str,
        prepare: impl FnOnce(&Path),
    ) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let clock: Clock = Arc::new(|| jiff::Timestamp::from_millisecond(system_clock().now().as_millis()).unwrap());
        let cluster = Cluster::start(Seed::demo("dev"), clock, &tasks, stop.clone()).await.unwrap();
        let access = Access::Basic { user: "robot".into(), password: PASSWORD.into() };
        let settings = Settings { access, tls: false, ..Settings::default() };
        let registry = Registry::start(settings, &tasks, stop.clone()).await.unwrap();
        let data = tempfile::tempdir().unwrap();
        prepare(data.path());
        let catalog = catalog(data.path(), &cluster, &registry, provenance, &account) + repositories;
        let site = installed(data, catalog).await;
        Self { site, cluster, registry, tasks, stop }
    }

    /// Pushes an image under this tag.
    pub(super) fn push(&self, tag: &str) -> String {
        self.registry.push_image(REPOSITORY, tag, tag)
    }

    pub(super) fn deployment(&self) -> Value {
        self.cluster.object("deployments.apps", Some("web"), "front").unwrap()
    }

    /// The image that the deployment asks for.
    pub(super) fn image(&self) -> String {
        wanted(&self.deployment())
    }

    /// What the cluster was asked to change, dry runs left out.
    pub(super) fn mutations(&self) -> Vec<Recorded> {
        self.cluster.requests().into_iter().filter(Recorded::mutated).collect()
    }

    /// Whoever asked confirms: here nobody else has to agree.
    pub(super) async fn confirms(&self, who: &str, id: InvocationId) {
        self.votes(who, id, Button::Confirm).await;
    }

    /// What has been printed so far.
    pub(super) async fn prints(&self, id: InvocationId, what: &str) {
        self.wait(id, what, |thread| format!("{:?}", thread.output).contains(what)).await;
    }

    /// Waits until this is printed, and lets the pods start that wait.
    pub(super) async fn steps(&self, id: InvocationId, what: &str) {
        self.prints(id, what).await;
        self.cluster.step();
    }

    /// Asks, confirms, and waits for a good end.
    pub(super) async fn rolls_out(&self, text: &str) -> InvocationId {
        let id = self.asks("ann", text).await;
        self.effect(id).await;
        self.confirms("ann", id).await;
        self.done(id).await;
        id
    }

    /// A look that ends well.
    pub(super) async fn does(&self, who: &str, text: &str) -> String {
        let id = self.asks(who, text).await;
        self.done(id).await
    }

    /// What is said instead of an effect.
    pub(super) async fn not_shown(&self, who: &str, text: &str) -> String {
        let id = self.asks(who, text).await;
        let (state, said) = self.read(id).await;
        assert_eq!(state, State::Refused, "{said}");
        said
    }

    /// Somebody sets the image by another way.
    pub(super) async fn somebody_sets(&self, image: &str) {
        let set = format!("/kubectl set image deployment/front front={image} -n web --context dev --apply");
        self.does("bob", &set).await;
    }

    pub(super) async fn end(self) {
        self.site.end().await;
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Deref for World {
    type Target = Installed;

    fn deref(&self) -> &Installed {
        &self.site
    }
}

async fn installed(data: TempDir, catalog: String) -> Installed {
    Installed::start(data, catalog, BTreeMap::new()).await
}

/// The image that a deployment asks for.
pub(super) fn wanted(deployment: &Value) -> String {
    deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
}

fn catalog(
    data: &Path,
    cluster: &Cluster,
    registry: &Registry,
    provenance: &str,
    account: impl Fn(&'static str) -> &'static str,
) -> String {
    let file = |name: &str, text: &str| format!("file:{}", private(&data.join(name), text).unwrap().display());
    let ca = file("ca.pem", cluster.ca_pem());
    let pull = file("pull", &format!("robot:{PASSWORD}"));
    let token = |class: &'static str| file(&format!("{class}.token"), &cluster.token(account(class)).unwrap());
    let (read, preview, change, destructive) = (token("read"), token("preview"), token("change"), token("destructive"));
    format!(
        "version: 1
environments: {{ dev: {{}}, staging: {{}}, prod: {{ production: true }} }}
clusters:
  dev:
    env: dev
    address: {url}
    ca: {ca}
    namespace: web
    owners: [engineering]
    pool: main
    isolation: strict
    credentials: {{ read: {read}, preview: {preview}, change: {change}, destructive: {destructive} }}
services:
  front:
    image: registry.example.com/shop/front
    registry: {{ address: \"{registry}\", credential: {pull} }}
    {provenance}
    versions: \"[0-9]+\\\\.[0-9]+\\\\.[0-9]+\"
    owners: [payments]
    pool: main
    isolation: strict
    environments: {{ dev: {{ cluster: dev, namespace: web }} }}
limits: {{ wall_seconds: 120, output_bytes: 1048576 }}
",
        url = cluster.url(),
        registry = registry.url(),
    )
}
