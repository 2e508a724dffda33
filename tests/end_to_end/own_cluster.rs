//! `demo --kubeconfig`: somebody's own cluster, which the demo can read and nothing else.

use crate::world::{How, World};
use countersign::demo::own_cluster::OwnCluster;
use countersign::demo::world::private;
use countersign_chat::State;
use countersign_core::refusal::Code;
use countersign_simulators::kubernetes::Recorded;

#[tokio::test]
async fn an_own_cluster_can_be_read_and_never_changed() {
    // Somebody's cluster: the production simulator of another world, with its strongest token.
    let theirs = World::start().await;
    let folder = tempfile::tempdir().expect("there is room");
    let kubeconfig = theirs.prod().kubeconfig("destructive", None).expect("the account exists");
    let file = private(&folder.path().join("config"), &kubeconfig).expect("there is room");
    let data = tempfile::tempdir().expect("there is room");
    let own = OwnCluster::read(&file, "prod", data.path()).expect("it is a kubeconfig");
    let w = World::made(How { own: Some(own), data: Some(data), ..How::default() }).await;
    let id = w.asks("dee", "/kubectl get pods -n payments --context mine").await;
    let (state, thread) = w.ended(id).await;
    assert_eq!(state, State::Done { exit: 0 }, "{}", w.chat.transcript(&thread));
    assert!(w.chat.transcript(&thread).contains("api-7f"));
    for text in ["label pod api-7f tier=gold", "delete pod api-7f", "scale deployment api --replicas=0"] {
        for apply in ["", " --apply"] {
            let refusal = w.refused("ann", &format!("/kubectl {text} -n payments --context mine{apply}")).await;
            assert_eq!(refusal.code(), Code::CredentialUnavailable, "{refusal}");
        }
    }
    assert!(!theirs.prod().requests().iter().any(Recorded::mutated));
    w.stop().await;
    theirs.end().await;
}

#[test]
fn a_plugin_of_a_kubeconfig_is_never_run_and_the_reason_is_told() {
    let folder = tempfile::tempdir().expect("there is room");
    let text = "contexts: [{name: c, context: {cluster: k, user: u}}]\nclusters: [{name: k, cluster: {server: https://127.0.0.1:1}}]\nusers: [{name: u, user: {exec: {command: sh}}}]\n";
    let file = private(&folder.path().join("config"), text).expect("there is room");
    let error = OwnCluster::read(&file, "c", folder.path()).expect_err("it logs in by a plugin");
    assert!(error.to_string().contains("plugin"), "{error:#}");
    let error = OwnCluster::read(&file, "x", folder.path()).expect_err("no such context");
    assert!(error.to_string().contains("there are: c"), "{error:#}");
}
