//! The real aws-cli in a real jail, against moto, which keeps IAM's policies.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use crate::servers::moto::Moto;
use crate::world::launcher;
use countersign::audit;
use countersign::demo::tour::account;
use countersign::demo::world::{CATALOG, PEOPLE, RBAC, private};
use countersign::installation::{Installation, Settings, system_clock};
use countersign::recorder::{Recorder, Thread};
use countersign_audit::verify::Conclusion;
use countersign_chat::{Answer, Button, Clicked, EffectView, Gate as _, Inbound, Membership, Notice, State, Typed};
use countersign_core::id::InvocationId;
use countersign_core::refusal::{Code, Refusal};
use countersign_policy::{Overrides, Source, Sources};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Longer than anything here takes on a slow machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// An image that moto has in every region.
const IMAGE: &str = "ami-12c6146b";

/// What reads may do; what may change can do this and the rest of EC2.
const READS: &str = r#"{"Effect":"Allow","Action":["ec2:Describe*","sts:*","ssm:Describe*"],"Resource":"*"}"#;
const CHANGES: &str = r#"{"Effect":"Allow","Action":["ec2:*"],"Resource":"*"}"#;

/// An installation whose AWS accounts are moto's.
struct Account {
    installation: Installation,
    chat: Arc<Recorder>,
    endpoint: String,
    nonces: AtomicU32,
    moto: Moto,
    _data: TempDir,
}

