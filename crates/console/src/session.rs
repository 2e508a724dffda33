//! Browser sessions: a random cookie, the person played, and what was handed out to them.
//!
//! **Invariant:** a form counts once, and only for the person it was made for. What is kept is
//! bounded; the oldest goes first.

use crate::Random;
use countersign_chat::transcript::Told;
use countersign_core::digest::{Digest, hex};
use countersign_core::id::InvocationId;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;

/// Sessions alive at once; each needs the access token, so they are one person's browsers.
const SESSIONS: usize = 64;
/// Forms a session may have open in its tabs.
const FORMS: usize = 512;
/// Whole views a session remembers.
const OPENED: usize = 256;
/// Answers that wait for the next page.
const ANSWERS: usize = 8;

/// How an answer feels, beside its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Wait,
    Plain,
}

/// An answer for one person alone, until they have read it.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) tone: Tone,
    pub(crate) told: Told,
    /// What was typed, put back into the composer so that it can be mended.
    pub(crate) retype: Option<Retype>,
}

/// The composer's fields as they were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Retype {
    pub(crate) text: String,
    /// Empty when there was none.
    pub(crate) manifest: String,
}

/// What the use of a form's nonce comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Spent {
    /// Go on.
    First,
    /// The same form again; it led there.
    Again(Option<String>),
    /// The form was made for somebody else who this session played before.
    OtherPerson,
    /// Never handed out, or long ago.
    Unknown,
}

struct Form {
    nonce: String,
    person: usize,
    spent: bool,
    leads_to: Option<String>,
}

struct Session {
    key: String,
    csrf: String,
    person: Option<usize>,
    forms: VecDeque<Form>,
    answers: VecDeque<(usize, Said)>,
    opened: VecDeque<(usize, InvocationId, Digest)>,
}

/// The session a request belongs to, as the guard found it.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) key: String,
    pub(crate) csrf: String,
    pub(crate) person: Option<usize>,
}

/// A session that has its person: what every page but the picker needs.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) key: String,
    pub(crate) csrf: String,
    pub(crate) person: usize,
}

/// All of them.
pub(crate) struct Sessions {
    all: Mutex<VecDeque<Session>>,
    random: Random,
}

/// Whether two secrets are equal, in a time that does not tell where they differ.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

impl Sessions {
    pub(crate) fn new(random: Random) -> Self {
        Self { all: Mutex::default(), random }
    }

