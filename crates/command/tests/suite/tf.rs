//! Terraform: what lines become, and what they are refused with.

use crate::common::{again, all_refused, refusal, run};
use countersign_core::tier::{Mode, Reversibility, Tier};
use expect_test::expect;

#[test]
fn a_plan_reads_and_an_apply_shows_its_plan_first() {
    let plan = run("/tf plan network -target aws_instance.api");
    assert_eq!((plan.action().tier, plan.mode(), plan.preview()), (Tier::Read, Mode::Apply, None));
    assert_eq!(plan.action().verb, "plan");
    assert_eq!(plan.action().resources.first().unwrap().as_str(), "tf/network");
    assert_eq!(plan.action().scope.env.as_deref(), Some("prod"));
    let apply = run("/tf apply network -target aws_instance.api");
    assert_eq!((apply.action().tier, apply.mode()), (Tier::Destructive, Mode::Apply));
    let steps = &apply.preview().unwrap().steps;
    assert_eq!(steps.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tf plan network -target=aws_instance.api"]);
    assert_eq!(run("/tf apply network --dry-run").mode(), Mode::DryRun);
}

#[test]
fn a_plan_of_another_revision_is_first_looked_at_without_running_it() {
    let plan = run("/tf plan network --ref feature -refresh=false");
    assert_eq!((plan.action().tier, plan.action().verb.as_str()), (Tier::Change, "plan ref"));
    assert_eq!(plan.action().reversibility, Reversibility::Irreversible);
    assert_eq!(plan.argv().to_string(), "tf plan network --ref=feature -refresh=false");
    let steps = &plan.preview().unwrap().steps;
    assert_eq!(steps.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tf diff network --ref=feature"]);
    // The protected branch by its name is the same as no name.
    assert_eq!(run("/tf plan network --ref main"), run("/tf plan network"));
}

#[test]
fn what_was_approved_reads_back() {
    for text in [
        "/tf plan network",
        "/tf plan network --ref=feature -destroy -target=module.web",
        "/tf plan network --ref=feature --dry-run",
        "/tf apply network",
        "/tf apply network --dry-run",
        "/tf apply network -refresh=false -replace=a.b -replace=c.d -parallelism=3 -lock-timeout=1m",
        "/tf apply network -refresh-only",
    ] {
        let command = run(text);
        assert_eq!(again(&command).as_ref(), Ok(&command), "{text}");
    }
}

#[test]
fn every_no_says_what_to_use_instead() {
    let said = |text: &str| {
        let no = refusal(text);
        format!("{no} · {}", no.hint())
    };
    expect!["`tf destroy` is not for chat · use `/tf apply <stack> -destroy`"].assert_eq(&said("/tf destroy network"));
    expect!["`-lock` is not for chat · leave it away: the state is always locked; `-lock-timeout=30s` waits for it"]
        .assert_eq(&said("/tf apply network --lock=false"));
    expect!["`-var-file` is not for chat · set the variables in the stack's repository, where they are reviewed"]
        .assert_eq(&said("/tf plan network -var-file=/etc/passwd"));
    expect!["the catalog knows no stack `netwrok` · did you mean `network`?"].assert_eq(&said("/tf plan netwrok"));
    expect!["`/tf` has no verb `aply` · did you mean `apply`?"].assert_eq(&said("/tf aply network"));
    expect!["`/tf` has no option `-targt=a.b` · did you mean `target`?"]
        .assert_eq(&said("/tf plan network -targt=a.b"));
    expect!["only what is on `main` is applied, not `feature` · have it reviewed and merged into `main`; `/tf plan` takes `--ref`"].assert_eq(&said("/tf apply network --ref feature"));
}

#[test]
fn p14_no_option_picks_a_file_a_place_or_a_credential() {
    all_refused(
        "
        /tf plan network -var-file=x => worker-files
        /tf plan network --var-file x => worker-files
        /tf plan network -state=x => worker-files
        /tf -chdir=/tmp plan network => worker-files
        /tf plan network -out x => worker-files
        /tf plan network -backend-config=x => flag-not-allowed
        /tf plan network -plugin-dir=x => worker-files
        /tf plan network -var x=y => flag-not-allowed
        /tf apply network -auto-approve => flag-not-allowed
        /tf apply network -lock=false => flag-not-allowed
        /tf plan network -var-fil=x => unknown-flag
        ",
    );
}