impl Account {
    async fn start() -> Self {
        // Installed by whichever test comes first.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (moto, keys) = tokio::task::spawn_blocking(|| {
            let moto = Moto::with_policies();
            moto.enforces(false);
            let keys = [moto.user("reads", READS), moto.user("changes", CHANGES)];
            moto.enforces(true);
            (moto, keys)
        })
        .await
        .unwrap();
        let data = tempfile::tempdir().unwrap();
        let chat = Arc::new(Recorder::new(system_clock()));
        let endpoint = moto.store.endpoint.clone();
        let catalog = catalog(data.path(), &endpoint, &keys);
        let people = private(&data.path().join("people.yaml"), PEOPLE).unwrap();
        let installation = Installation::start(Settings {
            deployment: "demo".into(),
            data: data.path().to_owned(),
            sources: Sources { rbac: Source::new("rbac.yaml", RBAC), catalog: Source::new("catalog.yaml", catalog) },
            cases: Vec::new(),
            overrides: Overrides::default(),
            people: people.clone(),
            worker_people: people,
            clock: system_clock(),
            launcher: launcher(),
            programs: BTreeMap::from([("aws".to_owned(), aws_cli())]),
            environment: BTreeMap::new(),
            extra_credentials: BTreeMap::new(),
            chat: chat.clone(),
            queue: None,
        })
        .await
        .unwrap();
        Self { installation, chat, endpoint, nonces: AtomicU32::new(0), moto, _data: data }
    }

    fn nonce(&self) -> String {
        format!("n{}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }

    async fn types(&self, who: &str, text: &str) -> Answer {
        let typed = Typed {
            account: account(who),
            membership: Membership::Full,
            channel: None,
            thread: None,
            text: text.to_owned(),
            manifest: None,
            nonce: self.nonce(),
            at: system_clock().now(),
        };
        self.installation.gateway.receive(Inbound::Typed(typed)).await
    }

    async fn asks(&self, who: &str, text: &str) -> InvocationId {
        match self.types(who, text).await {
            Answer::Accepted { invocation } => invocation,
            other => panic!("`{text}` must be accepted: {other:?}"),
        }
    }

    async fn refused(&self, who: &str, text: &str) -> Refusal {
        match self.types(who, text).await {
            Answer::Refused(refusal) | Answer::Said(Notice::Refused { refusal, .. }) => refusal,
            other => panic!("`{text}` must be refused: {other:?}"),
        }
    }

    async fn clicks(&self, who: &str, id: InvocationId, button: Button) -> Answer {
        let decision = self.chat.thread(id).and_then(|thread| thread.card).and_then(|card| card.decision);
        let clicked = Clicked {
            account: account(who),
            membership: Membership::Full,
            thread: None,
            invocation: id,
            decision,
            button,
            nonce: self.nonce(),
            at: system_clock().now(),
        };
        self.installation.gateway.receive(Inbound::Clicked(clicked)).await
    }

    async fn approves(&self, who: &str, id: InvocationId) {
        let seen = self.clicks(who, id, Button::ShowWhole).await;
        assert!(matches!(seen, Answer::Whole(_)), "{who} must see the whole: {seen:?}");
        let voted = self.clicks(who, id, Button::Approve).await;
        assert!(matches!(voted, Answer::Said(Notice::Voted { .. })), "{who}'s vote must count: {voted:?}");
    }

    /// The thread when people are asked, and what they read of the effect.
    async fn asking(&self, id: InvocationId) -> String {
        let asking = |thread: &Thread| thread.states.last().is_some_and(|it| *it == State::Asking || it.is_final());
        let thread = self.wait(id, asking).await;
        let card = thread.card.clone().expect("there is a card");
        let EffectView::Found(effect) = card.effect else { panic!("{}", self.chat.transcript(&thread)) };
        effect.text.expect("it is described")
    }

    /// How it ended, and what the thread says.
    async fn ended(&self, id: InvocationId) -> (State, String) {
        let is =
            |thread: &Thread| thread.card.as_ref().is_some_and(|card| card.state.is_final()) && !thread.said.is_empty();
        let thread = self.wait(id, is).await;
        (thread.card.as_ref().unwrap().state, self.chat.transcript(&thread))
    }

    async fn wait(&self, id: InvocationId, is: impl Fn(&Thread) -> bool) -> Thread {
        self.chat.wait(id, PATIENCE, is).await.unwrap_or_else(|thread| {
            panic!("it does not end: {}", thread.map_or_else(String::new, |thread| self.chat.transcript(&thread)))
        })
    }

    /// What somebody reads through Countersign.
    async fn reads(&self, text: &str) -> String {
        let id = self.asks("dee", text).await;
        let (state, said) = self.ended(id).await;
        assert_eq!(state, State::Done { exit: 0 }, "{said}");
        said
    }

    /// Asks EC2 directly, as its owner.
    fn ec2(&self, form: &str) -> String {
        let place = self.endpoint.strip_prefix("http://").unwrap();
        let owner = &self.moto.store.id;
        let body = format!("{form}&Version=2016-11-15");
        self.moto.enforces(false);
        let mut socket = TcpStream::connect(place).unwrap();
        let head = format!(
            "POST / HTTP/1.1\r\nHost: ec2.eu-west-1.amazonaws.com\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential={owner}/20260101/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        self.moto.enforces(true);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        answer
    }

    /// Starts a machine, and says what it is called.
    fn machine(&self) -> String {
        let answer = self.ec2(&format!("Action=RunInstances&ImageId={IMAGE}&MinCount=1&MaxCount=1"));
        let (_, rest) = answer.split_once("<instanceId>").unwrap();
        rest.split('<').next().unwrap().to_owned()
    }

    fn state(&self, machine: &str) -> String {
        let answer = self.ec2(&format!("Action=DescribeInstances&InstanceId.1={machine}"));
        let (_, rest) = answer.split_once("<instanceState>").unwrap();
        let (_, name) = rest.split_once("<name>").unwrap();
        name.split('<').next().unwrap().to_owned()
    }

    /// Every line of the log.
    fn recorded(&self) -> String {
        let (mut text, mut folders) = (String::new(), vec![self.installation.places.audit.join("records")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { text += &std::fs::read_to_string(path).unwrap() }
            }
        }
        text
    }

    /// The log is sound, and nothing is left.
    async fn end(self) {
        let places = self.installation.places.clone();
        let anchors = std::slice::from_ref(&places.anchors);
        let report = audit::verify(&places, anchors, &places.keys.join("root.pub"), "demo").await;
        let report = report.unwrap();
        assert_eq!(report.conclusion(), Conclusion::Sound, "{report}");
        assert_eq!(std::fs::read_dir(&places.jobs).unwrap().count(), 0, "a job left something behind");
        self.installation.stop().await.unwrap();
    }
}

/// The aws-cli that tests/run installs beside the workspace.
fn aws_cli() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/awscli");
    path.canonicalize().expect("aws-cli is not installed: run tests/run")
}

/// The shipped catalog, with moto's address and keys.
fn catalog(data: &Path, endpoint: &str, keys: &[(String, String); 2]) -> String {
    let folder = data.join("aws");
    std::fs::create_dir(&folder).unwrap();
    for (class, (id, secret)) in
        [("read", &keys[0]), ("sensitive", &keys[0]), ("change", &keys[1]), ("destructive", &keys[1])]
    {
        let text = format!(r#"{{"Version":1,"AccessKeyId":"{id}","SecretAccessKey":"{secret}"}}"#);
        private(&folder.join(format!("{class}.json")), &text).unwrap();
    }
    let mut catalog = CATALOG.to_owned();
    for (name, account) in [("dev", "111111111111"), ("prod", "222222222222")] {
        let own = format!("account: \"{account}\"\n");
        assert!(catalog.contains(&own));
        catalog = catalog.replacen(&own, &format!("{own}    endpoint: {endpoint}\n"), 1);
        catalog =
            catalog.replace(&format!("file:/etc/countersign/profiles/{name}/"), &format!("file:{}/", folder.display()));
    }
    catalog
}

#[tokio::test]
async fn a_read_runs_and_a_secret_waits_for_somebody() {
    let w = Account::start().await;
    let machine = w.machine();
    let said = w.reads(&format!("/aws prod ec2 describe-instances --instance-ids {machine} --output text")).await;
    assert!(said.contains(&machine), "{said}");
    let said = w.reads("/aws prod sts get-caller-identity").await;
    assert!(said.contains(":user/reads"), "{said}");
    // What ran is on record, with a digest over all it is made of.
    let recorded = w.recorded();
    assert!(recorded.contains(".cache/awscli/bin/python3\"") && recorded.contains("\"program_digest\":\"sha256:"));
    // A credential is never handed out, a secret only with somebody's agreement.
    assert_eq!(w.refused("ann", "/aws prod sts get-session-token").await.code(), Code::FlagNotAllowed);
    let text = "/aws prod ssm get-parameter --name db --with-decryption --reason \"to look\"";
    let id = w.asks("dee", text).await;
    let thread = w.wait(id, |thread| thread.states.last() == Some(&State::Asking)).await;
    assert!(!w.chat.transcript(&thread).contains("Parameter:"), "nothing was read");
    assert!(matches!(w.clicks("dee", id, Button::Cancel).await, Answer::Said(_)), "it is over");
    w.ended(id).await;
    w.end().await;
}

#[tokio::test]
async fn p36_a_change_is_described_agreed_to_and_made() {
    let w = Account::start().await;
    let machine = w.machine();
    let stop = format!("/aws prod ec2 stop-instances --instance-ids {machine} --reason \"too old\"");
    // Without `--apply` it is shown, and nothing changes.
    let id = w.asks("ann", &stop).await;
    let (state, said) = w.ended(id).await;
    assert_eq!(w.state(&machine), "running", "{state:?} {said}");
    assert!(said.contains(&machine), "{said}");
    let id = w.asks("ann", &format!("{stop} --apply")).await;
    let effect = w.asking(id).await;
    let asked = format!("now, by `aws ec2 describe-instances --region eu-west-1 --instance-ids {machine}`:\n");
    assert!(effect.starts_with(&asked) && effect.contains("Name: running"), "{effect}");
    assert_eq!(w.state(&machine), "running");
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, said) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{said}");
    assert_eq!(w.state(&machine), "stopped", "{said}");
    w.end().await;
}

/// Between agreement and start somebody else changed the machine: what was agreed to is not what would run.
#[tokio::test]
async fn a_change_of_something_else_than_was_shown_does_not_run() {
    let w = Account::start().await;
    let machine = w.machine();
    let id =
        w.asks("ann", &format!("/aws prod ec2 stop-instances --instance-ids {machine} --reason old --apply")).await;
    w.asking(id).await;
    w.ec2(&format!("Action=CreateTags&ResourceId.1={machine}&Tag.1.Key=keep&Tag.1.Value=yes"));
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, said) = w.ended(id).await;
    assert!(!matches!(state, State::Done { .. }), "{state:?} {said}");
    assert_eq!(w.state(&machine), "running", "{said}");
    w.end().await;
}
