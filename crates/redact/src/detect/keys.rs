//! Which names say that a secret stands behind them.
//!
//! **Invariant:** the last words decide: `DB_PASSWORD` and `apiKey` do, `passwordPolicy` and `secretName` do not.

use super::view::{Read, View};

/// Longest name looked at, in bytes.
const LONGEST: usize = 80;

/// How sure a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sure {
    /// Whatever stands there is a secret.
    Whatever,
    /// What stands there is a secret when a machine drew it.
    IfRandom,
    /// What stands there is a secret unless it is a word.
    UnlessWord,
    /// What stands there is a secret unless it may be the name of an object.
    UnlessName,
    /// What stands there is a secret when it is a UUID.
    IfUuid,
}

/// What a name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: &'static str,
    pub(super) sure: Sure,
}

/// A byte of a name.
pub(super) const fn key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Where the name around this place begins and ends.
pub(super) fn extent(view: &View<'_>, start: usize, end: usize) -> Read<(usize, usize)> {
    let behind = view.behind(start);
    let before = behind.iter().rev().take(LONGEST).take_while(|&&byte| key_byte(byte)).count();
    let mut first = start - before;
    // The letter of an escape is no part of the name.
    if view.before(first) == Some(b'\\') && matches!(view.read(first, first + 1), b"n" | b"r" | b"t") && first < start {
        first += 1;
    }
    Ok((first, view.run(end, LONGEST, key_byte)?))
}

/// Words behind the one that tells, which change nothing.
const EXTRAS: [&str; 18] = [
    "old",
    "new",
    "prod",
    "production",
    "dev",
    "staging",
    "test",
    "current",
    "previous",
    "value",
    "plain",
    "plaintext",
    "raw",
    "b64",
    "base64",
    "encoded",
    "default",
    "text",
];

/// Words before `token` that make it a cursor, a counter or a mark.
const CURSORS: [&str; 17] = [
    "next",
    "page",
    "continuation",
    "continue",
    "pagination",
    "client",
    "request",
    "idempotency",
    "max",
    "starting",
    "marker",
    "sync",
    "cancellation",
    "concurrency",
    "resume",
    "position",
    "nextpage",
];

/// Words before `key` that make it a secret.
const KEYS: [&str; 27] = [
    "api",
    "access",
    "secret",
    "private",
    "signing",
    "encryption",
    "auth",
    "account",
    "master",
    "shared",
    "session",
    "hmac",
    "app",
    "license",
    "service",
    "consumer",
    "deploy",
    "storage",
    "admin",
    "jwt",
    "webhook",
    "ssh",
    "rest",
    "write",
    "server",
    "application",
    "decryption",
];

/// Words before `key` in a header that make it something to find things by.
const FINDERS: [&str; 12] = [
    "cache",
    "idempotency",
    "partition",
    "surrogate",
    "routing",
    "sort",
    "primary",
    "public",
    "object",
    "row",
    "deduplication",
    "request",
];

/// Words before `secret` that make it a value rather than an object.
const SECRETS: [&str; 12] =
    ["client", "jwt", "session", "shared", "signing", "consumer", "app", "oauth", "cookie", "hmac", "webhook", "csrf"];

/// Whole words for a password that do not end in one of the usual ones.
const PASS: [&str; 12] = [
    "pass",
    "pwd",
    "dbpass",
    "userpass",
    "dbpwd",
    "pgpass",
    "mypass",
    "rootpass",
    "adminpass",
    "smtppass",
    "sshpass",
    "keypass",
];

