//! What is refused, and with which code.

use crate::common::{all_refused, refusal, run};
use countersign_core::refusal::Code;

#[test]
fn p21_endpoint_and_identity_are_refused_in_every_spelling() {
    all_refused(
        "kubectl get pods --server=https://evil => flag-not-allowed
         kubectl get pods --server https://evil => flag-not-allowed
         kubectl --server=https://evil get pods => flag-not-allowed
         kubectl get pods -s https://evil => flag-not-allowed
         kubectl get pods -shttps://evil => flag-not-allowed
         kubectl get pods -s=https://evil => flag-not-allowed
         kubectl get pods -As https://evil => flag-not-allowed
         kubectl get pods -AsURL => flag-not-allowed
         kubectl get pods -wAs URL => flag-not-allowed
         kubectl get '--server' evil pods => flag-not-allowed
         kubectl get --serv\\er=evil pods => flag-not-allowed
         kubectl get \"--server\"=evil pods => flag-not-allowed
         kubectl get pods --kubeconfig /tmp/x => flag-not-allowed
         kubectl get pods --token=abc => flag-not-allowed
         kubectl get pods --as=admin => flag-not-allowed
         kubectl get pods --as admin --as-group=system:masters => flag-not-allowed
         kubectl get pods --as-group=system:masters => flag-not-allowed
         kubectl get pods --as_group=system:masters => flag-not-allowed
         kubectl get pods --as-uid=1 => flag-not-allowed
         kubectl get pods --as-user-extra=a=b => flag-not-allowed
         kubectl get pods --user=x => flag-not-allowed
         kubectl get pods --cluster=x => flag-not-allowed
         kubectl get pods --insecure-skip-tls-verify => flag-not-allowed
         kubectl get pods --insecure_skip_tls_verify => flag-not-allowed
         kubectl get pods --insecure-skip-tls-verify=false => flag-not-allowed
         kubectl get pods --certificate-authority=/etc/x => flag-not-allowed
         kubectl get pods --client-key=/etc/x => flag-not-allowed
         kubectl get pods --tls-server-name=x => flag-not-allowed
         kubectl get pods --cache-dir=/tmp => flag-not-allowed
         kubectl get pods --profile=cpu => flag-not-allowed
         kubectl get pods --profile-output=/tmp/x => flag-not-allowed
         kubectl get pods --kuberc=/tmp/x => flag-not-allowed
         kubectl get pods -v 9 => flag-not-allowed
         kubectl get pods -v=9 => flag-not-allowed
         kubectl get pods --v=9 => flag-not-allowed
         kubectl get pods --vmodule=a=9 => flag-not-allowed
         kubectl get pods --request-timeout=0 => bad-value
         kubectl get --raw /api/v1/secrets => flag-not-allowed
         kubectl delete --raw=/api/v1/x => flag-not-allowed
         kubectl get pods --context nowhere => unknown-target
         kubectl get pods --context=/etc/x => unknown-target
         kubectl get pods --context prod --context dev => repeated-flag
         kubectl get pods --contex prod => unknown-flag
         kubectl get pods --serve=x => unknown-flag
         kubectl get pods --kubeconf=x => unknown-flag",
    );
    let command = run("kubectl get pods --context prod");
    assert!(!command.argv().elements().iter().any(|element| element.contains("context")));
    assert_eq!(command.action().scope.target.as_deref(), Some("prod"));
}

#[test]
fn p16_files_of_the_worker_are_refused_in_every_spelling() {
    all_refused(
        "kubectl get -f /etc/passwd => worker-files
         kubectl get --filename=http://x => worker-files
         kubectl get -Rf /etc => worker-files
         kubectl get -k https://x => worker-files
         kubectl delete -f - => worker-files
         kubectl delete - => worker-files
         kubectl describe -f /etc/passwd => worker-files
         kubectl rollout status -f x => worker-files
         kubectl label --local -f x a=b => worker-files
         kubectl get pods -o go-template-file=/etc/passwd => worker-files
         kubectl get pods -ogo-template-file=/etc/passwd => worker-files
         kubectl get pods -o=templatefile=/proc/self/environ => worker-files
         kubectl get pods -o templatefile --template=/x => worker-files
         kubectl get pods -o jsonpath-file=/x => worker-files
         kubectl get pods -o JSONPATH-FILE=/x => worker-files
         kubectl get pods -o custom-columns-file=/x => worker-files
         kubectl get pods -o custom-columns-file=/x -o name => worker-files
         kubectl get pods --template=/etc/passwd => worker-files
         kubectl logs a --insecure-skip-tls-verify-backend => flag-not-allowed
         kubectl config view --raw => unknown-verb
         kubectl cp a:/x /y => worker-files
         kubectl kustomize . => worker-files",
    );
}

