//! Tells what a machine drew from what a person named.
//!
//! **Invariant:** names of Kubernetes objects, words, paths, URLs and numbers are not random; hexadecimal, base64 and
//! letters with digits among them, long enough, are.

/// Whether there is a digit.
pub(crate) fn has_digit(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_digit)
}

/// Whether there are small letters, capitals and digits.
pub(crate) fn mixed(text: &[u8]) -> bool {
    has_digit(text) && text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase)
}

/// Shorter than this, nothing is random enough to tell.
const SHORTEST: usize = 8;

/// Length of a part of a name, and of hexadecimal, from which on it is no name.
const LONG: usize = 16;

/// Whether a machine drew this.
pub(crate) fn random(text: &[u8]) -> bool {
    if text.len() < SHORTEST || looks_like_place(text) || text.iter().any(u8::is_ascii_whitespace) {
        return false;
    }
    let name = text.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._/:".contains(byte))
        && text.iter().any(|byte| b"-._/:".contains(byte));
    if uuid(text) {
        return true;
    }
    if !name && text.iter().any(|byte| b"!#$%^&*~?+=".contains(byte)) && (has_digit(text) || turns(text) > 1) {
        return true;
    }
    // Base64 with slashes in it: a secret key of AWS, for one.
    if text.len() >= 20
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
        && mixed(text)
        && turns(text) >= 6
    {
        return true;
    }
    let least = if name { LONG } else { SHORTEST };
    text.split(|byte| !byte.is_ascii_alphanumeric()).any(|part| part.len() >= least && drawn(part))
}

/// Letters and digits without a pattern a person would give them.
fn drawn(part: &[u8]) -> bool {
    let letters = part.iter().any(u8::is_ascii_alphabetic);
    if part.iter().all(u8::is_ascii_hexdigit) && part.len() >= LONG {
        return letters && has_digit(part);
    }
    let among = changes(part, u8::is_ascii_digit) >= 2;
    let both = mixed(part) && turns(part) + changes(part, u8::is_ascii_digit) >= 3;
    let many = part.len() >= 12 && part.iter().filter(|byte| byte.is_ascii_digit()).count() >= 4;
    (letters && (among || many)) || both || (part.len() >= 24 && turns(part) >= 5)
}

/// How often small letters follow capitals or the other way round, a word's first capital aside.
fn turns(part: &[u8]) -> usize {
    let letters: Vec<u8> = part.iter().copied().filter(u8::is_ascii_alphabetic).collect();
    changes(letters.get(1..).unwrap_or_default(), u8::is_ascii_uppercase)
}

/// Whether small letters and capitals take turns as in no name of a program, whose words are some letters long.
pub(crate) fn shuffled(part: &[u8]) -> bool {
    part.len() >= LONG && turns(part) * 5 >= part.len() * 2
}

fn changes(part: &[u8], is: impl Fn(&u8) -> bool) -> usize {
    part.windows(2).filter(|pair| matches!(pair, [a, b] if is(a) != is(b))).count()
}

/// Whether it is nothing a person would call an object: long enough, with digits or capitals, without dashes.
pub(crate) fn no_name(text: &[u8]) -> bool {
    let plain = text.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._/:".contains(byte));
    let words = text.iter().any(|byte| b"-._/: ".contains(byte));
    text.len() >= SHORTEST && !looks_like_place(text) && !words && (!plain || has_digit(text))
}

/// 8-4-4-4-12 hexadecimal digits (RFC 9562).
pub(crate) fn uuid(text: &[u8]) -> bool {
    let lengths: Vec<usize> = text.split(|&byte| byte == b'-').map(<[u8]>::len).collect();
    lengths == [8, 4, 4, 4, 12] && text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
}

/// A path, a URL, an ARN, a time.
pub(crate) fn looks_like_place(text: &[u8]) -> bool {
    let path = text.starts_with(b"/") || text.starts_with(b"./") || text.starts_with(b"~/") || text.starts_with(b"../");
    let wordy = || text.split(|&byte| byte == b'/').skip(1).take(3).all(|part| part.len() < 40 && !mixed(part));
    let time = || text.get(..5).is_some_and(|year| year.iter().take(4).all(u8::is_ascii_digit) && year.ends_with(b"-"));
    (path && wordy()) || text.windows(3).any(|three| three == b"://") || text.starts_with(b"arn:") || time()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_drew_is_told_from_names() {
        for text in [
            "8f14e45fceea167a5a36dedd4bea2543",
            "123e4567-e89b-42d3-a456-426614174000",
            "wJalrXUtnFEMIK7MDENG",
            "abcdef.0123456789abcdef",
            "s3cr3tv4lue",
            "aB3dE5fG",
            "S3cr3t!pw",
            "Zm9vYmFyYmF6cXV4Cg==",
            "abcdefgh12345678",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "q7Hk2LmZ9",
            "a1b2c3d4e5",
            "dGhpcyBpcyBhIHNlY3JldCB0b2tlbg",
        ] {
            assert!(random(text.as_bytes()), "{text}");
        }
        for text in [
            "db-credentials",
            "tls-cert-2024",
            "default-token-x7k2p",
            "my-secret-7f9c",
            "webhook2",
            "Opaque",
            "kubernetes.io/service-account-token",
            "/var/run/secrets/token",
            "secret-name",
            "vault/data/app",
            "https://vault.example.com:8200",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf",
            "2026-11-21T10:00:00Z",
            "example.com/Something",
            "my-app-secret-v2",
            "DatabaseSecret",
            "api-6d5f7c8b9d",
        ] {
            assert!(!random(text.as_bytes()), "{text}");
        }
    }
}
