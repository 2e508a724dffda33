//! What the static broker gives, and what it does not.

use super::*;
use crate::lease::handle;
use crate::reference::Reference;
use countersign_core::id::InvocationId;
use countersign_core::id::Origin;
use countersign_core::refusal::Code;
use countersign_core::time::Timestamp;
use countersign_core::warrant::Errand;
use secrecy::ExposeSecret as _;

#[derive(Debug)]
struct At(Timestamp);

impl Clock for At {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn boottime(&self) -> Duration {
        Duration::ZERO
    }
}

const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAsecretbody\n-----END PRIVATE KEY-----";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";

fn env(name: &str) -> Reference {
    Reference::Env(name.to_owned())
}

fn broker() -> StaticBroker {
    let token = |name: &str| Recipe::BearerToken(env(name));
    let certificate = |key: &str| Recipe::ClientCertificate { certificate: env("CERT"), key: env(key) };
    let config = StaticConfig {
        credentials: BTreeMap::from([
            ((TargetKey::cluster("prod"), CredentialClass::Read), token("READ")),
            ((TargetKey::cluster("prod"), CredentialClass::Change), token("TWO_LINES")),
            ((TargetKey::cluster("prod"), CredentialClass::Destructive), token("NOT_SET")),
            ((TargetKey::cluster("dev"), CredentialClass::Read), certificate("KEY")),
            ((TargetKey::cluster("dev"), CredentialClass::Change), certificate("READ")),
        ]),
        without_credential: BTreeSet::from(["tail-log".to_owned()]),
        wall: WallLimits {
            default: Duration::from_mins(2),
            by_tool: BTreeMap::from([("kubectl".to_owned(), Duration::from_mins(5))]),
        },
        environment: BTreeMap::from([
            ("READ".to_owned(), SecretString::from("tok-canary-81f2")),
            ("TWO_LINES".to_owned(), SecretString::from("a\nb")),
            ("CERT".to_owned(), SecretString::from(CERTIFICATE)),
            ("KEY".to_owned(), SecretString::from(KEY)),
        ]),
    };
    StaticBroker::new(config, Arc::new(At(Timestamp::from_millis(1_795_222_800_000))))
}

fn need(tool: &str, target: Option<&str>, class: CredentialClass) -> Need {
    let origin = Origin { deployment: "demo", front: "console", team: "t", trigger: "a" };
    Need {
        invocation: InvocationId::derive(origin, Timestamp::from_millis(0)),
        errand: Errand::Run,
        tool: tool.to_owned(),
        key: target.map(TargetKey::cluster),
        target: target.map(str::to_owned),
        class,
        pool: "main".to_owned(),
        principal: "ann@example.com".to_owned(),
    }
}

async fn refused(target: Option<&str>, class: CredentialClass) -> String {
    let error = broker().lease(need("kubectl", target, class)).await.unwrap_err();
    assert_eq!(error.refusal().code(), Code::CredentialUnavailable);
    error.to_string()
}

#[tokio::test]
async fn p23_a_lease_ends_a_minute_after_the_job_and_names_it() {
    let need = need("kubectl", Some("prod"), CredentialClass::Read);
    let lease = broker().lease(need.clone()).await.unwrap();
    assert_eq!(lease.expiry().nominal, Timestamp::from_millis(1_795_222_800_000 + 360_000));
    assert_eq!(lease.expiry().effective, None, "a static credential does not end by itself");
    assert_eq!(lease.invocation(), need.invocation);
    assert_eq!(lease.handle(), format!("countersign-run-{}", need.invocation));
    assert_ne!(lease.handle(), handle(need.invocation, Errand::Preview));
}

#[tokio::test]
async fn no_class_and_no_target_stands_in_for_another() {
    assert_eq!(
        refused(Some("prod"), CredentialClass::Preview).await,
        "no `preview` credential is configured for `prod`"
    );
    assert_eq!(
        refused(Some("prod"), CredentialClass::Sensitive).await,
        "no `sensitive` credential is configured for `prod`"
    );
    assert_eq!(refused(Some("stage"), CredentialClass::Read).await, "no `read` credential is configured for `stage`");
    assert_eq!(
        refused(None, CredentialClass::Read).await,
        "the command names no target, and `kubectl` needs a credential"
    );
    assert_eq!(refused(Some("prod"), CredentialClass::Destructive).await, "`env:NOT_SET` is missing");
}

#[tokio::test]
async fn what_does_not_look_like_the_credential_is_refused() {
    assert_eq!(
        refused(Some("prod"), CredentialClass::Change).await,
        "`env:TWO_LINES` is not a credential: a token holds no white space"
    );
    assert_eq!(
        refused(Some("dev"), CredentialClass::Change).await,
        "`env:READ` is not a credential: it does not begin with the expected PEM label"
    );
}

#[tokio::test]
async fn p22_nothing_secret_is_in_debug() {
    for target in ["prod", "dev"] {
        let broker = broker();
        let lease = broker.lease(need("kubectl", Some(target), CredentialClass::Read)).await.unwrap();
        let text = format!("{lease:?} {lease:#?} {broker:?}");
        assert!(!text.contains("canary") && !text.contains("secretbody"), "{text}");
    }
}

#[tokio::test]
async fn the_redactor_learns_the_token_and_the_key_with_and_without_armour() {
    let token = broker().lease(need("kubectl", Some("prod"), CredentialClass::Read)).await.unwrap();
    let known: Vec<_> = token.known_secrets().iter().map(|(_, s)| s.expose_secret().to_owned()).collect();
    assert_eq!(known, ["tok-canary-81f2"]);
    let key = broker().lease(need("kubectl", Some("dev"), CredentialClass::Read)).await.unwrap();
    let known: Vec<_> = key.known_secrets().iter().map(|(_, s)| s.expose_secret().to_owned()).collect();
    assert_eq!(known, [format!("{KEY}\n"), "MC4CAQAwBQYDK2VwBCIEIAAAsecretbody".to_owned()]);
}

#[tokio::test]
async fn a_tool_without_credential_gets_an_empty_lease() {
    let lease = broker().lease(need("tail-log", None, CredentialClass::Read)).await.unwrap();
    assert!(matches!(lease.material(), Material::None));
    assert!(lease.known_secrets().is_empty());
    broker().revoke(lease).await.unwrap();
    assert!(broker().sweep("main", &BTreeSet::new()).await.unwrap().is_empty());
}
