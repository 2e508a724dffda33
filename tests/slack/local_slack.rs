//! local-slack, a Slack that other people wrote, as a program beside the test.
//!
//! **Invariant:** it is ended with the test, whatever becomes of the test. What is on people's screens is read from the
//! WebSocket its own web page uses; nothing is polled.

#![expect(clippy::unwrap_used, reason = "a test that cannot start its programs must stop there")]

use crate::world::HOME;
use countersign_tests::PATIENCE;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The app it knows.
pub(crate) const APP: &str = "A0COUNTER1";
pub(crate) const TOKEN: &str = "xoxb-local-slack";
pub(crate) const SECRET: &str = "local-slack-signing-secret";

/// The running program.
pub(crate) struct LocalSlack {
    child: Child,
    port: u16,
    screen: Option<(BufReader<OwnedReadHalf>, OwnedWriteHalf)>,
    /// Messages by channel and name.
    messages: BTreeMap<(String, String), Value>,
    /// The modal that is open.
    pub(crate) modal: Option<Value>,
}

impl Drop for LocalSlack {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl LocalSlack {
    /// Starts it on this port for these people and an app that listens at `app`.
    pub(crate) async fn start(folder: &Path, port: u16, people: &[(&str, String)], app: &str) -> Self {
        let users: Vec<Value> = people.iter().map(|(name, id)| json!({"id": id, "name": name})).collect();
        let members: Vec<String> = people.iter().map(|(_, id)| id.clone()).chain(["U0BOT00001".to_owned()]).collect();
        let config = json!({
            "workspace": {"name": "Home", "domain": "home", "teamId": HOME},
            "app": {"appId": APP, "botUserId": "U0BOT00001", "botName": "countersign", "botToken": TOKEN,
                "signingSecret": SECRET, "mode": "events", "requestUrl": app},
            "users": users,
            "channels": [{"id": "C0OPS00001", "name": "ops", "members": members}],
        });
        // JSON is YAML.
        let file = folder.join("local-slack.yaml");
        std::fs::write(&file, config.to_string()).unwrap();
        let child = spawn(&file, port, folder);
        let mut this = Self { child, port, screen: None, messages: BTreeMap::new(), modal: None };
        tokio::time::timeout(PATIENCE, this.look()).await.expect("local-slack does not come up");
        this
    }

    /// Opens the page's WebSocket as soon as the program listens.
    async fn look(&mut self) {
        let mut announced =
            BufReader::new(tokio::process::ChildStdout::from_std(self.child.stdout.take().unwrap()).unwrap());
        let mut line = String::new();
        loop {
            line.clear();
            let read = announced.read_line(&mut line).await.unwrap();
            assert!(read > 0, "local-slack ended before it listened");
            if line.contains(&self.port.to_string()) {
                break;
            }
        }
        let (read, mut write) = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap().into_split();
        let hello = format!(
            "GET /ui HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
            self.port
        );
        write.write_all(hello.as_bytes()).await.unwrap();
        let mut read = BufReader::new(read);
        let mut head = String::new();
        while read.read_line(&mut head).await.unwrap() > 2 {}
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        self.screen = Some((read, write));
        let init = self.next().await;
        assert_eq!(init["t"], "init", "{init}");
    }

    /// The next thing the page is told.
    async fn next(&mut self) -> Value {
        let (read, _) = self.screen.as_mut().unwrap();
        let mut text = Vec::new();
        loop {
            let (first, second) = (read.read_u8().await.unwrap(), read.read_u8().await.unwrap());
            let length = match second & 0x7f {
                126 => u64::from(read.read_u16().await.unwrap()),
                127 => read.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            read.read_exact(&mut payload).await.unwrap();
            let is_data = first & 0x0f <= 1;
            if is_data {
                text.extend(payload);
            }
            if is_data && first & 0x80 != 0 {
                return serde_json::from_slice(&text).unwrap();
            }
        }
    }

    /// Says something as the page would.
    async fn tell(&mut self, what: Value) {
        let text = what.to_string();
        let (_, write) = self.screen.as_mut().unwrap();
        // A client masks what it sends; a mask of zeros changes nothing.
        let mut frame = vec![0x81, 0x80 | 127];
        frame.extend((text.len() as u64).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        write.write_all(&frame).await.unwrap();
    }

    /// Reads on until `find` finds something.
    pub(crate) async fn sees<T>(&mut self, what: &str, find: impl Fn(&Self) -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(found) = find(self) {
                    return found;
                }
                let news = self.next().await;
                self.learn(news);
            }
        };
        let found = tokio::time::timeout(PATIENCE, looking).await;
        found.unwrap_or_else(|_| panic!("waited until {what}; there is:\n{}", self.transcript()))
    }

    fn learn(&mut self, mut news: Value) {
        let kind = news["t"].as_str().unwrap_or_default().to_owned();
        match kind.as_str() {
            "message" | "message_update" => {
                let message = news["message"].take();
                let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
                self.messages.insert((text("channel"), text("ts")), message.clone());
            }
            "view" => {
                self.modal = news["stack"].as_array().and_then(|stack| stack.last()).cloned();
            }
            _ => {}
        }
    }

    pub(crate) async fn types(&mut self, user: &str, line: &str) {
        let (command, text) = line.split_once(' ').unwrap();
        let say =
            json!({"t": "slash_command", "channel": "C0OPS00001", "user": user, "command": command, "text": text});
        self.tell(say).await;
    }

    pub(crate) async fn clicks(&mut self, user: &str, message: &Value, action: &Value) {
        let say = json!({"t": "block_action", "channel": message["channel"], "messageTs": message["ts"], "user": user,
            "action": action});
        self.tell(say).await;
    }

    pub(crate) async fn submits(&mut self, user: &str, values: Value) {
        self.tell(json!({"t": "view_submit", "user": user, "values": values})).await;
    }

    /// Messages of the app, in order.
    pub(crate) fn messages(&self) -> Vec<&Value> {
        self.messages.values().collect()
    }

    /// Everything, as JSON: for people who read why a test failed.
    pub(crate) fn transcript(&self) -> String {
        let all: Vec<String> = self.messages.values().map(Value::to_string).collect();
        format!("{}\nmodal: {:?}", all.join("\n"), self.modal)
    }
}

fn program() -> PathBuf {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../.cache/npm/node_modules/local-slack-linux-x64/bin/local-slack");
    assert!(path.exists(), "`{}` is missing: tests/install.sh installs it", path.display());
    path
}

#[expect(clippy::disallowed_methods, reason = "a program beside the test, not a command")]
fn spawn(config: &Path, port: u16, folder: &Path) -> Child {
    let mut command = std::process::Command::new(program());
    command.arg("--config").arg(config).arg("--port").arg(port.to_string()).args(["--base-host", "127.0.0.1"]);
    command.arg("--files-dir").arg(folder.join("files")).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap()
}

/// A port that was free a moment ago: the program takes no port 0.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
