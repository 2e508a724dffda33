//! Sessions of AWS roles, from moto's token service, which verifies signatures and policies.

// Shared with the tests of the log's stores, which need `aws_sdk_s3` and `aws_smithy_http_client`.
#[path = "../../../audit/tests/servers/mod.rs"]
mod servers;

use super::world::{Ground, WALL, lease, need, refused};
use crate::assume_role::form;
use crate::broker::Broker as _;
use crate::catalogued::CatalogBroker;
use crate::http;
use crate::issuers::IssuerSettings;
use crate::lease::{Lease, Material};
use crate::need::Term;
use crate::recipe::{AssumeRole, Mint, Recipe};
use crate::reference::Reference;
use crate::sigv4::{self, Canonical, Scope};
use crate::target::TargetKind;
use countersign_core::time::Clock as _;
use secrecy::ExposeSecret as _;
use servers::moto::Moto;
use std::collections::BTreeMap;

/// moto's own account.
const ROLE: &str = "arn:aws:iam::123456789012:role/countersign-read";

/// Longer than moto takes on any machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

struct World {
    ground: Ground,
    moto: Moto,
    /// May assume the role.
    worker: (String, String),
    /// May not.
    stranger: (String, String),
}

impl World {
    async fn new() -> Self {
        let moto = tokio::task::spawn_blocking(Moto::with_policies).await.unwrap();
        moto.enforces(false);
        let assumes = format!(r#"{{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"{ROLE}"}}"#);
        let worker = moto.user("worker", &assumes);
        let stranger = moto.user("stranger", r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}"#);
        let this = Self { ground: Ground::new(), moto, worker, stranger };
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"*"}}]}"#;
        this.iam(&[("Action", "CreateRole"), ("RoleName", "countersign-read"), ("AssumeRolePolicyDocument", trust)])
            .await;
        let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetCallerIdentity","Resource":"*"}]}"#;
        let role = ("RoleName", "countersign-read");
        this.iam(&[("Action", "PutRolePolicy"), role, ("PolicyName", "own"), ("PolicyDocument", may)]).await;
        // moto loads a service when it is first asked for it, which takes its time on a busy machine.
        let session = ("RoleSessionName", "first");
        this.administer("sts", &[("Action", "AssumeRole"), ("RoleArn", ROLE), session, ("Version", "2011-06-15")])
            .await;
        this.moto.enforces(true);
        this
    }

    async fn iam(&self, parameters: &[(&str, &str)]) {
        let parameters = [parameters, &[("Version", "2010-05-08")]].concat();
        self.administer("iam", &parameters).await;
    }

    /// As an administrator, while policies do not hold.
    async fn administer(&self, service: &str, parameters: &[(&str, &str)]) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        let client = http::client(&self.moto.store.endpoint, None).unwrap();
        let scope = format!("Credential=root/20260101/us-east-1/{service}/aws4_request");
        let signed = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let request = client.post(&self.moto.store.endpoint).timeout(PATIENCE).header("authorization", signed);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{}", answer.text().await.unwrap());
    }

    fn broker(&self, kind: TargetKind, (id, secret): (&str, &str), role: &str) -> CatalogBroker {
        let keys = serde_json::json!({ "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret }).to_string();
        let settings = IssuerSettings { sts: Some(self.moto.store.endpoint.clone()), ..IssuerSettings::default() };
        let source = Reference::Env("KEYS".to_owned());
        let role = AssumeRole { role: role.to_owned(), source, region: "us-east-1".to_owned() };
        self.ground.broker(kind, Recipe::Minted(Mint::AssumeRole(role)), settings, &[("KEYS", &keys)])
    }

    /// Who AWS says the holder of this lease is.
    async fn caller(&self, lease: &Lease) -> String {
        let Material::Aws { access_key_id, secret_access_key, session_token } = lease.material() else {
            panic!("{:?}", lease.material())
        };
        let token = session_token.as_ref().unwrap().expose_secret();
        let endpoint = &self.moto.store.endpoint;
        let (host, date) = (endpoint.trim_start_matches("http://"), sigv4::amz_date(self.ground.clock.now()));
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("host", host),
            ("x-amz-date", &date),
            ("x-amz-security-token", token),
        ];
        let request = Canonical { method: "POST", query: "", headers: &headers, body: body.as_bytes() };
        let scope = Scope { access_key_id, secret_access_key, region: "us-east-1", service: "sts" };
        let mut sent = http::client(endpoint, None).unwrap().post(endpoint).body(body);
        sent = sent.header("authorization", sigv4::authorization(&request, &scope, &date));
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            sent = sent.header(*name, *value);
        }
        sent.send().await.unwrap().text().await.unwrap()
    }
}

