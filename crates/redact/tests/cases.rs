//! The cases: texts with secrets, of which those and nothing else are hidden, and texts that stay as they are.
//!
//! The files are data, with their sources; see `docs/redaction.md`.

#![expect(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

use countersign_redact::{Patterns, Redactor};
use std::fmt::Write as _;

const TOKENS: &str = include_str!("cases/tokens.txt");
const CONTEXTS: &str = include_str!("cases/contexts.txt");
const SECRET_LINES: &str = include_str!("cases/secret-lines.txt");
const SECRET_TEXTS: &str = include_str!("cases/secret-texts.txt");
const BENIGN_LINES: &str = include_str!("cases/benign-lines.txt");
const BENIGN_TEXTS: &str = include_str!("cases/benign-texts.txt");

/// Pseudo-random numbers, the same in every run (Marsaglia, "Xorshift RNGs", 2003).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    /// Characters of a kind; letters, capitals and digits are all among them where there is room. The last is no sign, with
    /// which a sentence could end.
    fn drawn(&mut self, kind: &str, length: usize) -> String {
        const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
        const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let (alphabet, first, last) = match kind {
            "alnum" => (format!("{LOWER}{UPPER}0123456789"), "k7Q", "x"),
            "word" => (format!("{LOWER}{UPPER}0123456789-_"), "k7Q", "x"),
            "base64" => (format!("{LOWER}{UPPER}0123456789+/"), "k7Q", "x"),
            "alpha" => (format!("{LOWER}{UPPER}"), "kQ", "x"),
            "upper" => (format!("{UPPER}234567"), "K7", "X"),
            "hex" => ("0123456789abcdef".to_owned(), "b7", "c"),
            "digit" => ("0123456789".to_owned(), "1", "2"),
            other => panic!("`{other}` is no kind of character"),
        };
        let alphabet: Vec<char> = alphabet.chars().collect();
        let between: String = (first.len()..length - 1).map(|_| alphabet[self.below(alphabet.len())]).collect();
        format!("{first}{between}{last}")
    }
}

/// Draws what stands in `‹kind:length›`.
fn expanded(template: &str, chance: &mut Chance) -> String {
    let (mut out, mut rest) = (String::new(), template);
    while let Some((before, behind)) = rest.split_once('‹') {
        let (what, behind) = behind.split_once('›').unwrap();
        let (kind, length) = what.split_once(':').unwrap();
        write!(out, "{before}{}", chance.drawn(kind, length.parse().unwrap())).unwrap();
        rest = behind;
    }
    out + rest
}

/// A text, and the same with a star for each secret.
struct Case {
    text: String,
    hidden: String,
}

fn case(marked: &str) -> Case {
    let (mut text, mut hidden, mut rest) = (String::new(), String::new(), marked);
    while let Some((before, behind)) = rest.split_once('⟦') {
        let (secret, behind) = behind.split_once('⟧').unwrap();
        text += before;
        text += secret;
        hidden += before;
        hidden += "[*]";
        rest = behind;
    }
    Case { text: text + rest, hidden: hidden + rest }
}

fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().filter(|line| !line.starts_with("# ") && !line.is_empty())
}

fn blocks(file: &str) -> impl Iterator<Item = (&str, &str)> {
    file.split("=== ").filter(|block| !block.trim().is_empty()).map(|block| block.split_once('\n').unwrap())
}

/// All texts with secrets.
fn secrets() -> Vec<Case> {
    let mut chance = Chance(7);
    let mut cases: Vec<Case> = lines(SECRET_LINES).map(|line| case(&expanded(line, &mut chance))).collect();
    cases.extend(blocks(SECRET_TEXTS).map(|(_, text)| case(&expanded(text, &mut chance))));
    for token in lines(TOKENS) {
        let (template, source) = token.split_once(" | ").unwrap();
        assert!(!source.is_empty());
        // A slash ends what a URL may hold before its host.
        let fits = |context: &&str| !(template.contains('/') && context.contains("@@"));
        for context in lines(CONTEXTS).filter(fits) {
            let token = format!("⟦{}⟧", expanded(template, &mut chance));
            let context = if context.starts_with('{') { context.to_owned() } else { context.replace("\\n", "\n") };
            cases.push(case(&context.replace("@@", "@\0").replacen('@', &token, 1).replace('\0', "@")));
        }
    }
    cases
}

