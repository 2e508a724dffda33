//! `countersign freeze` and `countersign lift`: without chat and without a queue, as somebody would in the night.

use crate::installation::{Installation, countersign};

/// What `countersign freeze --list` says.
fn listed(data: &str) -> String {
    let said = countersign(&["freeze", "--list", "--data", data]);
    assert_eq!(said.code, 0, "{said:?}");
    said.out
}

#[tokio::test]
async fn an_operator_stops_changes_and_allows_them_again_on_record() {
    let installation = Installation::new().await;
    let data = installation.text("data").replace("/data", "");
    assert_eq!(listed(&data), "Nothing is frozen.\n");
    let said = countersign(&["freeze", "prod", "--why", "it deletes\u{202e} data", "--data", &data, "--as", "ann"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("Changes are frozen: prod, number 1."), "{said:?}");
    let on = listed(&data);
    assert!(on.starts_with("1  prod  since ") && on.contains("by ann: it deletes\\u{202e} data"), "{on}");
    let said = countersign(&["lift", "2", "--why", "mended", "--data", &data]);
    assert!(said.code == 3 && said.err.contains("freeze 2 is not on"), "{said:?}");
    let said = countersign(&["lift", "1", "--why", "mended", "--data", &data]);
    assert_eq!((said.code, said.out.as_str()), (0, "Freeze 1 is lifted.\n"), "{said:?}");
    assert_eq!(listed(&data), "Nothing is frozen.\n");
    let found = countersign(&["audit", "search", "--event", "freeze", "--data", &data]);
    assert_eq!(found.out.matches("  freeze  ").count(), 2, "{found:?}");
    let said = countersign(&["audit", "verify", "--data", &data]);
    assert_eq!(said.code, 0, "{said:?}");
}

/// The switch is for when other things are broken.
#[tokio::test]
async fn it_works_without_the_log_and_says_that_it_is_not_on_record() {
    let installation = Installation::new().await;
    let data = installation.text("data").replace("/data", "");
    let log = std::path::Path::new(&data).join("audit");
    std::fs::rename(&log, log.with_extension("away")).unwrap();
    let said = countersign(&["freeze", "everywhere", "--why", "the log is gone", "--data", &data]);
    assert!(said.code == 1 && said.err.contains("It holds, and it is not on record"), "{said:?}");
    assert!(listed(&data).starts_with("1  everywhere  since "));
}

#[tokio::test]
async fn only_an_operators_key_will_do() {
    let installation = Installation::new().await;
    let data = installation.text("data").replace("/data", "");
    let gateway = format!("{data}/keys/gateway.key");
    for command in [&["freeze", "prod"][..], &["lift", "1"][..]] {
        let said = countersign(&[command, &["--why", "x", "--data", &data, "--key", &gateway]].concat());
        assert!(said.code == 3 && said.err.contains("the key of a gateway, not of an operator"), "{said:?}");
    }
    assert_eq!(listed(&data), "Nothing is frozen.\n");
    let said = countersign(&["freeze", "--why", "x", "--data", &data]);
    assert!(said.code == 3 && said.err.contains("which environment"), "{said:?}");
}
