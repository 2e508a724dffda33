//! Verbs that take a manifest: `apply`, `create`, `replace` and `diff`.
//!
//! **Invariant:** every object of the manifest is a resource of the action, in the namespace that
//! the text itself names; kubectl gets the rewritten manifest on standard input, and
//! `--filename=-` is only ever written here.

use super::flags::{FROM_FILES, GLOBAL, MUTATING, manager, namespace, object_name};
use super::kinds::{self, KindRef};
use super::{On, preview};
use crate::custom::duration;
use crate::grammar::{self, Arity, Flag, Grammar, Parsed, Verb, flag, switch};
use crate::manifest::{Attachment, Manifest, Object, Source};
use crate::no::{Checked, Pointing, no, quoted};
use crate::own::Own;
use crate::vocabulary::{Reach, Vocabulary};
use crate::words::Word;
use countersign_core::action::{Action, Resource};
use countersign_core::command::{Argv, ArgvError, Command, CommandParts, EffectForm, PreviewPlan, Tool};
use countersign_core::refusal::{Code, Refusal};
use countersign_core::tier::{Mode, Reversibility, Sensitivity, Tier};
use countersign_core::warrant::READS_INPUT;
use std::collections::BTreeSet;
use std::time::Duration;

/// What a verb is to the classification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Apply,
    Create,
    Replace,
    Diff,
}

const SELECTION: &str = "leave the objects that are not meant out of the manifest";

/// Where the manifest comes from, and what never chooses among its objects.
const MANIFEST: &[Flag] = &[
    flag("filename").short('f'),
    flag("selector").short('l').refused(Code::FlagNotAllowed, SELECTION),
    flag("validate").optional("strict").default("strict").check(validation),
    flag("field-manager").check(manager),
];

/// How long kubectl waits for what it deletes on the way.
const DELETING: &[Flag] = &[
    flag("cascade").optional("background").default("background").check(cascade),
    switch("force"),
    flag("grace-period").default("-1").check(seconds),
    flag("timeout").default("0s").check(wait),
    switch("wait"),
];

const PRUNE: &str = "delete what is gone by its name";

const PRUNING: &[Flag] = &[
    switch("all").only_default(Code::FlagNotAllowed, PRUNE),
    switch("prune").only_default(Code::FlagNotAllowed, PRUNE),
    flag("prune-allowlist").refused(Code::FlagNotAllowed, PRUNE),
    flag("prune-whitelist").refused(Code::FlagNotAllowed, PRUNE),
];

const SERVER_SIDE: &[Flag] = &[switch("force-conflicts"), switch("server-side")];

const SUBRESOURCE: Flag =
    flag("subresource").only_default(Code::NotAvailableYet, "leave it away: the whole object is applied");
const RAW: Flag = flag("raw").refused(Code::FlagNotAllowed, "a raw path could be anything: leave it away");

const APPLYING: &[Flag] = &[switch("openapi-patch").default("true"), switch("overwrite").default("true"), SUBRESOURCE];

const CREATING: &[Flag] = &[
    switch("edit").only_default(Code::Interactive, "correct the manifest and ask again"),
    RAW,
    switch("save-config"),
    switch("windows-line-endings").only_default(Code::FlagNotAllowed, "leave it away: there is no editor"),
];

const REPLACING: &[Flag] = &[RAW, switch("save-config"), SUBRESOURCE];

/// How the applied objects are printed.
const SHOWING: &[Flag] = &[
    flag("output").short('o').display().check(output),
    flag("template").refused(Code::WorkerFiles, "write the template into the command, as `-o go-template='…'`"),
    switch("allow-missing-template-keys").default("true").display(),
    switch("show-managed-fields").display(),
];

const DIFFING: &[Flag] =
    &[flag("concurrency").default("1").display().check(seconds), switch("show-managed-fields").display()];

