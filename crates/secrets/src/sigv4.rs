//! Signs one request to an AWS service.
//!
//! Source: AWS, "Create a signed AWS API request" (Signature Version 4).

use countersign_core::time::Timestamp;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// A request to the root path of a service.
pub(crate) struct Canonical<'a> {
    pub(crate) method: &'a str,
    /// Sorted and percent-encoded.
    pub(crate) query: &'a str,
    /// Those that are signed, by lower-case name in order.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

/// Who signs, and for what.
pub(crate) struct Scope<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) secret_access_key: &'a SecretString,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// `20150830T123600Z`, as the header `x-amz-date` has it.
pub(crate) fn amz_date(at: Timestamp) -> String {
    let whole: String = at.to_string().chars().take("2015-08-30T12:36:00".len()).collect();
    whole.replace(['-', ':'], "") + "Z"
}

/// The value of the header `Authorization`; `date` as of [`amz_date`].
pub(crate) fn authorization(request: &Canonical<'_>, scope: &Scope<'_>, date: &str) -> String {
    let day = date.split('T').next().unwrap_or_default();
    let names = request.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let place = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{place}\n{}", digest(canonical(request, &names).as_bytes()));
    let secret = Zeroizing::new(format!("AWS4{}", scope.secret_access_key.expose_secret()));
    let parts = [day, scope.region, scope.service, "aws4_request"];
    let key = parts.iter().fold(Zeroizing::new(secret.as_bytes().to_vec()), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &to_sign));
    let id = scope.access_key_id;
    format!("AWS4-HMAC-SHA256 Credential={id}/{place}, SignedHeaders={names}, Signature={signature}")
}

fn canonical(request: &Canonical<'_>, names: &str) -> String {
    let headers = request.headers.iter().fold(String::new(), |mut all, (name, value)| {
        let _ = writeln!(all, "{name}:{value}");
        all
    });
    format!("{}\n/\n{}\n{headers}\n{names}\n{}", request.method, request.query, digest(request.body))
}

fn mac(key: &[u8], text: &str) -> Zeroizing<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().to_vec())
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: AWS General Reference, "Signature Version 4 signing process", the example of `ListUsers`.
    #[test]
    fn a_signature_is_the_one_that_aws_shows() {
        let request = Canonical {
            method: "GET",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: &[
                ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                ("host", "iam.amazonaws.com"),
                ("x-amz-date", "20150830T123600Z"),
            ],
            body: b"",
        };
        let scope = Scope {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: &SecretString::from("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1",
            service: "iam",
        };
        let date = amz_date("2015-08-30T12:36:00Z".parse().unwrap());
        assert_eq!(date, "20150830T123600Z");
        assert_eq!(
            authorization(&request, &scope, &date),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }
}
