//! jq programs: what they give, and what they cannot reach.

use crate::support::{chain, text};
use countersign_command::filters::FUNCTIONS;
use countersign_tools::filters::{FilterError, Limits, offered};
use std::collections::BTreeSet;

const PODS: &str = r#"{"items":[
  {"metadata":{"name":"api-1","labels":{"app":"api"}},"status":{"phase":"Running"},"spec":{"containers":[{"image":"api:1"}]}},
  {"metadata":{"name":"web-1","labels":{"app":"web"}},"status":{"phase":"Pending"},"spec":{"containers":[{"image":"web:1"}]}},
  {"metadata":{"name":"api-2","labels":{"app":"api"}},"status":{"phase":"Running"},"spec":{"containers":[{"image":"api:2"}]}}]}"#;

/// Expected values are those of jq 1.7.
#[test]
fn programs_give_what_jq_gives() {
    for (words, want) in [
        ("-c .items[0].status", "{\"phase\":\"Running\"}\n"),
        (".items[0].status", "{\n  \"phase\": \"Running\"\n}\n"),
        ("-r .items[].metadata.name", "api-1\nweb-1\napi-2\n"),
        (".items[0].metadata.name", "\"api-1\"\n"),
        ("-r .items[]|select(.status.phase!=\"Running\")|.metadata.name", "web-1\n"),
        (".items|length", "3\n"),
        ("-c [.items[].metadata.name]|sort|reverse", "[\"web-1\",\"api-2\",\"api-1\"]\n"),
        ("-c [.items[].metadata.labels.app]|group_by(.)|map({(.[0]):length})|add", "{\"api\":2,\"web\":1}\n"),
        ("-c .items|map(.spec.containers[].image)|unique", "[\"api:1\",\"api:2\",\"web:1\"]\n"),
        (
            "-r .items[]|[.metadata.name,.status.phase]|@csv",
            "\"api-1\",\"Running\"\n\"web-1\",\"Pending\"\n\"api-2\",\"Running\"\n",
        ),
        ("-r .items[]|[.metadata.name,1,null,true]|@tsv", "api-1\t1\t\ttrue\nweb-1\t1\t\ttrue\napi-2\t1\t\ttrue\n"),
        ("-r .items[0]|\"\\(.metadata.name):\\(.status.phase)\"", "api-1:Running\n"),
        ("-c .items[0].metadata|to_entries|map(.key)", "[\"name\",\"labels\"]\n"),
        ("-c -S .items[0].metadata", "{\"labels\":{\"app\":\"api\"},\"name\":\"api-1\"}\n"),
        ("-r .items[0].metadata.name|@base64", "YXBpLTE=\n"),
        ("-r .items[0].metadata.name|@base64|@base64d", "api-1\n"),
        ("-r .items[0].metadata.name|@sh", "'api-1'\n"),
        ("-r .items[].metadata.name|select(test(\"^API\";\"i\"))|sub(\"-\";\"_\")", "api_1\napi_2\n"),
        ("-c [.items[].metadata.name|capture(\"(?<app>[a-z]+)-(?<n>[0-9])\")][0]", "{\"app\":\"api\",\"n\":\"1\"}\n"),
        ("-c [..|.image?|values]", "[\"api:1\",\"web:1\",\"api:2\"]\n"),
        ("-c .items[0]|del(.spec,.status,.metadata.labels)", "{\"metadata\":{\"name\":\"api-1\"}}\n"),
        ("-c [.items[]|.status.phase]|index(\"Pending\")", "1\n"),
        ("-c reduce(.items[])as{status:{phase:$p}}({};.[$p]+=1)", "{\"Running\":2,\"Pending\":1}\n"),
        ("-c [limit(3;repeat(1))]", "[1,1,1]\n"),
        ("-c --arg n web-1 .items[]|select(.metadata.name==$n)|.status", "{\"phase\":\"Pending\"}\n"),
        (".nothing//\"none\"", "\"none\"\n"),
        ("try(error(\"x\"))catch(.)", "\"x\"\n"),
        ("-c INDEX(.items[];.metadata.name)|keys", "[\"api-1\",\"api-2\",\"web-1\"]\n"),
        ("-c .items[0].metadata.name|IN(\"api-1\",\"x\")", "true\n"),
        ("-c [.items[0].metadata|leaf_paths|join(\".\")]", "[\"name\",\"labels.app\"]\n"),
        ("0|todate", "\"1970-01-01T00:00:00Z\"\n"),
        ("\"2015-03-05T23:51:47Z\"|fromdate", "1425599507\n"),
    ] {
        let mut words: Vec<&str> = words.split(' ').collect();
        words.insert(0, "jq");
        assert_eq!(text(&[&words], PODS), want, "{words:?}");
    }
}

