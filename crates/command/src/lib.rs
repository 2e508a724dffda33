//! Text to a typed command with exact argv, or a refusal that points at the character.
//!
//! **Invariant:** what this crate cannot fully explain it refuses. A command's canonical argv reads
//! back to the same command; no shell is ever needed to run it. No I/O, no async, no clock.

#![expect(
    clippy::unnecessary_box_returns,
    reason = "a refusal is large; it is boxed where it is made and travels in `Err` as it is"
)]

mod aws;
mod characters;
mod countersign;
mod custom;
pub mod deploy;
pub mod filters;
mod gcloud;
mod grammar;
mod kubectl;
mod manifest;
mod no;
mod normalise;
mod own;
pub mod pattern;
mod secret;
pub mod silence;
pub mod suggest;
pub mod tf;
pub mod vocabulary;
mod words;

pub use countersign::{Countersign, Reference};
pub use kubectl::kind_name;
pub use manifest::{Attachment, Source, cut};
pub use vocabulary::{CustomCommand, Vocabulary};

use countersign_core::command::{Command, Tool};
use countersign_core::policy::Canonical;
use countersign_core::refusal::{Code, Refusal};
use kubectl::On;
use no::{Checked, Pointing, meant, no, quoted};
use own::Own;
use words::Word;

/// The file of a catalogued repository that a line takes its manifest from, if it names one: whoever
/// fetches it parses the line again with it as [`Context::attachment`].
///
/// # Errors
/// A refusal as [`parse`] has it, when the file is not named as it must be.
pub fn wants(text: &str, vocabulary: &Vocabulary) -> Result<Option<Source>, Box<Refusal>> {
    let typed = words::split(&normalise::normalise(text)?)?;
    let Some((first, rest)) = typed.command.split_first() else { return Ok(None) };
    if first.text.strip_prefix('/').unwrap_or(&first.text) != "kubectl" {
        return Ok(None);
    }
    let Some(source) = kubectl::apply::wants(rest)? else { return Ok(None) };
    if vocabulary.repositories.contains(source.repository()) {
        return Ok(Some(source));
    }
    Err(no(
        Code::UnknownTarget,
        format!("the catalog knows no repository {}", quoted(source.repository())),
        meant(source.repository(), vocabulary.repositories.iter().map(String::as_str), "see `/countersign catalog`"),
    ))
}

/// What the place of typing adds to the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The chat channel's id, if there is one: it may stand for a cluster.
    pub channel: Option<String>,
    /// The manifest that came with the text.
    pub attachment: Option<Attachment>,
}

/// A text, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one lives for a moment, on the stack")]
pub enum Typed {
    /// A command to decide about.
    Run {
        /// What it is.
        command: Command,
        /// Why, in the requester's words.
        reason: Option<String>,
    },
    /// A question to Countersign itself.
    Ask(Countersign),
}

/// The verbs of a tool, as typed, for help and tables; none for a custom command.
#[must_use]
pub fn verbs(tool: &Tool) -> Vec<&'static str> {
    match tool {
        Tool::Kubectl => kubectl::verbs(),
        Tool::Tf => tf::verbs(),
        Tool::Deploy => deploy::verbs(),
        Tool::Silence => silence::verbs(),
        Tool::Aws | Tool::Gcloud | Tool::Custom(_) => Vec::new(),
    }
}

/// Understands a whole line as typed: `/kubectl get pods`, with or without the slash.
///
/// # Errors
/// A refusal with code, column, rule and the way forward; columns count characters of `text` from 1.
pub fn parse(text: &str, context: &Context, vocabulary: &Vocabulary) -> Result<Typed, Box<Refusal>> {
    let (text, block) = manifest::cut(text)?;
    let (text, both) = (text.as_str(), block.is_some() && context.attachment.is_some());
    if both {
        return Err(no(Code::BadManifest, "two manifests came with the command", "give one of them"));
    }
    let context = &Context { attachment: block.or_else(|| context.attachment.clone()), ..context.clone() };
    secret::check(text)?;
    let typed = words::split(&normalise::normalise(text)?)?;
    let first = typed.command.first().map_or("", |word| word.text.trim_start_matches('/'));
    let mut before = "";
    for word in typed.words() {
        secret::check_word(first, before, &word.text).map_err(|refusal| refusal.over(word))?;
        characters::check_scripts(word)?;
        before = &word.text;
    }
    line(&typed, context, vocabulary)
}

