//! Runs tests one after the other, each on a runtime of its own.

use super::container::{self, CONTAINED};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::process::Command;

type Body = fn() -> Pin<Box<dyn Future<Output = ()>>>;

/// A test's name and body.
pub(crate) struct Test(pub(crate) &'static str, pub(crate) Body);

/// `tests![a, b]`: the asynchronous functions of these names as tests.
#[macro_export]
macro_rules! tests {
    ($($path:ident),* $(,)?) => { &[$($crate::support::harness::Test(stringify!($path), || Box::pin($path()))),*] };
}

/// The same for tests that are told where they run.
#[macro_export]
macro_rules! tests_at {
    ($place:expr, $suffix:literal, $($path:ident),* $(,)?) => {
        &[$($crate::support::harness::Test(concat!(stringify!($path), $suffix), || Box::pin($path($place)))),*]
    };
}

/// `--list`, `--exact NAME` and plain substrings work as with the usual runner. The tests of `nested` run once more behind
/// a container's filter.
pub(crate) fn run(tests: &[&Test], nested: &[Test]) {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != CONTAINED).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        for Test(name, _) in tests.iter().copied().chain(nested) {
            println!("{name}: test");
        }
        return;
    }
    let contained = std::env::args().any(|argument| argument == CONTAINED);
    let held = if contained {
        container::enter();
        round(&nested.iter().collect::<Vec<_>>(), &arguments, " (in a container)")
    } else {
        let here = round(&tests.iter().copied().chain(nested).collect::<Vec<_>>(), &arguments, "");
        container::again(&arguments) && here
    };
    std::process::exit(i32::from(!held));
}

/// Whether all of the chosen tests passed.
fn round(tests: &[&Test], arguments: &[String], place: &str) -> bool {
    let exact = arguments.iter().any(|argument| argument == "--exact");
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is = |name: &str, text: &str| if exact { name == text } else { name.contains(text) };
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|text| is(name, text));
    let (mut ok, mut failed) = (0, 0);
    for Test(name, body) in tests.iter().filter(|Test(name, _)| chosen(name)) {
        let passed =
            catch_unwind(AssertUnwindSafe(|| tokio::runtime::Runtime::new().unwrap().block_on(body()))).is_ok();
        println!("test {name}{place} ... {}", if passed { "ok" } else { "FAILED" });
        ok += usize::from(passed);
        failed += usize::from(!passed);
    }
    // The usual runner's closing line, so that whoever counts tests counts these.
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {ok} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    failed == 0
}

/// This program, not through a jail.
#[expect(clippy::disallowed_methods, reason = "the tests start a worker to kill, and themselves in a container")]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}
