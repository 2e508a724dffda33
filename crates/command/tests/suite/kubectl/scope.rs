//! How far a line reaches: secrets, namespaces, and objects that nobody named.

use crate::common::run;
use countersign_command::{Context, Typed, parse};
use countersign_core::refusal::Code;
use countersign_core::tier::{Sensitivity, Tier};

#[track_caller]
fn is(text: &str, tier: Tier, sensitivity: Sensitivity) {
    let command = run(text);
    assert_eq!((command.action().tier, command.action().sensitivity), (tier, sensitivity), "{text}");
}

#[test]
fn p24_secrets_are_sensitive_in_every_spelling() {
    for kind in [
        "secret",
        "secrets",
        "Secret",
        "SECRETS",
        "secrets.v1.",
        "secret.",
        "cm,secret",
        "all,secrets",
        "vs",
        "VaultSecret",
        "vaultsecrets.vault.example.com",
    ] {
        for form in [
            "-o yaml",
            "-o json",
            "-ojson",
            "--output=yaml",
            "-o name -o yaml",
            "-o 'jsonpath={.x}'",
            "-o 'go-template={{.}}'",
            "-o 'template={{.}}'",
            "-o custom-columns=A:.data",
            "-o jsonpath-as-json='{.}'",
        ] {
            is(&format!("kubectl get {kind} {form}"), Tier::Read, Sensitivity::Sensitive);
            is(&format!("kubectl get -A {form} {kind}"), Tier::Read, Sensitivity::Sensitive);
        }
        is(&format!("kubectl describe {kind}"), Tier::Read, Sensitivity::Sensitive);
        is(&format!("kubectl get {kind} -o name"), Tier::Read, Sensitivity::Plain);
    }
    is("kubectl get secret/db -o yaml", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get pod/a secret/db -o json", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get all -o yaml", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get secrets", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets -o wide --show-labels", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets --sort-by=.metadata.name", Tier::Read, Sensitivity::Plain);
    is("kubectl get secrets --sort-by='{.data.password}'", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get vs", Tier::Read, Sensitivity::Sensitive);
    is("kubectl get cm -o yaml", Tier::Read, Sensitivity::Plain);
    is("kubectl label secret db a=b -o yaml", Tier::Change, Sensitivity::Sensitive);
    is("kubectl label secret db a=b", Tier::Change, Sensitivity::Plain);
    is("kubectl delete secret db", Tier::Destructive, Sensitivity::Plain);
}

#[test]
fn p38_scope_is_what_the_tool_will_use() {
    for (text, namespace) in [
        ("kubectl get pods", Some("default")),
        ("kubectl get pods -nweb", Some("web")),
        ("kubectl get pods -n=web", Some("web")),
        ("kubectl --namespace web get pods", Some("web")),
        ("kubectl get pods -Aoname", Some("*")),
        ("kubectl get pods -n web -A", Some("*")),
        ("kubectl get pods -A -n web", Some("*")),
        ("kubectl get pods -A=false -n web", Some("web")),
        ("kubectl get pods --all-namespaces=false", Some("default")),
        ("kubectl get nodes -n web", None),
        ("kubectl get nodes,pods -n web", Some("web")),
    ] {
        assert_eq!(run(text).action().scope.namespace.as_deref(), namespace, "{text}");
    }
    let channel = Context { channel: Some("C0PROD".to_owned()), attachment: None };
    let Ok(Typed::Run { command, .. }) = parse("/kubectl get pods", &channel, &crate::common::vocabulary()) else {
        panic!()
    };
    assert_eq!(command.action().scope.env.as_deref(), Some("prod"));
    let nowhere = countersign_command::Vocabulary { default_cluster: None, ..crate::common::vocabulary() };
    let refused = parse("kubectl get pods", &Context::default(), &nowhere).unwrap_err();
    assert_eq!(refused.code(), Code::MissingTarget);
}

#[test]
fn p39_an_unknown_target_set_has_the_highest_tier() {
    for text in [
        "kubectl label pods --all x=y",
        "kubectl label pods -l a=b x=y",
        "kubectl label pods --field-selector=a=b x=y",
        "kubectl label pods --all -A x=y",
        "kubectl scale deploy --all --replicas=3",
        "kubectl scale deploy -l a=b --replicas=3",
        "kubectl rollout restart deploy",
        "kubectl rollout restart deploy -l a=b",
        "kubectl rollout undo ds,sts",
        "kubectl rollout pause deploy -n web",
        "kubectl delete pods --all",
    ] {
        let command = run(text);
        assert_eq!(command.action().tier, Tier::Destructive, "{text}");
        assert!(command.action().resources.iter().any(countersign_core::action::Resource::is_open), "{text}");
        assert!(command.action().reasons.iter().any(|reason| reason.starts_with("target set unknown")), "{text}");
    }
    let names: Vec<String> =
        run("kubectl delete ns/a namespaces/kube-system").action().resources.iter().map(ToString::to_string).collect();
    assert!(names.contains(&"k8s/dev/ns/kube-system/*/*".to_owned()), "{names:?}");
    let crd = run("kubectl delete crd certificates.cert-manager.io");
    let names: Vec<String> = crd.action().resources.iter().map(ToString::to_string).collect();
    assert!(names.contains(&"k8s/dev/ns/*/certificates.cert-manager.io/*".to_owned()), "{names:?}");
}