fn benign() -> Vec<String> {
    let texts = blocks(BENIGN_TEXTS).map(|(_, text)| text.to_owned());
    lines(BENIGN_LINES).map(str::to_owned).chain(texts).collect()
}

fn redact(text: &str, pieces: &[usize]) -> String {
    let mut redactor = Redactor::over(&Patterns::new([]).unwrap());
    let (mut out, mut rest, mut nth) = (Vec::new(), text.as_bytes(), 0);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at(pieces[nth % pieces.len()].min(rest.len()));
        out.extend(redactor.push(piece));
        rest = later;
        nth += 1;
    }
    out.extend(redactor.finish().0);
    String::from_utf8(out).unwrap()
}

/// With a star for each marker.
fn starred(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once("[redacted:") {
        out += before;
        let (_, behind) = behind.split_once(']').unwrap();
        out += "[*]";
        rest = behind;
    }
    out + rest
}

#[test]
fn p54_every_secret_is_hidden_and_nothing_else() {
    let cases = secrets();
    assert!(cases.len() >= 500, "{} cases", cases.len());
    let mut wrong = String::new();
    let mut count = 0;
    for case in &cases {
        let out = redact(&case.text, &[usize::MAX]);
        if starred(&out) != case.hidden {
            count += 1;
            writeln!(wrong, "--- {}\nbecame {out}", case.text).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{count} of {} are wrong:\n{wrong}", cases.len());
}

#[test]
fn p53_benign_look_alikes_stay_byte_for_byte() {
    let cases = benign();
    assert!(cases.len() >= 300, "{} cases", cases.len());
    let changed: Vec<String> = cases
        .iter()
        .map(|text| (text, redact(text, &[usize::MAX])))
        .filter(|(text, out)| *text != out)
        .map(|(text, out)| format!("--- {text}\nbecame {out}"))
        .collect();
    assert!(changed.is_empty(), "{} changed:\n{}", changed.len(), changed.join("\n"));
}

#[test]
fn p53_benign_texts_stay_in_one_stream_too() {
    let all = lines(BENIGN_LINES).collect::<Vec<_>>().join("\n\n");
    similar_or_panic(&all, &redact(&all, &[4096]));
    let all = blocks(BENIGN_TEXTS).map(|(_, text)| text).collect::<Vec<_>>().join("---\n");
    similar_or_panic(&all, &redact(&all, &[4096]));
}

#[track_caller]
fn similar_or_panic(text: &str, out: &str) {
    for (before, after) in text.lines().zip(out.lines()) {
        assert_eq!(before, after);
    }
    assert_eq!(text, out);
}

#[test]
fn chunks_make_no_difference_and_a_second_time_changes_nothing() {
    let texts = secrets().into_iter().map(|case| case.text).chain(benign());
    for text in texts {
        let whole = redact(&text, &[usize::MAX]);
        for pieces in [&[1][..], &[2], &[3, 1, 7], &[64, 5]] {
            assert_eq!(redact(&text, pieces), whole, "in pieces of {pieces:?}");
        }
        assert_eq!(redact(&whole, &[usize::MAX]), whole, "the second time");
    }
}

#[test]
fn every_cut_gives_the_same() {
    for case in secrets().iter().filter(|case| case.text.len() < 600) {
        let whole = redact(&case.text, &[usize::MAX]);
        for cut in 1..case.text.len() {
            assert_eq!(redact(&case.text, &[cut, usize::MAX]), whole, "{} cut at {cut}", case.text);
        }
    }
}
