//! Slack's signature over the raw bytes of a request.
//!
//! **Invariant:** a [`Signed`] exists only for bytes over which one of the secrets in force was
//! computed, within five minutes of this machine's clock. An empty secret signs nothing.
//!
//! Source: Slack, "Verifying requests from Slack".

use super::metrics::Cause;
use axum::body::Bytes;
use axum::http::HeaderMap;
use countersign_core::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq as _};

/// How far a signature's time may be from ours, in the past and in the future.
pub(super) const MAX_AGE: Duration = Duration::from_mins(5);

/// When Slack signed, in seconds since 1970.
const TIMESTAMP: &str = "x-slack-request-timestamp";

/// `v0=` and 64 hex digits.
const SIGNATURE: &str = "x-slack-signature";

/// More digits than the seconds of any year this will be used in.
const DIGITS: usize = 12;

/// What Slack signs with; may be changed while the process runs. Clones are the same secrets.
#[derive(Clone)]
pub struct Secrets(Arc<RwLock<Pair>>);

struct Pair {
    current: SecretString,
    previous: Option<SecretString>,
}

impl Secrets {
    /// The signing secret, and the one before it while requests signed with that are on their way.
    #[must_use]
    pub fn new(current: SecretString, previous: Option<SecretString>) -> Self {
        Self(Arc::new(RwLock::new(Pair { current, previous })))
    }

    /// Puts others in their place; what is signed with neither counts no longer.
    pub fn replace(&self, current: SecretString, previous: Option<SecretString>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Pair { current, previous };
    }

    /// Whether one of the secrets signed this. Both are tried in full, whichever it is.
    fn signed(&self, stamp: &Stamp, body: &[u8]) -> bool {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let all = std::iter::once(&pair.current).chain(&pair.previous);
        // With an empty secret anybody could sign.
        let usable = all.filter(|secret| !secret.expose_secret().trim().is_empty());
        let tried = usable.map(|secret| mac(secret, &stamp.seconds, body).ct_eq(&stamp.signature));
        tried.fold(Choice::from(0), |found, this| found | this).into()
    }
}

/// Without the secrets.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

fn mac(secret: &SecretString, seconds: &str, body: &[u8]) -> [u8; 32] {
    let key = secret.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(b"v0:");
    mac.update(seconds.as_bytes());
    mac.update(b":");
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// What the headers claim about a body that was not looked at yet.
pub(super) struct Stamp {
    seconds: String,
    at: Timestamp,
    signature: [u8; 32],
}

impl Stamp {
    /// Exactly one of each header, in Slack's spelling, and fresh.
    pub(super) fn read(headers: &HeaderMap, now: Timestamp) -> Result<Self, Cause> {
        let seconds = only(headers, TIMESTAMP)?;
        if seconds.is_empty() || seconds.len() > DIGITS || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Cause::Headers);
        }
        let signature = only(headers, SIGNATURE)?.strip_prefix("v0=").and_then(unhex).ok_or(Cause::Headers)?;
        let at = seconds.parse::<i64>().map_err(|_| Cause::Headers)?;
        let at = Timestamp::from_millis(at.saturating_mul(1_000));
        if now.since(at) > MAX_AGE || at.since(now) > MAX_AGE {
            return Err(Cause::Timestamp);
        }
        Ok(Self { seconds: seconds.to_owned(), at, signature })
    }

    /// The evidence, if the signature holds over exactly these bytes.
    pub(super) fn verify(self, secrets: &Secrets, body: Bytes) -> Result<Signed, Cause> {
        if secrets.signed(&self, &body) {
            return Ok(Signed { at: self.at, signature: self.signature, body });
        }
        Err(Cause::Signature)
    }
}

/// Bytes that Slack signed for this app.
pub(super) struct Signed {
    at: Timestamp,
    signature: [u8; 32],
    body: Bytes,
}

impl Signed {
    /// When, by Slack's clock.
    pub(super) const fn at(&self) -> Timestamp {
        self.at
    }

    /// The raw bytes.
    pub(super) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The signature, to tell two requests apart. Never for a log.
    pub(super) const fn signature(&self) -> &[u8; 32] {
        &self.signature
    }
}

/// The value of a header that is there once. Proxies join repeated headers with commas, which no
/// value of Slack's has.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Cause> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(one), None) => one.to_str().map_err(|_| Cause::Headers),
        _ => Err(Cause::Headers),
    }
}

/// 64 lower-case hex digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    // The digest type knows that spelling and no other.
    format!("sha256:{text}").parse::<countersign_core::digest::Digest>().ok().map(|digest| *digest.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    /// Slack's own example.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const HEX: &str = "a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn headers(seconds: &str, signature: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static(TIMESTAMP), HeaderValue::from_str(seconds).unwrap());
        headers.insert(HeaderName::from_static(SIGNATURE), HeaderValue::from_str(signature).unwrap());
        headers
    }

    fn read(seconds: &str, signature: &str, now: i64) -> Result<Stamp, Cause> {
        Stamp::read(&headers(seconds, signature), Timestamp::from_millis(now * 1_000))
    }

    #[test]
    fn slacks_own_example_holds_and_with_an_empty_secret_nothing_does() {
        let verify = |secret: &str| {
            let stamp = read("1531420618", &format!("v0={HEX}"), 1_531_420_618).unwrap_or_else(|_| unreachable!());
            stamp.verify(&Secrets::new(secret.into(), None), Bytes::from_static(BODY.as_bytes())).map(drop)
        };
        assert_eq!(verify(SECRET), Ok(()));
        assert_eq!(verify("another"), Err(Cause::Signature));
        for empty in ["", " ", "\n"] {
            let own = mac(&SecretString::from(empty), "1531420618", BODY.as_bytes());
            let own = format!("v0={}", countersign_core::digest::hex(&own));
            let stamp = read("1531420618", &own, 1_531_420_618).unwrap_or_else(|_| unreachable!());
            let secrets = Secrets::new(empty.into(), Some(empty.into()));
            assert_eq!(stamp.verify(&secrets, Bytes::from_static(BODY.as_bytes())).map(drop), Err(Cause::Signature));
        }
    }

    #[test]
    fn five_minutes_both_ways_and_not_a_second_more() {
        let signature = format!("v0={HEX}");
        for (now, want) in
            [(1_300, Ok(())), (700, Ok(())), (1_301, Err(Cause::Timestamp)), (699, Err(Cause::Timestamp))]
        {
            assert_eq!(read("1000", &signature, now).map(drop), want, "{now}");
        }
    }

    #[test]
    fn other_spellings_are_no_headers() {
        let good = format!("v0={HEX}");
        let upper = format!("v0={}", HEX.to_uppercase());
        let (short, long) = (format!("v0={}", &HEX[1..]), format!("v0={HEX}0"));
        for signature in ["", "v0=", HEX, &format!("v1={HEX}"), &upper, &short, &long, &format!("{good},{good}")] {
            assert_eq!(read("1000", signature, 1_000).map(drop), Err(Cause::Headers), "{signature}");
        }
        for seconds in ["", "-1000", "+1000", " 1000 1", "1e3", "1000.0", "0x3e8", "9999999999999", "1000,1000"] {
            assert_eq!(read(seconds, &good, 1_000).map(drop), Err(Cause::Headers), "{seconds}");
        }
    }
}
