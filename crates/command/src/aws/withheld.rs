//! Fields in clear that hardly anybody asks for: they are left out, so that the rest needs nobody.
//!
//! **Invariant:** a query is harmless only when every field it names is in the list; anything that
//! cannot be told apart is not.

use super::read::Said;
use super::table::Operation;

/// An operation that prints environment variables beside what people look for.
struct Withheld {
    operation: &'static str,
    /// The field that holds what is printed; empty for the answer itself.
    root: &'static str,
    /// Whether it holds a list.
    many: bool,
    /// A list beside it that says what failed; empty if there is none.
    failures: &'static str,
    /// Whether the harmless fields are asked for when nothing else is.
    usual: bool,
    fields: &'static [&'static str],
}

const FUNCTION: &[&str] = &[
    "FunctionName",
    "FunctionArn",
    "Version",
    "Runtime",
    "Handler",
    "Role",
    "State",
    "LastUpdateStatus",
    "LastModified",
    "CodeSize",
    "CodeSha256",
    "MemorySize",
    "Timeout",
    "PackageType",
    "Architectures",
    "Description",
    "RevisionId",
];
const TASK: &[&str] =
    &["taskDefinitionArn", "family", "revision", "status", "cpu", "memory", "networkMode", "taskRoleArn"];
const BUILD: &[&str] = &["id", "arn", "buildNumber", "buildStatus", "currentPhase", "startTime", "projectName"];
const BATCH: &[&str] =
    &["id", "arn", "buildBatchNumber", "buildBatchStatus", "currentPhase", "startTime", "projectName"];
const TASKS: &[&str] = &[
    "taskArn",
    "taskDefinitionArn",
    "clusterArn",
    "lastStatus",
    "desiredStatus",
    "healthStatus",
    "stopCode",
    "stoppedReason",
    "createdAt",
    "startedAt",
    "stoppedAt",
    "startedBy",
    "group",
    "launchType",
    "cpu",
    "memory",
    "availabilityZone",
    "containerInstanceArn",
    "containers",
];
const PROJECT: &[&str] = &["name", "arn", "description", "created", "lastModified", "serviceRole"];

const fn one(operation: &'static str, root: &'static str, usual: bool, fields: &'static [&'static str]) -> Withheld {
    Withheld { operation, root, many: false, failures: "", usual, fields }
}

const fn many(operation: &'static str, root: &'static str, fields: &'static [&'static str]) -> Withheld {
    Withheld { operation, root, many: true, failures: "", usual: true, fields }
}

const fn tasks(operation: &'static str) -> Withheld {
    Withheld { operation, root: "tasks", many: true, failures: "failures", usual: true, fields: TASKS }
}

/// Sources: response shapes of botocore 1.43.11.
const OPERATIONS: &[Withheld] = &[
    one("codebuild create-project", "project", true, PROJECT),
    one("codebuild retry-build", "build", true, BUILD),
    one("codebuild retry-build-batch", "buildBatch", true, BATCH),
    one("codebuild start-build", "build", true, BUILD),
    one("codebuild start-build-batch", "buildBatch", true, BATCH),
    one("codebuild stop-build", "build", true, BUILD),
    one("codebuild stop-build-batch", "buildBatch", true, BATCH),
    one("codebuild update-project", "project", true, PROJECT),
    Withheld {
        operation: "ecs delete-task-definitions",
        root: "taskDefinitions",
        many: true,
        failures: "failures",
        usual: true,
        fields: TASK,
    },
    one("ecs deregister-task-definition", "taskDefinition", true, TASK),
    one("ecs describe-task-definition", "taskDefinition", false, TASK),
    tasks("ecs describe-tasks"),
    one("ecs register-task-definition", "taskDefinition", true, TASK),
    tasks("ecs run-task"),
    tasks("ecs start-task"),
    one("ecs stop-task", "task", true, TASKS),
    one("lambda create-function", "", true, FUNCTION),
    one("lambda get-function", "Configuration", false, FUNCTION),
    one("lambda get-function-configuration", "", false, FUNCTION),
    many("lambda list-functions", "Functions", FUNCTION),
    many("lambda list-versions-by-function", "Versions", FUNCTION),
    one("lambda publish-version", "", true, FUNCTION),
    one("lambda update-function-code", "", true, FUNCTION),
    one("lambda update-function-configuration", "", true, FUNCTION),
];

fn of(full_name: &str) -> Option<&'static Withheld> {
    OPERATIONS.iter().find(|known| known.operation == full_name)
}

/// The query that leaves them out, where none was typed.
pub(super) fn query(operation: &Operation, said: &Said) -> Option<String> {
    let known = of(&operation.full_name()).filter(|known| known.usual && said.global("query").is_none())?;
    Some(usual(known))
}

fn usual(known: &Withheld) -> String {
    let fields: Vec<String> = known.fields.iter().map(|field| format!("{field}:{field}")).collect();
    let root = match (known.root, known.many) {
        ("", _) => String::new(),
        (root, false) => format!("{root}."),
        (root, true) => format!("{root}[]."),
    };
    let shown = format!("{root}{{{}}}", fields.join(","));
    if known.failures.is_empty() { shown } else { format!("{{{0}:{shown},{1}:{1}}}", known.root, known.failures) }
}

/// Whether what was asked for leaves them out.
pub(super) fn is_left_out(full_name: &str, said: &Said) -> bool {
    let query = said.global("query").map(|word| word.text.as_str());
    of(full_name).zip(query).is_some_and(|(known, query)| {
        let failed = !known.failures.is_empty() && query == known.failures;
        failed || fields(known, query).is_some_and(|all| all) || query == usual(known)
    })
}

/// Whether every field of `Root[].Field`, `Root[].[A,B]` or `Root[].{a:A}` is harmless.
fn fields(known: &Withheld, query: &str) -> Option<bool> {
    let mut rest = query.trim().strip_prefix(known.root)?;
    if known.many {
        let (index, behind) = rest.strip_prefix('[')?.split_once(']')?;
        let is_index = index.chars().all(|c| c.is_ascii_digit() || "*:-".contains(c));
        rest = is_index.then_some(behind)?;
    }
    if !known.root.is_empty() {
        rest = rest.strip_prefix('.')?;
    }
    let inner = |open: char, close: char| rest.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
    // What lies within a harmless field is harmless too.
    let within = |c: char| c.is_ascii_alphanumeric() || ".[]*:".contains(c);
    let is_known = |field: &str| {
        let (name, inner) = field.trim().split_at(field.trim().find(['.', '[']).unwrap_or(field.trim().len()));
        known.fields.contains(&name) && inner.chars().all(within)
    };
    if let Some(list) = inner('[', ']') {
        return Some(list.split(',').all(is_known));
    }
    if let Some(pairs) = inner('{', '}') {
        return Some(pairs.split(',').all(|pair| pair.split_once(':').is_some_and(|(_, field)| is_known(field))));
    }
    Some(is_known(rest))
}
