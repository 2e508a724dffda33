//! Nothing known gets through, and everything else does, however the stream is cut.

use super::*;
use crate::encode::forms;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

const TOKEN: &str = "canary-81f2/é+\"x";

fn patterns(secrets: &[(&str, &str)]) -> Patterns {
    Patterns::new(secrets.iter().map(|(name, secret)| ((*name).to_owned(), SecretString::from(*secret)))).unwrap()
}

/// The whole stream, given in pieces of these lengths (the last one repeats).
fn redact(patterns: &Patterns, bytes: &[u8], pieces: &[usize]) -> (Vec<u8>, Counts) {
    let mut redactor = Redactor::over(patterns);
    let (mut out, mut rest, mut nth) = (Vec::new(), bytes, 0);
    while !rest.is_empty() {
        let length = pieces.get(nth.min(pieces.len().saturating_sub(1))).copied().unwrap_or(rest.len());
        let (piece, later) = rest.split_at(length.clamp(1, rest.len()));
        out.extend(redactor.push(piece));
        rest = later;
        nth += 1;
    }
    let (end, counts) = redactor.finish();
    out.extend(end);
    (out, counts)
}

#[track_caller]
fn becomes(secrets: &[(&str, &str)], text: &str, expected: &str) {
    for piece in [usize::MAX, 1, 2, 3, 7] {
        let (out, _) = redact(&patterns(secrets), text.as_bytes(), &[piece]);
        assert_eq!(String::from_utf8_lossy(&out), expected, "in pieces of {piece}");
    }
}

#[test]
fn p22_every_form_is_replaced_at_every_boundary() {
    for form in forms(TOKEN) {
        let text = format!("token={} end", form.as_str());
        for cut in 0..text.len() {
            let (out, counts) = redact(&patterns(&[("t", TOKEN)]), text.as_bytes(), &[cut, usize::MAX]);
            assert_eq!(String::from_utf8_lossy(&out), "token=[redacted:t] end", "{} cut at {cut}", form.as_str());
            assert_eq!(counts.total(), 1);
        }
    }
}

#[test]
fn p22_escape_sequences_and_line_wraps_do_not_hide_it() {
    let secret = [("t", "canary-81f2")];
    becomes(&secret, "a can\u{1b}[1mary\u{1b}[0m-81f2 b", "a [redacted:t] b");
    becomes(&secret, "a canar\r\n    y-81f2\nb", "a [redacted:t]\nb");
    becomes(&secret, "a can\u{1b}]0;title\u{7}ary-81f2 b", "a [redacted:t] b");
    becomes(&secret, "a\u{1b}]0;canary-81f2\u{7} b", "a\u{1b}]0;[redacted:t]\u{7} b");
    becomes(&secret, "a \u{1b}[canary-81f2 b", "a \u{1b}[[redacted:t] b");
    let all = "canary-81f2".chars().fold(String::new(), |all, c| all + &format!("{c}\u{1b}[m\n  "));
    becomes(&secret, &all, "[redacted:t]\u{1b}[m\n  ");
}

#[test]
fn p22_escapes_here_and_there_and_several_times_over_do_not_hide_it() {
    let secret = [("t", "p@ss\"w0rd/\u{e9}")];
    for form in [
        "p%40ss\"w0rd/\u{e9}",
        "p@ss%22w0rd%2f%C3%a9",
        "%70%40%73%73%22%77%30%72%64%2F%C3%A9",
        "p%2540ss%2522w0rd%252F%25C3%25A9",
        "p@ss\\\"w0rd/\u{e9}",
        "p@ss\\\\\\\"w0rd\\\\/\\\\u00e9",
        "p\\u0040ss\\u0022w0rd\\/\\u00E9",
        "\\x70\\x40\\x73\\x73\\x22w0rd/\\xc3\\xa9",
        "p\\100ss\\042w0rd/\\303\\251",
        "p@ss\\\"w0rd%2F\\u00e9",
        "p@ss\\\"w0\r\n    rd/\\u00e9",
        "p\u{1b}[1m%40ss\"w0rd/\u{1b}[0m\u{e9}",
    ] {
        becomes(&secret, &format!("a {form} b"), "a [redacted:t] b");
    }
    let utf16: String = "canary-81f2".chars().flat_map(|c| [c, '\0']).collect();
    becomes(&[("t", "canary-81f2")], &format!("a {utf16}b"), "a [redacted:t]\0b");
    becomes(&[("t", "\u{1f600} smile")], "a \\ud83d\\ude00 smile b", "a [redacted:t] b");
    becomes(&[("t", "it's one")], "a 'it'\\''s one' b", "a '[redacted:t]' b");
}