/// Source: the verbs' own `--help` of kubectl 1.32.
static GRAMMAR: Grammar<Does> = Grammar {
    tool: "kubectl",
    global: GLOBAL,
    verbs: &[
        Verb {
            name: "apply",
            id: Does::Apply,
            flags: &[MANIFEST, DELETING, PRUNING, SERVER_SIDE, APPLYING, SHOWING, MUTATING, FROM_FILES],
        },
        Verb { name: "create", id: Does::Create, flags: &[MANIFEST, CREATING, SHOWING, MUTATING, FROM_FILES] },
        Verb {
            name: "replace",
            id: Does::Replace,
            flags: &[MANIFEST, DELETING, REPLACING, SHOWING, MUTATING, FROM_FILES],
        },
        Verb { name: "diff", id: Does::Diff, flags: &[MANIFEST, PRUNING, SERVER_SIDE, DIFFING, FROM_FILES] },
    ],
    refused: &[],
    aliases: &[],
};

/// The verbs, as typed.
pub(crate) fn verbs() -> impl Iterator<Item = &'static str> {
    GRAMMAR.verbs.iter().map(|verb| verb.name)
}

/// Whether the words are for this grammar. `create` without a manifest names what it makes.
pub(crate) fn is_meant(words: &[Word], has_manifest: bool) -> bool {
    let mut named = named(words);
    match named.next() {
        Some("apply") => !named.next().is_some_and(|word| LAST_APPLIED.contains(&word)),
        Some("replace" | "diff") => true,
        // What follows `--` is the program of a pod.
        Some("create") => {
            has_manifest || words.iter().take_while(|word| word.text != "--").any(|word| is_filename(&word.text))
        }
        _ => false,
    }
}

fn is_filename(text: &str) -> bool {
    text.starts_with("--filename") || text.starts_with("-f")
}

/// What stands behind `apply` and takes objects by their names.
const LAST_APPLIED: &[&str] = &["view-last-applied", "edit-last-applied", "set-last-applied"];

/// The words that are neither flags nor values of flags that every verb has. A mistake here only
/// leads to another grammar, which reads every word again.
fn named(words: &[Word]) -> impl Iterator<Item = &str> {
    let mut words = words.iter().map(|word| word.text.as_str());
    std::iter::from_fn(move || {
        loop {
            let text = words.next()?;
            if !text.starts_with('-') || text == "-" {
                return Some(text);
            }
            if takes_the_next(text) {
                words.next();
            }
        }
    })
}

fn takes_the_next(text: &str) -> bool {
    let is_it = |flag: &&Flag| {
        text.strip_prefix("--") == Some(flag.long)
            || flag.short.is_some_and(|c| text.strip_prefix('-') == Some(c.to_string().as_str()))
    };
    GLOBAL.iter().filter(is_it).any(|flag| flag.arity == Arity::Value)
}

/// The file of a repository that the words name, if they name one.
pub(crate) fn wants(words: &[Word]) -> Checked<Option<Source>> {
    if !is_meant(words, false) {
        return Ok(None);
    }
    let parsed = grammar::parse(&GRAMMAR, words)?;
    match parsed.value("filename").filter(|given| given.value != "-") {
        Some(given) => Source::read(&given.value).map(Some).map_err(|refusal| refusal.over(&given.word)),
        None => Ok(None),
    }
}

/// Reads the words after `kubectl` and the manifest that came with them.
pub(crate) fn parse<'v>(
    words: &[Word],
    attached: Option<&Attachment>,
    vocabulary: &'v Vocabulary,
    on: impl FnOnce(&Own) -> Checked<On<'v>>,
) -> Checked<(Command, Own)> {
    for word in words {
        crate::characters::not_a_control(word)?;
    }
    let mut parsed = grammar::parse(&GRAMMAR, words)?;
    parsed.join_after_flags()?;
    super::request_timeout(&mut parsed);
    if let Some(extra) = parsed.positionals.first() {
        return Err(no(
            Code::UnexpectedArgument,
            format!(
                "`kubectl {}` takes its objects from a manifest, so {} has no place",
                parsed.verb.name,
                quoted(&extra.text)
            ),
            "leave it away",
        )
        .over(extra));
    }
    let attachment = from_where(&parsed, attached)?;
    if parsed.verb.id == Does::Diff && parsed.own.apply {
        return Err(no(
            Code::BadValue,
            "`kubectl diff` changes nothing, so there is nothing to apply",
            "use `kubectl apply … --apply`",
        ));
    }
    let own = parsed.own.clone();
    let on = on(&own)?;
    let mode = if own.apply { Mode::Apply } else { Mode::DryRun };
    Ok((understand(&parsed, &attachment.text, on, mode, vocabulary)?, own))
}

