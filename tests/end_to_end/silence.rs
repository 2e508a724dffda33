//! `/silence` in a real jail, against Debian's Alertmanager.

#![expect(clippy::unwrap_used, reason = "a test that cannot build its world must stop there")]

use crate::servers::{Running, log_of, until};
use crate::site::{Installed, Site};
use countersign::demo::world::{CATALOG, private};
use countersign_chat::{Answer, Button, Choice, Notice, State, ThreadId};
use countersign_core::id::InvocationId;
use countersign_core::refusal::Code;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

/// Debian's Alertmanager, with a folder of its own.
pub(crate) struct Alertmanager {
    pub(crate) at: String,
    _running: Running,
    _folder: TempDir,
}

impl Alertmanager {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [ { name: nobody } ]\n").unwrap();
        let storage = format!("--storage.path={}", folder.path().join("data").display());
        let config = format!("--config.file={}", config.display());
        let arguments = [
            config.as_str(),
            &storage,
            "--web.listen-address=127.0.0.1:0",
            "--cluster.listen-address=",
            "--log.format=json",
        ];
        let mut running = Running::start("/usr/bin/prometheus-alertmanager", &arguments, folder.path(), &[]);
        let mut at = None;
        let up = until(|| {
            at = listening(&log_of(folder.path()));
            at.is_some() || running.ended()
        });
        let at = at.filter(|_| up).unwrap_or_else(|| panic!("it does not start: {}", log_of(folder.path())));
        Self { at, _running: running, _folder: folder }
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut socket = TcpStream::connect(&self.at).unwrap();
        let head = format!(
            "{method} /api/v2/{path} HTTP/1.0\r\nHost: alertmanager\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 "), "{answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    /// Alerts that fire, each with its name and a label.
    fn fires(&self, alerts: &[(&str, &str)]) {
        let one = |(name, service): &(&str, &str)| json!({"labels": {"alertname": name, "service": service}});
        self.ask("POST", "alerts", Some(&alerts.iter().map(one).collect()));
    }

    pub(crate) fn silences(&self) -> Vec<Value> {
        self.ask("GET", "silences", None).as_array().unwrap().clone()
    }
}

/// Where it says that it listens.
fn listening(log: &str) -> Option<String> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let line: Value = serde_json::from_str(line).ok()?;
    line["address"].as_str().map(str::to_owned)
}

/// An installation whose catalog has the Alertmanager at this address.
async fn at(address: &str) -> Installed {
    with(address, str::to_owned).await
}

/// The same, with another catalog made from that one.
async fn with(address: &str, change: impl FnOnce(&str) -> String) -> Installed {
    let data = tempfile::tempdir().unwrap();
    let catalog = change(&catalog(data.path(), address));
    Installed::start(data, catalog, BTreeMap::new()).await
}

async fn of(alertmanager: &Alertmanager) -> Installed {
    at(&format!("http://{}", alertmanager.at)).await
}

/// Somebody agrees, and whoever asked confirms.
pub(crate) async fn cleared(w: &Site, id: InvocationId) {
    w.approves("bob", id).await;
    w.votes("ann", id, Button::Confirm).await;
}

pub(crate) fn catalog(data: &Path, address: &str) -> String {
    let folder = data.join("alertmanager");
    std::fs::create_dir(&folder).unwrap();
    for class in ["read", "change", "destructive"] {
        private(&folder.join(format!("{class}.token")), &format!("token-that-{class}s")).unwrap();
    }
    let shipped = "https://alertmanager.example.com";
    assert!(CATALOG.contains(shipped));
    let catalog = CATALOG.replace(shipped, address);
    // The payments team owns it, so that more than one person can agree.
    let owned = "longest: 24h\n    owners: [sre]";
    assert!(catalog.contains(owned));
    let catalog = catalog.replace(owned, "longest: 24h\n    owners: [payments]");
    catalog.replace("file:/etc/countersign/alertmanagers/main/", &format!("file:{}/", folder.display()))
}

/// The same, of an Alertmanager that asks nobody who they are.
fn without_credentials(catalog: &str) -> String {
    let (before, rest) = catalog.split_once("alertmanagers:\n").unwrap();
    let (inside, after) = rest.split_once("\n\n").unwrap();
    let (entry, _) = inside.split_once("credentials:").unwrap();
    format!("{before}alertmanagers:\n{entry}credentials: none\n\n{after}")
}

