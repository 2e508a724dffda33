//! The same output as GNU's programs give, on random lines, for every option that is taken.
//!
//! The measure is what stands on the machine (grep 3, coreutils 9) in the C locale.

use crate::support::{chain, text};
use countersign_tools::filters::{FilterError, Limits};
use proptest::prelude::*;
use std::io::Write as _;
use std::process::{Command, Stdio};

#[expect(clippy::disallowed_methods, reason = "the real programs are the measure")]
fn real(elements: &[&str], input: &[u8]) -> Vec<u8> {
    let (name, arguments) = elements.split_first().unwrap();
    let mut child = Command::new(format!("/usr/bin/{name}"))
        .args(arguments)
        .env_clear()
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have read enough before all was written; the input fits into a pipe.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap().stdout
}

#[track_caller]
fn same(elements: &[&str], input: &[u8]) {
    same_as(elements, elements, input);
}

/// `measure` is what the real program is given instead of `elements`.
#[track_caller]
fn same_as(measure: &[&str], elements: &[&str], input: &[u8]) {
    let ours = chain(&[elements], input, Limits::default()).unwrap().0;
    let real = real(measure, input);
    assert!(
        ours == real,
        "{elements:?} of {:?}\n  ours: {:?}\n  real: {:?}",
        String::from_utf8_lossy(input),
        String::from_utf8_lossy(&ours),
        String::from_utf8_lossy(&real)
    );
}

/// A line of things that look like names, numbers, versions, sizes and columns.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "api",
            "API",
            "web",
            "api-7f",
            "Running",
            "error",
            "10",
            "9",
            "-3",
            "0.5",
            "007",
            "1.50",
            "2K",
            "1M",
            "1G",
            "-2K",
            "10k",
            "v1.9",
            "v1.10",
            "v1.10~rc1",
            "a.tar.gz",
            ".",
            "..",
            ".x",
            "x.1.2",
            "0",
            "-0",
            "",
            "_",
            "1,2,3",
            "b,2",
            "~",
        ])
        .prop_map(str::to_owned),
        "[a-c0-3.~, -]{0,6}",
    ];
    let gap = prop::sample::select(vec![" ", "  ", "\t", ",", ""]);
    prop::collection::vec((piece, gap), 0..4)
        .prop_map(|parts| parts.into_iter().flat_map(|(piece, gap)| [piece, gap.to_owned()]).collect())
}

fn input() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..14), any::<bool>()).prop_map(|(lines, ended)| {
        let mut text = lines.join("\n");
        text.push_str(if ended && !text.is_empty() { "\n" } else { "" });
        text.into_bytes()
    })
}

/// `-k` as it may be given.
fn key() -> impl Strategy<Value = String> {
    let letters = prop::sample::select(vec!["", "n", "r", "nr", "h", "V", "f", "Vr", "fV"]);
    let blanks = prop::sample::select(vec!["", "", "b"]);
    (1..4_u32, blanks, prop::option::of(1..4_u32), letters).prop_map(|(from, blanks, to, letters)| match to {
        Some(to) => format!("{from}{blanks},{to}{letters}"),
        None => format!("{from}{blanks}{letters}"),
    })
}

fn grep() -> impl Strategy<Value = Vec<String>> {
    let switches = prop::sample::subsequence(vec!["-i", "-v", "-n", "-c", "-w", "-x"], 0..4);
    let more =
        prop::sample::select(vec!["", "-o", "-A 1", "-B 1", "-A 2 -B 1", "-m 2", "-m 1 -A 2", "-m 2 -B 2", "-m 0"]);
    let pattern = prop::sample::select(vec![
        "-E api",
        "-E a",
        "-E ^a",
        "-E 7f$",
        "-E a|b",
        "-E [0-9]+",
        "-E a.c",
        "-E (a|b)c?",
        "-E [[:alpha:]]+",
        "-E ,",
        "-F a.b",
        "-F .",
        "-E x{2}",
        "-E \\.",
        "-E nothing",
        "-F 1.",
        "-E .*",
        "-E ^$",
        "-E -",
    ]);
    (switches, more, pattern).prop_map(|(switches, more, pattern)| {
        let pattern = pattern.split(' ');
        let words = switches.into_iter().chain(more.split(' ')).chain(pattern).filter(|word| !word.is_empty());
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        if words.last().is_some_and(|word| word.starts_with('-')) {
            words.insert(words.len() - 1, "--".to_owned());
        }
        words
    })
}

/// "-w has no effect if -x is also specified", says grep's manual; its program (3.8) then prints an
/// empty match behind a line that ends with a blank.
fn as_its_manual_says<'a>(elements: &[&'a str]) -> Vec<&'a str> {
    let whole_lines = elements.contains(&"-x");
    elements.iter().copied().filter(|word| !(whole_lines && *word == "-w")).collect()
}

