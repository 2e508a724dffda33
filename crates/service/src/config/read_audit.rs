//! Reads the `audit` section: stores, buckets, second places.
//!
//! **Invariant:** what is written here decides what auditors can rely on, so nothing is guessed: no
//! retention, no region and no second place has a default.

use super::audit::{AccessKey, AnchorPlace, Audit, Bucket, DAY, FatePlace, Git, LogPlace, Ssh, Syslog};
use super::read::Reading;
use axum::http::Uri;
use countersign_audit::anchor::{AnchorSpec, Branch, SyslogAddress};
use countersign_audit::sink::Key;
use countersign_policy::ProblemCode;
use countersign_policy::reader::Fields;
use countersign_policy::yaml::{Node, Value};
use std::path::PathBuf;
use std::time::Duration;

/// The git that is used, unless it is said otherwise.
const GIT: &str = "/usr/bin/git";

/// A century: a longer lock is a typing mistake, and nobody can take it back.
const LONGEST_RETENTION_DAYS: i64 = 36_500;

impl Reading<'_, '_> {
    pub(super) fn audit(&mut self, fields: &Fields<'_>) -> Option<Audit> {
        let node = self.reader.required(fields, "audit", "the file")?;
        let own = self.reader.fields(node, "`audit`", &["directory", "bucket", "fate", "anchors"], &[])?;
        let log = self.log_place(&own);
        let fate = self.reader.required(&own, "fate", "`audit`").and_then(|node| self.fate_place(node));
        let anchors = self.reader.required(&own, "anchors", "`audit`").and_then(|node| {
            let items = self.reader.one_or_more(node, "`audit.anchors`");
            // Each is read, so that the mistakes of all are found.
            let read: Vec<_> = items.iter().map(|item| self.anchor_place(item).map(|read| (read, item))).collect();
            read.into_iter().collect::<Option<Vec<_>>>()
        });
        if let (Some(log), Some(fate), Some(node)) = (&log, &fate, own.of("fate"))
            && log.spot() == fate.spot()
        {
            let message = "`fate` is where the log is";
            let hint = "the log is locked and kept, fates are neither: give them a place of their own";
            self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        }
        for (anchor, node) in anchors.iter().flatten() {
            let Some(spot) = anchor.spot() else { continue };
            let beside = if log.as_ref().is_some_and(|log| log.spot() == spot) {
                "an anchor is where the log is"
            } else if fate.as_ref().is_some_and(|fate| fate.spot() == spot) {
                "an anchor is where the fates are"
            } else {
                continue;
            };
            let hint = "heads prove something only where the log's writer cannot take them away";
            self.reader.note_with_hint(node.at, ProblemCode::Value, beside, hint);
        }
        let anchors = anchors?.into_iter().map(|(anchor, _)| anchor).collect();
        Some(Audit { log: log?, fate: fate?, anchors })
    }

    fn log_place(&mut self, own: &Fields<'_>) -> Option<LogPlace> {
        let directory = own.of("directory").map(|node| self.path_of(node, "`audit.directory`"));
        let bucket = own.of("bucket").map(|node| {
            let (bucket, retention) = self.bucket(node, "`audit.bucket`", Retention::Required)?;
            Some(LogPlace::Bucket(bucket, retention?))
        });
        match (directory, bucket) {
            (Some(directory), None) => directory.map(LogPlace::Directory),
            (None, Some(bucket)) => bucket,
            (None, None) | (Some(_), Some(_)) => {
                let message = "`audit` has either `directory` or `bucket`";
                self.reader.note(own.at, ProblemCode::Missing, message);
                None
            }
        }
    }

