//! Streams that follow the cluster: watches and followed logs.
//!
//! **Invariant:** a watcher sees every kept change after its starting version once and in order, as its selectors see it.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::kinds::Kind;
use super::logs::LogRequest;
use super::object;
use super::reply;
use super::request::{Format, Query};
use super::selector::Selector;
use super::state::Handle;
use super::status::Status;
use super::store::Event;
use super::table;
use super::versions;

/// How long a watch lasts when the client does not say. Source: `--min-request-timeout` of the API server.
const DEFAULT_WATCH: Duration = Duration::from_mins(30);

/// One watch.
pub(super) struct Watch {
    shared: Handle,
    bell: Receiver<u64>,
    stop: CancellationToken,
    kind: &'static Kind,
    namespace: Option<String>,
    selector: Selector,
    format: Format,
    seen: u64,
    until: Instant,
    first: Option<Vec<u8>>,
}

/// What a watch looks at and how it shows it.
pub(super) struct Scope {
    pub(super) kind: &'static Kind,
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
    pub(super) format: Format,
}

impl Watch {
    /// Reads the query of a watch request. Without a version to start from, what exists comes first, as `ADDED`.
    pub(super) fn open(shared: Handle, stop: CancellationToken, scope: Scope, query: &Query) -> Result<Self, Status> {
        let seconds = query.number("timeoutSeconds")?.and_then(|seconds| u64::try_from(seconds).ok());
        let until = Instant::now() + seconds.map_or(DEFAULT_WATCH, Duration::from_secs);
        let from = query.number("resourceVersion")?.unwrap_or(0);
        let bell = shared.bell();
        let Scope { kind, namespace, selector, format } = scope;
        let mut watch = Self {
            shared,
            bell,
            stop,
            kind,
            namespace,
            selector,
            format,
            seen: u64::try_from(from).unwrap_or(0),
            until,
            first: None,
        };
        if watch.seen == 0 || query.flag("sendInitialEvents") {
            watch.begin_with_all(query.flag("sendInitialEvents") && query.flag("allowWatchBookmarks"));
        } else if watch.seen > watch.shared.lock().store.version() {
            return Err(Status::expired("too large resource version"));
        }
        Ok(watch)
    }

    fn begin_with_all(&mut self, bookmark: bool) {
        let state = self.shared.lock();
        let (objects, version) = (state.store.list(self.kind, self.namespace.as_deref()), state.store.version());
        drop(state);
        let mut first = Vec::new();
        for object in objects.iter().filter(|object| self.selector.matches(object)) {
            first.extend(self.line("ADDED", object));
        }
        if bookmark {
            let metadata =
                json!({"resourceVersion": version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"}});
            let mark = json!({"kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata});
            first.extend(self.line("BOOKMARK", &mark));
        }
        self.seen = version;
        self.first = Some(first);
    }

    /// The stream of lines; it ends at the watch's timeout or at the server's stop.
    pub(super) fn into_stream(self) -> impl Stream<Item = Bytes> + Send {
        stream::unfold(self, |mut watch| async move {
            let chunk = watch.next().await?;
            Some((chunk, watch))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some(Bytes::from(first));
        }
        loop {
            self.bell.mark_unchanged();
            let lines = self.news();
            if !lines.is_empty() {
                return Some(Bytes::from(lines));
            }
            let rung = timeout_at(self.until, self.stop.run_until_cancelled(self.bell.changed())).await;
            let Ok(Some(Ok(()))) = rung else { return None };
        }
    }

    fn news(&mut self) -> Vec<u8> {
        let state = self.shared.lock();
        let start = state.history.partition_point(|event| event.version <= self.seen);
        let events: Vec<Event> = state.history[start..].to_vec();
        drop(state);
        if let Some(last) = events.last() {
            self.seen = last.version;
        }
        events.iter().filter_map(|event| self.shown(event)).flatten().collect()
    }

    /// An event as this watch's selectors see it: an object that stops matching is gone for them.
    fn shown(&self, event: &Event) -> Option<Vec<u8>> {
        let matches = |object: &Arc<Value>| {
            let inside = self.namespace.as_deref().is_none_or(|wanted| object::namespace(object) == wanted);
            inside && self.selector.matches(object)
        };
        if (event.kind.group, event.kind.plural) != (self.kind.group, self.kind.plural) {
            return None;
        }
        let before = event.before.as_ref().filter(|object| matches(object));
        let after = event.after.as_ref().filter(|object| matches(object));
        match (before, after) {
            (None, None) => None,
            (None, Some(new)) => Some(self.line("ADDED", new)),
            (Some(_), Some(new)) => Some(self.line("MODIFIED", new)),
            (Some(old), None) => {
                let mut gone = (**old).clone();
                object::set(&mut gone, &["metadata", "resourceVersion"], event.version.to_string());
                Some(self.line("DELETED", &gone))
            }
        }
    }

    fn line(&self, kind: &str, object: &Value) -> Vec<u8> {
        let object = &versions::to_served(self.kind, object.clone());
        let shown = match self.format {
            Format::Objects => object.clone(),
            Format::Metadata => table::partial(object),
            Format::Table { version, include } => {
                let metadata = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                let rows = [object.clone()];
                table::render(self.kind, &rows, metadata, version, include, self.shared.now())
            }
        };
        reply::line(&json!({"type": kind, "object": shown})).to_vec()
    }
}

/// A log being followed: the backlog, then every line as it is written, until the log is complete or its pod gone.
pub(super) fn follow(
    shared: Handle,
    stop: CancellationToken,
    request: LogRequest,
    backlog: String,
) -> impl Stream<Item = Bytes> + Send {
    let bell = shared.bell();
    let seen = request.after(&shared.lock().store, 0).1;
    stream::unfold(
        (shared, bell, stop, request, seen, Some(backlog)),
        |(shared, mut bell, stop, request, seen, backlog)| async move {
            if let Some(text) = backlog.filter(|text| !text.is_empty()) {
                return Some((Bytes::from(text), (shared, bell, stop, request, seen, None)));
            }
            loop {
                bell.mark_unchanged();
                let (text, now_seen, open) = request.after(&shared.lock().store, seen);
                if !text.is_empty() {
                    return Some((Bytes::from(text), (shared, bell, stop, request, now_seen, None)));
                }
                if !open {
                    return None;
                }
                let Some(Ok(())) = stop.run_until_cancelled(bell.changed()).await else { return None };
            }
        },
    )
}
