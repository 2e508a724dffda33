//! A sound log to tamper with, and what tampers: whoever owns the folder, or a captured process.

use crate::world::{World, account};
use countersign_audit::begin::Ended;
use countersign_audit::event::{Actor, Event, Kind};
use countersign_audit::head::Head;
use countersign_audit::record::WriterId;
use countersign_audit::verify::{Concern, Conclusion, Name, Report};
use countersign_core::digest::Digest;
use countersign_core::outcome::Ending;
use countersign_core::seal::Sealer;
use countersign_core::tier::Tier;
use countersign_core::time::Clock as _;
use std::path::{Path, PathBuf};

/// A sound log: a gateway with three segments, the middle one of eight lines, another that asked
/// people about one run, and the worker that ran it. All streams are closed.
pub(crate) struct Scene {
    pub(crate) w: World,
    pub(crate) gateway: WriterId,
    pub(crate) worker: WriterId,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let w = World::new();
        let (gateway, worker) = (w.open("gateway").await, w.open("worker").await);
        for nth in 0..7 {
            gateway.note(received(nth)).unwrap();
        }
        gateway.record(received(7)).await.unwrap();
        gateway.record(received(8)).await.unwrap();
        let warrant = w.asked("a", Tier::Change, Some("1 of sre")).await;
        let (on_record, mut entry) = worker.begin(warrant, World::particulars()).await.unwrap();
        let output = worker.keep_output(w.id("a"), on_record.attempt(), b"ok".to_vec(), 0).await.unwrap();
        let outcome = w.outcome_with(w.id("a"), on_record.attempt(), Ending::Ran, &output);
        entry.close(&outcome, &Ended { output: Some(output), ..Ended::default() }).await.unwrap();
        gateway.close().await.unwrap();
        worker.close().await.unwrap();
        let it = Self { gateway: gateway.writer().clone(), worker: worker.writer().clone(), w };
        let report = it.w.verify().await;
        assert_eq!((report.conclusion(), report.findings.len()), (Conclusion::Sound, 0), "{report}");
        assert_eq!(it.segments(&it.gateway).len(), 4);
        it
    }

    pub(crate) fn folder(&self, kind: &str, writer: &WriterId) -> PathBuf {
        self.w.path("log").join(kind).join("v1").join(format!("writer={writer}"))
    }

    pub(crate) fn segments(&self, writer: &WriterId) -> Vec<PathBuf> {
        files(&self.folder("records", writer))
    }

    /// All lines of a stream, with the file each is in.
    pub(crate) fn lines(&self, writer: &WriterId) -> Vec<(PathBuf, String)> {
        let of = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            text.lines().map(|line| (path.clone(), line.to_owned())).collect::<Vec<_>>()
        };
        self.segments(writer).into_iter().flat_map(of).collect()
    }

    pub(crate) fn put(lines: &[(PathBuf, String)]) {
        let mut paths: Vec<_> = lines.iter().map(|(path, _)| path.clone()).collect();
        paths.dedup();
        for path in paths {
            let text: String = lines.iter().filter(|(at, _)| *at == path).flat_map(|(_, line)| [line, "\n"]).collect();
            overwrite(&path, text.as_bytes());
        }
    }

    /// Edits the lines of a stream and leaves the chain as it is.
    pub(crate) fn edit(&self, writer: &WriterId, change: impl Fn(usize, &str) -> String) {
        let mut lines = self.lines(writer);
        for (nth, (_, line)) in lines.iter_mut().enumerate() {
            *line = change(nth + 1, line);
        }
        Self::put(&lines);
    }

    /// Edits the lines of a stream and makes the chain fit again.
    pub(crate) fn edit_and_rechain(&self, writer: &WriterId, change: impl Fn(usize, &str) -> String) {
        let mut lines = self.lines(writer);
        let mut prev = writer.genesis();
        for (nth, (_, line)) in lines.iter_mut().enumerate() {
            let changed = change(nth + 1, line);
            let rest = changed.split_once("\"schema\"").unwrap().1;
            *line = format!("{{\"seq\":{},\"prev\":\"{prev}\",\"schema\"{rest}", nth + 1);
            prev = Digest::of(line.as_bytes());
        }
        Self::put(&lines);
    }

    /// Signs every head of the store anew, to fit what the stream is now.
    pub(crate) fn sign_heads_anew(&self, writer: &WriterId, sealer: &Sealer) {
        let lines = self.lines(writer);
        for path in files(&self.folder("heads", writer)) {
            let size: usize = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            let root = Digest::of(lines[size - 1].1.as_bytes());
            let head = Head { size: size as u64, root, at: self.w.clock.now() };
            overwrite(&path, head.sign(writer, sealer).unwrap().as_bytes());
        }
    }

    pub(crate) async fn find(&self) -> Report {
        self.w.verify().await
    }

    #[track_caller]
    pub(crate) fn expect(report: &Report, integrity: &[Name], completeness: &[Name]) {
        assert_eq!(report.names(Concern::Integrity), integrity, "{report}");
        assert_eq!(report.names(Concern::Completeness), completeness, "{report}");
    }
}

pub(crate) fn received(nth: usize) -> Event {
    Event::of(Kind::Received).by(Actor::stranger(&account("x"))).detail("nth", nth.to_string())
}

pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    // Whoever owns the folder can replace a read-only file.
    std::fs::remove_file(path).ok();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
