//! Watches, followed logs, a proxy in between, and the end of it all.

use std::net::Ipv4Addr;

use countersign_simulators::kubernetes::{Follow, PodLog, Seed};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::world::{DEADLINE, World};

#[tokio::test]
async fn a_watch_sees_what_happens() {
    let w = World::demo().await;
    let mut watch = w.start_kubectl("read", "get pods -n payments -l app=api -w -o name");
    for _ in 0..3 {
        watch.line().await.unwrap();
    }
    w.kubectl("destructive", "delete pod api-7f -n payments").await.ok();
    let seen = [watch.line().await.unwrap(), watch.line().await.unwrap()];
    assert_eq!(seen[0], "pod/api-7f");
    let replacement = w.cluster.names("pods", Some("payments"));
    assert!(replacement.iter().any(|name| seen[1] == format!("pod/{name}")), "{seen:?}");
}

#[tokio::test]
async fn a_followed_log_goes_on_until_it_is_complete() {
    let mut seed = Seed::demo("prod");
    seed.logs = vec![PodLog {
        namespace: "payments".into(),
        pod: "api-7f".into(),
        container: "api".into(),
        current: vec![(jiff::SignedDuration::ZERO, "first".into())],
        previous: vec![],
        follow: Follow::Waits,
    }];
    let w = World::with(seed).await;
    let mut log = w.start_kubectl("read", "logs -f api-7f -n payments");
    assert_eq!(log.line().await.as_deref(), Some("first"));
    assert!(w.cluster.append_log("payments", "api-7f", "api", "second"));
    assert_eq!(log.line().await.as_deref(), Some("second"));
    assert!(w.cluster.close_log("payments", "api-7f", "api"));
    assert_eq!(log.line().await, None);
    assert_eq!(log.code().await, Some(0));
    assert!(!w.cluster.append_log("payments", "nope", "api", "x"));
}

#[tokio::test]
async fn stopping_ends_watches_and_tasks() {
    let w = World::demo().await;
    let mut watch = w.start_kubectl("read", "get pods -n payments -w -o name");
    for _ in 0..5 {
        watch.line().await.unwrap();
    }
    timeout(DEADLINE, w.cluster.stop()).await.expect("the watch ends");
    w.tasks.close();
    w.tasks.wait().await;
    assert_eq!(watch.line().await, None);
}

#[tokio::test]
async fn stopping_ends_connections_kept_for_later() {
    let w = World::demo().await;
    let client = w.client();
    let version = client.get(format!("{}/version", w.cluster.url()));
    version.send().await.unwrap().text().await.unwrap();
    timeout(DEADLINE, w.cluster.stop()).await.expect("an idle client holds nothing up");
    drop(client);
}

#[tokio::test]
async fn kubectl_comes_through_a_connect_proxy() {
    let w = World::demo().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let proxy_url = format!("http://{}", listener.local_addr().unwrap());
    let (asked, mut asks) = mpsc::unbounded_channel();
    let tasks = w.tasks.clone();
    let proxy = w.tasks.spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tasks.spawn(tunnel(client, asked.clone()));
        }
    });
    let kubeconfig = w.cluster.kubeconfig("read", Some(&proxy_url)).unwrap();
    let out = w.kubectl_with(&kubeconfig, "get deploy -n payments -o name").await.ok();
    assert_eq!(out, "deployment.apps/api\ndeployment.apps/worker\n");
    assert_eq!(asks.recv().await, Some(format!("CONNECT {} HTTP/1.1", w.cluster.address())));
    proxy.abort();
}

/// Tells what was asked for and connects the two.
async fn tunnel(client: TcpStream, asked: mpsc::UnboundedSender<String>) {
    let mut client = BufReader::new(client);
    let mut first = String::new();
    client.read_line(&mut first).await.expect("a request line");
    let mut header = first.clone();
    while header.trim() != "" {
        header.clear();
        client.read_line(&mut header).await.expect("a header");
    }
    let target = first.split(' ').nth(1).expect("a target").to_owned();
    asked.send(first.trim().to_owned()).expect("somebody listens");
    let mut server = TcpStream::connect(target).await.expect("the target listens");
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client waits");
    // Either side may hang up first.
    drop(tokio::io::copy_bidirectional(&mut client, &mut server).await);
}
