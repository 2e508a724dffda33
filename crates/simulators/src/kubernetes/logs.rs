//! Container logs: what `pods/log` answers, and lines that arrive while somebody follows.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::object;
use super::request::Query;
use super::status::Status;
use super::store::{Store, stamp};

/// One line with the time it was written.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) at: Timestamp,
    pub(super) text: String,
}

/// One container's log.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    pub(super) current: Vec<Line>,
    /// Lines of the instance before the last restart.
    pub(super) previous: Vec<Line>,
    /// While true a follower waits for more; once false the log is complete and a follower's stream ends.
    pub(super) open: bool,
}

/// What a request asked of a log.
#[derive(Debug)]
pub(super) struct LogRequest {
    pub(super) pod_uid: String,
    pub(super) container: String,
    pub(super) follow: bool,
    previous: bool,
    timestamps: bool,
    tail: Option<usize>,
    since: Option<Timestamp>,
    limit_bytes: Option<usize>,
}

impl LogRequest {
    /// Reads the query of a `pods/log` request against the pod it is about.
    pub(super) fn parse(query: &Query, pod: &Value, now: Timestamp) -> Result<Self, Status> {
        let container = container(query, pod)?;
        let previous = query.flag("previous");
        let since = match (query.number("sinceSeconds")?, query.value("sinceTime")) {
            (Some(seconds), _) => Some(now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MIN)),
            (None, Some(time)) => {
                Some(time.parse().map_err(|_| Status::bad_request("sinceTime: not an RFC 3339 time"))?)
            }
            (None, None) => None,
        };
        Ok(Self {
            pod_uid: object::uid(pod).to_owned(),
            container,
            follow: query.flag("follow") && !previous,
            previous,
            timestamps: query.flag("timestamps"),
            tail: size(query, "tailLines")?,
            since,
            limit_bytes: size(query, "limitBytes")?,
        })
    }

    /// The backlog as text.
    pub(super) fn backlog(&self, store: &Store, pod_name: &str) -> Result<String, Status> {
        let log = self.log(store);
        let lines = match log {
            Some(log) if self.previous => log.previous.as_slice(),
            Some(log) => log.current.as_slice(),
            None => &[],
        };
        if self.previous && lines.is_empty() {
            let container = &self.container;
            let message = format!("previous terminated container \"{container}\" in pod \"{pod_name}\" not found");
            return Err(Status::bad_request(message));
        }
        let recent: Vec<&Line> = lines.iter().filter(|line| self.since.is_none_or(|since| line.at >= since)).collect();
        let skipped = self.tail.map_or(0, |tail| recent.len().saturating_sub(tail));
        let mut text: String = recent[skipped..].iter().map(|line| self.render(line)).collect();
        if let Some(limit) = self.limit_bytes {
            text.truncate(text.floor_char_boundary(limit));
        }
        Ok(text)
    }

    /// Lines written after the first `seen`, and whether more can come.
    pub(super) fn after(&self, store: &Store, seen: usize) -> (String, usize, bool) {
        let Some(log) = self.log(store) else { return (String::new(), seen, false) };
        let fresh = log.current.get(seen..).unwrap_or_default();
        (fresh.iter().map(|line| self.render(line)).collect(), log.current.len(), log.open)
    }

    fn log<'a>(&self, store: &'a Store) -> Option<&'a Log> {
        store.logs.get(&(self.pod_uid.clone(), self.container.clone()))
    }

    fn render(&self, line: &Line) -> String {
        if self.timestamps { format!("{} {}\n", stamp(line.at), line.text) } else { format!("{}\n", line.text) }
    }
}

fn size(query: &Query, key: &str) -> Result<Option<usize>, Status> {
    let number = query.number(key)?;
    let size = number.map(usize::try_from).transpose();
    size.map_err(|_| Status::bad_request(format!("{key}: must be greater than or equal to 0")))
}

fn container(query: &Query, pod: &Value) -> Result<String, Status> {
    let names: Vec<&str> = object::list(pod, "/spec/containers").iter().map(|one| object::text(one, "/name")).collect();
    let pod_name = object::name(pod);
    match (query.value("container").filter(|name| !name.is_empty()), names.as_slice()) {
        (Some(wanted), names) if names.contains(&wanted) => Ok(wanted.to_owned()),
        (Some(wanted), _) => Err(Status::bad_request(format!("container {wanted} is not valid for pod {pod_name}"))),
        (None, [only]) => Ok((*only).to_owned()),
        (None, names) => Err(Status::bad_request(format!(
            "a container name must be specified for pod {pod_name}, choose one of: [{}]",
            names.join(" ")
        ))),
    }
}