fn line(typed: &words::Line, context: &Context, vocabulary: &Vocabulary) -> Checked<Typed> {
    let Some((first, rest)) = typed.command.split_first() else {
        return Err(no(Code::EmptyCommand, "there is no command", "see `/countersign help`"));
    };
    let run = |words: &[Word]| {
        let (command, own) = command(words, context, vocabulary)?;
        filters::behind(command, &typed.filters).map(|command| (command, own))
    };
    let name = first.text.strip_prefix('/').unwrap_or(&first.text);
    if name == "countersign" {
        let mut has_command = false;
        let asked = countersign::parse(rest, |words| {
            has_command = true;
            run(words).map(|(command, _)| command)
        })?;
        return match typed.filters.first().and_then(|words| words.first()).filter(|_| !has_command) {
            None => Ok(Typed::Ask(asked)),
            Some(filter) => Err(no(
                Code::UnexpectedArgument,
                "filters stand behind commands, and this is a question to Countersign",
                "leave the filter away",
            )
            .over(filter)),
        };
    }
    run(&typed.command).map(|(command, own)| Typed::Run { command, reason: own.reason })
}

/// Tools that need no entry of their own in the catalog's commands.
const BUILT_IN: [&str; 6] = ["kubectl", "aws", "gcloud", "tf", "deploy", "silence"];

/// Understands a line that runs something.
fn command(words: &[Word], context: &Context, vocabulary: &Vocabulary) -> Checked<(Command, Own)> {
    let Some((first, rest)) = words.split_first() else {
        return Err(no(Code::EmptyCommand, "there is no command", "see `/countersign help`"));
    };
    let name = first.text.strip_prefix('/').unwrap_or(&first.text);
    match name {
        "kubectl" if kubectl::apply::is_meant(rest, context.attachment.is_some()) => {
            let attached = context.attachment.as_ref();
            return kubectl::apply::parse(rest, attached, vocabulary, |own| on(own, context, vocabulary));
        }
        _ if context.attachment.is_some() => {
            return Err(no(
                Code::UnexpectedArgument,
                "this command takes no manifest, and one came with it",
                "leave the code block or file away",
            )
            .over(first));
        }
        "kubectl" => return kubectl::parse(rest, vocabulary, |own| on(own, context, vocabulary)),
        "aws" => return aws::parse(first, rest, vocabulary),
        "gcloud" => return gcloud::parse(first, rest, vocabulary),
        "tf" => return tf::parse(first, rest, vocabulary),
        "deploy" => return deploy::parse(first, rest, vocabulary),
        "silence" => return silence::parse(first, rest, vocabulary),
        _ => {}
    }
    if let Some(custom) = vocabulary.commands.get(name) {
        return custom::parse(custom, rest, vocabulary);
    }
    let known = vocabulary.commands.keys().map(String::as_str).chain(BUILT_IN).chain(["countersign"]);
    Err(no(
        Code::UnknownTool,
        format!("there is no tool or command {}", quoted(name)),
        meant(name, known, "see `/countersign catalog` for what there is"),
    )
    .over(first))
}

/// The cluster meant: `--context`, else the channel's, else the catalog's default.
fn on<'v>(own: &Own, context: &Context, vocabulary: &'v Vocabulary) -> Checked<On<'v>> {
    let of_channel = context.channel.as_ref().and_then(|channel| vocabulary.channel_clusters.get(channel));
    let name = own.context.as_ref().map(|word| &word.text).or(of_channel).or(vocabulary.default_cluster.as_ref());
    let Some(name) = name else {
        return Err(no(
            Code::MissingTarget,
            "the command does not say on which cluster",
            format!("add `--context` with one of: {}", clusters(vocabulary)),
        ));
    };
    cluster(name, vocabulary).map_err(|refusal| match &own.context {
        Some(word) => refusal.over(word),
        None => refusal,
    })
}