#[tokio::test]
async fn a_silence_is_shown_agreed_to_made_listed_and_ended() {
    let am = Alertmanager::start();
    am.fires(&[("HighLatency", "checkout"), ("HighLatency", "ledger"), ("DiskFull", "checkout")]);
    let w = of(&am).await;
    let id = w.asks("ann", "/silence HighLatency 2h service=checkout --comment \"we move it\"").await;
    let effect = w.effect(id).await;
    assert_eq!(
        effect.text.as_deref().unwrap(),
        "silences for 2h on main, in the name of Ann (SRE) [demo#ann]:\n  alertname=\"HighLatency\"\n  \
         service=\"checkout\"\nwhy: we move it\nit begins when it runs, and ends by itself 2h later\n"
    );
    let now = effect.now.unwrap();
    assert!(now.starts_with("1 alert would be hidden:\n  HighLatency service=\"checkout\" (since "), "{now}");
    let shown = w.chat.transcript(&w.chat.thread(id).unwrap());
    assert!(shown.contains("at this moment:") && shown.contains("1 alert would be hidden"), "{shown}");
    assert!(am.silences().is_empty(), "nothing was made yet");
    cleared(&w, id).await;
    let said = w.done(id).await;

    let silences = am.silences();
    let [silence] = silences.as_slice() else { panic!("{silences:?}") };
    assert_eq!(silence["createdBy"], "Ann (SRE) [demo#ann]");
    assert_eq!(silence["comment"], format!("we move it [countersign {id}]"));
    let names: Vec<&str> =
        silence["matchers"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
    assert_eq!(names, ["HighLatency", "checkout"]);
    let instant = |key: &str| silence[key].as_str().unwrap().parse::<countersign_core::time::Timestamp>().unwrap();
    assert_eq!(instant("endsAt").since(instant("startsAt")).as_secs().div_ceil(60), 120);
    let silence = silence["id"].as_str().unwrap();
    assert!(said.contains(&format!("to undo it: /silence expire {silence} --on=main")), "{said}");

    let list = w.asks("dee", "/silence list").await;
    let said = w.done(list).await;
    assert!(said.contains("1 silence on main") && said.contains(silence), "{said}");

    let id = w.asks("ann", &format!("/silence expire {silence} --on=main")).await;
    let effect = w.effect(id).await;
    assert!(effect.text.unwrap().contains("why it was made: we move it"));
    assert!(effect.now.unwrap().starts_with("1 alert would be heard again:\n"));
    cleared(&w, id).await;
    w.done(id).await;
    assert_eq!(am.silences()[0]["status"]["state"], "expired");
    // What is over cannot be ended again.
    let id = w.asks("ann", &format!("/silence expire {silence}")).await;
    let (_, said) = w.read(id).await;
    assert!(said.contains("has ended at"), "{said}");
    w.end().await;
}

#[tokio::test]
async fn p36_what_is_only_shown_makes_nothing_and_too_much_is_refused() {
    let am = Alertmanager::start();
    let w = of(&am).await;
    let id = w.asks("ann", "/silence HighLatency 2h --dry-run").await;
    let (state, said) = w.read(id).await;
    assert!(said.contains("no alert that fires would be hidden"), "{state:?} {said}");
    for text in [
        "/silence 1h alertname=~.+",
        "/silence 1h 'severity!=none'",
        "/silence HighLatency 25h",
        "/silence HighLatency 10s",
        "/silence HighLatency 2h --on=other",
    ] {
        let code = w.refused("ann", text).await.code();
        assert!(matches!(code, Code::BadValue | Code::UnknownTarget), "{text}: {code}");
    }
    // Who may only look cannot ask.
    assert_eq!(w.refused("dee", "/silence HighLatency 2h").await.code(), Code::NotAllowed);
    // Nobody but who asked confirms.
    let id = w.asks("ann", "/silence HighLatency 2h").await;
    w.effect(id).await;
    w.approves("bob", id).await;
    assert_eq!(w.in_vain("bob", id, Button::Confirm).await, Code::OnlyRequesterConfirms);
    assert!(am.silences().is_empty());
    assert!(matches!(w.clicks("ann", id, Button::Cancel).await, Answer::Said(_)));
    w.read(id).await;
    assert!(am.silences().is_empty());
    w.end().await;
}

/// Alerts come and go while people think. That is no other effect, but ten times as many alerts are.
#[tokio::test]
async fn alerts_that_come_and_go_are_no_drift_and_a_wider_silence_is() {
    let am = Alertmanager::start();
    am.fires(&[("PaymentLatency", "a"), ("PaymentErrors", "b"), ("Disk", "c"), ("Cpu", "d")]);
    let w = of(&am).await;
    let (_, said) = {
        let id = w.asks("ann", "/silence PaymentErrors 1h").await;
        w.effect(id).await;
        am.fires(&[("PaymentErrors", "c"), ("PaymentErrors", "d")]);
        cleared(&w, id).await;
        w.read(id).await
    };
    assert_eq!(am.silences().len(), 1, "{said}");

    let id = w.asks("ann", "/silence 1h 'alertname=~Payment.*'").await;
    let effect = w.effect(id).await;
    let text = effect.text.unwrap();
    assert!(text.ends_with("it hides at most 3 different ones now, and any to come\n"), "{text}");
    let now = effect.now.unwrap();
    assert!(now.contains("silenced already)"), "{now}");
    let many: Vec<String> = (0..12).map(|nth| format!("Payment{nth}")).collect();
    am.fires(&many.iter().map(|name| (name.as_str(), "x")).collect::<Vec<_>>());
    w.approves("bob", id).await;
    w.approves("cho", id).await;
    w.votes("ann", id, Button::Confirm).await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Drifted, "{said}");
    assert_eq!(am.silences().len(), 1, "{said}");

    // Shown again, it says how wide it is.
    let id = w.asks("ann", "/silence 1h 'alertname=~Payment.*' --dry-run").await;
    let (_, said) = w.read(id).await;
    assert!(said.contains("WARNING: it hides 14 of the 16 different alerts that fire"), "{said}");
    w.end().await;
}