#[test]
fn p22_base64_of_base64_and_of_more_does_not_hide_it() {
    let auth = STANDARD.encode("bob:canary-81f2");
    let config = STANDARD.encode(format!("{{\"auths\":{{\"r\":{{\"auth\":\"{auth}\"}}}}}}"));
    let (out, counts) = redact(&patterns(&[("t", "canary-81f2")]), format!("x {config} y {auth}").as_bytes(), &[5]);
    let out = String::from_utf8(out).unwrap();
    assert!(counts.total() >= 2 && !out.contains(&config[30..]) && !out.contains(&auth[8..]), "{out}");
}

#[test]
fn p22_a_wrapped_key_is_found_in_every_layout() {
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\nBCIEIAAAsecretbo\n-----END PRIVATE KEY-----\n";
    let secret = [("k", key)];
    becomes(&secret, &format!("key: |\n  {} x", key.replace('\n', "\n  ")), "key: |\n  [redacted:k]\n   x");
    becomes(&secret, &format!("{{\"k\":\"{}\"}}", key.trim().replace('\n', "\\n")), "{\"k\":\"[redacted:k]\"}");
    let wrapped: Vec<String> =
        STANDARD.encode(key.trim()).as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into()).collect();
    becomes(&secret, &format!("k:\n{}\nend", wrapped.join("\n")), "k:\n[redacted:k]\nend");
}

#[test]
fn of_overlapping_secrets_all_bytes_go_under_one_name() {
    let both = [("short", "abcdefgh"), ("long", "abcdefghijkl"), ("tail", "ijklmnop")];
    becomes(&both, "x abcdefgh y", "x [redacted:short] y");
    becomes(&both, "x abcdefghijkl y", "x [redacted:long] y");
    becomes(&both, "x abcdefghijklmnop y", "x [redacted:long] y");
    becomes(&both, "x abcdefghabcdefgh y", "x [redacted:short][redacted:short] y");
}

#[test]
fn only_what_may_be_a_secret_is_held_back() {
    let mut redactor = Redactor::over(&patterns(&[("t", "canary-81f2")]));
    assert_eq!(redactor.push(b"progress 10%\n"), b"progress 10%\n");
    assert_eq!(redactor.push(b"the cana"), b"the ");
    assert_eq!(redactor.push(b"z"), b"canaz");
    assert_eq!(redactor.push("é".as_bytes().get(..1).unwrap()), b"\xc3");
    let (rest, counts) = redactor.finish();
    assert_eq!((rest.as_slice(), counts.total()), (&b""[..], 0));
}

