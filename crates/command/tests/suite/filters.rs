//! Filters after `|`: a closed set, one canonical spelling, everything else refused by name.

use crate::common::{all_refused, refusal, run, typed, vocabulary};
use countersign_command::filters::{FUNCTIONS, Filter};
use countersign_command::{Typed, parse_again};
use countersign_core::command::Argv;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::{Sensitivity, Tier};

#[track_caller]
fn filters(text: &str) -> String {
    let command = run(&format!("kubectl get pods {text}"));
    let shown: Vec<String> = command.parts().filters.iter().map(ToString::to_string).collect();
    shown.join(" | ")
}

/// Each line is what is typed, and its canonical form after `=>`.
#[track_caller]
fn all_become(cases: &str) {
    for case in cases.lines().map(str::trim).filter(|case| !case.is_empty()) {
        let (text, want) = case.rsplit_once(" => ").expect("a case has a canonical form");
        assert_eq!(filters(text), want, "{text}");
    }
}

#[test]
fn each_filter_has_one_spelling() {
    all_become(
        r#"
        | grep api                            => grep -E api
        |grep -E api                          => grep -E api
        | grep -ivn api                       => grep -i -v -n -E api
        | grep -n -v --ignore-case api        => grep -i -v -n -E api
        | grep api -c                         => grep -c -E api
        | grep -F a.b                         => grep -F a.b
        | grep -e 'a|b'                       => grep -E 'a|b'
        | grep 'error|warn' -o -w             => grep -o -w -E 'error|warn'
        | grep -m3 -A 2 -B1 x                 => grep -E -m 3 -A 2 -B 1 x
        | grep -C 2 x                         => grep -E -A 2 -B 2 x
        | grep -2 x                           => grep -E -A 2 -B 2 x
        | grep --context=2 -A 5 x             => grep -E -A 5 -B 2 x
        | grep -e -x                          => grep -E -- -x
        | grep -- -x                          => grep -E -- -x
        | grep --regexp=-x -x                 => grep -x -E -- -x
        | grep ''                             => grep -E ''
        | grep "it's"                         => grep -E 'it'\''s'
        | head                                => head -n 10
        | head -3                             => head -n 3
        | head -n3                            => head -n 3
        | head --lines 3                      => head -n 3
        | head -c 100                         => head -c 100
        | tail -n +2                          => tail -n +2
        | tail -n+2                           => tail -n +2
        | tail -20                            => tail -n 20
        | sort                                => sort
        | sort -rnu                           => sort -n -r -u
        | sort --reverse -k 2,2 -k1           => sort -r -k 2,2 -k 1
        | sort -t, -k3nr                      => sort -t , -k 3nr
        | sort -k 2brn,3                      => sort -k 2b,3nr
        | sort -t '|' -hf                     => sort -h -f -t '|'
        | sort -V                             => sort -V
        | wc -l                               => wc -l
        | wc -wl                              => wc -l -w
        | wc                                  => wc -l -w -c
        | jq .                                => jq .
        | jq -r '.items[].metadata.name'      => jq -r '.items[].metadata.name'
        | jq -cSsR .                          => jq -c -S -s -R .
        | jq --raw-output --arg n api '.items[] | select(.metadata.name == $n)' => jq -r --arg n api '.items[] | select(.metadata.name == $n)'
        | jq -- '-.a'                         => jq -- -.a
        | grep a | sort | head -1 | wc -l     => grep -E a | sort | head -n 1 | wc -l
        "#,
    );
}