fn elements<'a>(name: &'a str, words: &'a [String]) -> Vec<&'a str> {
    std::iter::once(name).chain(words.iter().map(String::as_str)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn grep_is_grep(words in grep(), input in input()) {
        let ours = elements("grep", &words);
        same_as(&as_its_manual_says(&ours), &ours, &input);
    }

    #[test]
    fn head_and_tail_are_head_and_tail(
        words in prop::sample::select(vec![
            "head", "head -n 0", "head -n 1", "head -n 3", "head -c 0", "head -c 5", "head -3", "tail", "tail -n 0", "tail -n 1",
            "tail -n 3", "tail -c 0", "tail -c 5", "tail -n +0", "tail -n +1", "tail -n +2", "tail -n +99", "tail -2",
        ]),
        input in input(),
    ) {
        same(&words.split(' ').collect::<Vec<_>>(), &input);
    }

    #[test]
    fn sort_is_sort(
        by in prop::sample::select(vec!["", "-n", "-h", "-V", "-f", "-b", "-f -V", "-f -b", "-n -b"]),
        switches in prop::sample::subsequence(vec!["-r", "-u"], 0..=2),
        separator in prop::option::of(prop::sample::select(vec!["-t,", "-t.", "-t-"])),
        keys in prop::collection::vec(key(), 0..3),
        input in input(),
    ) {
        let mut words: Vec<String> = by.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        words.extend(switches.into_iter().chain(separator).map(str::to_owned));
        words.extend(keys.into_iter().flat_map(|key| ["-k".to_owned(), key]));
        same(&elements("sort", &words), &input);
    }

    #[test]
    fn wc_is_wc(words in prop::sample::select(vec!["wc", "wc -l", "wc -w", "wc -c", "wc -l -w", "wc -lc"]), input in input()) {
        same(&words.split(' ').collect::<Vec<_>>(), &input);
    }

    #[test]
    fn however_it_is_cut_into_reads_it_is_the_same(words in grep(), input in input(), limit in 1..40_usize) {
        // A line that is cut is still one line.
        let limits = Limits { line: limit, ..Limits::default() };
        let (out, _) = chain(&[&["grep", "-c", "-E", ""]], &input, limits).unwrap();
        prop_assert_eq!(out, real(&["grep", "-c", ""], &input));
        let _ = chain(&[&elements("grep", &words)], &input, limits).unwrap();
    }
}

/// What random lines found once.
#[test]
fn hidden_names_and_new_units_are_sorted_as_there() {
    for (words, input) in [
        (["sort", "-V"].as_slice(), ".x\n.a, \n"),
        (&["sort", "-k", "1,1V"], ".~, \n.a \n"),
        (&["sort", "-V"], ".\n..\n.a\n.b.c\na\n"),
        (&["sort", "-k", "1h"], "10 \n1Running \n"),
        (&["sort", "-h"], "1Q\n10\n1Y\n"),
    ] {
        same(words, input.as_bytes());
    }
}

#[test]
fn larger_inputs_than_a_pipe_go_through_a_chain() {
    let input: String =
        (0..200_000).flat_map(|number| [number.to_string(), format!(" line {}\n", number % 7)]).collect();
    assert_eq!(text(&[&["grep", "-E", "line 3"], &["wc", "-l"]], &input), "28571\n");
    assert_eq!(text(&[&["sort", "-n", "-r"], &["head", "-n", "2"]], &input), "199999 line 2\n199998 line 1\n");
    assert_eq!(text(&[&["grep", "-E", "."], &["tail", "-n", "1"], &["head", "-c", "6"]], &input), "199999");
    let large: String = "x".repeat(3 << 20);
    assert_eq!(text(&[&["wc", "-c"]], &large), format!("{}\n", 3 << 20));
    assert_eq!(text(&[&["tail", "-c", "3"]], &large), "xxx");
}

#[test]
fn no_filter_keeps_more_than_it_may() {
    let limits = Limits { line: 8, kept: 1_000 };
    let (out, summary) = chain(&[&["grep", "-E", "a"]], b"aaaaaaaaaaaa\nabc\n", limits).unwrap();
    assert_eq!(
        (out.as_slice(), summary.notes.as_slice()),
        (b"aaaaaaaa\nabc\n".as_slice(), ["1 line was longer than 8 bytes: the rest was dropped".to_owned()].as_slice())
    );
    let input = "12345678\n".repeat(200);
    for elements in [
        ["sort", "-n"].as_slice(),
        &["tail", "-n", "1000"],
        &["tail", "-c", "5000"],
        &["grep", "-v", "-B", "900", "-E", "1"],
    ] {
        let told = chain(&[elements], input.as_bytes(), limits);
        assert!(matches!(told, Err(FilterError::TooMuch(..))), "{elements:?}");
    }
}

#[test]
fn no_match_is_told_and_is_no_failure() {
    for (filters, matched) in [
        ([["grep", "-E", "a"].as_slice()].as_slice(), true),
        (&[&["grep", "-E", "zzz"]], false),
        (&[&["grep", "-c", "-E", "zzz"]], false),
        (&[&["grep", "-E", "zzz"], &["wc", "-l"]], false),
        (&[&["head", "-n", "0"]], true),
    ] {
        assert_eq!(chain(filters, b"abc\n", Limits::default()).unwrap().1.matched, matched, "{filters:?}");
    }
}
