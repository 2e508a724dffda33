//! What comes back out of a seal.

use crate::common::run;
use countersign_command::parse_again;
use countersign_core::action::Scope;
use countersign_core::command::Argv;
use countersign_core::input::Input;
use countersign_core::policy::Canonical;
use countersign_core::refusal::Code;
use countersign_core::tier::Mode;

/// What the worker is handed is understood as exactly itself, or refused.
#[test]
fn what_was_approved_reads_back_or_is_refused() {
    let command = run("kubectl delete pod a -n web --apply");
    let read = run("kubectl get pods");
    let again = |argv: &str, mode, scope: &Scope, stdin, filters: &[Argv]| {
        let argv = Argv::new(argv.split(' ').map(str::to_owned).collect()).unwrap();
        let canonical = Canonical { tool: command.tool(), argv: &argv, mode, scope, stdin, filters };
        parse_again(&canonical, &crate::common::vocabulary()).map_err(|refusal| refusal.code())
    };
    let web = &command.action().scope;
    let good = "kubectl delete pods/a --namespace=web";
    assert_eq!(again(good, Mode::Apply, web, None, &[]).as_ref(), Ok(&command));
    assert_eq!(again(good, Mode::DryRun, web, None, &[]).unwrap().mode(), Mode::DryRun);
    for other in [
        "kubectl delete pod/a --namespace=web",
        "kubectl delete pods/a -n web",
        "kubectl delete pods/a --namespace=web --apply",
        "kubectl delete pods/a --namespace=web --context=dev",
        "kubectl delete pods/a --namespace=web --dry-run=server",
        "kubectl delete pods/a --namespace=web --reason=x",
        "kubectl delete pods/a pods/a --namespace=web",
        "kubectl --namespace=web delete pods/a",
        "kubectl delete pods/a --namespace=prod",
        "kubectl delete pods/a",
    ] {
        assert_eq!(again(other, Mode::Apply, web, None, &[]), Err(Code::CommandChanged), "{other}");
    }
    let changed = Err(Code::CommandChanged);
    let input = Input::new("x".into()).unwrap();
    assert_eq!(again(good, Mode::Apply, &Scope { env: Some("prod".into()), ..web.clone() }, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, &Scope { region: Some("x".into()), ..web.clone() }, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, web, Some(&input), &[]), changed);
    assert!(again(good, Mode::Apply, web, None, &[read.argv().clone()]).is_err());
    assert_eq!(again("kubectl get pods --namespace=web", Mode::DryRun, web, None, &[]), changed);
    assert_eq!(again(good, Mode::Apply, &Scope::default(), None, &[]), Err(Code::UnknownTarget));
    assert_eq!(again("kubectl exec a --namespace=web", Mode::Apply, web, None, &[]), Err(Code::Interactive));
}
