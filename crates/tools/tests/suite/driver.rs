//! The driver's program: what it is told, and what it does when it is told something else.

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

const REQUEST: &str = "0197c1a2-0000-8000-8000-000000000001";
const ID: &str = "0b51fb21-5a4c-4b9f-8b0c-6c0b40dd7f17";

/// A job's file, gone with the test.
struct JobFile(PathBuf);

impl JobFile {
    fn of(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("countersign-driver-{}-{name}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for JobFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn job(proxy: &str) -> String {
    format!(
        r#"{{"v":1,"invocation":"{REQUEST}","requester":"Ann [demo#ann]","target":{{"kind":"alertmanager","name":"main",
        "address":"http://127.0.0.1:1"}},"bearer":"s3cret","proxy":"http://{proxy}","seconds":5}}"#
    )
}

#[expect(clippy::disallowed_methods, reason = "the program is what is tested")]
fn program(job: Option<&JobFile>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign-driver"));
    command.env_clear().args(arguments);
    // A proxy of the environment is not the job's.
    command.env("HTTP_PROXY", "http://127.0.0.1:9").env("NO_PROXY", "*");
    if let Some(JobFile(path)) = job {
        command.env("COUNTERSIGN_JOB", path);
    }
    command.output().unwrap()
}

fn silence(job: &JobFile, words: &[&str]) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["__countersign-driver", "silence"].iter().chain(words).copied().collect();
    let output = program(Some(job), &arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A request as it came to the proxy: its head and its body.
struct Asked {
    head: String,
    body: String,
}

/// A proxy that is the Alertmanager at the same time; one that answers nothing breaks the connection.
fn proxy(bodies: Vec<Option<String>>) -> (String, Receiver<Asked>) {
    proxy_of(bodies.into_iter().map(|body| body.map(|body| ok(&body))).collect())
}

fn proxy_of(answers: Vec<Option<String>>) -> (String, Receiver<Asked>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let at = listener.local_addr().unwrap().to_string();
    let (send, asked) = channel();
    std::thread::spawn(move || serve(&listener, answers, &send));
    (at, asked)
}

fn serve(listener: &TcpListener, answers: Vec<Option<String>>, asked: &Sender<Asked>) {
    for answer in answers {
        let (mut socket, _) = listener.accept().unwrap();
        asked.send(request(&mut socket)).unwrap();
        let Some(answer) = answer else { continue };
        let _ = socket.write_all(answer.as_bytes());
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn request(socket: &mut impl Read) -> Asked {
    let mut reader = BufReader::new(socket);
    let head = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let head = head.collect::<Vec<_>>().join("\n").to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Asked { head, body: String::from_utf8(body).unwrap() }
}

fn made(comment: &str) -> String {
    format!(
        r#"{{"id":"{ID}","status":{{"state":"active"}},"matchers":[{{"name":"alertname","value":"X","isRegex":false,
        "isEqual":true}}],"startsAt":"2026-05-01T10:00:00.000Z","endsAt":"2026-05-01T12:00:00.000Z",
        "createdBy":"Ann [demo#ann]","comment":"{comment}","updatedAt":"2026-05-01T10:00:00.000Z"}}"#
    )
}

fn ours() -> String {
    made(&format!("asked for in chat [countersign {REQUEST}]"))
}

#[test]
fn p17_everything_goes_through_the_jobs_proxy_with_its_token() {
    let (at, asked) = proxy(vec![Some("[]".into())]);
    let file = JobFile::of("proxied", &job(&at));
    let (code, out, said) = silence(&file, &["list", "--on=main"]);
    assert_eq!((code, out.as_str()), (Some(0), "0 silences on main\n"), "{said}");
    let Asked { head, .. } = asked.try_recv().unwrap();
    assert!(head.starts_with("get http://127.0.0.1:1/api/v2/silences http/1.1"), "{head}");
    assert!(head.contains("authorization: bearer s3cret"), "{head}");
}

/// Over TLS the proxy sees a name and nothing else, and only the target's own authority is believed.
#[test]
fn p17_over_tls_the_target_is_who_the_catalog_says() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let stranger = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap();
    let config = Arc::new(config);
    let told = |authority: &str| {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let config = config.clone();
        let (send, asked) = channel();
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            send.send(request(&mut socket)).unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
            let mut inside = StreamOwned::new(ServerConnection::new(config).unwrap(), socket);
            if inside.conn.complete_io(&mut inside.sock).is_ok() {
                send.send(request(&mut inside)).unwrap();
                inside.write_all(ok("[]").as_bytes()).unwrap();
                inside.conn.send_close_notify();
                let _ = inside.flush();
            }
        });
        let ca = serde_json::to_string(authority).unwrap();
        let job = job(&at).replace("\"http://127.0.0.1:1\"", &format!("\"https://127.0.0.1:1\",\"ca\":{ca}"));
        let told = silence(&JobFile::of(&at, &job), &["list", "--on=main"]);
        (told, asked.try_iter().map(|it| it.head).collect::<Vec<_>>())
    };
    let ((code, out, said), heads) = told(&cert.pem());
    assert_eq!((code, out.as_str()), (Some(0), "0 silences on main\n"), "{said}");
    assert!(heads[0].starts_with("connect 127.0.0.1:1 ") && !heads[0].contains("s3cret"), "{heads:?}");
    assert!(heads[1].starts_with("get /api/v2/silences ") && heads[1].contains("bearer s3cret"), "{heads:?}");
    let ((code, _, said), heads) = told(&stranger);
    assert!(code == Some(1) && said.contains("it cannot be reached"), "{said}");
    assert_eq!(heads.len(), 1, "{heads:?}");
    assert_eq!(told("no certificate").0.0, Some(1));
}

