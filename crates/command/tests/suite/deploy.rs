//! Rollouts: what lines become, and what they are refused with.

use crate::common::{again, refusal, run};
use countersign_core::tier::{Mode, Reversibility, Tier};
use expect_test::expect;

#[test]
fn a_rollout_is_a_change_that_is_shown_first() {
    let command = run("/deploy checkout prod 1.4");
    assert_eq!((command.action().tier, command.mode()), (Tier::Change, Mode::Apply));
    assert_eq!(command.action().reversibility, Reversibility::Reversible);
    assert_eq!(command.action().resources.first().unwrap().as_str(), "svc/checkout/prod");
    assert_eq!(command.action().scope.env.as_deref(), Some("prod"));
    assert_eq!(command.action().scope.target.as_deref(), Some("checkout"));
    assert_eq!(command.preview().unwrap().steps.first().unwrap().to_string(), "deploy checkout prod 1.4 --dry-run");
    let status = run("/deploy status checkout prod");
    assert_eq!((status.action().tier, status.action().verb.as_str(), status.preview()), (Tier::Read, "status", None));
    assert_ne!(
        run("/deploy undo checkout dev"),
        run("/deploy rollback checkout dev"),
        "each is another thing to agree to"
    );
}

#[test]
fn what_was_approved_reads_back() {
    for text in [
        "/deploy checkout prod 1.4",
        "/deploy checkout prod 1.4 --dry-run",
        "/deploy checkout prod",
        "/deploy ledger dev 2026-06-01_a",
        "/deploy undo ledger dev",
        "/deploy undo ledger dev 0197c1a2-0000-8000-8000-000000000001",
        "/deploy rollback ledger dev",
        "/deploy checkout prod run:123456",
        "/deploy status ledger dev",
    ] {
        let command = run(text);
        assert_eq!(again(&command).as_ref(), Ok(&command), "{text}");
    }
}

#[test]
fn names_and_versions_are_the_catalogs() {
    let said = |text: &str| {
        let no = refusal(text);
        format!("{no} · {}", no.hint())
    };
    expect!["the catalog knows no service `chekout` · did you mean `checkout`?"]
        .assert_eq(&said("/deploy chekout dev 1.4"));
    expect!["the catalog knows no service `rolback` · did you mean `rollback`?"]
        .assert_eq(&said("/deploy rolback checkout dev"));
    expect!["`checkout` has no environment `prd` · did you mean `prod`?"].assert_eq(&said("/deploy checkout prd 1.4"));
    expect!["`latest` is another image tomorrow than today · write the version it means, so that everybody agrees to the same one"].assert_eq(&said("/deploy ledger prod latest"));
    expect![[r#"versions of `checkout` match `[0-9]+\.[0-9]+`, and `1.4.2` does not · see `/deploy status` for what runs now"#]].assert_eq(&said("/deploy checkout prod 1.4.2"));
    expect!["which version of `ledger`? · add a tag or a digest, as `1.4.2` or `sha256:…`"]
        .assert_eq(&said("/deploy ledger prod"));
    expect!["`run:07` is not a version · write a tag, as `1.4.2`, or a digest, as `sha256:` and 64 characters; the image is the catalog's; or a run that built it, as `run:123456`"].assert_eq(&said("/deploy checkout prod run:07"));
    expect!["the catalog does not say which workflow builds `ledger` · write a tag or a digest; `run:` of the service in catalog.yaml would name the workflow"].assert_eq(&said("/deploy ledger prod run:7"));
    expect!["`1.3` is not the id of a request · leave it away, or write the id that the card shows"]
        .assert_eq(&said("/deploy undo checkout prod 1.3"));
}