    fn fate_place(&mut self, node: &Node) -> Option<FatePlace> {
        if !matches!(node.value, Value::Map(_)) {
            return self.path_of(node, "`audit.fate`").map(FatePlace::Directory);
        }
        let own = self.reader.fields(node, "`audit.fate`", &["directory", "bucket"], &[])?;
        match (own.of("directory"), own.of("bucket")) {
            (Some(node), None) => self.path_of(node, "`directory`").map(FatePlace::Directory),
            (None, Some(node)) => {
                let (bucket, _) = self.bucket(node, "`audit.fate.bucket`", Retention::Refused)?;
                Some(FatePlace::Bucket(bucket))
            }
            (None, None) | (Some(_), Some(_)) => {
                self.reader.note(own.at, ProblemCode::Missing, "`audit.fate` is a path, `directory` or `bucket`");
                None
            }
        }
    }

    fn anchor_place(&mut self, node: &Node) -> Option<AnchorPlace> {
        if !matches!(node.value, Value::Map(_)) {
            return self.path_of(node, "an anchor").map(AnchorPlace::Directory);
        }
        let own = self.reader.fields(node, "an anchor", &["directory", "bucket", "git", "syslog"], &[])?;
        let places = ["directory", "bucket", "git", "syslog"].map(|key| own.of(key).map(|node| (key, node)));
        let mut named = places.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(("directory", node)), None) => self.path_of(node, "`directory`").map(AnchorPlace::Directory),
            (Some(("bucket", node)), None) => {
                let (bucket, retention) = self.bucket(node, "an anchor's `bucket`", Retention::Optional)?;
                Some(AnchorPlace::Bucket(bucket, retention))
            }
            (Some(("git", node)), None) => self.git(node).map(AnchorPlace::Git),
            (Some((_, node)), None) => self.syslog(node).map(AnchorPlace::Syslog),
            (None, _) | (Some(_), Some(_)) => {
                let message = "an anchor is one of `directory`, `bucket`, `git` and `syslog`";
                self.reader.note(own.at, ProblemCode::Missing, message);
                None
            }
        }
    }

    /// A bucket that keeps nothing longer than it must.
    pub(super) fn plain_bucket(&mut self, node: &Node, what: &str) -> Option<Bucket> {
        self.bucket(node, what, Retention::Refused).map(|(bucket, _)| bucket)
    }

    fn bucket(&mut self, node: &Node, what: &str, wanted: Retention) -> Option<(Bucket, Option<Duration>)> {
        let keys = [
            "name",
            "region",
            "endpoint",
            "path_style",
            "prefix",
            "access_key_id",
            "secret_access_key",
            "retention_days",
        ];
        let known =
            if wanted == Retention::Refused { keys.split_last().map_or(&keys[..], |(_, rest)| rest) } else { &keys };
        let own = self.reader.fields(node, what, known, &[])?;
        let name = self.bucket_name(&own, what);
        let region = self.required_text(&own, "region", what);
        let endpoint = own.of("endpoint").map(|node| self.endpoint(node).ok_or(Noted)).transpose();
        let path_style = own.of("path_style").map_or(Some(false), |node| self.reader.boolean(node, "`path_style`"));
        let prefix = own.of("prefix").map(|node| self.prefix(node).ok_or(Noted)).transpose();
        let access_key = self.pair(&own, ("access_key_id", "secret_access_key"), Self::secret_of);
        let days = match wanted {
            Retention::Required => self.reader.required(&own, "retention_days", what),
            Retention::Optional => own.of("retention_days"),
            Retention::Refused => None,
        };
        let mut whole = |node| self.reader.whole(node, "`retention_days`", 1, LONGEST_RETENTION_DAYS);
        let days = days.map(|node| whole(node).and_then(|days| u32::try_from(days).ok()).ok_or(Noted)).transpose();
        let bucket = Bucket {
            name: name?,
            region: region?,
            endpoint: endpoint.ok()?,
            path_style: path_style?,
            prefix: prefix.ok()?,
            access_key: access_key.ok()?.map(|(id, secret)| AccessKey { id, secret }),
        };
        Some((bucket, days.ok()?.map(|days| DAY * days)))
    }

    /// S3's own rule for names (general purpose buckets).
    fn bucket_name(&mut self, own: &Fields<'_>, what: &str) -> Option<String> {
        let node = self.reader.required(own, "name", what)?;
        let name = self.reader.text(node, "a bucket's name")?;
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
        let outer = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let bytes = name.as_bytes();
        let fits = (3..=63).contains(&bytes.len())
            && bytes.iter().all(|byte| inner(*byte))
            && outer(bytes.first())
            && outer(bytes.last())
            && !name.contains("..");
        if fits {
            return Some(name.to_owned());
        }
        let message = "this is not the name of a bucket";
        let hint = if name.contains('/') {
            "write the bucket alone; what names in it begin with is `prefix`"
        } else {
            "3 to 63 small letters, digits, `-` or `.`"
        };
        self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        None
    }

    /// A place that is not AWS. What it answers decides whether something runs, so it is encrypted
    /// wherever it leaves this host.
    fn endpoint(&mut self, node: &Node) -> Option<String> {
        let text = self.reader.text(node, "`endpoint`")?;
        let parsed: Option<Uri> = text.parse().ok();
        let whole = parsed.as_ref().filter(|uri| {
            let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
            uri.host().is_some_and(|host| !host.is_empty()) && bare && !text.contains(['@', '#'])
        });
        let scheme = whole.and_then(Uri::scheme_str);
        let host = whole.and_then(Uri::host).unwrap_or_default();
        let said = match scheme {
            Some("https") => return Some(text.trim_end_matches('/').to_owned()),
            Some("http") if is_loopback(host) => return Some(text.trim_end_matches('/').to_owned()),
            Some("http") => ("`endpoint` is not encrypted", "write `https://`; only this host's own may do without"),
            _ => ("`endpoint` is not an address", "write for example `https://s3.internal:9000`"),
        };
        self.reader.note_with_hint(node.at, ProblemCode::Value, said.0, said.1);
        None
    }

    fn prefix(&mut self, node: &Node) -> Option<String> {
        let text = self.reader.text(node, "`prefix`")?;
        let text = text.strip_suffix('/').unwrap_or(text);
        if Key::parse(text).is_ok() && text.len() <= 100 {
            return Some(text.to_owned());
        }
        let message = "`prefix` is at most 100 letters, digits, `.`, `_`, `=` or `-`, in parts joined by `/`";
        self.reader.note_with_hint(node.at, ProblemCode::Value, message, "write for example `countersign/acme`");
        None
    }

    fn git(&mut self, node: &Node) -> Option<Git> {
        let keys = ["repository", "branch", "work", "program", "home", "ssh_key", "known_hosts"];
        let own = self.reader.fields(node, "`git`", &keys, &[])?;
        let repository = self.repository(&own);
        let branch = own.of("branch").map_or_else(|| Some(Branch::default()), |node| self.branch(node));
        let work = self.path(&own, "work", "`git`");
        let program = own.of("program").map_or_else(|| Some(GIT.into()), |node| self.path_of(node, "`program`"));
        let home = self.optional_path(&own, "home");
        let ssh = self.pair(&own, ("ssh_key", "known_hosts"), Self::plain_path).ok()?;
        let ssh = ssh.map(|(key, known_hosts)| Ssh { key, known_hosts });
        Some(Git { repository: repository?, branch: branch?, work: work?, program: program?, home, ssh })
    }

    /// A path that stands in a line for a shell.
    fn plain_path(&mut self, node: &Node) -> Option<PathBuf> {
        let path = self.path_of(node, "the path")?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
        if path.to_str().is_some_and(|text| text.chars().all(plain)) {
            return Some(path);
        }
        let message = "the path may have letters, digits, `/`, `.`, `_` and `-` only";
        self.reader.note(node.at, ProblemCode::Character, message);
        None
    }

    /// Two keys that mean something together.
    fn pair<T>(
        &mut self,
        own: &Fields<'_>,
        (one, other): (&'static str, &'static str),
        read: impl Fn(&mut Self, &Node) -> Option<T>,
    ) -> Result<Option<(T, T)>, Noted> {
        let first = own.of(one).map(|node| read(self, node));
        let second = own.of(other).map(|node| read(self, node));
        match (first, second) {
            (None, None) => Ok(None),
            (Some(first), Some(second)) => first.zip(second).map(Some).ok_or(Noted),
            (Some(_), None) | (None, Some(_)) => {
                let message = format!("`{one}` and `{other}` belong together");
                self.reader.note_with_hint(own.at, ProblemCode::Missing, message, "write both or neither");
                Err(Noted)
            }
        }
    }

    fn repository(&mut self, own: &Fields<'_>) -> Option<String> {
        let node = self.reader.required(own, "repository", "`git`")?;
        let text = self.reader.text(node, "`repository`")?;
        let schemes = ["https://", "ssh://", "file:///"];
        let host = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
        if host.rsplit_once('@').is_some_and(|(user, _)| user.contains(':')) {
            self.pasted(node.at);
            return None;
        }
        let short = text.split_once(':').is_some_and(|(at, path)| {
            let host = at.split_once('@').map(|(_, host)| host);
            let fits = |host: &str| !host.is_empty() && !host.starts_with('-') && !host.contains('/');
            host.is_some_and(fits) && !at.starts_with('-') && !path.is_empty() && !path.starts_with("//")
        });
        let taken = text.starts_with('/') || short || schemes.iter().any(|scheme| text.starts_with(scheme));
        if taken && !text.contains(char::is_whitespace) && !host.starts_with('-') {
            return Some(text.to_owned());
        }
        let message = "`repository` is not an address of a git repository that is used here";
        let hint = "write `https://…`, `ssh://…`, `git@host:path` or an absolute path";
        self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        None
    }

    fn branch(&mut self, node: &Node) -> Option<Branch> {
        let text = self.reader.text(node, "`branch`")?;
        let branch = Branch::parse(text);
        if branch.is_err() {
            self.reader.note(node.at, ProblemCode::Value, "`branch` is not the name of a branch");
        }
        branch.ok()
    }

    fn syslog(&mut self, node: &Node) -> Option<Syslog> {
        if !matches!(node.value, Value::Map(_)) {
            return Some(Syslog { address: self.syslog_address(node)?, ca: None, identity: None });
        }
        let own = self.reader.fields(node, "`syslog`", &["address", "ca", "certificate", "key"], &[])?;
        let address = self.reader.required(&own, "address", "`syslog`").and_then(|node| self.syslog_address(node));
        let ca = self.optional_path(&own, "ca");
        let identity = self.pair(&own, ("certificate", "key"), |it, node| it.path_of(node, "the path"));
        if let Some(SyslogAddress::Udp(_) | SyslogAddress::Tcp(_) | SyslogAddress::Unix(_)) = address
            && (own.of("ca").is_some() || own.of("certificate").is_some())
        {
            let message = "`ca` and `certificate` mean something with `tls://` alone";
            self.reader.note(own.at, ProblemCode::Value, message);
        }
        Some(Syslog { address: address?, ca, identity: identity.ok()? })
    }

    fn syslog_address(&mut self, node: &Node) -> Option<SyslogAddress> {
        let text = self.reader.text(node, "`syslog`")?;
        if let Ok(AnchorSpec::SyslogHost(address)) = format!("syslog+{text}").parse() {
            return Some(address);
        }
        let message = "`syslog` does not say how the log host is reached";
        let hint = "write `udp://host:514`, `tcp://host:601`, `tls://host:6514` or `unix:/dev/log`";
        self.reader.note_with_hint(node.at, ProblemCode::Value, message, hint);
        None
    }
}

/// Whether a bucket says how long it keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retention {
    Required,
    Optional,
    Refused,
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// What was wrong is noted already.
struct Noted;
