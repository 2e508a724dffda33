//! Pools, as installed programs and the shipped bucket policies have them.

use crate::places::{Buckets, FATE, actions};
use crate::program::until;
use crate::site::Site;
use aws_sdk_s3::Client;
use std::collections::BTreeSet;

/// Names below which a worker of this pool may create fates, as `deploy/bucket/access.tf` says.
fn fates_of(pool: &str) -> Vec<String> {
    let text = crate::examples::shipped("bucket/access.tf");
    let (_, rest) = text.split_once("worker = { for pool in").expect("each pool has its own policy");
    let (_, rest) = rest.split_once("fate = [").expect("it is a list there");
    let (list, _) = rest.split_once(']').expect("it ends");
    let names = list.split('"').filter(|word| word.contains('/'));
    names.map(|name| name.replace("${pool}", pool)).collect()
}

async fn creates(client: &Client, name: &str) -> bool {
    let put = client.put_object().bucket(FATE).key(name).if_none_match("*").body(b"x".to_vec().into());
    put.send().await.is_ok()
}

/// Whoever creates a name first decides, so nobody may create one of another pool's.
#[tokio::test(flavor = "multi_thread")]
async fn p01_the_shipped_policy_lets_a_worker_decide_for_its_own_pool_alone() {
    let buckets = Buckets::start().await;
    let arns: Vec<String> = fates_of("dev").iter().map(|name| format!("arn:aws:s3:::{FATE}/{name}")).collect();
    let look: BTreeSet<String> = [actions("look"), actions("read")].concat().into_iter().collect();
    let statements = format!(
        r#"{{"Effect":"Allow","Action":{look:?},"Resource":"*"}},{{"Effect":"Allow","Action":["s3:PutObject"],"Resource":{arns:?}}}"#,
        look = look.into_iter().collect::<Vec<_>>(),
    );
    let moto = &buckets.moto;
    moto.enforces(false);
    let (id, secret) = moto.user("worker-dev", &statements);
    moto.enforces(true);
    let dev = moto.store.client_of(&id, &secret);
    let invocation = "0197b0b1-2c3d-8e4f-8a5b-6c7d8e9f0a1b";
    for name in [format!("fate/dev/{invocation}"), format!("outcome/dev/{invocation}"), "fate/startup-probe/x".into()] {
        assert!(creates(&dev, &name).await, "{name}");
    }
    for name in [
        format!("fate/prod/{invocation}"),
        format!("outcome/prod/{invocation}"),
        format!("outcome/{invocation}"),
        format!("fate/dev2/{invocation}"),
        "control/00000000000000000001".into(),
        "anything".into(),
    ] {
        assert!(!creates(&dev, &name).await, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_numbers_say_which_pool_a_worker_serves_and_how_many_are_there() {
    let site = Site::prepare("1").await;
    let gateway = site.start_gateway().await;
    let says = async |program: &crate::program::Program, line: &str| {
        let (_, numbers) = program.page("/metrics").await;
        numbers.lines().any(|one| one == line).then_some(())
    };
    until("nobody is there", async || says(&gateway, "countersign_pool_workers{pool=\"main\"} 0").await).await;
    let worker = site.start_worker().await;
    until("one is there", async || says(&gateway, "countersign_pool_workers{pool=\"main\"} 1").await).await;
    assert!(says(&worker, "countersign_worker_serves{pool=\"main\"} 1").await.is_some());
    assert_eq!((gateway.stop().await, worker.stop().await), (Some(0), Some(0)));
    site.end().await;
}