fn cluster<'v>(name: &str, vocabulary: &'v Vocabulary) -> Checked<On<'v>> {
    match vocabulary.clusters.get_key_value(name) {
        Some((name, cluster)) => Ok(On { name, cluster }),
        None => Err(no(
            Code::UnknownTarget,
            format!("the catalog knows no cluster {}", quoted(name)),
            meant(name, vocabulary.clusters.keys().map(String::as_str), &format!("one of: {}", clusters(vocabulary))),
        )),
    }
}

fn clusters(vocabulary: &Vocabulary) -> String {
    let names: Vec<&str> = vocabulary.clusters.keys().map(String::as_str).collect();
    if names.is_empty() { "none is catalogued".to_owned() } else { names.join(", ") }
}

/// Understands a canonical argv that came out of a seal, with this process's own catalog.
///
/// # Errors
/// A refusal when grammar or catalog do not know it, or understand it as anything but exactly
/// itself: other argv, mode or scope than the canonical ones.
pub fn parse_again(canonical: &Canonical<'_>, vocabulary: &Vocabulary) -> Result<Command, Box<Refusal>> {
    let command = match canonical.tool {
        Tool::Kubectl => {
            let words: Vec<Word> = canonical.argv.arguments().iter().map(|one| Word::untyped(one)).collect();
            let target = canonical.scope.target.as_deref().unwrap_or_default();
            let attached = canonical.stdin.map(|it| Attachment { text: it.text().to_owned(), source: None });
            let (command, _) = if kubectl::apply::is_meant(&words, attached.is_some()) {
                kubectl::apply::parse(&words, attached.as_ref(), vocabulary, |_| cluster(target, vocabulary))?
            } else {
                kubectl::parse(&words, vocabulary, |_| cluster(target, vocabulary))?
            };
            // The mode is not part of argv: a read has one, a change has the one that was decided.
            let mode = match command.preview() {
                Some(_) => kubectl::apply::mode_again(&command, canonical.mode),
                None => command.mode(),
            };
            Command::new(countersign_core::command::CommandParts { mode, ..command.parts().clone() })
                .map_err(|_| changed("the command"))?
        }
        Tool::Custom(name) => match vocabulary.commands.get(name) {
            Some(custom) => custom::parse_again(custom, canonical.argv.arguments(), canonical.mode, vocabulary)?,
            None => {
                return Err(no(
                    Code::UnknownTool,
                    format!("there is no command {}", quoted(name)),
                    "ask again: the catalog has changed",
                ));
            }
        },
        Tool::Aws => aws::parse_again(canonical, vocabulary)?,
        Tool::Gcloud => gcloud::parse_again(canonical, vocabulary)?,
        Tool::Tf => tf::parse_again(canonical, vocabulary)?,
        Tool::Deploy => deploy::parse_again(canonical, vocabulary)?,
        Tool::Silence => silence::parse_again(canonical, vocabulary)?,
    };
    let found = filters::behind_again(command, canonical.filters)?;
    same(canonical, &found)?;
    Ok(found)
}

/// Refuses anything that reads back as something else.
fn same(canonical: &Canonical<'_>, found: &Command) -> Checked<()> {
    let differs = [
        (canonical.argv != found.argv(), "the arguments"),
        (canonical.mode != found.mode(), "the mode"),
        (*canonical.scope != found.action().scope, "the scope"),
        (canonical.stdin != found.stdin(), "the standard input"),
        (canonical.filters != found.parts().filters, "the filters"),
    ];
    match differs.iter().find(|(differs, _)| *differs) {
        Some((_, what)) => Err(changed(what)),
        None => Ok(()),
    }
}

fn changed(what: &str) -> Box<Refusal> {
    no(
        Code::CommandChanged,
        format!("{what} would be read differently than when it was decided"),
        "ask again as a new request",
    )
}
