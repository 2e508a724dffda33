//! Heads as syslog messages, over real sockets, and out of the file a host wrote.

use crate::installation::{DEPLOYMENT, Installation, writer};
use crate::receivers::{Host, Kind};
use countersign_audit::anchor::spec::Server;
use countersign_audit::anchor::syslog::BadTls;
use countersign_audit::anchor::{Anchor, Heads, SyslogAddress, SyslogFile, SyslogPlace, SyslogSettings, TlsSettings};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn place(it: &Installation, host: &Host) -> SyslogPlace {
    SyslogPlace::open(settings(it, host)).unwrap()
}

fn settings(it: &Installation, host: &Host) -> SyslogSettings {
    SyslogSettings {
        address: host.address(),
        deployment: DEPLOYMENT.into(),
        host: Some("node-1".into()),
        tls: host.tls(),
        clock: it.clock.clone(),
    }
}

async fn read(file: &Path) -> Vec<(String, Vec<Vec<u8>>)> {
    let file = SyslogFile::new(file, DEPLOYMENT);
    let mut all = Vec::new();
    for name in file.names().await.unwrap() {
        let heads = file.heads(&name).await.unwrap();
        all.push((name, heads));
    }
    all
}

#[tokio::test]
async fn a_head_arrives_over_every_wire_and_is_read_back_byte_for_byte() {
    for kind in Kind::ALL {
        let it = Installation::new();
        let host = Host::start(kind, &it.path("host")).await;
        let (place, writer) = (place(&it, &host), writer());
        let mut expected = Vec::new();
        for size in [1, 2, 300] {
            let (key, note) = it.head(&writer, size);
            place.keep(&key, &note).await.unwrap_or_else(|error| panic!("{kind:?}: {error:?}"));
            expected.push((key.to_string(), vec![note.into_bytes()]));
        }
        host.has(3).await;
        assert_eq!(read(&host.file()).await, expected, "{kind:?}");
        // The message as it was sent holds it as structured data as well.
        let raw = it.path("raw.log");
        std::fs::write(&raw, host.messages.borrow().join("\n")).unwrap();
        assert_eq!(read(&raw).await, expected, "{kind:?}");
    }
}

#[tokio::test]
async fn a_host_that_is_away_refuses_and_takes_heads_again_when_it_is_back() {
    for kind in Kind::ALL {
        let it = Installation::new();
        let mut host = Host::start(kind, &it.path("host")).await;
        let (place, writer) = (place(&it, &host), writer());
        let (key, note) = it.head(&writer, 1);
        place.keep(&key, &note).await.unwrap();
        host.has(1).await;
        host.stop().await;
        let (key, note) = it.head(&writer, 2);
        let kept = place.keep(&key, &note).await;
        // Nothing promises that a datagram to nobody is refused; on loopback it nearly always is.
        assert!(kept.is_err() || kind == Kind::Udp, "{kind:?}: nobody listens");
        host.go_on().await;
        place.keep(&key, &note).await.unwrap_or_else(|error| panic!("{kind:?}: {error:?}"));
        host.has(2).await;
        assert_eq!(read(&host.file()).await.len(), 2, "{kind:?}");
    }
}

#[tokio::test]
async fn a_host_that_does_not_read_to_the_end_or_answers_has_taken_nothing() {
    let it = Installation::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let place = SyslogPlace::open(SyslogSettings {
        address: SyslogAddress::Tcp(server),
        deployment: DEPLOYMENT.into(),
        host: None,
        tls: TlsSettings::default(),
        clock: it.clock.clone(),
    });
    let place = place.unwrap();
    let (key, note) = it.head(&writer(), 1);
    for reads in [0, 5] {
        let dies = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_exact(&mut vec![0; reads]).await.unwrap();
        };
        let (kept, ()) = tokio::join!(place.keep(&key, &note), dies);
        assert!(kept.is_err(), "closed after {reads} bytes");
    }
    let answers = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
        stream.write_all(b"no").await.unwrap();
    };
    let (kept, ()) = tokio::join!(place.keep(&key, &note), answers);
    assert!(format!("{:?}", kept.unwrap_err()).contains("Answered"));
}

