//! Where a request's card stands.
//!
//! **Invariant:** the name of a thread says all of it, so any gateway can go on in it.

use countersign_chat::ThreadId;

/// Where a card is: `channel/card` or `channel/card/thread`. A thread that somebody else began and
/// that has no card yet is `channel//thread`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) channel: String,
    pub(crate) card: Option<String>,
    pub(crate) thread: Option<String>,
}

impl Place {
    /// The place of a name, if it is one of ours.
    pub(crate) fn parse(id: &ThreadId) -> Option<Self> {
        let mut parts = id.as_str().split('/');
        let some = |part: &str| Some(part.to_owned()).filter(|part| !part.is_empty());
        let channel = parts.next().and_then(some)?;
        let card = parts.next().and_then(some);
        let thread = parts.next().and_then(some);
        let is_whole = parts.next().is_none() && (card.is_some() || thread.is_some());
        is_whole.then_some(Self { channel, card, thread })
    }

    /// Its name. A thread that the card itself began is not named twice: Slack gives the first
    /// message its own name as its thread once there are replies.
    pub(crate) fn id(&self) -> ThreadId {
        let card = self.card.as_deref().unwrap_or_default();
        match self.thread.as_deref().filter(|thread| *thread != card) {
            Some(thread) => ThreadId::new(format!("{}/{card}/{thread}", self.channel)),
            None => ThreadId::new(format!("{}/{card}", self.channel)),
        }
    }

    /// Under which message replies stand.
    pub(crate) fn root(&self) -> Option<String> {
        self.thread.clone().or_else(|| self.card.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(channel: &str, card: Option<&str>, thread: Option<&str>) -> Place {
        Place { channel: channel.into(), card: card.map(Into::into), thread: thread.map(Into::into) }
    }

    #[test]
    fn a_place_reads_back_from_its_name() {
        for (it, name) in [
            (place("C1", Some("17.1"), None), "C1/17.1"),
            (place("C1", Some("17.2"), Some("17.1")), "C1/17.2/17.1"),
            (place("C1", None, Some("17.1")), "C1//17.1"),
        ] {
            assert_eq!(it.id().as_str(), name);
            assert_eq!(Place::parse(&it.id()), Some(it));
        }
    }

    #[test]
    fn the_first_message_of_a_thread_is_named_once() {
        assert_eq!(place("C1", Some("17.1"), Some("17.1")).id().as_str(), "C1/17.1");
    }

    #[test]
    fn what_is_not_a_place_is_none() {
        for name in ["", "/", "C1", "C1/", "/17.1", "C1//", "C1/17.1/17.2/17.3"] {
            assert_eq!(Place::parse(&ThreadId::new(name)), None, "{name}");
        }
    }
}
