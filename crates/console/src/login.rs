//! Who may be who.
//!
//! **Invariant:** a person is chosen from this list by position; no request carries an account.

use countersign_core::principal::Account;

/// Somebody to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account their requests and clicks come from.
    pub account: Account,
    /// What people call them.
    pub name: String,
    /// One line about what they may do.
    pub role: String,
}

/// How a session gets its person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Whoever holds the access token picks one of these, and may switch. For trying out only:
    /// one person plays all the parts.
    Demo(Vec<Person>),
}

impl Login {
    pub(crate) fn people(&self) -> &[Person] {
        match self {
            Self::Demo(people) => people,
        }
    }
}