#[tokio::test]
async fn p23_a_session_names_the_command_it_is_for() {
    let w = World::new().await;
    let (id, secret) = &w.worker;
    let broker = w.broker(TargetKind::Profile, (id, secret), ROLE);
    let lease = lease(&broker, TargetKind::Profile, "a").await;
    let caller = w.caller(&lease).await;
    assert!(caller.contains(&format!("assumed-role/countersign-read/{}", lease.handle())), "{caller}");
    assert_eq!(lease.issued().id.as_deref(), Some(lease.handle()));
    assert!(lease.handle().len() <= 64, "AWS takes no longer name of a session");
    assert!(lease.expiry().effective.is_some(), "AWS says when it ends");
    broker.revoke(lease).await.unwrap();
}

#[tokio::test]
async fn p23_who_may_not_assume_the_role_gets_no_session() {
    let w = World::new().await;
    let (id, secret) = &w.stranger;
    let (_, text) = refused(&w.broker(TargetKind::Profile, (id, secret), ROLE), TargetKind::Profile).await;
    assert!(text.ends_with("from AWS: it does not allow this worker to do that"), "{text}");
    let (id, _) = &w.worker;
    let forged = w.broker(TargetKind::Profile, (id, "not-the-secret-of-this-key"), ROLE);
    let (_, text) = refused(&forged, TargetKind::Profile).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
    let nobody = w.broker(TargetKind::Profile, ("AKIANOBODY", "x"), ROLE);
    let (_, text) = refused(&nobody, TargetKind::Profile).await;
    assert!(text.ends_with("it does not accept this worker's own credential"), "{text}");
}

#[test]
fn p23_a_session_can_do_nothing_after_the_job() {
    let ground = Ground::new();
    let region = "eu-west-1".to_owned();
    let role = AssumeRole { role: ROLE.to_owned(), source: Reference::Env("KEYS".to_owned()), region };
    let need = need(TargetKind::Profile, "a");
    let body = form(&role, &need, &need.handle(), Term::of_job(ground.clock.now(), WALL));
    let sent: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    assert_eq!(sent["DurationSeconds"], "900", "the floor of AWS");
    let policy: serde_json::Value = serde_json::from_str(&sent["Policy"]).unwrap();
    assert_eq!(policy["Statement"][0]["Condition"]["DateLessThan"]["aws:CurrentTime"], "2026-01-05T12:06:00Z");
    assert_eq!(policy["Statement"].as_array().map(Vec::len), Some(1));
    assert_eq!(sent["SourceIdentity"], "ann@example.com");
    assert_eq!(sent["Tags.member.1.Value"], "ann@example.com");
    assert_eq!(sent["Tags.member.2.Value"], need.invocation.to_string());
    let tags = ["Tags.member.1.Key", "Tags.member.2.Key"].map(|key| sent[key].clone());
    let passed_on = ["TransitiveTagKeys.member.1", "TransitiveTagKeys.member.2"].map(|key| sent[key].clone());
    assert_eq!(tags, passed_on, "they stay when the session assumes another role");
}
