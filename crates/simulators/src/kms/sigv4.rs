//! Verifies Signature Version 4.
//!
//! Source: AWS, "Create a signed AWS API request": canonical request, string to sign, signing key.

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

use super::api::No;
use crate::chance::hex;

/// Whoever signed, by the access key named in the header, when the secret that `secret_of` knows made the signature.
pub(super) fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret_of: impl Fn(&str) -> Option<String>,
) -> Result<String, No> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authorization = header("authorization");
    let Some(rest) = authorization.strip_prefix("AWS4-HMAC-SHA256 ") else {
        return Err(No(400, "MissingAuthenticationTokenException", "Missing Authentication Token".into()));
    };
    let part = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name)).unwrap_or_default();
    let (credential, signed, given) = (part("Credential="), part("SignedHeaders="), part("Signature="));
    let (id, scope) = credential.split_once('/').unwrap_or_default();
    let Some(secret) = secret_of(id) else {
        let why = "The security token included in the request is invalid.";
        return Err(No(400, "UnrecognizedClientException", why.into()));
    };
    let lines: Vec<String> = signed.split(';').map(|name| format!("{name}:{}\n", header(name).trim())).collect();
    let lines = lines.concat();
    let canonical = format!("POST\n/\n\n{lines}\n{signed}\n{}", hex(&Sha256::digest(body)));
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", header("x-amz-date"), hex(&Sha256::digest(canonical.as_bytes())));
    let first = format!("AWS4{secret}").into_bytes();
    let key = scope.split('/').fold(first, |key, part| mac(&key, part.as_bytes()));
    let covers_all = ["host", "x-amz-date", "x-amz-target"].iter().all(|name| signed.split(';').any(|it| it == *name));
    if covers_all && hex(&mac(&key, to_sign.as_bytes())) == given && scope.ends_with("/kms/aws4_request") {
        return Ok(id.to_owned());
    }
    let why = "The request signature we calculated does not match the signature you provided.";
    Err(No(400, "InvalidSignatureException", why.into()))
}

fn mac(key: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(bytes);
    mac.finalize().into_bytes().to_vec()
}
