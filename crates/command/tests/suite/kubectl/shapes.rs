//! What lines become: argv, and what policy sees.

use super::becomes;
use crate::common::run;
use countersign_core::tier::Reversibility;
use expect_test::expect;

#[test]
fn reads() {
    becomes(
        "/kubectl get pods -n web",
        expect![[r#"
        kubectl get pods --namespace=web
        apply read plain none-needed
        k8s/dev/ns/web/pods/*"#]],
    );
    becomes(
        "kubectl -n web get po/api-7f svc/api -o json",
        expect![[r#"
        kubectl get pods/api-7f services/api --namespace=web --output=json
        apply read plain none-needed
        k8s/dev/ns/web/pods/api-7f k8s/dev/ns/web/services/api"#]],
    );
    becomes(
        "kubectl get all -A",
        expect![[r#"
        kubectl get pods,replicationcontrollers,services,daemonsets.apps,deployments.apps,replicasets.apps,statefulsets.apps,horizontalpodautoscalers.autoscaling,cronjobs.batch,jobs.batch --all-namespaces
        apply read plain none-needed
        k8s/dev/ns/*/cronjobs.batch/* k8s/dev/ns/*/daemonsets.apps/* k8s/dev/ns/*/deployments.apps/* k8s/dev/ns/*/horizontalpodautoscalers.autoscaling/* k8s/dev/ns/*/jobs.batch/* k8s/dev/ns/*/pods/* k8s/dev/ns/*/replicasets.apps/* k8s/dev/ns/*/replicationcontrollers/* k8s/dev/ns/*/services/* k8s/dev/ns/*/statefulsets.apps/*"#]],
    );
    becomes(
        "kubectl get nodes -n web -Aowide",
        expect![[r#"
        kubectl get nodes --output=wide
        apply read plain none-needed
        k8s/dev/cluster/nodes/*"#]],
    );
    becomes(
        "kubectl get deploy,ds api web -L app -L tier --no-headers=1",
        expect![[r#"
        kubectl get deployments.apps/api deployments.apps/web daemonsets.apps/api daemonsets.apps/web --namespace=default --label-columns=app,tier --no-headers
        apply read plain none-needed
        k8s/dev/ns/default/daemonsets.apps/api k8s/dev/ns/default/daemonsets.apps/web k8s/dev/ns/default/deployments.apps/api k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl describe pod api-7f --context=prod",
        expect![[r#"
        kubectl describe pods/api-7f --namespace=default
        apply read plain none-needed
        k8s/prod/ns/default/pods/api-7f"#]],
    );
}

#[test]
fn reads_of_logs_rollouts_and_fields() {
    becomes(
        "kubectl logs api-7f app --tail 20 -p",
        expect![[r#"
            kubectl logs pods/api-7f --namespace=default --container=app --previous --tail=20
            apply read plain none-needed
            k8s/dev/ns/default/pods/api-7f"#]],
    );
    becomes(
        "kubectl logs -l app=web --all-containers",
        expect![[r#"
        kubectl logs --namespace=default --selector=app=web --all-containers
        apply read plain none-needed
        k8s/dev/ns/default/pods/*"#]],
    );
    becomes(
        "kubectl logs deploy/web -c app --since=5m",
        expect![[r#"
        kubectl logs deployments.apps/web --namespace=default --container=app --since=5m
        apply read plain none-needed
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl rollout status deploy/web",
        expect![[r#"
        kubectl rollout status deployments.apps/web --namespace=default --timeout=300s
        apply read plain none-needed
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl rollout -n web history deployment web --revision=3",
        expect![[r#"
        kubectl rollout history deployments.apps/web --namespace=web --revision=3
        apply read plain none-needed
        k8s/dev/ns/web/deployments.apps/web"#]],
    );
    becomes(
        "kubectl get pods -o 'jsonpath={.items[*].metadata.name}'",
        expect![[r#"
        kubectl get pods --namespace=default '--output=jsonpath={.items[*].metadata.name}'
        apply read plain none-needed
        k8s/dev/ns/default/pods/*"#]],
    );
}

#[test]
fn changes() {
    becomes(
        "kubectl scale deploy web --replicas=3",
        expect![[r#"
        kubectl scale deployments.apps/web --namespace=default --replicas=3
        dry-run change plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl scale deploy web --replicas 0 --apply",
        expect![[r#"
        kubectl scale deployments.apps/web --namespace=default --replicas=0
        apply destructive plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl label --overwrite pod api-7f tier=web old- -n web --apply",
        expect![[r#"
        kubectl label pods/api-7f tier=web old- --namespace=web --overwrite
        apply change plain reversible
        k8s/dev/ns/web/pods/api-7f"#]],
    );
    becomes(
        "kubectl rollout restart deployment -n web",
        expect![[r#"
        kubectl rollout restart deployments.apps --namespace=web
        dry-run destructive plain reversible
        k8s/dev/ns/web/deployments.apps/*"#]],
    );
    becomes(
        "kubectl rollout undo deploy/web --to-revision=2 --dry-run",
        expect![[r#"
        kubectl rollout undo deployments.apps/web --namespace=default --to-revision=2
        dry-run change plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl label pods a b c d x=y",
        expect![[r#"
        kubectl label pods/a pods/b pods/c pods/d x=y --namespace=default
        dry-run destructive plain reversible
        k8s/dev/ns/default/pods/a k8s/dev/ns/default/pods/b k8s/dev/ns/default/pods/c k8s/dev/ns/default/pods/d"#]],
    );
}

#[test]
fn deletions() {
    becomes(
        "kubectl delete pod api-7f -n payments --context prod --apply",
        expect![[r#"
        kubectl delete pods/api-7f --namespace=payments
        apply destructive plain reversible
        k8s/prod/ns/payments/pods/api-7f"#]],
    );
    becomes(
        "kubectl delete ns kube-system --apply",
        expect![[r#"
        kubectl delete namespaces/kube-system
        apply destructive plain irreversible
        k8s/dev/cluster/namespaces/kube-system k8s/dev/ns/kube-system/*/*"#]],
    );
    becomes(
        "kubectl delete pods --all -A",
        expect![[r#"
        kubectl delete pods --all-namespaces --all
        dry-run destructive plain reversible
        k8s/dev/ns/*/pods/*"#]],
    );
    becomes(
        "kubectl delete pod a --force --grace-period=0 --cascade=orphan -o name",
        expect![[r#"
        kubectl delete pods/a --namespace=default --cascade=orphan --force --grace-period=0 --output=name
        dry-run destructive plain irreversible
        k8s/dev/ns/default/pods/a"#]],
    );
    becomes(
        "kubectl delete pv,crd --all",
        expect![[r#"
            kubectl delete persistentvolumes,customresourcedefinitions.apiextensions.k8s.io --all
            dry-run destructive plain irreversible
            k8s/dev/cluster/*/* k8s/dev/cluster/customresourcedefinitions.apiextensions.k8s.io/* k8s/dev/cluster/persistentvolumes/* k8s/dev/ns/*/*/*"#]],
    );
}

#[test]
fn what_cannot_be_taken_back_says_so() {
    for (text, want) in [
        ("kubectl delete pod a", Reversibility::Reversible),
        ("kubectl delete pod a --force", Reversibility::Irreversible),
        ("kubectl delete rs a --cascade=orphan", Reversibility::Irreversible),
        ("kubectl delete pod,deploy a", Reversibility::Irreversible),
        ("kubectl delete pvc a", Reversibility::Irreversible),
        ("kubectl scale deploy a --replicas=0", Reversibility::Reversible),
        ("kubectl get pods", Reversibility::NoneNeeded),
    ] {
        assert_eq!(run(text).action().reversibility, want, "{text}");
    }
}

#[test]
fn a_patch_in_yaml_goes_to_kubectl_as_json() {
    becomes(
        "kubectl patch deploy web -p 'spec: {paused: true, template: {spec: {containers: [{name: web, image: \"a:1\"}]}}}'",
        expect![[r#"
            kubectl patch deployments.apps/web --namespace=default '--patch={"spec":{"paused":true,"template":{"spec":{"containers":[{"name":"web","image":"a:1"}]}}}}'
            dry-run change plain reversible
            k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl patch deploy web -p '{spec: {replicas: 0o0}}'",
        expect![[r#"
        kubectl patch deployments.apps/web --namespace=default '--patch={"spec":{"replicas":0}}'
        dry-run destructive plain reversible
        k8s/dev/ns/default/deployments.apps/web"#]],
    );
    becomes(
        "kubectl patch deploy web --type=json -p '[{op: replace, path: /spec/replicas, value: 2}]'",
        expect![[r#"
            kubectl patch deployments.apps/web --namespace=default '--patch=[{"op":"replace","path":"/spec/replicas","value":2}]' --type=json
            dry-run change plain reversible
            k8s/dev/ns/default/deployments.apps/web"#]],
    );
}

#[test]
fn how_kubectl_goes_about_it_has_one_spelling() {
    becomes(
        "kubectl --request-timeout 1m30s -v=0 get pods --warnings-as-errors --match-server-version=1 -n web",
        expect![[r#"
            kubectl get pods --namespace=web --request-timeout=90s --match-server-version --warnings-as-errors
            apply read plain none-needed
            k8s/dev/ns/web/pods/*"#]],
    );
    becomes(
        "kubectl drain n1 --request-timeout=7 --ignore-daemonsets",
        expect![[r#"
        kubectl drain n1 --ignore-daemonsets --timeout=300s --request-timeout=7s
        dry-run destructive plain reversible
        k8s/dev/cluster/nodes/n1"#]],
    );
    becomes(
        "kubectl apply view-last-applied -n web svc/web deploy/api -o json",
        expect![[r#"
        kubectl apply view-last-applied services/web deployments.apps/api --namespace=web --output=json
        apply read plain none-needed
        k8s/dev/ns/web/deployments.apps/api k8s/dev/ns/web/services/web"#]],
    );
    becomes(
        "kubectl apply -n web view-last-applied secret db",
        expect![[r#"
        kubectl apply view-last-applied secrets/db --namespace=web
        apply read sensitive none-needed
        k8s/dev/ns/web/secrets/db"#]],
    );
}