#[test]
fn p22_a_stream_that_is_cut_gives_no_half_secret() {
    let cut = |text: &str| {
        let mut redactor = Redactor::over(&patterns(&[("t", "canary-81f2")]));
        let mut out = redactor.push(text.as_bytes());
        out.extend(redactor.cut().0);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(cut("x canary-81"), "x ");
    assert_eq!(cut("a gh"), "a gh");
    assert_eq!(cut("a ghp_abcdef"), "a ");
    assert_eq!(cut("user=bob password=hunt"), "user=bob ");
    assert_eq!(cut("a\n-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG"), "a\n");
    assert_eq!(cut("data:\n  a: aHVudGVyMg==\n"), "");
}

#[test]
fn p44_what_is_held_stays_bounded() {
    let periodic = "ab".repeat(20);
    let patterns = patterns(&[("t", "canary-81f2"), ("p", &periodic)]);
    let mut redactor = Redactor::over(&patterns);
    let _ = redactor.push(b"canary");
    for noise in [&b"\n"[..], b"\x1b]", b"a\nb\n", b"\x1b[1m", b"can\nary"] {
        for _ in 0..2000 {
            let _ = redactor.push(&noise.repeat(100));
            assert!(redactor.held() <= 512 * 257, "{} held", redactor.held());
            assert!(redactor.known.as_ref().unwrap().remembered() < 2000);
        }
    }
}

#[test]
fn short_secrets_are_refused_by_name() {
    let short = Patterns::new([("pin".to_owned(), SecretString::from(" 1\n2345 "))]).unwrap_err();
    assert_eq!(short.to_string(), "`pin` is too short to be found safely in output: a secret has at least 6 bytes");
    assert!(Patterns::new([("pin".to_owned(), SecretString::from("123456"))]).is_ok());
}

#[test]
fn without_secrets_everything_passes() {
    becomes(&[], "anything\u{1b}[0m\n", "anything\u{1b}[0m\n");
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof!["[!-~]{6,40}", "[!-~][ -~\u{e4}\u{20ac}\u{1f600}]{10,30}[!-~]", "[a-c]{6,8}[!-~]{8}"]
}

fn benign() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn nothing_leaks_and_everything_else_passes_byte_for_byte(
        secret in secret(),
        parts in proptest::collection::vec((benign(), any::<prop::sample::Index>()), 1..5),
        pieces in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let patterns = patterns(&[("t", &secret)]);
        let (mut raw, mut expected) = (Vec::new(), Vec::new());
        for (benign, form) in &parts {
            // Blanks around it, so that what stands beside it cannot make the form a longer one.
            let forms: Vec<_> = forms(&secret).into_iter().filter(|form| form.len() >= secret.len()).collect();
            for out in [&mut raw, &mut expected] {
                out.extend_from_slice(benign);
                out.extend_from_slice(b"  ");
            }
            raw.extend_from_slice(form.get(&forms).as_bytes());
            expected.extend_from_slice(b"[redacted:t]");
            raw.extend_from_slice(b"  ");
            expected.extend_from_slice(b"  ");
        }
        let (out, counts) = redact(&patterns, &raw, &pieces);
        prop_assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
        prop_assert_eq!(counts.total(), u64::try_from(parts.len()).unwrap());
    }

    #[test]
    fn wraps_and_escapes_anywhere_inside_do_not_hide_it(
        secret in "[!-~]{6,40}",
        form in any::<prop::sample::Index>(),
        noise in proptest::collection::vec(prop_oneof![
            Just(""), Just("\n"), Just("\r\n\t "), Just("\u{1b}[0;31m"), Just("\u{1b}]8;;http://x/\u{1b}\\"),
        ], 8..20),
        pieces in proptest::collection::vec(1_usize..9, 1..20),
    ) {
        // A blank behind a line break is taken for indentation.
        let forms: Vec<_> = forms(&secret).into_iter().filter(|form| !form.contains(' ')).collect();
        let form = form.get(&forms);
        let mut raw = "before ".to_owned();
        for (nth, c) in form.chars().enumerate() {
            raw.push_str(if nth == 0 { "" } else { noise[nth % noise.len()] });
            raw.push(c);
        }
        raw.push_str(" after");
        let (out, _) = redact(&patterns(&[("t", &secret)]), raw.as_bytes(), &pieces);
        prop_assert_eq!(String::from_utf8_lossy(&out), "before [redacted:t] after");
    }

    #[test]
    fn base64_of_a_longer_text_gives_nothing_away(
        before in proptest::collection::vec(any::<u8>(), 0..20),
        secret in "[!-~]{8,40}",
        after in proptest::collection::vec(any::<u8>(), 0..20),
        pieces in proptest::collection::vec(1_usize..20, 1..20),
    ) {
        let whole = [before.as_slice(), secret.as_bytes(), after.as_slice()].concat();
        for text in [STANDARD.encode(&whole), base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&whole)] {
            let (out, counts) = redact(&patterns(&[("t", &secret)]), text.as_bytes(), &pieces);
            prop_assert!(counts.total() >= 1);
            // Of each end at most the character shared with a neighbour stays.
            let ours = (before.len() * 8).div_ceil(6)..(before.len() + secret.len()) * 8 / 6;
            let prefix = text.get(..ours.start).unwrap();
            let suffix = text.get(ours.end..).unwrap();
            let out = String::from_utf8_lossy(&out).into_owned();
            prop_assert!(out.len() <= prefix.len() + "[redacted:t]".len() + suffix.len(), "{}", out);
        }
    }

    #[test]
    fn chunks_make_no_difference(
        secrets in proptest::collection::vec("[ab]{6,9}", 1..4),
        text in "[ab\n\u{1b}\\[m ]{0,200}",
        pieces in proptest::collection::vec(1_usize..9, 1..20),
    ) {
        let named: Vec<_> = secrets.iter().enumerate().map(|(n, s)| (n.to_string(), s.clone())).collect();
        let named: Vec<_> = named.iter().map(|(n, s)| (n.as_str(), s.as_str())).collect();
        let patterns = patterns(&named);
        let whole = redact(&patterns, text.as_bytes(), &[usize::MAX]);
        prop_assert_eq!(&redact(&patterns, text.as_bytes(), &pieces), &whole);
        let plain = String::from_utf8_lossy(&whole.0).into_owned();
        for secret in &secrets {
            prop_assert!(!plain.contains(secret.as_str()), "{}", plain);
        }
    }
}

