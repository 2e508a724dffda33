//! The functions a jq program may call.
//!
//! Source: the jq 1.7 manual, as far as jaq 3 has it; a test of `countersign-tools` holds the list
//! against what is offered in the jail.

/// Names, each with how many arguments it takes.
#[rustfmt::skip]
pub const FUNCTIONS: &[(&str, usize)] = &[
    // values
    ("empty", 0), ("error", 0), ("error", 1), ("null", 0), ("true", 0), ("false", 0), ("not", 0), ("type", 0),
    ("length", 0), ("utf8bytelength", 0), ("tostring", 0), ("tonumber", 0), ("toboolean", 0), ("tojson", 0),
    ("fromjson", 0), ("toarray", 0),
    // choosing
    ("select", 1), ("values", 0), ("nulls", 0), ("booleans", 0), ("numbers", 0), ("strings", 0), ("arrays", 0),
    ("objects", 0), ("iterables", 0), ("scalars", 0), ("finites", 0), ("normals", 0), ("any", 0), ("any", 1),
    ("any", 2), ("all", 0), ("all", 1), ("all", 2), ("isempty", 1), ("has", 1), ("in", 1), ("contains", 1),
    ("inside", 1), ("IN", 1), ("IN", 2), ("index", 1), ("rindex", 1), ("indices", 1), ("bsearch", 1),
    // streams
    ("first", 0), ("first", 1), ("last", 0), ("last", 1), ("nth", 1), ("nth", 2), ("limit", 2), ("skip", 2),
    ("range", 1), ("range", 2), ("range", 3), ("repeat", 1), ("while", 2), ("until", 2), ("recurse", 0),
    ("recurse", 1), ("recurse", 2),
    // arrays and objects
    ("map", 1), ("map_values", 1), ("add", 0), ("add", 1), ("keys", 0), ("keys_unsorted", 0), ("to_entries", 0),
    ("from_entries", 0), ("with_entries", 1), ("sort", 0), ("sort_by", 1), ("group_by", 1), ("unique", 0),
    ("unique_by", 1), ("min", 0), ("max", 0), ("min_by", 1), ("max_by", 1), ("reverse", 0), ("flatten", 0),
    ("flatten", 1), ("transpose", 0), ("combinations", 0), ("combinations", 1), ("INDEX", 1), ("INDEX", 2),
    // paths
    ("path", 1), ("paths", 0), ("paths", 1), ("leaf_paths", 0), ("pick", 1), ("getpath", 1), ("setpath", 2),
    ("delpaths", 1), ("del", 1), ("walk", 1),
    // texts
    ("join", 1), ("split", 1), ("split", 2), ("splits", 1), ("splits", 2), ("startswith", 1), ("endswith", 1),
    ("ltrimstr", 1), ("rtrimstr", 1), ("trim", 0), ("ltrim", 0), ("rtrim", 0), ("explode", 0), ("implode", 0),
    ("ascii_downcase", 0), ("ascii_upcase", 0), ("test", 1), ("test", 2), ("match", 1), ("match", 2), ("capture", 1),
    ("capture", 2), ("scan", 1), ("scan", 2), ("sub", 2), ("sub", 3), ("gsub", 2), ("gsub", 3), ("@text", 0),
    ("@json", 0), ("@csv", 0), ("@tsv", 0), ("@html", 0), ("@uri", 0), ("@sh", 0), ("@base64", 0), ("@base64d", 0),
    // numbers
    ("nan", 0), ("infinite", 0), ("isnan", 0), ("isinfinite", 0), ("isnormal", 0), ("abs", 0), ("fabs", 0),
    ("floor", 0), ("ceil", 0), ("round", 0), ("trunc", 0), ("sqrt", 0), ("pow", 2), ("log", 0), ("log2", 0),
    ("log10", 0), ("exp", 0), ("exp2", 0), ("exp10", 0),
    // times, given as values
    ("todate", 0), ("fromdate", 0), ("todateiso8601", 0), ("fromdateiso8601", 0), ("strftime", 1), ("strptime", 1),
    ("mktime", 0), ("gmtime", 0),
];

/// Names the jq manual has and a filter has not, with the reason.
pub(super) const REFUSED: &[(&[&str], &str)] = &[
    (&["env", "$ENV"], "a filter has no environment"),
    (
        &["input", "inputs", "input_filename", "input_line_number"],
        "each value is filtered on its own; with `-s` all of them are one array",
    ),
    (&["$__loc__", "$__prog_args", "$ARGS"], "a filter knows nothing but the output"),
    (&["now", "localtime", "strflocaltime"], "a filter has no clock and no time zone; times are given as values"),
    (&["debug", "stderr"], "there is one output"),
    (&["halt", "halt_error"], "write `error(\"…\")`, or `empty`"),
    (&["get_search_list", "modulemeta", "builtins"], "a filter has no files"),
];
