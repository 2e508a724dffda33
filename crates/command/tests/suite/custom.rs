//! Custom commands: typed parameters in, exact argv out.

use crate::common::{all_refused, custom, refusal, run, vocabulary};
use countersign_command::parse_again;
use countersign_command::pattern::Pattern;
use countersign_command::vocabulary::{CustomPreview, LeadingDash, Values};
use countersign_core::command::Argv;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::{Mode, Tier};
use expect_test::expect;

#[test]
fn parameters_are_typed_in_three_ways() {
    let want = run("restart-report billing nightly 3 30m");
    expect!["restart-report '--service=billing' --keep 30m nightly/3 literal"]
        .assert_eq(&want.argv().to_string().replace("--service=billing", "'--service=billing'").replace("''", "'"));
    for text in [
        "/restart-report service=billing tag=nightly count=3 keep=30m",
        "restart-report --service billing --tag=nightly --count 3 --keep=30m",
        "restart-report keep=30m billing nightly 3",
        "restart-report billing -- nightly 3 30m",
        "restart-report 'billing' \"nightly\" 3 30m",
    ] {
        assert_eq!(run(text), want, "{text}");
    }
    assert_eq!(run("restart-report billing nightly 3").argv().elements().get(3).map(String::as_str), Some("1h"));
}

#[test]
fn its_class_is_the_catalogs_and_its_preview_shows_only() {
    let command = run("restart-report billing nightly 3 --apply");
    assert_eq!((command.action().tier, command.mode()), (Tier::Destructive, Mode::Apply));
    assert_eq!(command.action().resources.first().unwrap().as_str(), "custom/restart-report");
    assert_eq!(command.action().scope.env.as_deref(), Some("prod"));
    assert_eq!(
        command.preview().unwrap().steps.first().unwrap().to_string(),
        "restart-report --show --service=billing"
    );
    assert_eq!(run("restart-report billing nightly 3").mode(), Mode::DryRun);
    assert_eq!(run("disk-usage").mode(), Mode::Apply);
    assert_eq!(refusal("purge").code(), Code::NeedsApply);
    assert_eq!(run("purge --apply").mode(), Mode::Apply);
}

#[test]
fn p14_values_outside_the_catalog_are_refused() {
    all_refused(
        "restart-report => missing-value
         restart-report billing nightly => missing-value
         restart-report biling nightly 3 => bad-value
         restart-report billing Nightly 3 => bad-value
         restart-report billing 'nightly 3' 3 => bad-value
         restart-report billing nightly 6 => bad-value
         restart-report billing nightly 03 => bad-value
         restart-report billing nightly +3 => bad-value
         restart-report billing nightly 3 30s => bad-value
         restart-report billing nightly 3 1h 5 => unexpected-argument
         restart-report billing nightly 3 service=billing => repeated-flag
         restart-report billing nightly 3 --keep => missing-value
         restart-report billing nightly 3 sevice=x => unknown-flag
         restart-report billing nightly 3 --kep=1h => unknown-flag
         restart-report billing nightly 3 -k => unknown-flag
         restart-report billing nightly 3 --context=prod => unknown-flag
         restart-report billing nightly 3 --apply=true => bad-value
         restart-report billing nightly 3 --apply --apply => repeated-flag
         restart-report billing nightly 3 --apply --dry-run => bad-value
         restart-report billing -- --keep 3 => bad-value
         restart-report billing tag=-rf 3 => bad-value
         restart-report billing tag=$(id) 3 => shell-syntax
         restart-report billing tag='$(id)' 3 => bad-value
         restart-repot billing => unknown-tool",
    );
    assert_eq!(refusal("restart-report biling nightly 3").hint(), "did you mean `billing`?");
    assert_eq!(refusal("restart-report billing nightly 3 --kep=1h").hint(), "did you mean `keep`?");
}

#[test]
fn what_was_approved_reads_back_with_the_worker_catalog_only() {
    let command = run("restart-report billing nightly 3 --apply");
    let again = |argv: &Argv, mode, vocabulary: &countersign_command::Vocabulary| {
        parse_again(&Canonical { argv, mode, ..Canonical::of(&command) }, vocabulary)
    };
    assert_eq!(again(command.argv(), Mode::Apply, &vocabulary()).unwrap(), command);
    let mut changed = vocabulary();
    changed.commands.get_mut("restart-report").unwrap().template.push("more".to_owned());
    assert_eq!(again(command.argv(), Mode::Apply, &changed).unwrap_err().code(), Code::CommandChanged);
    let mut elements = command.argv().elements().to_vec();
    *elements.get_mut(1).unwrap() = "--service=other".to_owned();
    let forged = Argv::new(elements).unwrap();
    assert_eq!(again(&forged, Mode::Apply, &vocabulary()).unwrap_err().code(), Code::CommandChanged);
}

#[test]
fn the_catalogs_mistakes_are_all_named() {
    assert_eq!(custom().mistakes(), Vec::<String>::new());
    let mut broken = custom();
    broken.name = "Kubectl!".to_owned();
    broken.template = vec!["{service}{tag}".to_owned(), "{nope}".to_owned(), "{open".to_owned(), "}".to_owned()];
    broken.preview = CustomPreview::Template(vec!["{other}".to_owned()]);
    broken.params[0].values = Values::Enum(vec!["-x".to_owned()]);
    broken.params[2].values = Values::Int { min: 2, max: 1 };
    broken.params[3].default = Some("5s".to_owned());
    expect![[r#"
        `Kubectl!` is not a name for a command: lower-case letters, digits and dashes, and not the name of a tool
        `service` takes no value that begins with `-`, as `-x` does
        the bounds of `count` run backwards
        the default of `keep`: it takes a duration from 60s to 86400s, as `90s` or `1h30m`, not `5s`
        `{service}{tag}` joins parameters with nothing between them, or more than 3
        `{nope}` names no parameter `nope`
        `{open` has a `{` that is not closed
        `}` has a `}` that closes nothing
        the template does not use `count`
        the template does not use `keep`
        `{other}` names no parameter `other`"#]]
    .assert_eq(&broken.mistakes().join("\n"));
    let reserved = countersign_command::CustomCommand { name: "kubectl".to_owned(), ..custom() };
    assert_eq!(reserved.mistakes().len(), 1);
}

#[test]
fn values_that_cannot_be_told_apart_are_refused() {
    let mut vocabulary = vocabulary();
    let joined = vocabulary.commands.get_mut("restart-report").unwrap();
    joined.template = vec!["{service}-{tag}".to_owned(), "{count}".to_owned(), "{keep}".to_owned()];
    joined.params[0].values = Values::Regex(Pattern::new("[a-z-]+").unwrap());
    joined.params[1].values = Values::Regex(Pattern::new("[a-z-]+").unwrap());
    joined.params[1].leading_dash = LeadingDash::Allowed;
    let parse = |text: &str| countersign_command::parse(text, &countersign_command::Context::default(), &vocabulary);
    assert!(parse("restart-report a b 1").is_ok());
    assert_eq!(parse("restart-report a-b c 1").unwrap_err().code(), Code::BadValue);
}
