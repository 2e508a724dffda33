//! Tokens of a cluster's service accounts, each bound to a secret made for one command.
//!
//! **Invariant:** a token is never minted unbound; deleting the secret of the lease's name ends it,
//! whoever knows that name. The secret holds nothing.
//!
//! Source: Kubernetes API reference, `TokenRequest` v1 of `authentication.k8s.io`.

use crate::broker::{IssueError, IssuerFault, RevokeError};
use crate::http::{self, Answer};
use crate::issuers::read_off;
use crate::lease::{Issued, Material, Minted, PREFIX, Release};
use crate::need::{Need, Term};
use crate::read::{self, Environment, is_token};
use crate::recipe::{Place, TokenRequest};
use crate::reference::Reference;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_core::time::{Clock, Timestamp};
use reqwest::{Client, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// Shortest life of a token, in seconds.
///
/// Source: Kubernetes API server, validation of `TokenRequest`: not less than ten minutes.
const SHORTEST_SECONDS: u64 = 600;

/// What is younger is not swept: its command may have begun after the living were counted.
pub(crate) const SWEPT_AFTER: Duration = Duration::from_mins(2);

const ISSUER: &str = "the cluster";
const OWNER: &str = "app.kubernetes.io/managed-by";
const POOL: &str = "countersign.dev/pool";

/// The clusters a worker may mint in.
#[derive(Debug)]
pub(crate) struct Clusters {
    pub(crate) minters: BTreeMap<String, Reference>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// A namespace of a cluster, as one who may mint there.
struct Session {
    client: Client,
    token: SecretString,
    place: Place,
}

#[derive(Deserialize)]
struct Issue {
    status: IssueStatus,
}

#[derive(Deserialize)]
struct IssueStatus {
    token: SecretString,
}

/// What a token says of itself; its signature is the cluster's business.
#[derive(Deserialize)]
struct Claims {
    exp: i64,
    #[serde(default)]
    jti: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Metadata,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    uid: String,
    creation_timestamp: String,
}

#[derive(Deserialize)]
struct Objects {
    items: Vec<Object>,
}

impl Clusters {
    /// Whether this worker has a credential of its own there.
    pub(crate) fn mints_for(&self, cluster: &str) -> bool {
        self.minters.contains_key(cluster)
    }

    /// Makes the secret, and a token bound to it.
    pub(crate) async fn mint(&self, request: &TokenRequest, need: &Need, term: Term) -> Result<Minted, IssueError> {
        let handle = need.handle();
        let session = self.session(&request.place).await?;
        let uid = session.bind(&handle, need).await.map_err(|fault| not_issued("the lease's secret", fault))?;
        match session.token(request, &handle, &uid, term).await {
            Ok((token, claims)) => Ok(Minted {
                material: Material::BearerToken(token),
                issued: Issued { by: "token-request", id: claims.jti },
                effective: Some(Timestamp::from_millis(claims.exp.saturating_mul(1000))),
                release: Release::BoundObject { place: request.place.clone(), uid },
            }),
            Err(fault) => {
                // A token that was lost on the way ends with it; else the sweep ends it.
                let _swept_later = session.delete(&handle, Some(&uid)).await;
                Err(not_issued("a token", fault))
            }
        }
    }

    /// Deletes the secret of a lease; that it is gone is no error.
    pub(crate) async fn delete(&self, place: &Place, handle: &str, uid: Option<&str>) -> Result<(), RevokeError> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| RevokeError::Unavailable {
            handle: handle.to_owned(),
            source,
        };
        let session = self.session(place).await.map_err(|error| wrong(error.into()))?;
        session.delete(handle, uid).await.map_err(|fault| wrong(fault.into()))
    }

    /// Deletes the secrets of leases that nobody holds.
    pub(crate) async fn sweep(
        &self,
        place: &Place,
        pool: &str,
        live: &BTreeSet<String>,
        swept: &mut Vec<String>,
    ) -> Result<(), RevokeError> {
        let all = || format!("{PREFIX}* in {place}");
        let wrong = |handle: String, source: Box<dyn std::error::Error + Send + Sync>| RevokeError::Unavailable {
            handle,
            source,
        };
        let session = self.session(place).await.map_err(|error| wrong(all(), error.into()))?;
        let objects = session.list(pool).await.map_err(|fault| wrong(all(), fault.into()))?;
        let now = self.clock.now();
        let mut first = None;
        for Object { metadata } in objects.items {
            let made = metadata.creation_timestamp.parse::<Timestamp>().unwrap_or(now);
            let is_dead = metadata.name.starts_with(PREFIX) && !live.contains(&metadata.name);
            if !is_dead || now.since(made) < SWEPT_AFTER {
                continue;
            }
            match session.delete(&metadata.name, Some(&metadata.uid)).await {
                Ok(()) => swept.push(metadata.name),
                Err(fault) => {
                    first.get_or_insert(wrong(metadata.name, fault.into()));
                }
            }
        }
        first.map_or(Ok(()), Err)
    }

    async fn session(&self, place: &Place) -> Result<Session, IssueError> {
        let minter = self.minters.get(&place.cluster);
        let what = || format!("minting in cluster `{}`", place.cluster);
        let minter = minter.cloned().ok_or_else(|| IssueError::NoIssuer { what: what() })?;
        let ca = place.ca.clone();
        let (token, ca) = read_off(&self.environment, move |environment| {
            let ca = ca.map(|ca| ca.read_public(environment)).transpose()?;
            Ok((read::token(&minter, environment)?, ca))
        })
        .await?;
        let client = http::client(&place.address, ca.as_deref()).map_err(|fault| not_issued("a connection", fault))?;
        Ok(Session { client, token, place: place.clone() })
    }
}

fn not_issued(doing: &'static str, fault: IssuerFault) -> IssueError {
    IssueError::NotIssued { issuer: ISSUER, doing, fault }
}

impl Session {
    async fn send(&self, method: Method, below: &[&str], body: &Value) -> Result<Answer, IssuerFault> {
        let mut path = vec!["api", "v1", "namespaces", &self.place.namespace];
        path.extend(below);
        let url = http::url(&self.place.address, &path)?;
        let request = self.client.request(method, url).bearer_auth(self.token.expose_secret());
        http::send(request.json(body)).await
    }

    /// Makes the secret of the lease; what an earlier try left under its name goes first, and its
    /// token with it. Returns its uid.
    async fn bind(&self, handle: &str, need: &Need) -> Result<String, IssuerFault> {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "countersign.dev/lease",
            "metadata": {
                "name": handle,
                "labels": { OWNER: "countersign", POOL: need.pool },
                "annotations": { "countersign.dev/invocation": need.invocation.to_string() },
            },
        });
        let mut answer = self.send(Method::POST, &["secrets"], &secret).await?;
        if answer.status == 409 {
            self.delete(handle, None).await?;
            answer = self.send(Method::POST, &["secrets"], &secret).await?;
        }
        answer.read::<Object>().map(|object| object.metadata.uid)
    }

    async fn token(
        &self,
        request: &TokenRequest,
        handle: &str,
        uid: &str,
        term: Term,
    ) -> Result<(SecretString, Claims), IssuerFault> {
        let mut spec = json!({
            "expirationSeconds": term.seconds(SHORTEST_SECONDS),
            "boundObjectRef": { "apiVersion": "v1", "kind": "Secret", "name": handle, "uid": uid },
        });
        if !request.audiences.is_empty() {
            spec["audiences"] = json!(request.audiences);
        }
        let body = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
        let path = ["serviceaccounts", &request.service_account, "token"];
        let token = self.send(Method::POST, &path, &body).await?.read::<Issue>()?.status.token;
        let claims = claims(token.expose_secret()).ok_or(IssuerFault::Unreadable)?;
        Ok((token, claims))
    }

    async fn delete(&self, handle: &str, uid: Option<&str>) -> Result<(), IssuerFault> {
        let mut options = json!({ "apiVersion": "v1", "kind": "DeleteOptions" });
        if let Some(uid) = uid {
            options["preconditions"] = json!({ "uid": uid });
        }
        let answer = self.send(Method::DELETE, &["secrets", handle], &options).await?;
        match answer.status {
            // Gone, or another one of the same name: ours is gone.
            404 | 409 => Ok(()),
            _ => answer.succeeded(),
        }
    }

    async fn list(&self, pool: &str) -> Result<Objects, IssuerFault> {
        let selector = format!("{OWNER}=countersign,{POOL}={pool}");
        let mut url = http::url(&self.place.address, &["api", "v1", "namespaces", &self.place.namespace, "secrets"])?;
        url.query_pairs_mut().append_pair("labelSelector", &selector);
        http::send(self.client.get(url).bearer_auth(self.token.expose_secret())).await?.read()
    }
}

/// The claims of a JSON Web Token (RFC 7519) that goes into a header unchanged.
pub(crate) fn claims_of<T: for<'d> Deserialize<'d>>(token: &str) -> Option<T> {
    let part = token.split('.').nth(1).filter(|_| is_token(token))?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn claims(token: &str) -> Option<Claims> {
    claims_of(token)
}
