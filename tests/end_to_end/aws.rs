//! The real aws-cli in a real jail, against moto, which keeps IAM's policies.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use crate::servers::moto::Moto;
use crate::site::Installed;
use countersign::demo::world::{CATALOG, private};
use countersign_chat::{Answer, Button, State};
use countersign_core::refusal::Code;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// An image that moto has in every region.
const IMAGE: &str = "ami-12c6146b";

/// What reads may do; what may change can do this and the rest of EC2.
const READS: &str = r#"{"Effect":"Allow","Action":["ec2:Describe*","sts:*","ssm:Describe*"],"Resource":"*"}"#;
const CHANGES: &str = r#"{"Effect":"Allow","Action":["ec2:*"],"Resource":"*"}"#;

/// An installation whose AWS accounts are moto's.
struct Account {
    site: Installed,
    endpoint: String,
    moto: Moto,
}

impl Deref for Account {
    type Target = Installed;

    fn deref(&self) -> &Installed {
        &self.site
    }
}

impl Account {
    async fn start() -> Self {
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
        let endpoint = moto.store.endpoint.clone();
        let catalog = catalog(data.path(), &endpoint, &keys);
        let site = Installed::start(data, catalog, BTreeMap::from([("aws".to_owned(), aws_cli())])).await;
        Self { site, endpoint, moto }
    }

    /// What somebody reads through Countersign.
    async fn reads(&self, text: &str) -> String {
        let id = self.asks("dee", text).await;
        self.done(id).await
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
    fn lines(&self) -> String {
        let (mut text, mut folders) = (String::new(), vec![self.places.audit.join("records")]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { text += &std::fs::read_to_string(path).unwrap() }
            }
        }
        text
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

#[tokio::test(flavor = "multi_thread")]
async fn a_read_runs_and_a_secret_waits_for_somebody() {
    let w = Account::start().await;
    let machine = w.machine();
    let said = w.reads(&format!("/aws prod ec2 describe-instances --instance-ids {machine} --output text")).await;
    assert!(said.contains(&machine), "{said}");
    let said = w.reads("/aws prod sts get-caller-identity").await;
    assert!(said.contains(":user/reads"), "{said}");
    // What ran is on record, with a digest over all it is made of.
    let recorded = w.lines();
    assert!(recorded.contains(".cache/awscli/bin/python3\"") && recorded.contains("\"program_digest\":\"sha256:"));
    // A credential is never handed out, a secret only with somebody's agreement.
    assert_eq!(w.refused("ann", "/aws prod sts get-session-token").await.code(), Code::FlagNotAllowed);
    let text = "/aws prod ssm get-parameter --name db --with-decryption --reason \"to look\"";
    let id = w.asks("dee", text).await;
    let thread = w.asking(id).await;
    assert!(!w.chat.transcript(&thread).contains("Parameter:"), "nothing was read");
    assert!(matches!(w.clicks("dee", id, Button::Cancel).await, Answer::Said(_)), "it is over");
    w.ended(id).await;
    w.site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn p36_a_change_is_described_agreed_to_and_made() {
    let w = Account::start().await;
    let machine = w.machine();
    let stop = format!("/aws prod ec2 stop-instances --instance-ids {machine} --reason \"too old\"");
    // Without `--apply` it is shown, and nothing changes.
    let id = w.asks("ann", &stop).await;
    let (state, said) = w.read(id).await;
    assert_eq!(w.state(&machine), "running", "{state:?} {said}");
    assert!(said.contains(&machine), "{said}");
    let id = w.asks("ann", &format!("{stop} --apply")).await;
    let effect = w.effect(id).await.text.expect("it is described");
    let asked = format!("now, by `aws ec2 describe-instances --region eu-west-1 --instance-ids {machine}`:\n");
    assert!(effect.starts_with(&asked) && effect.contains("Name: running"), "{effect}");
    assert_eq!(w.state(&machine), "running");
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let said = w.done(id).await;
    assert_eq!(w.state(&machine), "stopped", "{said}");
    w.site.end().await;
}

/// Between agreement and start somebody else changed the machine: what was agreed to is not what would run.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_something_else_than_was_shown_does_not_run() {
    let w = Account::start().await;
    let machine = w.machine();
    let id =
        w.asks("ann", &format!("/aws prod ec2 stop-instances --instance-ids {machine} --reason old --apply")).await;
    w.effect(id).await;
    w.ec2(&format!("Action=CreateTags&ResourceId.1={machine}&Tag.1.Key=keep&Tag.1.Value=yes"));
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    let (state, said) = w.read(id).await;
    assert!(!matches!(state, State::Done { .. }), "{state:?} {said}");
    assert_eq!(w.state(&machine), "running", "{said}");
    w.site.end().await;
}