/// The attachment, if it is the one that `--filename` means.
fn from_where<'a>(parsed: &Parsed<Does>, attached: Option<&'a Attachment>) -> Checked<&'a Attachment> {
    let given = parsed.value("filename");
    let named = match given.filter(|given| given.value != "-") {
        Some(given) => Some(Source::read(&given.value).map_err(|refusal| refusal.over(&given.word))?),
        None => None,
    };
    let verb = parsed.verb.name;
    match (attached, named, given) {
        (Some(attached), named, _) if attached.source == named => Ok(attached),
        (_, Some(source), Some(given)) => Err(no(
            Code::BadManifest,
            format!("the manifest is not the one of `{source}`"),
            "give one manifest: a code block, or a file of a repository",
        )
        .over(&given.word)),
        (None, None, Some(given)) => Err(no(
            Code::WorkerFiles,
            "`-f -` would read standard input, and there is none",
            format!("put the manifest into a code block: /kubectl {verb} ```…```"),
        )
        .over(&given.word)),
        _ => Err(no(
            Code::MissingManifest,
            format!("`kubectl {verb}` needs a manifest"),
            "put it into a code block, or name a file as `-f REPOSITORY@COMMIT:PATH`",
        )),
    }
}

fn understand(parsed: &Parsed<Does>, text: &str, on: On<'_>, mode: Mode, vocabulary: &Vocabulary) -> Checked<Command> {
    let mut manifest = Manifest::read(text)?;
    let things = place(parsed, &mut manifest, on, vocabulary)?;
    let argv = canonical(parsed, &things).map_err(|fault| broken(&fault))?;
    let class = classify(parsed, &manifest, &things, vocabulary);
    let preview = plan(parsed, &argv).map_err(|fault| broken(&fault))?;
    let parts = CommandParts {
        tool: Tool::Kubectl,
        argv,
        mode,
        action: Action {
            tool: GRAMMAR.tool.to_owned(),
            verb: parsed.verb.name.to_owned(),
            scope: on.scope(things.namespace()),
            resources: things.resources(on.name),
            tier: class.tier,
            sensitivity: class.sensitivity,
            reversibility: class.reversibility,
            reasons: class.reasons,
        },
        preview: Some(preview),
        stdin: Some(manifest.input()?),
        filters: Vec::new(),
    };
    Command::new(parts).map_err(|fault| broken(&fault))
}

fn broken(fault: &dyn std::fmt::Display) -> Box<Refusal> {
    no(Code::BadValue, fault.to_string(), "write the command differently")
}

/// The objects of a manifest, each in its place.
struct Things(Vec<Thing>);

struct Thing {
    kind: KindRef,
    /// `None` for kinds of the whole cluster.
    namespace: Option<String>,
    name: String,
}

/// Says where every object goes, and writes it into the manifest.
fn place(parsed: &Parsed<Does>, manifest: &mut Manifest, on: On<'_>, vocabulary: &Vocabulary) -> Checked<Things> {
    let typed = parsed.value("namespace").map(|given| given.value.as_str());
    let mut things: Vec<Thing> = Vec::new();
    let mut placed = BTreeSet::new();
    for object in &mut manifest.objects {
        let kind = kind(object, vocabulary)?;
        let name = object.name.clone();
        object_name(&name).map_err(|_| wrong(object, format!("{} is not the name of an object", quoted(&name))))?;
        let namespace = match kind.reach {
            Reach::Namespaced => {
                let namespace = namespace_of(object, typed, &on.cluster.namespace)?;
                object.place(&namespace);
                Some(namespace)
            }
            Reach::Cluster => match &object.namespace {
                None => None,
                Some(_) => return Err(wrong(object, format!("a {} stands in no namespace", object.kind))),
            },
        };
        if !placed.insert((kind.id.clone(), namespace.clone(), name.clone())) {
            return Err(wrong(object, format!("{} {} is in the manifest twice", object.kind, quoted(&name))));
        }
        things.push(Thing { kind, namespace, name });
    }
    Ok(Things(things))
}

