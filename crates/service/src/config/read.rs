//! Reads the file's nodes into a [`Config`].
//!
//! **Invariant:** the file's own text is parsed and never shown; what is shown is the masked one,
//! line for line.

use super::environment::{self, Environment, Override};
use super::mask;
use super::{
    Config, Format, Issuers, KeyFiles, Keys, Level, Log, Part, PolicyFiles, Queue, Redis, RedisAddress,
    SecretReference, Slack, Worker,
};
use countersign_policy::reader::{Fields, Reader, suggestion};
use countersign_policy::yaml::{self, Node, Value};
use countersign_policy::{Mark, Problem, ProblemCode, Problems, Source};
use countersign_redact::refuse_secrets;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LEVELS: [(&str, Level); 5] = [
    ("off", Level::Off),
    ("error", Level::Error),
    ("warn", Level::Warn),
    ("info", Level::Info),
    ("debug", Level::Debug),
];
const FORMATS: [(&str, Format); 2] = [("json", Format::Json), ("text", Format::Text)];

/// Longest name of an installation: it is part of keys in Redis.
const LONGEST_NAME: usize = 64;

pub(super) fn config(part: Part, file: &Source, environment: &Environment) -> Result<Config, Problems> {
    let (overrides, unknown) = environment.overrides();
    // Names that a reference points to are somebody's choice, whatever they begin with.
    let unknown: Vec<String> = unknown.into_iter().filter(|name| !file.text.contains(&format!("env:{name}"))).collect();
    let shown = mask::masked(&environment::with_places(file, &overrides, &unknown));
    let mut root = match yaml::parse(&file.name, &file.text) {
        Ok(root) => root,
        Err(problem) => return Err(Problems::of(vec![syntax(&file.name, &shown, &problem)])),
    };
    let mut reader = Reader::new(&file.name, &shown);
    let first_line = file.text.lines().count() + 1;
    for (nth, name) in unknown.iter().enumerate() {
        let at = Mark { line: first_line + overrides.len() + nth, column: 1, length: 1 };
        let known: Vec<String> = environment::variables().map(|(variable, _)| variable).collect();
        let hint = suggestion(name, known.iter().map(String::as_str), "variables");
        reader.note_with_hint(at, ProblemCode::UnknownKey, format!("`{name}` overrides nothing"), hint);
    }
    let config = Reading { reader: &mut reader, part }.all(&mut root, first_line, &overrides);
    let problems = reader.problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Problems::of(problems)),
    }
}

/// The library may quote the file, so its words are used only for a text without secrets.
fn syntax(name: &str, shown: &str, problem: &Problem) -> Problem {
    let mark = Mark { line: problem.line(), column: problem.column(), length: 1 };
    let said = match yaml::parse(name, shown) {
        Err(same) => same.message().to_owned(),
        Ok(_) => "this is not YAML that this file may use".to_owned(),
    };
    Problem::new(name, mark, ProblemCode::Syntax, said).with_snippet(shown)
}

pub(super) struct Reading<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    part: Part,
}

impl Reading<'_, '_> {
    fn all(&mut self, root: &mut Node, first_line: usize, overrides: &[Override]) -> Option<Config> {
        if !matches!(root.value, Value::Map(_)) {
            let message = "the file is not a map of keys";
            self.reader.note_with_hint(root.at, ProblemCode::Shape, message, "begin with `version: 1`");
            return None;
        }
        environment::put(root, first_line, overrides);
        self.no_tokens(root);
        let keys = [
            "version",
            "deployment",
            "log",
            "listen",
            "policy",
            "people",
            "keys",
            "audit",
            "queue",
            "slack",
            "worker",
            "drain",
        ];
        let fields = self.reader.fields(root, "the file", &keys, &[])?;
        self.version(&fields);
        let deployment = self.deployment(&fields);
        let log = self.log(&fields);
        let listen = self.address(&fields, "listen", "the file");
        let policy = self.policy(&fields);
        let people = self.path(&fields, "people", "the file");
        let keys = self.keys(&fields);
        let audit = self.audit(&fields);
        let queue = self.queue(&fields);
        let slack = self.side(&fields, "slack", self.part.speaks(), "a worker speaks to nobody", Self::slack);
        let worker = self.side(&fields, "worker", self.part.works(), "a gateway runs nothing", Self::worker);
        let drain = self.duration(&fields, "drain", Duration::from_mins(1));
        if let Some(node) = fields.of("worker") {
            self.plans_apart(node, audit.as_ref(), worker.as_ref());
        }
        Some(Config {
            deployment: deployment?,
            log: log?,
            listen: listen?,
            policy: policy?,
            people: people?,
            keys: keys?,
            audit: audit?,
            queue: queue?,
            slack,
            worker,
            drain: drain?,
        })
    }