    fn all(&self) -> MutexGuard<'_, VecDeque<Session>> {
        // A panic elsewhere leaves at worst a form that counts as spent.
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self) -> String {
        hex(&(self.random)())
    }

    fn with<T>(&self, key: &str, act: impl FnOnce(&mut Session) -> T) -> Option<T> {
        self.all().iter_mut().find(|session| same(&session.key, key)).map(act)
    }

    /// A new session without a person; answers its cookie value.
    pub(crate) fn open(&self) -> String {
        let key = self.chance();
        let session = Session {
            key: key.clone(),
            csrf: self.chance(),
            person: None,
            forms: VecDeque::new(),
            answers: VecDeque::new(),
            opened: VecDeque::new(),
        };
        push_bounded(&mut self.all(), session, SESSIONS);
        key
    }

    pub(crate) fn find(&self, key: &str) -> Option<Visit> {
        self.with(key, |it| Visit { key: it.key.clone(), csrf: it.csrf.clone(), person: it.person })
    }

    /// From now on this session plays this person.
    pub(crate) fn become_person(&self, key: &str, person: usize) {
        self.with(key, |it| it.person = Some(person));
    }

    /// A nonce for a form, good once and for this person.
    pub(crate) fn mint(&self, visitor: &Visitor) -> String {
        let nonce = self.chance();
        let form = Form { nonce: nonce.clone(), person: visitor.person, spent: false, leads_to: None };
        self.with(&visitor.key, |it| push_bounded(&mut it.forms, form, FORMS));
        nonce
    }

    pub(crate) fn spend(&self, visitor: &Visitor, nonce: &str) -> Spent {
        let spend = |it: &mut Session| {
            let Some(form) = it.forms.iter_mut().find(|form| same(&form.nonce, nonce)) else {
                return Spent::Unknown;
            };
            if form.person != visitor.person {
                return Spent::OtherPerson;
            }
            if std::mem::replace(&mut form.spent, true) { Spent::Again(form.leads_to.clone()) } else { Spent::First }
        };
        self.with(&visitor.key, spend).unwrap_or(Spent::Unknown)
    }

    /// Remembers where a form led, for its second arrival.
    pub(crate) fn leads_to(&self, visitor: &Visitor, nonce: &str, place: &str) {
        self.with(&visitor.key, |it| {
            if let Some(form) = it.forms.iter_mut().find(|form| same(&form.nonce, nonce)) {
                form.leads_to = Some(place.to_owned());
            }
        });
    }

    /// Keeps an answer for the person's next page.
    pub(crate) fn answer(&self, visitor: &Visitor, said: Said) {
        self.with(&visitor.key, |it| {
            if said.retype.is_some() {
                // The composer holds one: a manifest has up to 256 KiB.
                it.answers
                    .iter_mut()
                    .filter(|(person, _)| *person == visitor.person)
                    .for_each(|(_, old)| old.retype = None);
            }
            push_bounded(&mut it.answers, (visitor.person, said), ANSWERS);
        });
    }

    /// Takes the answers that wait for this person.
    pub(crate) fn take_answers(&self, visitor: &Visitor) -> Vec<Said> {
        let take = |it: &mut Session| {
            let (mine, others): (VecDeque<_>, _) =
                it.answers.drain(..).partition(|(person, _)| *person == visitor.person);
            it.answers = others;
            mine.into_iter().map(|(_, said)| said).collect()
        };
        self.with(&visitor.key, take).unwrap_or_default()
    }

    /// This person was shown every character of this decision.
    pub(crate) fn note_opened(&self, visitor: &Visitor, invocation: InvocationId, decision: Digest) {
        self.with(&visitor.key, |it| push_bounded(&mut it.opened, (visitor.person, invocation, decision), OPENED));
    }

    pub(crate) fn has_opened(&self, visitor: &Visitor, invocation: InvocationId, decision: Option<Digest>) -> bool {
        let Some(decision) = decision else { return false };
        let wanted = (visitor.person, invocation, decision);
        self.with(&visitor.key, |it| it.opened.contains(&wanted)).unwrap_or(false)
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, one: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU8, Ordering};

    fn sessions() -> Sessions {
        let next = AtomicU8::new(0);
        Sessions::new(Arc::new(move || [next.fetch_add(1, Ordering::Relaxed); 32]))
    }

    fn visitor(all: &Sessions, person: usize) -> Visitor {
        let key = all.open();
        all.become_person(&key, person);
        Visitor { key, csrf: String::new(), person }
    }

    #[test]
    fn a_form_counts_once_and_for_its_person() {
        let all = sessions();
        let ann = visitor(&all, 0);
        let nonce = all.mint(&ann);
        let bob = Visitor { person: 1, ..ann.clone() };
        assert_eq!(all.spend(&bob, &nonce), Spent::OtherPerson);
        assert_eq!(all.spend(&ann, &nonce), Spent::First);
        all.leads_to(&ann, &nonce, "/thread/1");
        assert_eq!(all.spend(&ann, &nonce), Spent::Again(Some("/thread/1".into())));
        assert_eq!(all.spend(&ann, "made up"), Spent::Unknown);
        assert_eq!(all.spend(&visitor(&all, 0), &nonce), Spent::Unknown, "another session's form");
    }

    #[test]
    fn an_answer_waits_for_the_person_it_is_for() {
        let all = sessions();
        let ann = visitor(&all, 0);
        let bob = Visitor { person: 1, ..ann.clone() };
        all.answer(&ann, Said { tone: Tone::Plain, told: Told::default(), retype: None });
        assert!(all.take_answers(&bob).is_empty());
        assert_eq!(all.take_answers(&ann).len(), 1);
        assert!(all.take_answers(&ann).is_empty(), "read once");
    }

    #[test]
    fn what_was_typed_last_is_all_that_is_kept_of_it() {
        let all = sessions();
        let ann = visitor(&all, 0);
        let bob = Visitor { person: 1, ..ann.clone() };
        let typed = |text: &str| Some(Retype { text: text.to_owned(), manifest: String::new() });
        for (visitor, retype) in [(&ann, typed("one")), (&bob, typed("other")), (&ann, typed("two")), (&ann, None)] {
            all.answer(visitor, Said { tone: Tone::Bad, told: Told::default(), retype });
        }
        let kept: Vec<_> = all.take_answers(&ann).into_iter().map(|said| said.retype).collect();
        assert_eq!(kept, [None, typed("two"), None]);
        assert_eq!(all.take_answers(&bob).pop().unwrap().retype, typed("other"));
    }

    #[test]
    fn forms_are_bounded_and_the_newest_stay() {
        let next = std::sync::atomic::AtomicU32::new(0);
        let all = Sessions::new(Arc::new(move || {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            bytes
        }));
        let ann = visitor(&all, 0);
        let first = all.mint(&ann);
        let last = (0..FORMS).map(|_| all.mint(&ann)).last().unwrap();
        assert_eq!(all.spend(&ann, &first), Spent::Unknown);
        assert_eq!(all.spend(&ann, &last), Spent::First);
    }
}