/// What stands behind this name.
pub(super) fn kept(key: &[u8]) -> Option<Kept> {
    let text = std::str::from_utf8(key).ok()?;
    let words = words(text);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    while words.len() > 1
        && words.last().is_some_and(|last| EXTRAS.contains(last) || last.bytes().all(|byte| byte.is_ascii_digit()))
    {
        words.pop();
    }
    let (last, before) = words.split_last()?;
    let previous = before.last().copied().unwrap_or("");
    let whatever = |name| Some(Kept { name, sure: Sure::Whatever });
    let if_random = |name| Some(Kept { name, sure: Sure::IfRandom });
    let bare = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let ends = |endings: &[&str]| endings.iter().any(|ending| bare.ends_with(ending));
    // sudoers(5) has a tag of that name, and a bare `pass` often means that something did.
    if bare == "nopasswd" {
        return None;
    }
    if bare == "pass" && before.is_empty() {
        return Some(Kept { name: "password", sure: Sure::UnlessWord });
    }
    if ends(&["password", "passwd", "passphrase", "passcode", "passwort"])
        || (PASS.contains(&bare) && !["kee", "by", "com"].contains(&previous))
    {
        return whatever("password");
    }
    match (previous, bare) {
        ("secret", "string" | "binary") => return whatever("secret"),
        ("secret", "id") if !text.contains("--") => return Some(Kept { name: "secret", sure: Sure::IfUuid }),
        ("key", "data") if before.contains(&"client") => return whatever("private-key"),
        ("access", "key") if before.contains(&"secret") => return whatever("api-key"),
        ("key", "base") if before.contains(&"secret") => return whatever("secret"),
        (_, "dockerconfigjson" | "dockercfg") => return whatever("docker-auth"),
        ("api" | "secret" | "private" | "signing" | "encryption", "key") => {
            return Some(Kept { name: "api-key", sure: Sure::UnlessName });
        }
        (previous, "key") if KEYS.contains(&previous) => return if_random("api-key"),
        // A header that somebody made up for a key: `X-Backend-Key`, `Fastly-Key`.
        ("fastly", "key") => return if_random("api-key"),
        (previous, "key") if words.first() == Some(&"x") && text.contains('-') && !FINDERS.contains(&previous) => {
            return if_random("api-key");
        }
        ("session" | "csrf" | "xsrf", "token") => return if_random("token"),
        (previous, "token") if CURSORS.contains(&previous) => return None,
        _ => {}
    }
    if ends(&["nexttoken", "pagetoken", "clienttoken", "continuationtoken", "requesttoken", "synctoken"]) {
        return None;
    }
    if last == &"secret" && SECRETS.contains(&previous) {
        return Some(Kept { name: "secret", sure: Sure::UnlessName });
    }
    if ends(&["secret"]) {
        return if_random("secret");
    }
    if ends(&["token"]) {
        return if_random("token");
    }
    let keys =
        ["apikey", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey", "accountkey", "masterkey"];
    let more = ["authkey", "sharedkey", "sessionkey", "appkey", "licensekey", "hmackey"];
    (ends(&keys) || ends(&more)).then_some(Kept { name: "api-key", sure: Sure::IfRandom })
}

/// The words of a name, in small letters: split at signs and where capitals begin.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let letters: Vec<char> = text.chars().collect();
    for (nth, &c) in letters.iter().enumerate() {
        let before = nth.checked_sub(1).and_then(|at| letters.get(at)).copied().unwrap_or('_');
        let after = letters.get(nth + 1).copied().unwrap_or('_');
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase()
                || before.is_ascii_digit()
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase()));
        if begins || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_decide() {
        for (key, name) in [
            ("password", "password"),
            ("DB_PASSWORD", "password"),
            ("PGPASSWORD", "password"),
            ("db.pass", "password"),
            ("passwordOld", "password"),
            ("rootPassword2", "password"),
            ("apiKey", "api-key"),
            ("APIKey", "api-key"),
            ("X-Api-Key", "api-key"),
            ("aws_secret_access_key", "api-key"),
            ("SecretAccessKey", "api-key"),
            ("AccountKey", "api-key"),
            ("client_secret", "secret"),
            ("SecretString", "secret"),
            ("token", "token"),
            ("X-Vault-Token", "token"),
            ("SessionToken", "token"),
            ("client-key-data", "private-key"),
            (".dockerconfigjson", "docker-auth"),
            ("DD_API_KEY", "api-key"),
            ("APP_KEY", "api-key"),
            ("Pwd", "password"),
        ] {
            assert_eq!(kept(key.as_bytes()).map(|kept| kept.name), Some(name), "{key}");
        }
        for key in [
            "passwordPolicy",
            "secretName",
            "secretKeyRef",
            "tokenExpirationSeconds",
            "token_type",
            "password-reset",
            "private_key_id",
            "NextToken",
            "nextPageToken",
            "ClientToken",
            "passwordKey",
            "tokens",
            "secrets",
            "compass",
            "bypass",
            "publicKey",
            "imagePullSecrets",
            "existingSecretPasswordKey",
            "max_token",
            "key",
            "monkey",
            "--secret-id-name",
            "tokenizer",
            "password_file",
            "passwords",
        ] {
            assert_eq!(kept(key.as_bytes()), None, "{key}");
        }
    }
}