#[test]
fn anything_else_behind_a_pipe_is_refused_with_the_list() {
    for text in [
        "awk '{print}'",
        "sh",
        "xargs kubectl delete pod",
        "tee /tmp/x",
        "less",
        "uniq -c",
        "egrep x",
        "Grep x",
        "kubectl get pods",
    ] {
        let refusal = refusal(&format!("kubectl get pods | {text}"));
        assert_eq!(refusal.code(), Code::UnknownTool, "{text}");
        assert_eq!(refusal.place().unwrap().column, 20, "{text}");
    }
    let refusal = refusal("kubectl get pods | awk '{print}'");
    assert_eq!(refusal.to_string(), "there is no filter `awk`");
    for name in ["grep", "head", "tail", "sort", "wc", "jq"] {
        assert!(refusal.hint().contains(&format!("`{name}`")), "{}", refusal.hint());
    }
}

#[test]
fn options_that_are_not_listed_are_refused() {
    all_refused(
        r"
        kubectl get pods | grep => missing-value
        kubectl get pods | grep -f /etc/passwd => worker-files
        kubectl get pods | grep --file=x y => worker-files
        kubectl get pods | grep -r x => worker-files
        kubectl get pods | grep -ir x => worker-files
        kubectl get pods | grep x /etc/passwd => worker-files
        kubectl get pods | grep x - => worker-files
        kubectl get pods | grep -e x /etc/passwd => worker-files
        kubectl get pods | grep -e x -e y => repeated-flag
        kubectl get pods | grep -P x => flag-not-allowed
        kubectl get pods | grep -q x => flag-not-allowed
        kubectl get pods | grep --ignore x => unknown-flag
        kubectl get pods | grep --ignore-case=yes x => bad-value
        kubectl get pods | grep -z x => unknown-flag
        kubectl get pods | grep -E -F x => bad-value
        kubectl get pods | grep -m => missing-value
        kubectl get pods | grep -m x y => bad-value
        kubectl get pods | grep -m -1 y => bad-value
        kubectl get pods | grep -m 1 -m 2 y => repeated-flag
        kubectl get pods | head -n -1 => bad-value
        kubectl get pods | head -n +1 => bad-value
        kubectl get pods | head -n 1k => bad-value
        kubectl get pods | head -n 1 -c 1 => bad-value
        kubectl get pods | head /etc/passwd => worker-files
        kubectl get pods | tail -f => flag-not-allowed
        kubectl get pods | tail -F => flag-not-allowed
        kubectl get pods | tail +2 => worker-files
        kubectl get pods | sort -o x => worker-files
        kubectl get pods | sort --output=x => worker-files
        kubectl get pods | sort -T /tmp => worker-files
        kubectl get pods | sort --compress-program=sh => flag-not-allowed
        kubectl get pods | sort --files0-from=x => worker-files
        kubectl get pods | sort -R => flag-not-allowed
        kubectl get pods | sort -nh => bad-value
        kubectl get pods | sort -k 0 => bad-value
        kubectl get pods | sort -k 1.2 => bad-value
        kubectl get pods | sort -k 1nV => bad-value
        kubectl get pods | sort -k 1, => bad-value
        kubectl get pods | sort -k 1,2b => bad-value
        kubectl get pods | sort -t ab => bad-value
        kubectl get pods | sort -t '' => bad-value
        kubectl get pods | sort file => worker-files
        kubectl get pods | wc -m => flag-not-allowed
        kubectl get pods | wc --files0-from=x => worker-files
        kubectl get pods | wc file => worker-files
        kubectl get pods | jq => missing-value
        kubectl get pods | jq -n 1 => flag-not-allowed
        kubectl get pods | jq -f prog => worker-files
        kubectl get pods | jq . /etc/passwd => worker-files
        kubectl get pods | jq --slurpfile a /etc/passwd . => worker-files
        kubectl get pods | jq --rawfile a /etc/passwd . => worker-files
        kubectl get pods | jq -L /tmp . => worker-files
        kubectl get pods | jq --argjson a 1 . => flag-not-allowed
        kubectl get pods | jq --arg a . => missing-value
        kubectl get pods | jq --arg a b --arg a c . => repeated-flag
        kubectl get pods | jq --arg 1 b . => bad-value
        kubectl get pods | wc -l --apply => unknown-flag
        kubectl get pods | wc -l --reason x => unknown-flag
        kubectl get pods | wc | wc | wc | wc | wc | wc => too-long
        kubectl get pods | => missing-value
        kubectl get pods | | wc => missing-value
        | wc => empty-command
        countersign help | wc => unexpected-argument
        ",
    );
}

