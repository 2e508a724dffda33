//! How fast secrets are taken out of output: the whole redactor, and the aho-corasick crate alone over the same patterns.
//!
//! The text is what commands print: kubectl's JSON, YAML and tables, logs, a plan; a known secret stands in it every now
//! and then, and so do others that only a detector finds. The peer searches and does nothing else: it reads no wraps, no
//! escapes, hides nothing and knows no unknown secret. Goals: at least 0.5 times its speed with 64 secrets, 0.6 times with
//! 1,000, and 100 MB/s.
//!
//! `cargo bench -p countersign-tests --bench redact`. A number as the argument is the count of rounds.

#![expect(clippy::unwrap_used, reason = "a bench may stop at what it did not expect")]
#![expect(clippy::cast_precision_loss, reason = "megabytes a second, for people")]

#[path = "../../crates/redact/src/encode.rs"]
#[expect(dead_code, unused_imports, reason = "its own tests are not run here")]
mod encode;
mod support;
#[path = "../../crates/redact/src/unescape.rs"]
#[expect(dead_code, reason = "only whole texts are read here")]
mod unescape;
#[path = "../../crates/redact/src/wrap.rs"]
#[expect(dead_code, reason = "only whole texts are read here")]
mod wrap;

use aho_corasick::AhoCorasick;
use countersign_redact::{Patterns, Redactor, SHORTEST};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;
use support::{Rival, machine, rounds, stopwatch, take_turns};

/// Bytes of the text.
const TEXT: usize = 16 << 20;
/// What a pipe gives in one read.
const CHUNK: usize = 64 * 1024;
const ROUNDS: usize = 20;

fn main() {
    let rounds = rounds(ROUNDS);
    println!("{}", machine());
    println!("{:<28} {:>10} {:>10} {:>8} {:>10}", "", "MB/s", "alone", "ratio", "patterns");
    for count in [0, 64, 1_000] {
        measure(count, rounds);
    }
}

/// Both over the same text and the same secrets.
fn measure(count: usize, rounds: usize) {
    let mut chance = Chance(0x5eed + count as u64);
    let secrets: Vec<String> = (0..count).map(|_| chance.word(40)).collect();
    let text = text(&secrets, &mut chance);
    let named = secrets.iter().enumerate().map(|(nth, secret)| (format!("lease-{nth}"), secret.clone().into()));
    let ours = Patterns::new(named).unwrap();
    let patterns: BTreeSet<Vec<u8>> = secrets.iter().flat_map(|secret| encode::patterns(secret, SHORTEST)).collect();
    let alone = AhoCorasick::new(&patterns).unwrap();
    let mut rivals = [
        Rival { name: "ours", work: Box::new(|| stopwatch(|| redact(&ours, &text))) },
        Rival { name: "alone", work: Box::new(|| stopwatch(|| search(&alone, &text))) },
    ];
    let times = take_turns(&mut rivals, rounds);
    let speed = |time: Duration| text.len() as f64 / 1e6 / time.as_secs_f64();
    let (ours, alone) = (speed(times[0].median()), speed(times[1].median()));
    let name = format!("{count} secrets, detectors");
    if patterns.is_empty() {
        // Nothing to search for is no rival.
        println!("{name:<28} {ours:>10.0}");
        return;
    }
    println!("{name:<28} {ours:>10.0} {alone:>10.0} {:>8.2} {:>10}", ours / alone, patterns.len());
}

fn redact(patterns: &Patterns, text: &[u8]) {
    let mut redactor = Redactor::over(patterns);
    for chunk in text.chunks(CHUNK) {
        black_box(redactor.push(chunk));
    }
    black_box(redactor.finish());
}

fn search(alone: &AhoCorasick, text: &[u8]) {
    for chunk in text.chunks(CHUNK) {
        for found in alone.find_iter(chunk) {
            black_box(found);
        }
    }
}

/// Pseudo-random numbers, the same in every run (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn word(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        (0..length).map(|_| char::from(LETTERS[self.below(LETTERS.len())])).collect()
    }

    fn name(&mut self) -> String {
        const NAMES: [&str; 8] = ["api", "web", "payments", "ledger", "mailer", "search", "cache", "billing"];
        format!("{}-{:08x}-{:04x}", NAMES[self.below(8)], self.below(1 << 32), self.below(1 << 16))
    }
}

/// What commands print, again and again with other names and numbers.
fn text(secrets: &[String], chance: &mut Chance) -> Vec<u8> {
    let mut text = String::with_capacity(TEXT + 4096);
    while text.len() < TEXT {
        piece(&mut text, chance);
        // One known secret and one unknown in about 64 KiB.
        if chance.below(64) == 0 {
            if let Some(secret) = secrets.get(chance.below(secrets.len().max(1))) {
                writeln!(text, "connected with {secret}").unwrap();
            }
            writeln!(text, "password={}", chance.word(16)).unwrap();
        }
    }
    text.into_bytes()
}

fn piece(text: &mut String, chance: &mut Chance) {
    let name = chance.name();
    let (number, uid, hash) = (chance.below(10_000), chance.below(1 << 40), chance.word(32));
    match chance.below(5) {
        0 => {
            for _ in 0..8 {
                writeln!(text, "{:<44}1/1     Running   {:<3} 3d{}h   10.0.{}.{}", chance.name(), number % 7, number % 24, number % 256, uid % 256).unwrap();
            }
        }
        1 => {
            for line in 0..8 {
                writeln!(text, "2026-11-21T10:{:02}:{:02}.{number:06}Z info request done method=GET path=/v1/{name}/items/{uid} status=200 took={line}ms", line, number % 60).unwrap();
            }
        }
        2 => writeln!(
            text,
            "        {{\n            \"apiVersion\": \"v1\",\n            \"kind\": \"Pod\",\n            \"metadata\": {{\n                \"creationTimestamp\": \"2026-11-21T10:00:00Z\",\n                \"labels\": {{\n                    \"app\": \"{name}\",\n                    \"pod-template-hash\": \"{number}\"\n                }},\n                \"name\": \"{name}\",\n                \"resourceVersion\": \"{uid}\",\n                \"uid\": \"8f2a1c9e-3b7d-4c5e-9f10-{uid:012x}\"\n            }},\n            \"spec\": {{\n                \"containers\": [\n                    {{\n                        \"image\": \"registry.example.com/{name}@sha256:{hash}\",\n                        \"imagePullPolicy\": \"IfNotPresent\",\n                        \"terminationMessagePath\": \"/dev/termination-log\"\n                    }}\n                ]\n            }}\n        }},"
        )
        .unwrap(),
        3 => writeln!(
            text,
            "- apiVersion: v1\n  kind: Service\n  metadata:\n    name: {name}\n    uid: 8f2a1c9e-3b7d-4c5e-9f10-{uid:012x}\n  spec:\n    clusterIP: 10.1.{}.{}\n    ports:\n    - name: http\n      port: {number}\n      protocol: TCP\n    selector:\n      app: {name}\n    sessionAffinity: None\n  status:\n    loadBalancer: {{}}",
            number % 256,
            uid % 256
        )
        .unwrap(),
        _ => writeln!(
            text,
            "  # aws_instance.{name} will be updated in-place\n  ~ resource \"aws_instance\" \"{name}\" {{\n        id            = \"i-{uid:017x}\"\n      ~ instance_type = \"t3.small\" -> \"t3.medium\"\n        tags          = {{\n            \"Name\" = \"{name}\"\n        }}\n        # (27 unchanged attributes hidden)\n    }}"
        )
        .unwrap(),
    }
}