#[tokio::test]
async fn a_host_of_another_authority_gets_nothing_over_tls() {
    let it = Installation::new();
    let host = Host::start(Kind::Tls, &it.path("host")).await;
    let other = Host::start(Kind::Tls, &it.path("other")).await;
    let place = SyslogPlace::open(SyslogSettings { tls: other.tls(), ..settings(&it, &host) }).unwrap();
    let (key, note) = it.head(&writer(), 1);
    let error = place.keep(&key, &note).await.unwrap_err();
    assert!(format!("{error:?}").contains("InvalidCertificate"), "{error:?}");
    assert!(host.messages.borrow().is_empty());
}

#[tokio::test]
async fn files_for_tls_that_cannot_be_used_are_told_before_the_first_head() {
    let it = Installation::new();
    let host = Host::start(Kind::Tls, &it.path("host")).await;
    let empty = it.path("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let with = |authorities| {
        let tls = TlsSettings { authorities: Some(authorities), identity: None };
        SyslogPlace::open(SyslogSettings { tls, ..settings(&it, &host) }).unwrap_err()
    };
    assert!(matches!(with(it.path("none.pem")), BadTls::Unreadable(..)));
    assert!(matches!(with(empty), BadTls::Empty(_)));
}

#[tokio::test]
async fn heads_are_found_among_foreign_lines_of_any_form() {
    let it = Installation::new();
    let host = Host::start(Kind::Tcp, &it.path("host")).await;
    let (place, writer) = (place(&it, &host), writer());
    let mut expected = Vec::new();
    for size in 1..=40 {
        let (key, note) = it.head(&writer, size);
        place.keep(&key, &note).await.unwrap();
        expected.push((key.to_string(), vec![note.into_bytes()]));
    }
    let messages = host.messages.borrow().clone();
    let mut file = Vec::new();
    for (nth, message) in messages.iter().enumerate() {
        let json = serde_json::to_string(message).unwrap();
        match nth % 4 {
            0 => file.extend(message.as_bytes()),
            1 => file.extend(format!("{{\"log\":{json},\"stream\":\"x\"}}").as_bytes()),
            // systemd's journal keeps what it does not understand as text.
            2 => file.extend(format!("Nov 21 10:00:00 node-1 countersign[7]: {}", &message[5..]).as_bytes()),
            _ => file.extend(format!("[{json},{json}]").as_bytes()),
        }
        file.extend(b"\nNov 21 sshd[1]: Accepted key for bob@example [x@32473 a=\"b\"] \xff\xfe\n");
        // A message that a daemon cut, and one of another installation.
        file.extend(&message.as_bytes()[..message.len() / 3]);
        file.push(b'\n');
        file.extend(message.replace("deployment=\"demo\"", "deployment=\"other\"").as_bytes());
        // Once in a while the file grows beyond what is read in one go.
        file.extend(vec![b'@'; if nth % 10 == 0 { 700_001 + nth } else { 0 }]);
        file.push(b'\n');
    }
    let path = it.path("mixed.log");
    std::fs::write(&path, file).unwrap();
    assert_eq!(read(&path).await, expected);
}

#[tokio::test]
async fn a_second_content_under_a_name_hides_no_first_and_a_file_that_is_gone_is_told() {
    let it = Installation::new();
    let host = Host::start(Kind::Tcp, &it.path("host")).await;
    let place = place(&it, &host);
    let (key, note) = it.head(&writer(), 1);
    for text in ["forged before", &note, "forged after", &note] {
        place.keep(&key, text).await.unwrap();
    }
    let all = ["forged before", &note, "forged after"].map(|text| text.as_bytes().to_vec());
    assert_eq!(read(&host.file()).await, [(key.to_string(), all.to_vec())]);
    assert!(SyslogFile::new(&it.path("none.log"), DEPLOYMENT).names().await.is_err());
}

#[tokio::test]
async fn a_head_too_long_for_a_message_is_refused_and_not_cut() {
    let it = Installation::new();
    let host = Host::start(Kind::Udp, &it.path("host")).await;
    let place: Arc<dyn Anchor> = Arc::new(place(&it, &host));
    let (key, _) = it.head(&writer(), 1);
    let error = place.keep(&key, &"x".repeat(2000)).await.unwrap_err();
    assert!(format!("{error:?}").contains("TooLong"), "{error:?}");
}