#[test]
fn patterns_with_two_readings_and_malformed_ones_are_refused_where_they_stand() {
    for (pattern, column, sentence) in [
        (r"'a\|b'", 27, r"`\|` has two readings (character 2 of the pattern)"),
        (r"'a\+'", 27, r"`\+` has two readings (character 2 of the pattern)"),
        (r"'\(a\)'", 26, r"`\(` has two readings (character 1 of the pattern)"),
        (r"'(a)\1'", 29, "a pattern cannot refer back to a group (character 4 of the pattern)"),
        ("'a('", 27, "the pattern is malformed: unclosed group (character 2 of the pattern)"),
        ("'[a'", 26, "the pattern is malformed: unclosed character class (character 1 of the pattern)"),
        ("a'('", 25, "the pattern is malformed: unclosed group (character 2 of the pattern)"),
    ] {
        let refusal = refusal(&format!("kubectl get pods | grep {pattern}"));
        assert_eq!(refusal.to_string(), sentence);
        let place = refusal.place().unwrap().column;
        // A word with a quote inside of it is pointed at as a whole.
        assert!(place == column || pattern.starts_with("a'"), "{pattern}: {place}");
    }
    assert_eq!(filters(r"| grep -E 'a\|b'"), r"grep -E 'a\|b'");
    assert_eq!(filters(r"| grep -F '\1('"), r"grep -F '\1('");
    assert_eq!(refusal("kubectl get pods | grep '(a{1000}){1000}'").to_string(), "the pattern is too large");
}

#[test]
fn p16_a_jq_program_has_no_environment_no_files_and_no_more_input() {
    for name in [
        "env",
        "$ENV",
        "env.PATH",
        "$ENV.PATH",
        "input",
        "[inputs]",
        "input_filename",
        "input_line_number",
        "$__loc__",
        "$__prog_args",
        "now",
        "localtime",
        "debug",
        "debug(.)",
        "stderr",
        "halt",
        "halt_error",
        "halt_error(1)",
        "modulemeta",
        "get_search_list",
        "builtins",
        "import \"a\" as a; a::b",
        "include \"a\"; .",
        "import \"a\" as $a; $a",
        "module {}; .",
        " import \"a\" as a; .",
        "@unknown",
        "splits_",
        "a::b",
        ".[] | env",
        "\"\\(env)\"",
        "{(env): 1}",
        "def f: env; f",
        "reduce env as $x (0; .)",
        ". as [$a] ?// $ENV | .",
        "try env catch .",
        "matches(\"a\"; \"\")",
        "escape_sh",
        "debug_empty",
        "stderr_empty",
    ] {
        let refusal = refusal(&format!("kubectl get pods | jq '{name}'"));
        assert_eq!(refusal.code(), Code::BadValue, "{name}: {refusal}");
    }
    let refusal = refusal("kubectl get pods | jq '.items | env'");
    assert_eq!(refusal.to_string(), "`jq` has no `env` here (character 10 of the program)");
    assert_eq!((refusal.hint(), refusal.place().unwrap().column), ("a filter has no environment", 33));
}

