//! Credentials that are minted for each command, by a real worker, for the real kubectl.

use crate::program::{Program, until};
use crate::site::Site;
use countersign_audit::clock::SystemClock;
use countersign_audit::event::{Event, Kind};
use countersign_core::time::Clock as _;
use countersign_simulators::kubernetes::{Cluster, Seed};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// An installation whose cluster `dev` mints its credentials itself.
struct Minting {
    site: Site,
    cluster: Cluster,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Minting {
    async fn prepare() -> Self {
        let site = Site::prepare("1").await;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        // The cluster's clock is behind, so that what is made there now is no longer young for a sweep.
        let behind = || {
            let now = jiff::Timestamp::from_millisecond(SystemClock.now().as_millis()).expect("it is a time");
            now - jiff::SignedDuration::from_mins(3)
        };
        let cluster = Cluster::start(Seed::demo("dev"), Arc::new(behind), &tasks, stop.clone()).await;
        let this = Self { site, cluster: cluster.expect("there is a free port"), stop, tasks };
        this.site.write("dev-ca.pem", this.cluster.ca_pem());
        this.site.write("minter", &this.cluster.token("issuer").expect("the demo has one"));
        let catalog = std::fs::read_to_string(this.site.path("catalog.yaml")).expect("it was written");
        this.site.write("catalog.yaml", &this.minted(catalog));
        this
    }

    fn minted(&self, catalog: String) -> String {
        let ca = format!("file:{}", self.site.path("dev-ca.pem").display());
        let catalog = catalog
            .replace("https://dev.k8s.example.com:6443", &self.cluster.url())
            .replace("file:/etc/countersign/clusters/dev/ca.pem", &ca);
        ["read", "sensitive", "preview", "change", "destructive"].iter().fold(catalog, |catalog, account| {
            let minted = format!("{{ token_request: {{ service_account: {account}, namespace: countersign }} }}");
            catalog.replace(&format!("file:/etc/countersign/clusters/dev/{account}.token"), &minted)
        })
    }

    /// A worker's configuration with its own token for that cluster.
    fn worker(&self) -> PathBuf {
        let path = self.site.worker("worker-1", "jobs");
        let text = std::fs::read_to_string(&path).expect("it was written");
        let minter = format!("file:{}", self.site.path("minter").display());
        let issuers = format!("lease: 2s, issuers: {{ clusters: {{ dev: {{ token: \"{minter}\" }} }} }}");
        self.site.write("minting.yaml", &text.replace("lease: 2s", &issuers))
    }

    async fn start(&self) -> (Program, Program) {
        let gateway = self.site.start_gateway().await;
        (gateway, Program::start("countersign-worker", &self.worker()).await)
    }

    /// The objects that tokens are bound to.
    fn bound(&self) -> Vec<String> {
        self.cluster.names("secrets", Some("countersign"))
    }

    /// Waits until nothing that was minted is left.
    async fn gone(&self) {
        until("nothing that was minted is left", async || self.bound().is_empty().then_some(())).await;
    }

    /// Who asked for this path below the namespace `payments`.
    fn askers(&self, path: &str) -> Vec<Option<String>> {
        let path = format!("/api/v1/namespaces/payments/{path}");
        self.cluster.requests().into_iter().filter(|one| one.path.starts_with(&path)).map(|one| one.account).collect()
    }

    async fn end(self, programs: (Program, Program)) {
        assert_eq!((programs.0.stop().await, programs.1.stop().await), (Some(0), Some(0)));
        self.stop.cancel();
        self.cluster.stop().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.site.end().await;
    }
}

fn place(events: &[Event], kind: Kind) -> usize {
    events.iter().position(|event| event.kind == kind).expect("it is on record")
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_each_command_has_a_token_of_its_own_that_ends_with_it() {
    let m = Minting::prepare().await;
    let programs = m.start().await;
    m.site.asks("/kubectl", "get pods -n payments --context dev", ": done").await;
    m.gone().await;
    assert_eq!(m.askers("pods"), [Some("read".to_owned())], "the token is the account's of the tier");
    let minted = m.cluster.requests().into_iter().filter(|one| one.path.ends_with("/serviceaccounts/read/token"));
    assert_eq!(minted.map(|one| one.account).collect::<Vec<_>>(), [Some("issuer".to_owned())]);

    let events = m.site.events().await;
    assert!(place(&events, Kind::Intent) < place(&events, Kind::Outcome));
    let outcome = &events[place(&events, Kind::Outcome)];
    let [lease] = outcome.leases.as_slice() else { panic!("{:?}", outcome.leases) };
    assert_eq!((lease.issuer.as_str(), lease.issued_as.as_ref().map(String::len)), ("token-request", Some(32)));
    let intent = &events[place(&events, Kind::Intent)];
    assert_eq!(intent.details.get("lease"), Some(&lease.id), "the intent names it before it exists");

    // A command that fails gives its token back as well.
    m.site.asks("/kubectl", "get pod nobody -n payments --context dev", "exit").await;
    m.gone().await;
    m.end(programs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_nothing_runs_when_nobody_mints() {
    let m = Minting::prepare().await;
    m.site.write("minter", &m.cluster.token("read").expect("the demo has one"));
    let programs = m.start().await;
    m.site.asks("/kubectl", "get pods -n payments --context dev", "refused, nothing ran").await;
    let outcome = m.site.recorded(Kind::Outcome, 1).await.remove(0);
    let said = serde_json::to_string(&outcome).expect("it is a record");
    assert!(said.contains("from the cluster: it does not allow this worker to do that"), "{said}");
    assert_eq!(m.askers("pods"), Vec::<Option<String>>::new());
    assert_eq!(m.bound(), Vec::<String>::new());
    m.end(programs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p23_what_a_dead_worker_minted_is_taken_back_by_the_next_one() {
    let m = Minting::prepare().await;
    let left = "countersign-run-00000000-0000-8000-8000-000000000000";
    let labels = json!({ "app.kubernetes.io/managed-by": "countersign", "countersign.dev/pool": "main" });
    let secret = |name: &str, labels: &serde_json::Value| json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name, "namespace": "countersign", "labels": labels } });
    m.cluster.write(secret(left, &labels)).expect("it is an object");
    m.cluster.write(secret("somebody-elses", &json!({}))).expect("it is an object");
    let programs = m.start().await;
    until("the next worker has swept", async || (m.bound() == ["somebody-elses"]).then_some(())).await;
    let events = m.site.recorded(Kind::Lease, 1).await;
    assert_eq!(events[0].details.get("lease").map(String::as_str), Some(left));
    m.end(programs).await;
}