fn kind(object: &Object, vocabulary: &Vocabulary) -> Checked<KindRef> {
    let found = kinds::of_object(&object.kind, &object.group, &object.version, vocabulary);
    found.ok_or_else(|| {
        let api = if object.group.is_empty() { object.version.clone() } else { format!("{}/{}", object.group, object.version) };
        no(
            Code::UnknownKind,
            format!(
                "the catalog knows no kind {} of {} (line {} of the manifest)",
                quoted(&object.kind),
                quoted(&api),
                object.at.line
            ),
            "write kind and apiVersion as `kubectl explain` shows them; kinds beyond the built-in ones are listed in the catalog",
        )
    })
}

fn namespace_of(object: &Object, typed: Option<&str>, default: &str) -> Checked<String> {
    let Some(own) = &object.namespace else {
        return Ok(typed.unwrap_or(default).to_owned());
    };
    namespace(own).map_err(|_| wrong(object, format!("{} is not the name of a namespace", quoted(own))))?;
    match typed {
        Some(typed) if typed != own => Err(wrong(
            object,
            format!(
                "{} {} is of namespace {}, and the command says {}",
                object.kind,
                quoted(&object.name),
                quoted(own),
                quoted(typed)
            ),
        )),
        _ => Ok(own.clone()),
    }
}

fn wrong(object: &Object, sentence: String) -> Box<Refusal> {
    no(
        Code::BadManifest,
        format!("{sentence} (line {}, column {} of the manifest)", object.at.line, object.at.column),
        "correct the manifest and ask again",
    )
}

impl Things {
    /// The namespace of the scope: the one that all are in, or `*`.
    fn namespace(&self) -> Option<&str> {
        let mut found = self.0.iter().filter_map(|thing| thing.namespace.as_deref());
        let first = found.next()?;
        Some(if found.all(|other| other == first) { first } else { "*" })
    }

    /// A namespace stands for all that is in it.
    fn resources(&self, cluster: &str) -> Vec<Resource> {
        let mut found = Vec::new();
        for Thing { kind, namespace, name } in &self.0 {
            found.push(match namespace {
                Some(namespace) => Resource::from_parts(&["k8s", cluster, "ns", namespace, &kind.id, name]),
                None => Resource::from_parts(&["k8s", cluster, "cluster", &kind.id, name]),
            });
            if kind.id == "namespaces" {
                found.push(Resource::from_parts(&["k8s", cluster, "ns", name, "*", "*"]));
            }
        }
        found
    }

