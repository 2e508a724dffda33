//! All forms of all known secrets as one automaton.
//!
//! **Invariant:** a pattern holds no line break, since the stream is also read without them; each is there with and
//! without its escapes; none is shorter than [`SHORTEST`].

use crate::encode;
use crate::wrap::Wrap;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, MatchKind};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use zeroize::Zeroize as _;

/// A shorter secret, in bytes without line breaks, would turn harmless output into holes, and is
/// too weak to be one.
pub const SHORTEST: usize = 6;

/// Why secrets cannot be looked for. The secret itself is not shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASecret {
    /// It has fewer than [`SHORTEST`] bytes.
    #[error("`{0}` is too short to be found safely in output: a secret has at least 6 bytes")]
    Short(String),
    /// All secrets together are more than the automaton can hold.
    #[error("the known secrets are too many or too long to be looked for together")]
    TooMany,
}

/// The known secrets, ready to be looked for. A clone shares the automaton.
#[derive(Clone)]
pub struct Patterns(pub(crate) Option<Arc<Automaton>>);

pub(crate) struct Automaton {
    nfa: NFA,
    start: StateID,
    /// How many bytes of a pattern have been seen in a state.
    depths: HashMap<StateID, u64, BuildHasherDefault<ByState>>,
    /// Name of the secret by pattern.
    names: Vec<Arc<str>>,
    /// Bytes of the longest pattern.
    pub(crate) longest: u64,
    beginnings: Beginnings,
}

/// The first bytes of all patterns, as a set that may hold more: what is not in it begins none.
struct Beginnings {
    bits: Vec<u64>,
    shift: u32,
}

/// How many bytes the set looks at; no pattern is shorter.
pub(crate) const BEGINNING: usize = 4;

impl Beginnings {
    fn of<'t>(texts: impl ExactSizeIterator<Item = &'t [u8]>) -> Self {
        // So many bits a pattern that one text in a hundred is looked at in vain.
        let bits = (texts.len() * 96).next_power_of_two().clamp(1 << 15, 1 << 24);
        let mut set = Self { bits: vec![0; bits / 64], shift: 32 - bits.trailing_zeros() };
        for text in texts {
            if let Some(first) = text.first_chunk() {
                let (word, bit) = set.place(*first);
                if let Some(word) = set.bits.get_mut(word) {
                    *word |= 1 << bit;
                }
            }
        }
        set
    }

    /// Multiplicative hashing (Knuth, "Sorting and Searching", §6.4).
    #[inline]
    const fn place(&self, first: [u8; BEGINNING]) -> (usize, u32) {
        let hash = u32::from_le_bytes(first).wrapping_mul(0x9e37_79b1) >> self.shift;
        ((hash >> 6) as usize, hash & 63)
    }
}

/// Spreads the numbers of states; nobody chooses them, so that nothing stronger is needed (Knuth, "Sorting and
/// Searching", §6.4).
#[derive(Debug, Default)]
struct ByState(u64);

impl Hasher for ByState {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u32(u32::from(byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.0 = (self.0.rotate_left(32) ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.as_ref().map_or(0, |automaton| automaton.names.len());
        write!(f, "Patterns({count})")
    }
}

impl Patterns {
    /// Prepares to look for these secrets; the name of each is shown in its place.
    ///
    /// # Errors
    /// [`NotASecret`] when one is too short, or all together are too much.
    pub fn new(secrets: impl IntoIterator<Item = (String, SecretString)>) -> Result<Self, NotASecret> {
        let mut patterns: BTreeMap<Vec<u8>, Arc<str>> = BTreeMap::new();
        for (name, secret) in secrets {
            let trimmed = secret.expose_secret().trim();
            if Wrap::unwrapped(trimmed.as_bytes()).len() < SHORTEST {
                return Err(NotASecret::Short(name));
            }
            let name: Arc<str> = name.into();
            for pattern in encode::patterns(trimmed, SHORTEST) {
                patterns.entry(pattern).or_insert_with(|| Arc::clone(&name));
            }
        }
        if patterns.is_empty() {
            return Ok(Self(None));
        }
        Automaton::build(patterns).map(|automaton| Self(Some(Arc::new(automaton)))).ok_or(NotASecret::TooMany)
    }
}

impl Automaton {
    fn build(patterns: BTreeMap<Vec<u8>, Arc<str>>) -> Option<Self> {
        let texts: Vec<&[u8]> = patterns.keys().map(Vec::as_slice).collect();
        let nfa = NFA::builder().match_kind(MatchKind::Standard).prefilter(false).build(&texts).ok()?;
        let start = nfa.start_state(Anchored::No).ok()?;
        let mut depths = HashMap::default();
        depths.insert(start, 0);
        let mut longest = 0;
        for text in texts {
            // Along a pattern the automaton is in the state that stands for what was read of it.
            let (mut state, mut depth) = (start, 0);
            for &byte in text {
                state = nfa.next_state(Anchored::No, state, byte);
                depth += 1;
                depths.insert(state, depth);
            }
            longest = longest.max(depth);
        }
        let beginnings = Beginnings::of(patterns.keys().map(Vec::as_slice));
        let mut names = Vec::with_capacity(patterns.len());
        for (mut text, name) in patterns {
            // The automaton still spells them; this is one copy less.
            text.zeroize();
            names.push(name);
        }
        Some(Self { nfa, start, depths, names, longest, beginnings })
    }

    pub(crate) const fn start(&self) -> StateID {
        self.start
    }

    #[inline]
    pub(crate) fn next(&self, state: StateID, byte: u8) -> StateID {
        self.nfa.next_state(Anchored::No, state, byte)
    }

    /// Whether a pattern may begin with these bytes; `false` is certain.
    #[inline]
    pub(crate) fn may_begin(&self, first: [u8; BEGINNING]) -> bool {
        let (word, bit) = self.beginnings.place(first);
        self.beginnings.bits.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    #[inline]
    pub(crate) fn is_match(&self, state: StateID) -> bool {
        self.nfa.is_match(state)
    }

    /// How many of the last bytes may be the beginning of a secret.
    pub(crate) fn depth(&self, state: StateID) -> u64 {
        if state == self.start {
            return 0;
        }
        self.depths.get(&state).copied().expect("every state lies on some pattern")
    }

    /// The longest pattern that ends in this state: its length and its number.
    pub(crate) fn longest_match(&self, state: StateID) -> Option<(u64, usize)> {
        (0..self.nfa.match_len(state))
            .map(|nth| self.nfa.match_pattern(state, nth))
            .map(|pattern| (u64::try_from(self.nfa.pattern_len(pattern)).unwrap_or(u64::MAX), pattern.as_usize()))
            .max()
    }

    pub(crate) fn name(&self, pattern: usize) -> &Arc<str> {
        self.names.get(pattern).expect("each pattern has a name")
    }
}