/// Streams this again and again behind `begin`, and ends with `end`: what came out, the most that was held, and the names
/// of what was hidden.
fn endless(begin: &str, again: &str, end: &str, bytes: usize) -> (String, usize, Vec<String>) {
    let mut redactor = Redactor::over(&patterns(&[("t", "canary-81f2")]));
    let mut out = redactor.push(begin.as_bytes());
    let block = again.repeat((64 << 10) / again.len());
    let mut held = 0;
    for _ in 0..bytes / block.len() {
        out.extend(redactor.push(block.as_bytes()));
        held = held.max(redactor.held());
    }
    out.extend(redactor.push(end.as_bytes()));
    let (rest, counts) = redactor.finish();
    out.extend(rest);
    (String::from_utf8(out).unwrap(), held, counts.by_name().keys().cloned().collect())
}

#[test]
fn p44_what_never_ends_is_hidden_on_and_not_held() {
    for (begin, again, end, left) in [
        ("a\n-----BEGIN PRIVATE KEY-----\n", "MIGHAgEAMBMGByqGSM49AgEG\n", "-----END PRIVATE KEY-----\nb", "a\n[*]\nb"),
        ("a ghp_", "abcdEFGH12", " b", "a [*] b"),
        ("password=", "hunter2,", "\nb", "password=[*]\nb"),
        ("{\"password\":\"", "hunter2 ", "\",\"b\":1}", "{\"password\":\"[*]\",\"b\":1}"),
        ("password: ", "hunter 2 ", "\nb", "password: [*]\nb"),
        ("Authorization: Bearer ", "abcdEFGH12", "\nb", "Authorization: Bearer [*]\nb"),
        ("k: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", "TUlHSEFnRUFNQk1H", "\n: 1", "k: [*]: 1"),
        ("kind: Secret\ndata:\n", "  a: aHVudGVyMg==\n", "b: 1\n", "kind: Secret\ndata:\n  a: [*]b: 1\n"),
        ("data:\n  a: ", "aHVudGVyMg==", "\nkind: Secret\n", "data:\n  a: [*]kind: Secret\n"),
        ("{\"data\":{\"a\":\"", "aHVudGVyMg==", "\"},\"kind\":\"Secret\"} b", "{\"data\":{\"a\":\"[*]} b"),
        (
            "{\"kind\":\"Secret\",\"data\":{",
            "\"a\":\"b\",",
            "\"c\":\"d\"}} b",
            "{\"kind\":\"Secret\",\"data\":{\"a\":\"[*]} b",
        ),
        ("eyJhbGciOiJIUzI1NiJ9.", "eyJzdWIiOiIx", ".c2ln b", "[*] b"),
    ] {
        let (out, held, names) = endless(begin, again, end, 6 << 20);
        let marker = out.find("[redacted:").unwrap_or_else(|| panic!("{begin}: {} came out", out.len()));
        let behind = marker + out[marker..].find(']').unwrap() + 1;
        let starred = format!("{}[*]{}", &out[..marker], &out[behind..]);
        assert!(starred == left, "{begin}: {}", starred.chars().take(300).collect::<String>());
        assert!(held <= 7 << 20, "{begin}: {held} held");
        assert_eq!(names.len(), 1, "{begin}: {names:?}");
    }
}

#[test]
fn p44_what_is_no_secret_is_not_held() {
    for (begin, again) in [
        ("", "0123456789"),
        ("a: ", "x y z "),
        ("{\"items\":[", "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"x\"}},"),
        ("items:\n", "- kind: ConfigMap\n  data:\n    a: b\n"),
        ("", "https://"),
        ("", "password password "),
        ("", "data:\ndata:\n"),
        ("", "\"data\":{\"a\":\"b\"},"),
        ("", "\\"),
        ("", "%25"),
    ] {
        let (out, held, names) = endless(begin, again, "", 1 << 20);
        assert!(out.starts_with(begin) && out.len() > 900 << 10, "{begin}{again}: {}", out.len());
        assert!(held < 80 << 10, "{begin}{again}: {held} held");
        assert!(names.is_empty(), "{names:?}");
    }
}

#[test]
fn json_stays_json() {
    let out = |text: &str| String::from_utf8(redact(&patterns(&[]), text.as_bytes(), &[3]).0).unwrap();
    assert_eq!(out("{\"password\": 12345678, \"a\": 1}"), "{\"password\": \"[redacted:password]\", \"a\": 1}");
    assert_eq!(out(r#"{"x":"{\"password\":12345678}"}"#), r#"{"x":"{\"password\":\"[redacted:password]\"}"}"#);
}