#[test]
fn p14_unknown_repeated_and_abbreviated_is_refused() {
    all_refused(
        "kubectl => unknown-verb
         kubectl gett pods => unknown-verb
         kubectl get-pods => unknown-verb
         kubectl GET pods => unknown-verb
         kubectl rollout => unknown-verb
         kubectl rollout undoo deploy/x => unknown-verb
         kubectl foo => unknown-verb
         kubectl get pods --namespac web => unknown-flag
         kubectl get pods --all-namespace => unknown-flag
         kubectl get pods --all_namespaces => unknown-flag
         kubectl get pods -x => unknown-flag
         kubectl get pods -A= => unknown-flag
         kubectl get pods --= => unknown-flag
         kubectl get pods ---namespace=x => unknown-flag
         kubectl -A get pods => unknown-flag
         kubectl get pods -n web -n kube-system => repeated-flag
         kubectl get pods -nweb --namespace=web => repeated-flag
         kubectl -n web get pods -n web => repeated-flag
         kubectl get pods -A -A => repeated-flag
         kubectl get pods -l a=b -l c=d => repeated-flag
         kubectl delete pods -l a=b --selector=c => repeated-flag
         kubectl scale deploy x --replicas=1 --replicas=0 => repeated-flag
         kubectl delete pod x --force --force=false => repeated-flag
",
    );
    assert_eq!(refusal("  ").code(), Code::EmptyCommand);
    assert_eq!(refusal("kubectl delte pod x").hint(), "did you mean `delete`?");
    assert_eq!(refusal("kubectl get pods --namespac web").hint(), "did you mean `--namespace`?");
    assert_eq!(refusal("kubectl get deploymnets").hint(), "did you mean `deployments`?");
    assert_eq!(refusal("kubectl get pods --context prd").hint(), "did you mean `prod`?");
}

#[test]
fn p14_values_and_targets_that_are_not_understood_are_refused() {
    all_refused(
        "kubectl get pods -n => missing-value
         kubectl get pods -n= => bad-value
         kubectl get pods --namespace= => bad-value
         kubectl get pods -n '' => bad-value
         kubectl get pods -n 'a b' => bad-value
         kubectl get pods -n a/b => bad-value
         kubectl get pods -n -A => bad-value
         kubectl get pods -n '*' => bad-value
         kubectl get pods -l '' => bad-value
         kubectl delete pods -l ' ' => bad-value
         kubectl get pods -l --apply => bad-value
         kubectl get pods --no-headers=yes => bad-value
         kubectl get pods -o => missing-value
         kubectl get pods -o YAML => bad-value
         kubectl get pods -o jsonpath => missing-value
         kubectl get pods -o kyaml => bad-value
         kubectl delete pod a -o yaml => bad-value
         kubectl get foos => unknown-kind
         kubectl get pod,foos => unknown-kind
         kubectl get pods, => unknown-kind
         kubectl get => missing-target
         kubectl get pods/a b => bad-value
         kubectl get pods a/b => bad-value
         kubectl get pods/a/b => bad-value
         kubectl get pods/ => bad-value
         kubectl get pods,svc/a => bad-value
         kubectl get all/a => bad-value
         kubectl get pods ../x => bad-value
         kubectl get pods '*' => bad-value
         kubectl get pods a -l x=y => unexpected-argument
         kubectl delete pod a --all => unexpected-argument
         kubectl get pod a -A => unexpected-argument
         kubectl delete pods --all -l a=b => unexpected-argument
         kubectl delete pods => missing-target
         kubectl delete pods -A => missing-target
         kubectl delete => missing-target
         kubectl scale deploy --replicas=1 => missing-target
         kubectl scale deploy x => missing-value
         kubectl scale deploy x --replicas=-1 => bad-value
         kubectl scale deploy x --replicas=03 => bad-value
         kubectl scale pods x --replicas=3 => bad-value
         kubectl rollout restart pods/x => bad-value
         kubectl rollout pause sts/x => bad-value
         kubectl label pod x => missing-value
         kubectl label x=y => missing-target
         kubectl label pod x a=b c => bad-value
         kubectl label pod x a=b a- => repeated-flag
         kubectl label pod x =b => bad-value
         kubectl label pod x y=--output=yaml => bad-value
         kubectl label pod x -- --dry-run=none => unexpected-argument
         kubectl label pod x 'a=b c' => bad-value
         kubectl label pod x a=b --list => unexpected-argument
",
    );
}

#[test]
fn p14_sessions_and_what_never_ends_are_refused() {
    all_refused(
        "kubectl logs => missing-target
         kubectl logs a b c => unexpected-argument
         kubectl logs a b -c d => unexpected-argument
         kubectl logs a -l x=y => unexpected-argument
         kubectl logs secret/x => bad-value
         kubectl logs -fa => unknown-flag
         kubectl logs a --since=0x => bad-value
         kubectl rollout status deploy/x --timeout=2h => bad-value
         kubectl rollout status deploy/x --timeout=0s => bad-value
         kubectl delete pod x -i => interactive
         kubectl exec a -- ls => interactive
         kubectl attach a => interactive
         kubectl port-forward a 80 => interactive
         kubectl proxy => interactive
         kubectl debug node/n1 => interactive
         kubectl edit deploy x => interactive
         kubectl run x --image=y -it => interactive
         kubectl create token x => unknown-verb
         kubectl patch deploy x -p y => bad-value
         kubectl plugin list => unknown-verb
         kubectl get pods --help => flag-not-allowed
         kubectl delete pod x --record => flag-not-allowed
         /kubect get pods => unknown-tool
         '' => unknown-tool",
    );
}