    fn ids(&self) -> String {
        let mut ids: Vec<&str> = self.0.iter().map(|thing| thing.kind.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.join(", ")
    }
}

struct Class {
    tier: Tier,
    sensitivity: Sensitivity,
    reversibility: Reversibility,
    reasons: Vec<String>,
}

fn classify(parsed: &Parsed<Does>, manifest: &Manifest, things: &Things, vocabulary: &Vocabulary) -> Class {
    let (mut tier, what) = match parsed.verb.id {
        Does::Apply => (Tier::Change, "creates or changes"),
        Does::Create => (Tier::Change, "creates"),
        Does::Diff => (Tier::Change, "shows what applying would change in"),
        Does::Replace => (Tier::Destructive, "replaces the whole of"),
    };
    let mut reasons = vec![format!("{what} {}", things.ids())];
    let mut raise = |reason: String| {
        tier = Tier::Destructive;
        reasons.push(reason);
    };
    let forced = parsed.is_on("force");
    if forced {
        raise("forced: deletes objects and makes them anew".to_owned());
    }
    for object in &manifest.objects {
        for danger in object.dangers() {
            raise(format!("{} {}: {danger}", object.kind, object.name));
        }
    }
    for threshold in vocabulary.thresholds.iter().filter(|one| things.0.len() >= one.objects) {
        tier = tier.max(threshold.tier);
        reasons.push(format!("{} objects or more", threshold.objects));
    }
    if parsed.is_on("force-conflicts") {
        reasons.push("takes fields over that others manage".to_owned());
    }
    let sensitive = things.0.iter().any(|thing| thing.kind.sensitivity == Sensitivity::Sensitive);
    if sensitive {
        reasons.push("output may hold secrets".to_owned());
    }
    Class {
        tier,
        sensitivity: if sensitive { Sensitivity::Sensitive } else { Sensitivity::Plain },
        reversibility: match parsed.verb.id {
            Does::Diff => Reversibility::NoneNeeded,
            _ if forced => Reversibility::Irreversible,
            _ => Reversibility::Reversible,
        },
        reasons,
    }
}

/// `kubectl VERB --filename=- [--namespace=…] FLAGS`: without a namespace when the objects are of
/// several, because kubectl would refuse all others than the one.
fn canonical(parsed: &Parsed<Does>, things: &Things) -> Result<Argv, ArgvError> {
    let mut elements = vec![GRAMMAR.tool.to_owned(), parsed.verb.name.to_owned(), READS_INPUT.to_owned()];
    elements.extend(things.namespace().filter(|one| *one != "*").map(|one| format!("--namespace={one}")));
    elements.extend(parsed.canonical_flags(&["filename", "namespace"]));
    Argv::new(elements)
}

/// The objects as they are, and what a dry run on the server makes of them.
fn plan(parsed: &Parsed<Does>, argv: &Argv) -> Result<PreviewPlan, ArgvError> {
    let place = argv.elements().iter().filter(|element| element.starts_with("--namespace="));
    let mut now = vec!["kubectl".to_owned(), "get".to_owned(), READS_INPUT.to_owned()];
    now.extend(place.cloned());
    now.extend(["--ignore-not-found", "--output=json"].map(str::to_owned));
    let now = Argv::new(now)?;
    let forced = parsed.is_on("force");
    Ok(match parsed.verb.id {
        Does::Create => PreviewPlan { steps: vec![preview::dry_run(argv)?], form: EffectForm::KubernetesCreated },
        // kubectl has no dry run of a forced replacement: what is deleted first is shown.
        Does::Replace if forced => PreviewPlan { steps: vec![now], form: EffectForm::KubernetesObjects },
        Does::Replace => PreviewPlan { steps: vec![now, preview::dry_run(argv)?], form: EffectForm::KubernetesDiff },
        Does::Apply | Does::Diff => {
            let steps = vec![now, preview::dry_run(&as_apply(argv)?)?];
            PreviewPlan { steps, form: EffectForm::KubernetesDiff }
        }
    })
}

/// What a dry run of `apply` can be told: `diff` is one, and `--force` is refused with one.
fn as_apply(argv: &Argv) -> Result<Argv, ArgvError> {
    let elements = argv.elements().iter().enumerate().filter_map(|(nth, element)| match element.as_str() {
        "diff" if nth == 1 => Some("apply".to_owned()),
        "--force" => None,
        other if other.starts_with("--concurrency=") => None,
        other => Some(other.to_owned()),
    });
    Argv::new(elements.collect())
}

/// The mode of a command that came out of a seal: `diff` never applies.
pub(crate) fn mode_again(command: &Command, sealed: Mode) -> Mode {
    if command.action().verb == "diff" { Mode::DryRun } else { sealed }
}

/// Forms that read no file.
fn output(text: &str) -> Result<(), String> {
    let with_template = ["jsonpath", "jsonpath-as-json", "go-template"];
    let fits = match text.split_once('=') {
        Some((form, template)) => with_template.contains(&form) && !template.trim().is_empty(),
        None => matches!(text, "json" | "yaml" | "name"),
    };
    fits.then_some(()).ok_or_else(|| "takes `json`, `yaml`, `name` or a template, as `jsonpath='…'`".to_owned())
}

fn validation(text: &str) -> Result<(), String> {
    matches!(text, "strict" | "warn" | "ignore" | "true" | "false")
        .then_some(())
        .ok_or_else(|| "takes `strict`, `warn` or `ignore`".to_owned())
}

fn cascade(text: &str) -> Result<(), String> {
    matches!(text, "background" | "foreground" | "orphan")
        .then_some(())
        .ok_or_else(|| "takes `background`, `foreground` or `orphan`".to_owned())
}

fn seconds(text: &str) -> Result<(), String> {
    let fits = text == "-1" || text.parse::<u32>().is_ok_and(|number| number.to_string() == text);
    fits.then_some(()).ok_or_else(|| "takes a whole number".to_owned())
}

/// The longest any flag may make kubectl wait.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

fn wait(text: &str) -> Result<(), String> {
    let fits = duration(text).is_some_and(|wait| wait <= LONGEST_WAIT);
    fits.then_some(()).ok_or_else(|| format!("takes a duration up to {}s, as `5m`", LONGEST_WAIT.as_secs()))
}
