//! Bearer tokens: the standing one of each account, and short-lived ones issued by `TokenRequest`.
//!
//! **Invariant:** an issued token dies with its expiry or with the object it is bound to, whichever comes first; one for
//! other audiences opens nothing here.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::kinds;
use super::object;
use super::rbac::{ACCOUNT_NAMESPACE, Account};
use super::status::Status;
use super::store::{Store, stamp};

/// Shortest life of an issued token in seconds. Source: API reference, `TokenRequestSpec.expirationSeconds`.
const SHORTEST_SECONDS: i64 = 600;

/// Longest life of an issued token in seconds. Source: API server, validation of `TokenRequest`.
const LONGEST_SECONDS: i64 = 1 << 32;

/// Life of an issued token when the request names none, in seconds. Same source.
const DEFAULT_SECONDS: i64 = 3600;

/// Who issues, and for whom a token is that names nobody. Source: API server, `--service-account-issuer`.
const ISSUER: &str = "https://kubernetes.default.svc";

/// The accounts and their tokens.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    accounts: Vec<(String, Account)>,
    issued: Vec<Issued>,
}

#[derive(Debug)]
struct Issued {
    token: String,
    account: String,
    expires: Timestamp,
    bound: Option<Bound>,
    /// Whether it is for this server, or for others alone.
    ours: bool,
}

#[derive(Debug)]
struct Bound {
    kind: &'static kinds::Kind,
    name: String,
    uid: String,
}

/// Randomness was not to be had.
#[derive(Debug)]
pub(super) struct NoRandomness;

impl Tokens {
    /// Gives every account a standing token.
    pub(super) fn new(accounts: Vec<Account>) -> Result<Self, NoRandomness> {
        let with_token = |account: Account| {
            let claims = json!({"sub": account.user(), "jti": random_hex()?});
            Ok((jwt(&claims)?, account))
        };
        let accounts = accounts.into_iter().map(with_token).collect::<Result<_, _>>()?;
        Ok(Self { accounts, issued: Vec::new() })
    }

    /// The standing token of an account.
    pub(super) fn standing(&self, name: &str) -> Option<&str> {
        self.accounts.iter().find(|(_, account)| account.name == name).map(|(token, _)| token.as_str())
    }

    /// Whose token this is, if it is alive.
    pub(super) fn account(&self, token: &str, store: &Store, now: Timestamp) -> Option<&Account> {
        if let Some((_, account)) = self.accounts.iter().find(|(standing, _)| standing == token) {
            return Some(account);
        }
        let issued = self.issued.iter().find(|issued| issued.token == token)?;
        let alive =
            issued.ours && now < issued.expires && issued.bound.as_ref().is_none_or(|bound| bound.present(store));
        self.named(&issued.account).filter(|_| alive)
    }

    fn named(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().map(|(_, account)| account).find(|account| account.name == name)
    }

    /// Answers a `TokenRequest`.
    pub(super) fn issue(
        &mut self,
        namespace: &str,
        name: &str,
        request: &Value,
        store: &Store,
        now: Timestamp,
    ) -> Result<Value, Status> {
        let kind = kinds::known("serviceaccounts");
        let account = self.named(name).filter(|_| namespace == ACCOUNT_NAMESPACE);
        let user = account.ok_or_else(|| Status::not_found(kind, name))?.user();
        let seconds = object::number(request, "/spec/expirationSeconds", DEFAULT_SECONDS);
        if seconds < SHORTEST_SECONDS {
            let problem = format!("Invalid value: {seconds}: may not specify a duration less than 10 minutes");
            return Err(Status::invalid(kind, name, "spec.expirationSeconds", &problem));
        }
        if seconds > LONGEST_SECONDS {
            let problem = format!("Invalid value: {seconds}: may not specify a duration larger than 2^32 seconds");
            return Err(Status::invalid(kind, name, "spec.expirationSeconds", &problem));
        }
        let bound = request.pointer("/spec/boundObjectRef").filter(|bound| bound.is_object());
        let bound = bound.map(|reference| Bound::parse(reference, store)).transpose()?;
        let expires = now + SignedDuration::from_secs(seconds);
        let unavailable = |_: NoRandomness| Status::bad_request("no randomness to draw a token from");
        let audiences = request.pointer("/spec/audiences").and_then(Value::as_array).filter(|them| !them.is_empty());
        let ours = audiences.is_none_or(|them| them.iter().any(|one| one == ISSUER));
        let audiences = audiences.map_or_else(|| json!([ISSUER]), |them| json!(them));
        let claims = json!({
            "iss": ISSUER, "sub": user, "jti": random_hex().map_err(unavailable)?,
            "iat": now.as_second(), "exp": expires.as_second(), "aud": audiences,
        });
        let token = jwt(&claims).map_err(unavailable)?;
        self.issued.push(Issued { token: token.clone(), account: name.to_owned(), expires, bound, ours });
        let mut answer = request.clone();
        answer["apiVersion"] = json!("authentication.k8s.io/v1");
        answer["kind"] = json!("TokenRequest");
        object::set(&mut answer, &["metadata", "name"], name);
        object::set(&mut answer, &["metadata", "namespace"], namespace);
        object::set(&mut answer, &["spec", "expirationSeconds"], seconds);
        answer["status"] = json!({"token": token, "expirationTimestamp": stamp(expires)});
        Ok(answer)
    }
}

impl Bound {
    fn parse(reference: &Value, store: &Store) -> Result<Self, Status> {
        let (api_version, name) = (object::text(reference, "/apiVersion"), object::text(reference, "/name"));
        let kind = kinds::of_object(api_version, object::text(reference, "/kind"))
            .filter(|kind| matches!(kind.kind, "Pod" | "Secret" | "Node"))
            .ok_or_else(|| Status::bad_request("cannot bind token to an object of this kind"))?;
        let object = store.get(kind, ACCOUNT_NAMESPACE, name).ok_or_else(|| Status::not_found(kind, name))?;
        let (wanted, uid) = (object::text(reference, "/uid"), object::uid(object));
        if !wanted.is_empty() && wanted != uid {
            let why =
                format!("the UID in the bound object reference ({wanted}) does not match the UID in record ({uid})");
            return Err(Status::conflict(kind, name, &why));
        }
        Ok(Self { kind, name: name.to_owned(), uid: uid.to_owned() })
    }

    fn present(&self, store: &Store) -> bool {
        let object = store.get(self.kind, ACCOUNT_NAMESPACE, &self.name);
        object.is_some_and(|object| object::uid(object) == self.uid)
    }
}

/// A token in the form of a JSON Web Token (RFC 7519). Its last part is random: this server knows its tokens by heart.
fn jwt(claims: &Value) -> Result<String, NoRandomness> {
    let header = json!({"alg": "RS256", "kid": "simulated"}).to_string();
    let signature: [u8; 32] = random()?;
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    Ok(format!("{}.{}.{}", part(header.as_bytes()), part(claims.to_string().as_bytes()), part(&signature)))
}

fn random_hex() -> Result<String, NoRandomness> {
    let bytes: [u8; 16] = random()?;
    Ok(bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