    /// A token is a mistake wherever it stands, and nobody reads it on.
    fn no_tokens(&mut self, node: &mut Node) {
        let at = node.at;
        match &mut node.value {
            Value::Text(text) if refuse_secrets(text).is_some() => {
                "REMOVED".clone_into(text);
                self.pasted(at);
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.no_tokens(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, item)| self.no_tokens(item)),
            Value::Text(_) | Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float => {}
        }
    }

    pub(super) fn pasted(&mut self, at: Mark) {
        let hint = "write `file:/absolute/path` or `env:NAME`, and change the secret if this file was shown to others";
        self.reader.note_with_hint(
            at,
            ProblemCode::Value,
            "a secret is named by a reference, never written here",
            hint,
        );
    }

    fn version(&mut self, fields: &Fields<'_>) {
        let Some(node) = self.reader.required(fields, "version", "the file") else { return };
        if !matches!(node.value, Value::Int(1)) {
            let message = "this version of the file is not known";
            self.reader.note_with_hint(node.at, ProblemCode::Version, message, "write `version: 1`");
        }
    }

    fn deployment(&mut self, fields: &Fields<'_>) -> Option<String> {
        let node = self.reader.required(fields, "deployment", "the file")?;
        let name = self.reader.name(node, "the deployment")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.len() > LONGEST_NAME || !name.chars().all(fits) {
            let message = format!("the deployment is at most {LONGEST_NAME} letters, digits, `.`, `_` or `-`");
            self.reader.note(node.at, ProblemCode::Value, message);
            return None;
        }
        Some(name.to_owned())
    }

    fn log(&mut self, fields: &Fields<'_>) -> Option<Log> {
        let mut log = Log { level: Level::Info, format: Format::Json };
        let Some(node) = fields.of("log") else { return Some(log) };
        let own = self.reader.fields(node, "`log`", &["level", "format"], &[])?;
        if let Some(node) = own.of("level") {
            log.level = self.reader.word(node, "log level", &LEVELS)?;
        }
        if let Some(node) = own.of("format") {
            log.format = self.reader.word(node, "log format", &FORMATS)?;
        }
        Some(log)
    }

    fn policy(&mut self, fields: &Fields<'_>) -> Option<PolicyFiles> {
        let node = self.reader.required(fields, "policy", "the file")?;
        let own = self.reader.fields(node, "`policy`", &["rbac", "catalog", "cases", "shadow"], &[])?;
        let rbac = self.path(&own, "rbac", "`policy`");
        let catalog = self.path(&own, "catalog", "`policy`");
        let cases = self.optional_path(&own, "cases");
        let shadow = self.optional_path(&own, "shadow");
        Some(PolicyFiles { rbac: rbac?, catalog: catalog?, cases, shadow })
    }

    fn keys(&mut self, fields: &Fields<'_>) -> Option<Keys> {
        let node = self.reader.required(fields, "keys", "the file")?;
        let own = self.reader.fields(node, "`keys`", &["root", "digest", "process", "worker"], &[])?;
        let root = self.path(&own, "root", "`keys`");
        let digest = self.path(&own, "digest", "`keys`");
        let process = self.key_files(&own, "process");
        let worker = match (self.part, own.of("worker")) {
            (Part::Solo, _) => self.key_files(&own, "worker"),
            (Part::Gateway | Part::Worker, None) => None,
            (Part::Gateway | Part::Worker, Some(node)) => {
                let message = "`keys.worker` is for `countersign solo`; this process has one key";
                self.reader.note_with_hint(node.at, ProblemCode::UnknownKey, message, "write `process`");
                None
            }
        };
        Some(Keys { root: root?, digest: digest?, process: process?, worker })
    }