#[test]
fn a_jq_program_is_read_while_it_is_typed() {
    for (program, column, sentence) in [
        ("'.a |'", 28, "`jq` expects a value or a path at character 5 of the program"),
        ("'.a b'", 27, "`jq` expects nothing at character 4 of the program"),
        ("'(.a'", 27, "`jq` expects the end of what `(` opens at character 4 of the program"),
        ("'\"a'", 26, "`jq` expects the end of what `\"` opens at character 3 of the program"),
        ("'if . then 1'", 35, "`jq` expects else or end at character 12 of the program"),
        ("'foo(1)'", 24, "`jq` knows no function `foo` (character 1 of the program)"),
        ("'selct(.a)'", 24, "`jq` knows no function `selct` (character 1 of the program)"),
        ("'.[] | $x'", 30, "`jq` knows no variable `$x` (character 7 of the program)"),
        ("'map(.a; .b)'", 24, "`map` takes another number of arguments (character 1 of the program)"),
        ("'break $out'", 30, "`jq` knows no label `$out` (character 7 of the program)"),
    ] {
        let refusal = refusal(&format!("kubectl get pods | jq {program}"));
        assert_eq!(refusal.to_string(), sentence);
        assert_eq!(refusal.place().unwrap().column, column, "{program}");
    }
    assert_eq!(refusal("kubectl get pods | jq 'selct(.a)'").hint(), "did you mean `select`?");
    for fine in [
        ".items[] | select(.status.phase != \"Running\") | .metadata.name",
        "[.items[] | {name: .metadata.name, image: .spec.containers[0].image}] | sort_by(.name)",
        ".items | map(.metadata.labels.app) | group_by(.) | map({(.[0]): length}) | add",
        "def up: ascii_upcase; .items[].metadata.name | up",
        ". as $all | reduce .items[] as {status: {phase: $p}} ({}; .[$p] += 1)",
        "label $out | .items[] | if .x then break $out else . end",
        "\"\\(.metadata.name): \\(.status.phase)\"",
        "[.a, .b] | @csv",
        "..|.image?",
        ".a // empty",
        "try error(\"x\") catch .",
        ".[\"import\"], .import, {import: 1}",
        "[limit(5; repeat(1))]",
        "foreach .items[] as $i (0; . + 1; [$i, .])",
    ] {
        let text = fine.replace('\'', "'\\''");
        assert_eq!(run(&format!("kubectl get pods | jq '{text}'")).parts().filters[0].elements()[1], fine);
    }
}

#[test]
fn programs_and_patterns_that_go_deep_are_refused() {
    for deep in [
        "(".repeat(900),
        "[".repeat(900),
        "-".repeat(900),
        "- ".repeat(450),
        format!("{}1{}", "(".repeat(40), ")".repeat(40)),
    ] {
        assert_eq!(refusal(&format!("kubectl get pods | jq -- '{deep}'")).code(), Code::BadValue, "{deep}");
    }
    // As many as pass, and more than pass.
    for (prefix, end) in [
        ("if 1 then ", " end"),
        ("if ", ""),
        ("try ", ""),
        ("def f: ", ";"),
        ("1|", ""),
        ("1,", ""),
        ("1 as $x|", ""),
        ("- ", ""),
        ("reduce ", ""),
        (".a", ""),
        ("1+", ""),
        ("1 and ", ""),
        ("label $x|", ""),
        ("..|", ""),
        ("def f: 1; ", ""),
        ("1//", ""),
    ] {
        for times in [90, 950 / prefix.len()] {
            let program = format!("{}1{}", prefix.repeat(times), end.repeat(times));
            let _ = typed(&format!("kubectl get pods | jq -- '{program}'"));
        }
    }
    for (open, close) in
        [("(", ")"), ("[", "]"), ("{a:", "}"), ("\"\\(", ")\""), ("[1|", "]"), ("if 1 then (", ") end"), ("map(", ")")]
    {
        for times in [10, 24, 100] {
            let program = format!("{}1{}", open.repeat(times), close.repeat(times));
            let _ = typed(&format!("kubectl get pods | jq -- '{program}'"));
        }
    }
    assert_eq!(refusal(&format!("kubectl get pods | grep '{}'", "(".repeat(900))).code(), Code::BadValue);
    assert_eq!(refusal(&format!("kubectl get pods | grep '{}'", "a".repeat(1001))).code(), Code::TooLong);
}

