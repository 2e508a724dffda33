//! The words at which somebody looks closer, as one automaton.
//!
//! **Invariant:** a trigger is found at every place, also inside of another one, whatever its case; none is shorter
//! than [`BEGINNING`].

use super::shapes::{self, Shape};
use super::view::{Covers, Read, View};
use super::{assigned, cli, cookies, encoded, env, header, json, pem, sensitive, tokens, url, yaml};
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::DFA;
use aho_corasick::{Anchored, MatchKind, StartKind};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

/// Where the automaton is.
pub(super) type State = StateID;

/// Looks at what stands around a trigger.
type Detector = fn(&View<'_>, Range<usize>) -> Read<Covers>;

/// All triggers, made ready once a process.
pub(super) static TRIGGERS: LazyLock<Triggers> = LazyLock::new(Triggers::new);

/// Words, and who looks closer. Token formats come from [`shapes`].
const WORDS: &[(&[&str], Detector)] = &[
    // Parts of the names under which secrets are kept; `pass` is also in `password`, `passwd` and `passphrase`.
    (&["pass", "pwd", "secret", "token", "_key", "-key", "apikey", "api.key"], assigned::assigned),
    (&["accesskey", "accountkey", "privatekey", "clientkeydata", "signingkey", "encryptionkey"], assigned::assigned),
    (&["masterkey", "authkey", "hmackey", "sessionkey", "sharedkey", "appkey", "licensekey"], assigned::assigned),
    (&["dockerconfigjson", "dockercfg"], assigned::assigned),
    (&["encryption.key", "private.key", "signing.key", "access.key", "master.key", "auth.key"], assigned::assigned),
    (&["pass", "pwd", "secret", "token", "_key", "credential"], env::listed),
    (&["securestring"], env::secure),
    (&["auth\"", "auth\\", "auth'", "auth:", "_auth="], encoded::docker_auth),
    (&["authorization"], header::authorization),
    (&["bearer "], header::bearer),
    (&["cookie:", "cookie\"", "cookie\\"], cookies::cookie),
    (&["sig=", "signature=", "sig%3d", "signature%3d"], url::signature),
    (&["://", ":\\/\\/"], url::password),
    (&["hooks.slack.com/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], url::webhook),
    (&["webhook.office.com/webhookb2/", "api.telegram.org/bot"], url::webhook),
    (&["-----begin ", "---- begin ssh2 "], pem::key),
    (&["private-lines:"], pem::putty),
    // `-----BEGIN` and `{"auths":` in base64, and `PRIVATE KEY` at its three alignments.
    (&["LS0tLS1CRUdJTi"], encoded::pem),
    (&["eyJhdXRocyI6", "UFJJVkFURSBLRV", "BSSVZBVEUgS0VZ", "QUklWQVRFIEtFW"], encoded::rest),
    (&["eyJ"], tokens::jwt),
    (&[".atlasv1."], tokens::terraform_cloud),
    (&[":AA"], tokens::telegram),
    (&["$1$", "$2a$", "$2b$", "$2x$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$apr1$"], tokens::password_hash),
    (&["$argon2", "$pbkdf2", "$scrypt$", "{ssha", "{sha}", "{crypt}", "scram-sha-"], tokens::password_hash),
    (&[":5432:", ":5433:", ":6432:", ":*:"], cli::pgpass),
    (&["sshpass ", "curl ", "mysql ", "mysqldump ", "mysqladmin ", "docker login ", "podman login "], cli::flags),
    (
        &[
            "helm registry login ",
            "redis-cli ",
            "identified by ",
            "password '",
            "requirepass ",
            "masterauth ",
            "ldapsearch ",
            "ldapmodify ",
        ],
        cli::flags,
    ),
    (&["\"sensitive\""], sensitive::output),
    (&["data:"], yaml::data),
    (&["kind: secret", "kind: \"secret", "kind: 'secret"], yaml::kind),
    (&["data\"", "data\\", "data'"], json::data),
    (&["kind\"", "kind\\", "kind'"], json::kind),
];

/// Who looks closer.
enum Look {
    Detector(Detector),
    Shape(&'static Shape),
}

/// A trigger that was found.
pub(super) struct Trigger<'t> {
    pub(super) length: usize,
    look: &'t Look,
}

impl Trigger<'_> {
    pub(super) fn look(&self, view: &View<'_>, place: Range<usize>) -> Read<Covers> {
        match self.look {
            Look::Detector(detector) => detector(view, place),
            Look::Shape(shape) => tokens::shaped(view, place, shape),
        }
    }
}

pub(super) struct Triggers {
    dfa: DFA,
    start: StateID,
    /// How many bytes of a trigger have been seen in a state.
    depths: HashMap<StateID, usize>,
    looks: Vec<Look>,
    /// By their hash, the first three bytes of all triggers, in all cases; others may be among them.
    beginnings: Vec<u64>,
}

/// How many bytes decide whether a trigger may begin; none is shorter.
const BEGINNING: usize = 3;

/// Bits of the set of beginnings.
const BITS: u32 = 16;

/// Multiplicative hashing (Knuth, "Sorting and Searching", §6.4), of bytes as they are whatever their case: the fifth bit
/// is all that tells capitals from small letters in ASCII.
#[inline]
const fn place(first: [u8; BEGINNING]) -> (usize, u32) {
    let text = u32::from_le_bytes([first[0] | 0x20, first[1] | 0x20, first[2] | 0x20, 0]);
    let hash = text.wrapping_mul(0x9e37_79b1) >> (u32::BITS - BITS);
    ((hash >> 6) as usize, hash & 63)
}

impl Triggers {
    fn new() -> Self {
        let (mut words, mut looks) = (Vec::new(), Vec::new());
        for (texts, detector) in WORDS {
            for text in *texts {
                words.push(*text);
                looks.push(Look::Detector(*detector));
            }
        }
        for shape in shapes::all() {
            words.push(shape.prefix);
            looks.push(Look::Shape(shape));
        }
        let dfa = DFA::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .start_kind(StartKind::Unanchored)
            .prefilter(false)
            .build(&words)
            .expect("a few hundred short words fit");
        let start = dfa.start_state(Anchored::No).expect("it was built for unanchored search");
        let mut depths = HashMap::from([(start, 0)]);
        for word in &words {
            let mut state = start;
            for (nth, byte) in word.bytes().enumerate() {
                state = dfa.next_state(Anchored::No, state, byte);
                depths.insert(state, nth + 1);
            }
        }
        let mut beginnings = vec![0_u64; 1 << (BITS - 6)];
        for word in &words {
            let first = word.as_bytes().first_chunk().expect("no trigger is shorter than a beginning");
            let (at, bit) = place(*first);
            if let Some(bits) = beginnings.get_mut(at) {
                *bits |= 1 << bit;
            }
        }
        Self { dfa, start, depths, looks, beginnings }
    }

    #[inline]
    fn may_begin(&self, first: [u8; BEGINNING]) -> bool {
        let (at, bit) = place(first);
        self.beginnings.get(at).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    pub(super) const fn start(&self) -> State {
        self.start
    }

    /// Reads until a trigger ends or nothing is left: the state, and how many bytes were read.
    #[inline]
    pub(super) fn advance(&self, mut state: State, bytes: &[u8]) -> (State, usize) {
        let mut at = 0;
        while at < bytes.len() {
            if state == self.start {
                // Nothing was begun, and mostly nothing begins here.
                let begins = |first: &[u8]| first.first_chunk().is_none_or(|first| self.may_begin(*first));
                let mut windows = bytes.get(at..).unwrap_or_default().windows(BEGINNING);
                let count = windows.len();
                at += windows.position(begins).unwrap_or(count);
            }
            while let Some(&byte) = bytes.get(at) {
                state = self.dfa.next_state(Anchored::No, state, byte);
                at += 1;
                if state == self.start {
                    break;
                }
                if self.dfa.is_special(state) && self.dfa.is_match(state) {
                    return (state, at);
                }
            }
        }
        (state, bytes.len())
    }

    pub(super) fn is_match(&self, state: State) -> bool {
        self.dfa.is_match(state)
    }

    /// How many of the last bytes may be the beginning of a trigger.
    pub(super) fn depth(&self, state: State) -> usize {
        self.depths.get(&state).copied().unwrap_or(0)
    }

    /// The triggers that end in this state.
    pub(super) fn matches(&self, state: State) -> impl Iterator<Item = Trigger<'_>> {
        (0..self.dfa.match_len(state)).filter_map(move |nth| {
            let pattern = self.dfa.match_pattern(state, nth);
            let look = self.looks.get(pattern.as_usize())?;
            Some(Trigger { length: self.dfa.pattern_len(pattern), look })
        })
    }
}