    fn key_files(&mut self, own: &Fields<'_>, key: &str) -> Option<KeyFiles> {
        let path = self.path(own, key, "`keys`")?;
        let is_name = |path: &Path| path.extension().is_none_or(|end| end != "key" && end != "json");
        let files = Some(&path).filter(|path| is_name(path)).and_then(|path| KeyFiles::of(path));
        if files.is_none() {
            let at = own.of(key).map_or(own.at, |node| node.at);
            let message = format!("`keys.{key}` names a process, not a file");
            let hint = "write the path without `.key`: next to it is the certificate, `.cert.json`";
            self.reader.note_with_hint(at, ProblemCode::Value, message, hint);
        }
        files
    }

    fn queue(&mut self, fields: &Fields<'_>) -> Option<Queue> {
        let node = self.reader.required(fields, "queue", "the file")?;
        let own = self.reader.fields(node, "`queue`", &["redis", "embedded"], &[])?;
        match (own.of("redis"), own.of("embedded")) {
            (Some(node), None) => self.redis(node).map(Queue::Redis),
            (None, Some(node)) if self.part == Part::Solo => {
                self.path_of(node, "`queue.embedded`").map(Queue::Embedded)
            }
            (None, Some(node)) => {
                let message = "the embedded queue is for one process alone";
                let hint = "use `redis`, or `countersign solo`";
                self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
                None
            }
            (None, None) | (Some(_), Some(_)) => {
                self.reader.note(own.at, ProblemCode::Missing, "`queue` is either `redis` or `embedded`");
                None
            }
        }
    }

    fn redis(&mut self, node: &Node) -> Option<Redis> {
        let keys = ["address", "sentinel", "user", "password", "tls", "ca", "deadline"];
        let own = self.reader.fields(node, "`queue.redis`", &keys, &[])?;
        let address = self.redis_address(&own);
        let user = self.optional_text(&own, "user", "the user");
        let password = self.optional_secret(&own, "password");
        let tls = own.of("tls").map_or(Some(true), |node| self.reader.boolean(node, "`tls`"));
        let ca = self.optional_path(&own, "ca");
        let deadline = self.duration(&own, "deadline", Duration::from_secs(1));
        if let (Some(false), Some(node)) = (tls, own.of("ca")) {
            self.reader.note(node.at, ProblemCode::Value, "`ca` means nothing without `tls`");
        }
        Some(Redis { address: address?, user, password, tls: tls?, ca, deadline: deadline? })
    }

    fn redis_address(&mut self, own: &Fields<'_>) -> Option<RedisAddress> {
        match (own.of("address"), own.of("sentinel")) {
            (Some(node), None) => {
                let (host, port) = self.host_port(node, "the address of Redis")?;
                Some(RedisAddress::Server(host, port))
            }
            (None, Some(node)) => {
                let own = self.reader.fields(node, "`sentinel`", &["nodes", "master"], &[])?;
                let nodes = self.reader.required(&own, "nodes", "`sentinel`").and_then(|node| {
                    let items = self.reader.one_or_more(node, "`sentinel.nodes`");
                    items.iter().map(|item| self.host_port(item, "a Sentinel's address")).collect::<Option<Vec<_>>>()
                });
                let master = self.required_text(&own, "master", "`sentinel`");
                Some(RedisAddress::Sentinel { nodes: nodes?, master: master? })
            }
            (None, None) | (Some(_), Some(_)) => {
                self.reader.note(own.at, ProblemCode::Missing, "`redis` has either `address` or `sentinel`");
                None
            }
        }
    }

    /// A section that one side has and the other refuses. `None` is absence, or a mistake that is noted.
    fn side<T>(
        &mut self,
        fields: &Fields<'_>,
        key: &str,
        wanted: bool,
        why: &str,
        read: impl FnOnce(&mut Self, &Node) -> Option<T>,
    ) -> Option<T> {
        if wanted {
            let node = self.reader.required(fields, key, "the file")?;
            return read(self, node);
        }
        let node = fields.of(key)?;
        let message = format!("`{key}` is not for this program: {why}");
        self.reader.note_with_hint(node.at, ProblemCode::UnknownKey, message, "take it away, its secrets as well");
        None
    }

