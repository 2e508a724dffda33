//! What a registry asks for before it answers.
//!
//! Source: RFC 9110, section 11.6.1; distribution, "Token Authentication Specification".

/// How to show who one is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// Name and password.
    Basic,
    /// A token of `realm`, for `service`.
    Bearer {
        /// The address that gives tokens.
        realm: String,
        /// What the registry calls itself there.
        service: Option<String>,
    },
}

/// The first challenge in a header that is understood; a bearer's comes before a basic one.
pub(super) fn parse<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for header in headers {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
        if scheme.eq_ignore_ascii_case("bearer") {
            let parameters = parameters(rest)?;
            let find = |name: &str| parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            let realm = find("realm").map(|(_, value)| value.clone())?;
            return Some(Challenge::Bearer { realm, service: find("service").map(|(_, value)| value.clone()) });
        }
    }
    basic
}

/// `name="value",name=value`; nothing if it is something else, or says a thing twice.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            quoted_string(quoted)?
        } else {
            let (value, after) = after.split_at(after.find(',').unwrap_or(after.len()));
            (value.trim().to_owned(), after)
        };
        let name = name.trim().to_owned();
        if found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            return None;
        }
        found.push((name, value));
        let after = after.trim_start();
        rest = if after.is_empty() { after } else { after.strip_prefix(',')?.trim_start() };
    }
    Some(found)
}

/// The text up to the closing quote, and what comes after it.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn a_challenge_is_read_as_registries_write_it() {
        let ghcr = r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:shop/x:pull""#;
        assert_eq!(parse([ghcr].into_iter()), Some(bearer("https://ghcr.io/token", Some("ghcr.io"))));
        let odd = r#"bearer  scope=a , REALM = "https://x/a\"b,c""#;
        assert_eq!(parse([odd].into_iter()), Some(bearer("https://x/a\"b,c", None)));
        assert_eq!(parse([r#"Basic realm="x""#].into_iter()), Some(Challenge::Basic));
        assert_eq!(parse(["Basic", ghcr].into_iter()), Some(bearer("https://ghcr.io/token", Some("ghcr.io"))));
    }

    #[test]
    fn what_is_not_understood_is_none() {
        for odd in ["", "Negotiate", "Bearer", r#"Bearer realm="x"#, r#"Bearer realm="x" service="y""#] {
            assert_eq!(parse([odd].into_iter()), None, "{odd}");
        }
        assert_eq!(parse([r#"Bearer realm="a",realm="b""#].into_iter()), None);
    }
}
