//! What kubectl lines become.

mod flags;
mod previews;
mod refused;
mod scope;
mod sealed;
mod shapes;
mod verbs;

use crate::common::run;
use expect_test::Expect;

/// argv, then what policy sees.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "reads better in tables of cases")]
fn becomes(text: &str, want: Expect) {
    let command = run(text);
    let action = command.action();
    let resources: Vec<&str> = action.resources.iter().map(countersign_core::action::Resource::as_str).collect();
    want.assert_eq(&format!(
        "{}\n{} {} {} {}\n{}",
        command.argv(),
        command.mode(),
        action.tier,
        action.sensitivity,
        action.reversibility,
        resources.join(" "),
    ));
}
