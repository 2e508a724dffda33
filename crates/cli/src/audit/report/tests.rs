use super::*;
use countersign_audit::verify::Conclusion;

#[test]
fn an_empty_report_is_sound_and_says_so() {
    let report = Report::default();
    let text = people(&report, &Measured::default(), &Asked { integrity_only: false, fates: true, deployment: "acme" });
    assert!(text.contains("Integrity: nothing was changed") && text.contains("Completeness: nothing is missing"));
    assert_eq!(report.conclusion(), Conclusion::Sound);
}

#[test]
fn json_that_could_deceive_a_terminal_means_the_same_and_does_not() {
    let json = serde_json::to_string(&serde_json::json!({ "a": "x\u{202e}y\u{9b}2J\u{e0041}" })).unwrap();
    let seen = visible(&json);
    assert_eq!(seen, r#"{"a":"x\u202ey\u009b2J\udb40\udc41"}"#);
    assert_eq!(serde_json::from_str::<Value>(&seen).unwrap(), serde_json::from_str::<Value>(&json).unwrap());
}
