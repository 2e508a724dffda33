//! A model's or a heuristic's opinion. It may raise a tier or ask a question; by type it can do
//! nothing else.
//!
//! ```compile_fail
//! # use countersign_core::{advice::Advice, tier::Tier};
//! let advice = Advice::raise(Tier::Change, "looks like a deploy");
//! let lower: Tier = advice.tier(); // there is no way to read a tier out and use it alone
//! ```
//!
//! ```
//! # use countersign_core::{advice::Advice, tier::Tier};
//! let advice = Advice::raise(Tier::Change, "looks like a deploy");
//! assert_eq!(advice.at_least(Tier::Destructive), Tier::Destructive);
//! ```

use crate::tier::Tier;

/// An opinion that can only make things stricter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    raise_to: Option<Tier>,
    says: String,
}

impl Advice {
    /// "This is at least that dangerous."
    #[must_use]
    pub fn raise(to: Tier, why: impl Into<String>) -> Self {
        Self { raise_to: Some(to), says: why.into() }
    }

    /// "Ask the requester this first."
    #[must_use]
    pub fn question(text: impl Into<String>) -> Self {
        Self { raise_to: None, says: text.into() }
    }

    /// `tier`, or more.
    #[must_use]
    pub fn at_least(&self, tier: Tier) -> Tier {
        self.raise_to.map_or(tier, |to| to.max(tier))
    }

    /// The reason or the question, for the card and the record.
    #[must_use]
    pub fn says(&self) -> &str {
        &self.says
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_advice_lowers_a_tier() {
        for tier in Tier::ALL {
            for to in Tier::ALL {
                assert!(Advice::raise(to, "x").at_least(tier) >= tier);
            }
            assert_eq!(Advice::question("why?").at_least(tier), tier);
        }
    }
}