    fn slack(&mut self, node: &Node) -> Option<Slack> {
        let keys =
            ["listen", "app", "teams", "enterprises", "signing_secret", "previous_signing_secret", "bot_token", "api"];
        let own = self.reader.fields(node, "`slack`", &keys, &[("socket_mode", "requests over a socket")])?;
        let listen = self.address(&own, "listen", "`slack`");
        let app = self.required_text(&own, "app", "`slack`");
        let teams = self.ids(&own, "teams");
        let enterprises = self.ids(&own, "enterprises");
        if teams.as_ref().is_some_and(Vec::is_empty) && enterprises.as_ref().is_some_and(Vec::is_empty) {
            let message = "`slack` serves no `teams` and no `enterprises`";
            self.reader.note_with_hint(own.at, ProblemCode::Missing, message, "name your workspace's id, `T…`");
        }
        let signing_secret = self.secret(&own, "signing_secret");
        let previous = self.optional_secret(&own, "previous_signing_secret");
        let bot_token = self.secret(&own, "bot_token");
        let api = self.optional_text(&own, "api", "`slack.api`");
        Some(Slack {
            listen: listen?,
            app: app?,
            teams: teams?,
            enterprises: enterprises?,
            signing_secret: signing_secret?,
            previous_signing_secret: previous,
            bot_token: bot_token?,
            api: api.unwrap_or_else(|| "https://slack.com/api".to_owned()),
        })
    }

    fn ids(&mut self, own: &Fields<'_>, key: &str) -> Option<Vec<String>> {
        let Some(node) = own.of(key) else { return Some(Vec::new()) };
        if matches!(&node.value, Value::List(items) if items.is_empty()) {
            return Some(Vec::new());
        }
        let items = self.reader.one_or_more(node, &format!("`slack.{key}`"));
        items.iter().map(|item| self.reader.name(item, "an id").map(str::to_owned)).collect()
    }