/// Something that is no Alertmanager and remembers what it was asked.
struct Listener {
    at: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// Answers everything with this.
    fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let at = listener.local_addr().unwrap().to_string();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = asked.clone();
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let lines = BufReader::new(&socket).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
                let head = lines.collect::<Vec<_>>().join("\n");
                heard.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                let _ = socket.write_all(answer.as_bytes());
            }
        });
        Self { at, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[tokio::test]
async fn p17_a_driver_goes_nowhere_but_to_its_target() {
    let elsewhere = Listener::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]");
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/api/v2/silences\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        elsewhere.at
    );
    let target = Listener::start(Box::leak(redirect.into_boxed_str()));
    let w = at(&format!("http://{}", target.at)).await;
    let id = w.asks("dee", "/silence list").await;
    let (state, said) = w.read(id).await;
    assert_eq!(state, State::Done { exit: 1 }, "{said}");
    assert!(said.contains("it answered 302"), "{said}");
    let asked = target.asked();
    assert_eq!(asked.len(), 1, "{asked:?}");
    // The token of the tier goes to the target, and to nobody else: not to the thread, not elsewhere.
    assert!(asked[0].to_lowercase().contains("authorization: bearer token-that-reads"), "{asked:?}");
    assert!(!said.contains("token-that"), "{said}");
    assert_eq!(elsewhere.asked(), Vec::<String>::new());
    w.end().await;
}

#[tokio::test]
async fn an_alertmanager_that_asks_nobody_gets_no_token() {
    let target = Listener::start("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]");
    let w = with(&format!("http://{}", target.at), without_credentials).await;
    let id = w.asks("dee", "/silence list").await;
    let said = w.done(id).await;
    assert!(said.contains("0 silences on main"), "{said}");
    let asked = target.asked();
    assert!(asked.len() == 1 && !asked[0].to_lowercase().contains("authorization"), "{asked:?}");
    w.end().await;
}

/// The button asks for a new request of whoever clicks, which is shown, agreed to and confirmed like any other.
#[tokio::test]
async fn undo_asks_for_the_end_of_the_silence_in_the_name_of_whoever_clicks() {
    let am = Alertmanager::start();
    let w = of(&am).await;
    let id = w.asks("ann", "/silence HighLatency 2h").await;
    w.effect(id).await;
    cleared(&w, id).await;
    w.done(id).await;
    let card = w.chat.thread(id).unwrap().card.unwrap();
    assert_eq!(card.buttons, [Choice::Undo]);
    // Dee may not change anything, by a button neither.
    let answer = w.clicks("dee", id, Button::Undo).await;
    let (Answer::Refused(refusal) | Answer::Said(Notice::Refused { refusal, .. })) = answer else {
        panic!("dee must be refused: {answer:?}")
    };
    assert_eq!(refusal.code(), Code::NotAllowed);
    // A card that was copied elsewhere is not the request's.
    let copied = w.clicks_in(Some(ThreadId::new("elsewhere".to_owned())), "bob", id, Button::Undo).await;
    assert!(matches!(&copied, Answer::Said(Notice::NotCounted { .. })), "{copied:?}");
    let Answer::Accepted { invocation: undo } = w.clicks("bob", id, Button::Undo).await else {
        panic!("bob may ask for it")
    };
    assert_ne!(undo, id);
    let effect = w.effect(undo).await;
    let silence = am.silences()[0]["id"].as_str().unwrap().to_owned();
    let text = effect.text.unwrap();
    assert!(text.starts_with(&format!("ends silence {silence} on main, made by Ann (SRE) [demo#ann]:\n")), "{text}");
    assert_eq!(am.silences()[0]["status"]["state"], "active", "it is only asked for");
    w.approves("ann", undo).await;
    w.votes("bob", undo, Button::Confirm).await;
    w.done(undo).await;
    assert_eq!(am.silences()[0]["status"]["state"], "expired");
    // What ended a silence made none: there is nothing to take back.
    assert!(w.chat.thread(undo).unwrap().card.unwrap().buttons.is_empty());
    assert_eq!(w.in_vain("bob", undo, Button::Undo).await, Code::UnknownButton);
    w.end().await;
}
