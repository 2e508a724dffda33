//! Silences: what lines become, and what they are refused with.

use crate::common::{again, refusal, run};
use countersign_core::tier::{Mode, Reversibility, Tier};
use expect_test::expect;

#[test]
fn a_silence_is_a_change_that_is_shown_first() {
    let command = run("/silence HighLatency 90m service=checkout --on prod");
    assert_eq!((command.action().tier, command.mode()), (Tier::Change, Mode::Apply));
    assert_eq!(command.action().reversibility, Reversibility::Reversible);
    assert_eq!(command.action().resources.first().unwrap().as_str(), "am/prod");
    assert_eq!(command.argv().to_string(), "silence HighLatency 1h30m service=checkout --on=prod");
    let step = "silence HighLatency 1h30m service=checkout --on=prod --dry-run";
    assert_eq!(command.preview().unwrap().steps.first().unwrap().to_string(), step);
    assert_eq!(run("/silence list --on dev").preview(), None);
}

#[test]
fn length_and_breadth_raise() {
    for (text, tier) in [
        ("/silence A 4h --on prod", Tier::Change),
        ("/silence A 4h1s --on prod", Tier::Destructive),
        ("/silence 1h service=checkout --on prod", Tier::Destructive),
        ("/silence 1h 'alertname=~Disk.*' --on prod", Tier::Destructive),
        ("/silence A 1h 'alertname=~.*' --on prod", Tier::Change),
        ("/silence A 1h 'service!=x' --on prod", Tier::Change),
    ] {
        assert_eq!(run(text).action().tier, tier, "{text}");
    }
}

#[test]
fn what_was_approved_reads_back() {
    for text in [
        "/silence A 24h --on prod",
        "/silence 'Disk full' 1h --on prod --dry-run",
        "/silence alertname=list 1h --on dev --comment 'why not'",
        "/silence 'alertname=x{y}' 1h --on dev",
        "/silence 1h 'b!~x|y' 'a=~xy.*' c='' d=\"e=f\" --on dev",
        "/silence expire 01234567-89ab-cdef-0123-456789abcdef --on dev",
        "/silence list --on dev",
    ] {
        let command = run(text);
        assert_eq!(again(&command).as_ref(), Ok(&command), "{text}");
    }
}

#[test]
fn every_no_says_what_to_write() {
    let said = |text: &str| {
        let no = refusal(text);
        format!("{no} · {}", no.hint())
    };
    expect!["the command does not say on which Alertmanager · add `--on` with one of: dev, prod"]
        .assert_eq(&said("/silence A 1h"));
    expect!["on `prod` a silence lasts 1d at the most · write for example `30m` or `2h`; at most 1d"]
        .assert_eq(&said("/silence A 25h --on prod"));
    expect!["this silence could match every alert there is · name the alert, or a label that is equal to something: `/silence HighLatency 2h service=checkout`"].assert_eq(&said("/silence 1h 'alertname=~.*' --on prod"));
    expect!["`High.*` is not the name of an alert · write its name, as `HighLatency`; a pattern is written 'alertname=~High.+'"].assert_eq(&said("/silence 'High.*' 1h --on prod"));
    expect!["the catalog knows no Alertmanager `prd` · did you mean `prod`?"]
        .assert_eq(&said("/silence A 1h --on prd"));
}
