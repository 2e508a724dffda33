//! What is done with a line before any tool's grammar reads it, and questions to Countersign itself.

use crate::common::{all_refused, refusal, run, typed};
use countersign_command::{Countersign, Typed};
use countersign_core::refusal::Code;
use countersign_core::tier::Mode;

#[test]
fn p55_mangled_text_is_the_intended_command() {
    let plain = run("kubectl delete pods -l app=web --namespace=web --apply");
    for mangled in [
        "/kubectl delete pods -l \u{201c}app=web\u{201d} \u{2014}namespace=web \u{2014}apply",
        "kubectl delete  \u{a0}pods -l \u{2018}app=web\u{2019} \u{2013}namespace web \u{2014}apply",
    ] {
        assert_eq!(run(mangled), plain, "{mangled}");
    }
    all_refused(
        "kubectl delete pods -l app=a &amp;&amp; x => shell-syntax
         kubectl delete pods -l app=&lt;x&gt; => shell-syntax
         kubectl delete pods -l 'app=&amp;lt;' => bad-value
         kubectl logs <http://evil.example|api> => character-not-allowed
         kubectl logs <http://api.example|api.example> => bad-value
         kubectl delete pod a\u{2014}b => character-not-allowed
         kubectl delete pod \u{201c}a\" => unbalanced-quote",
    );
}

#[test]
fn p31_deceiving_names_are_refused() {
    all_refused(
        "kubectl delete pod \u{430}pi => character-not-allowed
         kubectl delete pod \u{430}\u{440}\u{456} => bad-value
         kubectl delete p\u{43e}d api => character-not-allowed
         kubect\u{4cf} get pods => character-not-allowed
         kubectl delete pod api\u{202e}7f => character-not-allowed
         kubectl delete pod api\u{200b} => character-not-allowed
         kubectl delete pod a\u{a0}b => character-not-allowed
         kubectl delete pod '\u{a0}b' => character-not-allowed
         kubectl delete\tpod a => character-not-allowed
         kubectl delete pod \u{ff41} => character-not-allowed",
    );
}

#[test]
fn p56_refusals_echo_nothing_harmful() {
    let got = refusal("kubectl get pods --token=xoxb-123456789012-abcdefghijkl");
    assert_eq!(got.code(), Code::SecretInCommand);
    assert!(!format!("{got:?}").contains("xoxb-123"));
    let split = refusal("kubectl get pods -l a=AKI''AABCDEFGHIJKLMNOP");
    assert_eq!(split.code(), Code::SecretInCommand);
    let place = refusal("kubectl get pods -n web --bogus").place().cloned().unwrap();
    assert_eq!((place.column, place.length), (25, 7));
}

#[test]
fn a_reason_is_kept_beside_the_command() {
    let Ok(Typed::Run { command, reason }) = typed("kubectl delete pod a --reason \"failing; health checks\" --apply")
    else {
        panic!()
    };
    assert_eq!(reason.as_deref(), Some("failing; health checks"));
    assert!(!command.argv().to_string().contains("failing"));
    all_refused("kubectl delete pod a --reason '' => bad-value");
}

#[test]
fn questions_to_countersign() {
    assert_eq!(typed("/countersign").unwrap(), Typed::Ask(Countersign::Help { topic: None }));
    assert_eq!(typed("countersign whoami").unwrap(), Typed::Ask(Countersign::Whoami));
    assert_eq!(typed("countersign freeze").unwrap(), Typed::Ask(Countersign::Freezes));
    let freeze = |env: Option<&str>| Countersign::Freeze { env: env.map(str::to_owned), why: "it deletes data".into() };
    assert_eq!(typed("countersign freeze prod it deletes data").unwrap(), Typed::Ask(freeze(Some("prod"))));
    assert_eq!(typed("countersign freeze everywhere it deletes data").unwrap(), Typed::Ask(freeze(None)));
    assert!(matches!(
        typed("countersign reconcile 1a2b3c4d did-not the pod is there").unwrap(),
        Typed::Ask(Countersign::Reconcile { happened: false, note: Some(note), .. }) if note == "the pod is there"
    ));
    for (text, code) in [
        ("countersign freeze prod", Code::MissingValue),
        ("countersign reconcile", Code::MissingValue),
        ("countersign reconcile 1a2b3c4d", Code::MissingValue),
        ("countersign reconcile 1a2b3c4d perhaps", Code::BadValue),
        ("countersign reconcile somewhere happened", Code::BadValue),
        ("countersign lift 1", Code::NotAllowed),
        ("countersign unfreeze prod", Code::NotAllowed),
    ] {
        assert_eq!(typed(text).unwrap_err().code(), code, "{text}");
    }
    assert!(
        matches!(typed("countersign status 1a2b3c4d").unwrap(), Typed::Ask(Countersign::Status(id)) if id.as_str() == "1a2b3c4d")
    );
    assert!(
        matches!(typed("countersign can-i kubectl delete pod x --apply").unwrap(), Typed::Ask(Countersign::CanI(command)) if command.mode() == Mode::Apply)
    );
    all_refused(
        "countersign status => missing-value
         countersign status ../x => bad-value
         countersign status 1a2b3c4d x => unexpected-argument
         countersign can-i => missing-value
         countersign can-i countersign whoami => unknown-tool
         countersign grant => not-available-yet
         countersign statsu => unknown-verb",
    );
}
