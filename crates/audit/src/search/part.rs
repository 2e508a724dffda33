//! Ids as people type them: whole, or enough of them to be meant.

use countersign_core::id::InvocationId;
use std::fmt;
use std::str::FromStr;

/// How many hex digits at least.
const ENOUGH: usize = 8;

/// A request's id, its beginning, or its end (what cards show), at least eight hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialId {
    /// Lower-case hex digits without dashes.
    digits: String,
    typed: String,
}

/// Why a text is no part of an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an invocation id (a UUID version 8, or at least its first or last 8 hex digits)")]
pub struct NotAnId(String);

impl PartialId {
    /// Whether it can mean this request.
    #[must_use]
    pub fn means(&self, id: InvocationId) -> bool {
        let whole = id.to_string().replace('-', "");
        whole.starts_with(&self.digits) || whole.ends_with(&self.digits)
    }

    /// The id, when it is a whole one.
    #[must_use]
    pub fn whole(&self) -> Option<InvocationId> {
        self.typed.parse().ok()
    }
}

impl From<InvocationId> for PartialId {
    fn from(id: InvocationId) -> Self {
        let typed = id.to_string();
        Self { digits: typed.replace('-', ""), typed }
    }
}

impl fmt::Display for PartialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.typed)
    }
}

impl FromStr for PartialId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let typed = text.to_ascii_lowercase();
        let digits = typed.replace('-', "");
        let fits = (ENOUGH..=32).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if fits { Ok(Self { digits, typed }) } else { Err(NotAnId(text.chars().take(80).collect())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_mean_an_id_and_the_middle_does_not() {
        let id: InvocationId = "01a1fc0d-4504-8abc-9def-0123456789ab".parse().unwrap();
        for part in ["01a1fc0d", "01A1FC0D-4504", "456789ab", "0123456789ab", "01a1fc0d-4504-8abc-9def-0123456789ab"] {
            assert!(part.parse::<PartialId>().unwrap().means(id), "{part}");
        }
        assert!(!"8abc9def".parse::<PartialId>().unwrap().means(id));
        for bad in ["", "01a1fc0", "01a1fc0g", "01a1fc0d 45", "01a1fc0d-4504-8abc-9def-0123456789ab0"] {
            assert!(bad.parse::<PartialId>().is_err(), "{bad}");
        }
    }
}
