//! Ways out: none, or the proxy alone.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use countersign_jail::{Egress, Level};

use crate::harness::World;

pub(crate) fn p17_no_route_out(world: &World) {
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = tcp.local_addr().unwrap().port();
    let unix = UnixListener::bind(world.folder.join("socket")).unwrap();
    let name = format!("countersign-{port}");
    let hidden = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let (host, unix_path, hidden_name) =
        (format!("127.0.0.1:{port}"), format!("unix:{}", world.path("socket")), format!("abstract:{name}"));
    let targets = [
        host.as_str(),
        "169.254.169.254:80",
        "10.0.0.1:443",
        "[::1]:80",
        &unix_path,
        &hidden_name,
        "udp:169.254.169.254:53",
        "udp:127.0.0.1:53",
    ];
    if world.has_strict() {
        let said = world.says(&world.plan(Level::Strict, "connect", &targets));
        assert!(!said.contains("DONE") && said.lines().count() == targets.len(), "{said}");
    }
    // Without a network namespace TCP and abstract sockets are fenced, UDP and socket files are not, and say so.
    let outcome = world.run_plan(&world.plan(Level::Nested, "connect", &[&host, "169.254.169.254:80", &hidden_name]));
    assert_eq!(outcome.out.matches(": EACCES").count() + outcome.out.matches(": EPERM").count(), 3, "{outcome:?}");
    assert!(outcome.applied.unwrap().degraded.contains(&countersign_jail::Degradation::SharedNetwork));
    tcp.set_nonblocking(true).unwrap();
    unix.set_nonblocking(true).unwrap();
    hidden.set_nonblocking(true).unwrap();
    assert!(tcp.accept().is_err() && unix.accept().is_err() && hidden.accept().is_err(), "nothing arrived");
}

pub(crate) fn p17_only_the_proxy_is_reachable(world: &World) {
    with_proxy(world, Level::Strict, 3128);
}

pub(crate) fn p17_the_proxy_is_reachable_at_nested(world: &World) {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    with_proxy(world, Level::Nested, free);
}

/// A proxy that echoes stands in for the worker's: what matters here is that bytes arrive, whole, and only there.
fn with_proxy(world: &World, level: Level, port: u16) {
    let listener = UnixListener::bind(world.folder.join("proxy")).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut block = [0; 9000];
        loop {
            match stream.read(&mut block).unwrap() {
                0 => break,
                n => stream.write_all(&block[..n]).unwrap(),
            }
        }
    });
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let egress = Egress::Proxy { socket: world.folder.join("proxy"), port };
    let mut plan = world.plan(level, "echo", &[&port.to_string()]);
    plan.egress = egress.clone();
    assert_eq!(world.says(&plan), "echoed true\n");
    server.join().unwrap();
    let elsewhere = other.local_addr().unwrap().to_string();
    plan.argv = world
        .plan(level, "connect", &[&elsewhere, "169.254.169.254:80", &format!("unix:{}", world.path("proxy"))])
        .argv;
    let said = world.says(&plan);
    let refused = if level == Level::Strict { 3 } else { 2 };
    assert!(!said.lines().take(refused).any(|line| line.contains("DONE")), "{said}");
}

pub(crate) fn p17_no_raw_or_netlink_socket(world: &World) {
    for &level in world.levels {
        let said = world.says(&world.plan(level, "sockets", &[]));
        let expected =
            "netlink: EPERM\npacket: EPERM\nraw: EPERM\nvsock: EPERM\nalg: EPERM\ntcp: DONE ()\nunix: DONE ()\n";
        assert_eq!(said, expected, "{level}");
    }
}
