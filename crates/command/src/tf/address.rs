//! Addresses of resources: `module.web["eu"].aws_instance.api[0]`.
//!
//! Source: Terraform 1.11, "Resource Addressing": modules with an instance key each, then a resource
//! with `data.` before it if it is one, its type, its name and an instance key.

/// What an address is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    /// A module, or an instance of one.
    Module,
    /// A resource that Terraform manages, or an instance of one.
    Managed,
    /// A data source, or an instance of one.
    Data,
}

/// What the text addresses; `None` when it is no address.
pub(super) fn address(text: &str) -> Option<Address> {
    let mut rest = text;
    while let Some(inner) = rest.strip_prefix("module.") {
        let after = key(name(inner)?)?;
        if after.is_empty() {
            return Some(Address::Module);
        }
        rest = after.strip_prefix('.')?;
    }
    let (kind, resource) = match rest.strip_prefix("data.") {
        Some(data) => (Address::Data, data),
        None => (Address::Managed, rest),
    };
    let named = name(resource)?.strip_prefix('.')?;
    key(name(named)?)?.is_empty().then_some(kind)
}

/// What follows an identifier of HCL in ASCII.
fn name(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (begins && rest.len() < text.len()).then_some(rest)
}

/// What follows an instance key, if there is one: `[0]` or `["name"]`.
fn key(text: &str) -> Option<&str> {
    let Some(inside) = text.strip_prefix('[') else { return Some(text) };
    if let Some(quoted) = inside.strip_prefix('"') {
        let (value, rest) = quoted.split_once('"')?;
        // Neither an escape nor a template: `\` and `${` would mean something else than they show.
        let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && !"\\$%".contains(c) || c == ' ');
        return rest.strip_prefix(']').filter(|_| plain);
    }
    let (number, rest) = inside.split_once(']')?;
    let canonical = number.parse::<u32>().is_ok_and(|one| one.to_string() == number);
    canonical.then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::{Address, address};

    #[test]
    fn addresses_are_read_to_their_end() {
        for (text, want) in [
            ("aws_instance.api", Address::Managed),
            ("aws_instance.api[0]", Address::Managed),
            ("aws_instance.api[\"eu west\"]", Address::Managed),
            ("module.web", Address::Module),
            ("module.web[\"eu\"].module.inner", Address::Module),
            ("module.web[1].aws_s3_bucket.logs-2[\"a\"]", Address::Managed),
            ("data.aws_ami.base", Address::Data),
            ("module.web.data.aws_ami.base", Address::Data),
        ] {
            assert_eq!(address(text), Some(want), "{text}");
        }
        for text in [
            "",
            "module",
            "module.",
            "module.web.",
            "aws_instance",
            "aws_instance.",
            ".api",
            "aws_instance.api.id",
            "aws_instance.api[",
            "aws_instance.api[]",
            "aws_instance.api[01]",
            "aws_instance.api[-1]",
            "aws_instance.api[*]",
            "aws_instance.api[\"\"]",
            "aws_instance.api[\"${x}\"]",
            "aws_instance.api[\"a\\n\"]",
            "aws_instance.api[0]x",
            "aws_instance.api aws_instance.b",
            "-aws.x",
            "1aws.x",
            "module.web.module",
            "/etc/passwd",
            "aws_instance.*",
        ] {
            assert_eq!(address(text), None, "{text}");
        }
    }
}
