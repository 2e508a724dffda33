//! The proxy as a job meets it: over its socket.

use super::*;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

struct World {
    folder: tempfile::TempDir,
    listener: TcpListener,
}

impl World {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { folder: tempfile::tempdir().unwrap(), listener }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    fn proxy(&self, hosts: &[String]) -> Proxy {
        let hosts = hosts.iter().map(|host| host.parse().unwrap()).collect();
        Proxy::start(self.folder.path(), Allowed { hosts, plain: Vec::new(), here: None, own: OwnServices::default() })
            .unwrap()
    }
}

async fn answer(proxy: &Proxy, request: &str) -> String {
    let mut client = UnixStream::connect(proxy.socket()).await.unwrap();
    client.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let read = timeout(PATIENCE, client.read_to_string(&mut text)).await;
    assert!(read.is_ok_and(|read| read.is_ok()), "no answer to {request}");
    text
}

fn connect(to: &str) -> String {
    format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n")
}

#[tokio::test]
async fn p17_an_allowed_host_is_reached_and_early_bytes_arrive() {
    let world = World::new().await;
    let literal = format!("127.0.0.1:{}", world.port());
    let proxy = world.proxy(std::slice::from_ref(&literal));
    let mut client = UnixStream::connect(proxy.socket()).await.unwrap();
    client.write_all(format!("{}hello", connect(&literal)).as_bytes()).await.unwrap();
    let (mut server, _) = world.listener.accept().await.unwrap();
    let mut hello = [0; 5];
    server.read_exact(&mut hello).await.unwrap();
    server.write_all(b"world").await.unwrap();
    drop(server);
    client.shutdown().await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert_eq!((&hello, text.as_str()), (b"hello", "HTTP/1.1 200 Connection established\r\n\r\nworld"));
    assert_eq!(proxy.stop().await, Vec::<String>::new());
}

#[tokio::test]
async fn p17_whatever_is_not_allowed_is_refused_and_noted() {
    let world = World::new().await;
    let port = world.port();
    // `localhost` is on the list as a name, and leads to loopback: the literal is what would count.
    let proxy = world.proxy(&[format!("localhost:{port}"), "169.254.169.254:80".into()]);
    for (to, why) in [
        (format!("127.0.0.1:{port}"), "is not a host of the job's target"),
        (format!("localhost:{port}"), "leads to the worker's own host"),
        ("169.254.169.254:80".to_owned(), "is link-local, where metadata services are"),
        ("metadata.google.internal:80".to_owned(), "is not a host of the job's target"),
        (format!("localhost:{}", port ^ 1), "is not a host of the job's target"),
        ("2130706433:80".to_owned(), "this is not `host:port`"),
    ] {
        assert!(answer(&proxy, &connect(&to)).await.starts_with("HTTP/1.1 403 "), "{to}");
        let notes = proxy.shared.notes.lock().unwrap().lines.clone();
        assert!(notes.iter().any(|note| note.contains(why) && note.contains(&to)), "{to}: {notes:?}");
    }
    assert!(answer(&proxy, "GET / HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 400 "));
    assert!(proxy.stop().await.iter().any(|note| note.contains("only CONNECT is allowed")));
    let accepted = timeout(Duration::ZERO, world.listener.accept()).await;
    assert!(accepted.is_err(), "nobody connected");
}

#[test]
fn p17_one_forbidden_address_among_good_ones_is_enough() {
    let own = OwnServices(["192.0.2.1:6379".parse().unwrap()].into());
    let of = |texts: &[&str]| choose(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<_>>(), &own);
    assert_eq!(of(&["192.0.2.2:6379", "192.0.2.1:6379"]), Err("is a service of the worker's own"));
    assert_eq!(of(&["192.0.2.2:443", "127.0.0.1:443"]), Err("leads to the worker's own host"));
    assert_eq!(of(&["192.0.2.2:443", "192.0.2.3:443"]), Ok("192.0.2.2:443".parse().unwrap()));
    assert_eq!(of(&[]), Err("has no address"));
}

#[tokio::test]
async fn notes_and_connections_are_bounded_and_the_proxy_ends_with_the_job() {
    let world = World::new().await;
    let literal = format!("127.0.0.1:{}", world.port());
    let proxy = world.proxy(std::slice::from_ref(&literal));
    for port in 1..20 {
        answer(&proxy, &connect(&format!("a.example:{port}"))).await;
    }
    let mut open = Vec::new();
    for _ in 0..MOST_CONNECTIONS {
        let mut client = UnixStream::connect(proxy.socket()).await.unwrap();
        client.write_all(connect(&literal).as_bytes()).await.unwrap();
        let mut first = [0; 12];
        client.read_exact(&mut first).await.unwrap();
        // Accepted, or the kernel's queue of them is full before the proxy's measure is.
        open.push((client, world.listener.accept().await.unwrap()));
    }
    assert!(answer(&proxy, &connect(&literal)).await.starts_with("HTTP/1.1 503 "));
    let notes = proxy.stop().await;
    assert_eq!(notes.len(), MOST_NOTES + 1, "{notes:?}");
    for (mut client, _) in open {
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let world = World::new().await;
    let literal = format!("127.0.0.1:{}", world.port());
    let (left, mut right) = UnixStream::pair().unwrap();
    let server = TcpStream::connect(&literal).await.unwrap();
    let (_kept, _) = world.listener.accept().await.unwrap();
    tunnel::run(left, server, b"", Duration::from_millis(1)).await;
    let mut rest = Vec::new();
    right.read_to_end(&mut rest).await.unwrap();
}

#[tokio::test]
async fn p17_plain_http_goes_only_where_it_is_allowed() {
    let world = World::new().await;
    let port = world.port();
    let get = |to: &str| format!("GET http://{to}/x HTTP/1.1\r\nHost: {to}\r\n\r\n");
    let literal = format!("127.0.0.1:{port}");
    // What may be reached by TLS may not be spoken to without it, and the other way round.
    let tunnels = world.proxy(std::slice::from_ref(&literal));
    assert!(answer(&tunnels, &get(&literal)).await.starts_with("HTTP/1.1 403 "));
    drop(tunnels.stop().await);
    std::fs::remove_file(world.folder.path().join("proxy")).unwrap();
    let plain = vec![literal.parse().unwrap()];
    let allowed = Allowed { hosts: Vec::new(), plain, here: None, own: OwnServices::default() };
    let proxy = Proxy::start(world.folder.path(), allowed).unwrap();
    for other in [format!("127.0.0.1:{}", port ^ 1), "127.0.0.1".to_owned(), format!("localhost:{port}")] {
        assert!(answer(&proxy, &get(&other)).await.starts_with("HTTP/1.1 403 "), "{other}");
    }
    assert!(answer(&proxy, &connect(&literal)).await.starts_with("HTTP/1.1 403 "));
    let mut client = UnixStream::connect(proxy.socket()).await.unwrap();
    client.write_all(get(&literal).as_bytes()).await.unwrap();
    let (mut server, _) = timeout(PATIENCE, world.listener.accept()).await.unwrap().unwrap();
    let mut request = vec![0; get(&literal).len()];
    server.read_exact(&mut request).await.unwrap();
    assert_eq!(String::from_utf8(request).unwrap(), get(&literal));
}