#[test]
fn values_lines_and_slurping() {
    assert_eq!(text(&[&["jq", "-c", "."]], "1 2\n[3]\n{}"), "1\n2\n[3]\n{}\n");
    assert_eq!(text(&[&["jq", "-c", "-s", "."]], "1 2\n3"), "[1,2,3]\n");
    assert_eq!(text(&[&["jq", "-R", "."]], "a\nb\n"), "\"a\"\n\"b\"\n");
    assert_eq!(text(&[&["jq", "-R", "-s", "split(\"\\n\")|length"]], "a\nb\n"), "3\n");
    assert_eq!(text(&[&["jq", "-r", "-R", "fromjson? | .a"]], "x\n{\"a\":1}\n"), "1\n");
    assert_eq!(text(&[&["jq", "-r", ".[]"], &["sort", "-r"], &["head", "-n", "1"]], "[\"a\",\"c\",\"b\"]"), "c\n");
    assert_eq!(text(&[&["jq", "."]], ""), "");
}

#[test]
fn what_is_not_json_is_said_and_values_that_fail_do_not_end_the_others() {
    let table = "NAME READY\napi 1/1\n";
    let error = chain(&[&["jq", "."]], table.as_bytes(), Limits::default()).unwrap_err();
    assert!(matches!(error, FilterError::NotJson(_)), "{error}");
    let (out, summary) = chain(&[&["jq", ".a"]], b"{\"a\":1} [2] {\"a\":3} 4 5 6", Limits::default()).unwrap();
    assert_eq!(out, b"1\n3\n");
    assert_eq!(summary.notes.len(), 4, "{:?}", summary.notes);
    assert_eq!(summary.notes.last().unwrap(), "`jq`: 1 more values failed");
}

#[test]
fn p16_what_may_be_called_is_there_and_what_reads_anything_else_is_not() {
    let offered: BTreeSet<(&str, usize)> = offered().collect();
    for (name, arguments) in FUNCTIONS {
        // `limit` and `skip` are counted with their natives; formats are functions without arguments.
        assert!(offered.contains(&(*name, *arguments)), "{name}/{arguments} may be typed and is not there");
    }
    for name in [
        "env",
        "now",
        "halt",
        "halt_error",
        "debug",
        "debug_empty",
        "stderr",
        "stderr_empty",
        "input",
        "inputs",
        "input_filename",
        "input_line_number",
        "localtime",
        "strflocaltime",
        "modulemeta",
        "get_search_list",
        "builtins",
        "getenv",
        "open",
        "system",
        "read",
        "load",
    ] {
        assert!(!offered.iter().any(|(there, _)| *there == name), "{name} is there");
    }
    // Nobody types what is there and not listed: it is looked at when it appears.
    let listed: BTreeSet<(&str, usize)> = FUNCTIONS.iter().copied().collect();
    let unlisted: Vec<&str> = offered.difference(&listed).map(|(name, _)| *name).collect();
    let known = "@htmld @urid acos acosh asin asinh atan atan2 atanh capture_of_match cbrt cell copysign cos cosh \
        decode_base64 decode_uri drem encode_base64 encode_uri erf erfc error_empty escape_html escape_sh expm1 fdim fma \
        fmax fmin fmod frexp gamma hypot ilogb isarray isboolean isfinite isnumber isobject isstring j0 j1 jn key_values \
        ldexp lgamma log1p logb matches max_by_or_empty min_by_or_empty modf nearbyint nextafter nexttoward path_value \
        pow10 remainder rint row scalb scalbln scan_ significand sin sinh split_ split_matches tan tanh tgamma tobytes \
        totype unescape_html y0 y1 yn";
    assert_eq!(unlisted.join(" "), known);
}

#[test]
fn every_function_that_may_be_typed_can_be_called() {
    for (name, arguments) in FUNCTIONS {
        let call = match arguments {
            0 => (*name).to_owned(),
            _ => format!("{name}({})", vec!["."; *arguments].join(";")),
        };
        // It is compiled and gets no value: some of them never end.
        assert_eq!(text(&[&["jq", &format!("empty | {call}")]], "null"), "", "{call}");
    }
}
