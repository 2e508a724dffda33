//! Accounts, who may mint for whom, and the tokens that were given.
//!
//! Source: RFC 7523; Google Identity, "Using OAuth 2.0 for server to server applications".

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde_json::Value;

use super::KEY;
use crate::chance::random;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";

/// What comes before the key itself in the public key of 2048 bits (RFC 8017, RFC 5280), in bytes.
const ALGORITHM: usize = 24;

/// Everything that is known.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    accounts: BTreeSet<String>,
    minters: BTreeSet<(String, String)>,
    issued: BTreeMap<String, (String, Timestamp)>,
}

impl Tokens {
    pub(super) fn know(&mut self, email: &str) {
        self.accounts.insert(email.to_owned());
    }

    pub(super) fn allow(&mut self, minter: &str, account: &str) {
        self.know(account);
        self.minters.insert((minter.to_owned(), account.to_owned()));
    }

    pub(super) fn may(&self, minter: &str, account: &str) -> bool {
        self.minters.contains(&(minter.to_owned(), account.to_owned()))
    }

    pub(super) fn account_of(&self, token: &str, now: Timestamp) -> Option<String> {
        let (account, ends) = self.issued.get(token)?;
        (now < *ends).then(|| account.clone())
    }

    pub(super) fn issue(&mut self, account: &str, seconds: i64, now: Timestamp) -> (String, Timestamp) {
        let token = format!("ya29.{}", URL_SAFE_NO_PAD.encode(random::<40>()));
        let ends = now + SignedDuration::from_secs(seconds);
        self.issued.insert(token.clone(), (account.to_owned(), ends));
        (token, ends)
    }

    /// A token for a signed grant; `None` when anything about it is wrong.
    pub(super) fn grant(&mut self, form: &[u8], now: Timestamp) -> Option<String> {
        let form: BTreeMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let assertion = form.get("assertion").filter(|_| form.get("grant_type").is_some_and(|it| it == GRANT))?;
        let claims = verified(assertion)?;
        let account = claims["iss"].as_str().filter(|iss| self.accounts.contains(*iss))?.to_owned();
        let (issued, ends) = (claims["iat"].as_i64()?, claims["exp"].as_i64()?);
        let seconds = now.as_second();
        let in_time = issued <= seconds && seconds < ends && ends - issued <= 3600;
        if claims["aud"] != AUDIENCE || claims["scope"].as_str().is_none_or(str::is_empty) || !in_time {
            return None;
        }
        Some(self.issue(&account, 3599, now).0)
    }
}

/// The claims of a grant whose signature is of our key.
fn verified(assertion: &str) -> Option<Value> {
    let (signed, signature) = assertion.rsplit_once('.')?;
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).ok()?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
    let public = key.public_key()?;
    let provider = rustls::crypto::ring::default_provider();
    let known = provider.signature_verification_algorithms.mapping;
    let (_, algorithms) = known.iter().find(|(scheme, _)| *scheme == SignatureScheme::RSA_PKCS1_SHA256)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let bits = public.as_ref().get(ALGORITHM..)?;
    algorithms.iter().find(|one| one.verify_signature(bits, signed.as_bytes(), &signature).is_ok())?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?).ok()
}