#[test]
fn filters_change_nothing_about_what_a_command_needs() {
    for text in [
        "kubectl delete pod a -n web --apply",
        "kubectl get secret a -o yaml",
        "kubectl get pods -A",
        "kubectl scale deploy/web --replicas=0",
        "restart-report billing nightly 3 --apply",
    ] {
        let (plain, filtered) = (run(text), run(&format!("{text} | grep x | wc -l")));
        assert_eq!(plain.action(), filtered.action(), "{text}");
        assert_eq!(
            (plain.mode(), plain.preview(), plain.argv()),
            (filtered.mode(), filtered.preview(), filtered.argv())
        );
        assert_eq!(filtered.parts().filters.len(), 2);
    }
    let secret = run("kubectl get secret a -o yaml | wc -l");
    assert_eq!((secret.action().tier, secret.action().sensitivity), (Tier::Read, Sensitivity::Sensitive));
    assert!(matches!(typed("countersign can-i kubectl get pods | wc -l"), Ok(Typed::Ask(_))));
}

#[test]
fn p15_no_shell_syntax_in_a_filter() {
    all_refused(
        r#"
        kubectl get pods | grep x; id => shell-syntax
        kubectl get pods | grep $(id) => shell-syntax
        kubectl get pods | grep "$(id)" => shell-syntax
        kubectl get pods | grep `id` => shell-syntax
        kubectl get pods | grep ${IFS}x => shell-syntax
        kubectl get pods | grep x > /tmp/x => shell-syntax
        kubectl get pods | grep x & => shell-syntax
        kubectl get pods | grep x && id => shell-syntax
        kubectl get pods || grep x => shell-syntax
        kubectl get pods |& grep x => shell-syntax
        "#,
    );
    for nasty in ["a\nb", "a\0b", "a\u{202e}b", "a\u{1b}[2Jb", "a\rb"] {
        assert_eq!(refusal(&format!("kubectl get pods | grep '{nasty}'")).code(), Code::CharacterNotAllowed);
        let argv = Argv::new(vec!["grep".into(), "-E".into(), nasty.into()]);
        assert!(!argv.is_ok_and(|argv| Filter::parse(&argv).is_ok()), "{nasty:?}");
    }
    // In quotes they are what is looked for.
    assert_eq!(filters("| grep -F '; $(id) `x` | & > <'"), "grep -F '; $(id) `x` | & > <'");
}

#[test]
fn what_was_decided_reads_back_with_its_filters_or_is_refused() {
    let command = run("kubectl get pods | grep -i api | jq -r .a");
    let again = |filters: &[Vec<&str>]| {
        let argv = |elements: &Vec<&str>| Argv::new(elements.iter().map(|it| (*it).to_owned()).collect()).unwrap();
        let filters: Vec<Argv> = filters.iter().map(argv).collect();
        let canonical = Canonical { filters: &filters, ..Canonical::of(&command) };
        parse_again(&canonical, &vocabulary()).map_err(|refusal| refusal.code())
    };
    assert_eq!(again(&[vec!["grep", "-i", "-E", "api"], vec!["jq", "-r", ".a"]]).as_ref(), Ok(&command));
    assert_eq!(again(&[vec!["grep", "-i", "api"]]), Err(Code::CommandChanged));
    assert_eq!(again(&[vec!["wc", "-c", "-l"]]), Err(Code::CommandChanged));
    assert_eq!(again(&[vec!["sh", "-c", "id"]]), Err(Code::UnknownTool));
    assert_eq!(again(&[vec!["jq", "env"]]), Err(Code::BadValue));
    assert_eq!(again(&[vec!["grep", "-f", "/etc/passwd"]]), Err(Code::WorkerFiles));
    assert!(again(&vec![vec!["wc", "-l"]; 6]).is_err());
}

#[test]
fn the_functions_are_listed_once() {
    let mut names: Vec<_> = FUNCTIONS.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), FUNCTIONS.len());
}