    fn worker(&mut self, node: &Node) -> Option<Worker> {
        let keys = [
            "pools", "name", "at_once", "lease", "launcher", "jobs", "uids", "programs", "issuers", "plans", "jobs_in",
        ];
        let own = self.reader.fields(node, "`worker`", &keys, &[])?;
        let pools = self.reader.required(&own, "pools", "`worker`").and_then(|node| {
            let items = self.reader.one_or_more(node, "`worker.pools`");
            items.iter().map(|item| self.reader.name(item, "a pool").map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let name = self.optional_text(&own, "name", "`worker.name`");
        let at_once = own.of("at_once").map_or(Some(4), |node| self.reader.whole(node, "`at_once`", 1, 1_000));
        let lease = self.duration(&own, "lease", Duration::from_secs(15));
        let launcher = self.path(&own, "launcher", "`worker`");
        let jobs = self.path(&own, "jobs", "`worker`");
        let uids = own.of("uids").map_or(Some((61_000, 61_063)), |node| self.uids(node));
        let programs = own.of("programs").map_or(Some(Vec::new()), |node| {
            let entries = self.reader.map(node, "`programs`")?;
            let one = |(key, node): (&yaml::Key, &Node)| Some((key.text.clone(), self.path_of(node, "a program")?));
            entries.into_iter().map(one).collect::<Option<Vec<_>>>()
        });
        let issuers = own.of("issuers").map_or(Some(Issuers::default()), |node| self.issuers(node));
        let plans = own.of("plans").map(|node| self.plans(node));
        let jobs_in = own.of("jobs_in").map(|node| self.jobs_in(node));
        let (first, last) = uids?;
        Some(Worker {
            pools: pools?,
            name,
            at_once: usize::try_from(at_once?).unwrap_or(1),
            lease: lease?,
            launcher: launcher?,
            jobs: jobs?,
            uids: first..last + 1,
            programs: programs?.into_iter().collect(),
            issuers: issuers?,
            // One that is wrong is noted, and the file refused for it.
            plans: plans.flatten(),
            jobs_in: jobs_in.flatten(),
        })
    }

    /// The first and the last; neither root nor the users of the host's own people.
    fn uids(&mut self, node: &Node) -> Option<(u32, u32)> {
        let [first, last] = self.reader.list(node, "`uids`") else {
            self.reader.note(node.at, ProblemCode::Shape, "`uids` are the first and the last user id of jobs");
            return None;
        };
        let first = self.reader.whole(first, "a user id", 1_000, 4_000_000_000)?;
        let last = self.reader.whole(last, "a user id", first, 4_000_000_000)?;
        Some((u32::try_from(first).ok()?, u32::try_from(last).ok()?))
    }

    pub(super) fn required_text(&mut self, own: &Fields<'_>, key: &str, what: &str) -> Option<String> {
        let node = self.reader.required(own, key, what)?;
        self.reader.name(node, &format!("`{key}`")).map(str::to_owned)
    }

    fn optional_text(&mut self, own: &Fields<'_>, key: &str, what: &str) -> Option<String> {
        own.of(key).and_then(|node| self.reader.name(node, what)).map(str::to_owned)
    }

    fn duration(&mut self, own: &Fields<'_>, key: &str, default: Duration) -> Option<Duration> {
        own.of(key).map_or(Some(default), |node| self.reader.duration(node, &format!("`{key}`")))
    }

    pub(super) fn path(&mut self, own: &Fields<'_>, key: &str, what: &str) -> Option<PathBuf> {
        let node = self.reader.required(own, key, what)?;
        self.path_of(node, &format!("`{key}`"))
    }

    pub(super) fn optional_path(&mut self, own: &Fields<'_>, key: &str) -> Option<PathBuf> {
        own.of(key).and_then(|node| self.path_of(node, &format!("`{key}`")))
    }

    pub(super) fn path_of(&mut self, node: &Node, what: &str) -> Option<PathBuf> {
        let path = PathBuf::from(self.reader.text(node, what)?);
        let climbs = path.components().any(|part| part == std::path::Component::ParentDir);
        if !path.is_absolute() || climbs {
            let message = format!("{what} is not an absolute path without `..`");
            self.reader.note(node.at, ProblemCode::Value, message);
            return None;
        }
        Some(path)
    }

    fn secret(&mut self, own: &Fields<'_>, key: &str) -> Option<SecretReference> {
        let node = self.reader.required(own, key, "`slack`")?;
        self.secret_of(node)
    }

    fn optional_secret(&mut self, own: &Fields<'_>, key: &str) -> Option<SecretReference> {
        own.of(key).and_then(|node| self.secret_of(node))
    }

    pub(super) fn secret_of(&mut self, node: &Node) -> Option<SecretReference> {
        let reference = match &node.value {
            Value::Text(text) => SecretReference::parse(text),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float | Value::List(_) | Value::Map(_) => None,
        };
        if reference.is_none() {
            self.pasted(node.at);
        }
        reference
    }

    pub(super) fn address(&mut self, own: &Fields<'_>, key: &str, what: &str) -> Option<SocketAddr> {
        let node = self.reader.required(own, key, what)?;
        let address = self.reader.text(node, &format!("`{key}`"))?.parse().ok();
        if address.is_none() {
            let message = format!("`{key}` is not an address and a port");
            self.reader.note_with_hint(node.at, ProblemCode::Value, message, "write for example `127.0.0.1:9090`");
        }
        address
    }

    fn host_port(&mut self, node: &Node, what: &str) -> Option<(String, u16)> {
        let text = self.reader.text(node, what)?;
        let parsed = text.rsplit_once(':').and_then(|(host, port)| {
            let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
            let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
            (!host.is_empty() && !host.contains(['/', '@'])).then(|| (host.to_owned(), port))
        });
        if parsed.is_none() {
            let message = format!("{what} is not a host and a port");
            self.reader.note_with_hint(node.at, ProblemCode::Value, message, "write for example `redis.internal:6379`");
        }
        parsed
    }
}