#[test]
fn a_silence_is_made_once_a_request() {
    let (at, asked) = proxy(vec![Some(format!("[{}]", ours()))]);
    let file = JobFile::of("once", &job(&at));
    let (code, out, said) = silence(&file, &["X", "2h", "--on=main"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with("this request has made it before until 2026-05-01T12:00:00.000Z (2h)"), "{out}");
    assert!(asked.try_recv().unwrap().head.starts_with("get "));
    assert!(asked.try_recv().is_err(), "nothing more was asked");
}

/// Another request's words cannot pass for this one's: the mark is the end of the comment.
#[test]
fn a_mark_in_somebodys_words_is_none() {
    let other = made(&format!("as [countersign {REQUEST}] did [countersign 0197c1a2-0000-8000-8000-000000000002]"));
    let answers = [format!("[{other}]"), format!(r#"{{"silenceID":"{ID}"}}"#), ours()];
    let (at, asked) = proxy(answers.map(Some).to_vec());
    let file = JobFile::of("mark", &job(&at));
    let (code, out, said) = silence(&file, &["X", "2h", "--comment=a \"b\"", "--on=main"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.contains(&format!("to undo it: /silence expire {ID} --on=main\n")), "{out}");
    let post = asked.try_iter().nth(1).unwrap();
    assert!(post.head.starts_with("post http://127.0.0.1:1/api/v2/silences "), "{}", post.head);
    let body: serde_json::Value = serde_json::from_str(&post.body).unwrap();
    assert_eq!(body["createdBy"], "Ann [demo#ann]");
    assert_eq!(body["comment"], format!("a \"b\" [countersign {REQUEST}]"));
    assert_eq!(body["matchers"], serde_json::json!([{"name":"alertname","value":"X","isRegex":false,"isEqual":true}]));
}

/// What a request made can be ended by the request's id, too.
#[test]
fn a_silence_is_ended_by_its_id_or_its_requests() {
    let not_found = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned();
    let of = |silences: &[String]| {
        let all = format!("[{}]", silences.join(","));
        let (at, asked) = proxy_of(vec![Some(not_found.clone()), Some(ok(&all)), Some(ok(""))]);
        let told = silence(&JobFile::of(&at, &job(&at)), &["expire", REQUEST, "--on=main"]);
        (told, asked.try_iter().map(|it| it.head.lines().next().unwrap().to_owned()).collect::<Vec<_>>())
    };
    let ((code, out, said), heads) = of(&[made("somebody's"), ours()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(out.starts_with(&format!("ended silence {ID} on main; ")), "{out}");
    assert_eq!(heads[2], format!("delete http://127.0.0.1:1/api/v2/silence/{ID} http/1.1"));
    for (silences, why) in [(vec![ours(), ours()], "has several silences"), (vec![made("x")], "has no silence")] {
        let ((code, _, said), heads) = of(&silences);
        assert!(code == Some(1) && said.contains(why) && heads.len() == 2, "{said} {heads:?}");
    }
    let ended = [ours().replace("active", "expired")];
    let ((code, _, said), heads) = of(&ended);
    assert!(code == Some(1) && said.contains("has ended at") && heads.len() == 2, "{said} {heads:?}");
}

/// The answer to the one request that changes something may be lost: then it is looked, and never sent again.
#[test]
fn a_lost_answer_is_found_out_about() {
    let of = |last: Option<String>| {
        let (at, asked) = proxy(vec![Some("[]".into()), None, last]);
        let file = JobFile::of(&at, &job(&at));
        let told = silence(&file, &["X", "2h", "--on=main"]);
        let methods: Vec<String> = asked.try_iter().map(|it| it.head.split(' ').next().unwrap().to_owned()).collect();
        assert_eq!(methods, ["get", "post", "get"]);
        told
    };
    let (code, out, _) = of(Some(format!("[{}]", ours())));
    assert!(code == Some(0) && out.starts_with("silenced until"), "{out}");
    let (code, _, said) = of(Some("[]".into()));
    assert!(code == Some(1) && said.contains("has made no silence"), "{said}");
    let (code, _, said) = of(None);
    assert!(code == Some(1) && said.contains("is not known") && said.contains("/silence list"), "{said}");
}

#[test]
fn p16_what_is_no_job_or_no_canonical_argv_does_nothing() {
    let (at, asked) = proxy(vec![]);
    let good = job(&at);
    let file = JobFile::of("good", &good);
    for words in [
        &["X", "120m", "--on=main"][..],
        &["X", "2h", "--on=other"],
        &["X", "2h"],
        &["1h", "alertname=~.+", "--on=main"],
        &["expire", "../silences", "--on=main"],
        &[],
    ] {
        let (code, out, said) = silence(&file, words);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{words:?}: {said}");
    }
    for (nth, (from, to)) in
        [("\"v\":1", "\"v\":2"), ("\"seconds\"", "\"extra\":1,\"seconds\""), ("alertmanager", "cluster"), ("{", "")]
            .into_iter()
            .enumerate()
    {
        let file = JobFile::of(&format!("bad{nth}"), &good.replacen(from, to, 1));
        let (code, _, said) = silence(&file, &["list", "--on=main"]);
        assert_eq!(code, Some(2), "{to}: {said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
    assert_eq!(program(None, &["__countersign-driver", "silence", "list", "--on=main"]).status.code(), Some(2));
    assert_eq!(program(Some(&file), &["__countersign-driver", "sh", "-c", "id"]).status.code(), Some(2));
    assert_eq!(program(Some(&file), &["silence", "list", "--on=main"]).status.code(), Some(2));
    assert!(asked.try_recv().is_err(), "nobody was asked");
}
