//! What every second place is for, the same over each kind: a store that was put back is found.

use crate::git::{Remote, git, look};
use crate::installation::{DEPLOYMENT, Installation, received};
use crate::receivers::{Host, Kind};
use countersign_audit::anchor::{Anchor, Heads, SyslogFile, SyslogPlace, SyslogSettings};
use countersign_audit::directory::Directory;
use countersign_audit::layout;
use countersign_audit::sink::{Key, Sink as _};
use countersign_audit::verify::{Concern, Conclusion, Name};
use std::sync::Arc;

/// A second place as the writer sees it, as an auditor sees it, and what a stranger can add to it.
enum Place {
    Folder(Arc<Directory>),
    Git(Remote),
    Syslog(Host),
}

impl Place {
    async fn all(it: &Installation) -> Vec<Self> {
        let folder = it.path("second");
        std::fs::create_dir(&folder).unwrap();
        let mut all = vec![
            Self::Folder(Arc::new(Directory::open(folder, it.clock.clone()).unwrap())),
            Self::Git(Remote::make(it.path("remote.git"))),
        ];
        for kind in Kind::ALL {
            all.push(Self::Syslog(Host::start(kind, &it.path(&format!("{kind:?}"))).await));
        }
        all
    }

    async fn anchor(&self, it: &Installation) -> Arc<dyn Anchor> {
        match self {
            Self::Folder(directory) => directory.clone(),
            Self::Git(remote) => Arc::new(remote.place(it, "work").await),
            Self::Syslog(host) => {
                let settings = SyslogSettings {
                    address: host.address(),
                    deployment: DEPLOYMENT.into(),
                    host: None,
                    tls: host.tls(),
                    clock: it.clock.clone(),
                };
                Arc::new(SyslogPlace::open(settings).unwrap())
            }
        }
    }

    async fn heads(&self, it: &Installation) -> Arc<dyn Heads> {
        match self {
            Self::Folder(directory) => directory.clone(),
            Self::Git(remote) => {
                let clone = it.path("clone");
                let _ = std::fs::remove_dir_all(&clone);
                Arc::new(look(&remote.cloned(clone)).await)
            }
            Self::Syslog(host) => Arc::new(SyslogFile::new(&host.file(), DEPLOYMENT)),
        }
    }

    /// Somebody who can write there, and has no key, adds a head.
    async fn forge(&self, it: &Installation, key: &Key) {
        match self {
            Self::Folder(directory) => {
                directory.put_new(key, b"forged\n".to_vec()).await.unwrap();
            }
            Self::Git(remote) => {
                let clone = remote.cloned(it.path("vandal"));
                let file = clone.join(key.as_str());
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(file, "forged\n").unwrap();
                git(&clone, &["add", "."]);
                git(&clone, &["commit", "--quiet", "--message", "forged"]);
                git(&clone, &["push", "--quiet", "origin", "countersign-heads"]);
            }
            Self::Syslog(host) => {
                let seen = host.messages.borrow().len();
                self.anchor(it).await.keep(key, "forged\n").await.unwrap();
                host.has(seen + 1).await;
            }
        }
    }

    /// A datagram may still be on its way; everything else is there when the log was closed.
    async fn has(&self, it: &Installation, last: &Key) {
        if let Self::Syslog(host) = self {
            host.tells_of(last.as_str()).await;
        }
        let names = self.heads(it).await.names().await.unwrap();
        assert_eq!(names.last().map(String::as_str), Some(last.as_str()), "{}", self.shown());
    }

    fn shown(&self) -> String {
        match self {
            Self::Folder(_) => "folder".into(),
            Self::Git(_) => "git".into(),
            Self::Syslog(host) => host.address().to_string(),
        }
    }
}

#[tokio::test]
async fn a_store_that_was_put_back_is_found_by_every_kind_of_second_place() {
    let it = Installation::new();
    let places = Place::all(&it).await;
    let mut anchors = Vec::new();
    for place in &places {
        anchors.push(place.anchor(&it).await);
    }
    let log = it.open(anchors).await;
    log.record(received()).await.unwrap();
    let copy = it.copy();
    log.record(received()).await.unwrap();
    log.close().await.unwrap();
    for place in &places {
        place.has(&it, &layout::head(log.writer(), 4)).await;
        let report = it.verify(vec![place.heads(&it).await]).await;
        assert_eq!(report.conclusion(), Conclusion::Sound, "{}: {report}", place.shown());
        assert_eq!(report.names(Concern::Notice), [], "{}: {report}", place.shown());
    }
    it.put_back(&copy);
    let alone = it.verify(vec![]).await;
    assert_eq!(alone.conclusion(), Conclusion::Sound, "without a second place nothing shows: {alone}");
    for place in &places {
        let report = it.verify(vec![place.heads(&it).await]).await;
        let shown = place.shown();
        assert_eq!(report.names(Concern::Completeness), [Name::RolledBack], "{shown}: {report}");
        assert_eq!(report.names(Concern::Integrity), [], "{shown}: {report}");
    }
}

#[tokio::test]
async fn a_forged_head_in_any_second_place_is_found_and_hides_nothing() {
    let it = Installation::new();
    let places = Place::all(&it).await;
    let mut anchors = Vec::new();
    for place in &places {
        anchors.push(place.anchor(&it).await);
    }
    let log = it.open(anchors).await;
    let copy = it.copy();
    log.record(received()).await.unwrap();
    log.close().await.unwrap();
    let forged = layout::head(log.writer(), 2);
    for place in &places {
        place.has(&it, &layout::head(log.writer(), 3)).await;
        place.forge(&it, &forged).await;
        let report = it.verify(vec![place.heads(&it).await]).await;
        let shown = place.shown();
        assert_eq!(report.names(Concern::Integrity), [Name::ForgedAnchor], "{shown}: {report}");
        assert_eq!(report.names(Concern::Completeness), [], "{shown}: {report}");
    }
    it.put_back(&copy);
    for place in &places {
        let report = it.verify(vec![place.heads(&it).await]).await;
        assert_eq!(report.names(Concern::Completeness), [Name::RolledBack], "{}: {report}", place.shown());
    }
}

#[tokio::test]
async fn a_forged_line_under_a_true_heads_name_does_not_hide_it_in_a_syslog_file() {
    for before in [true, false] {
        let it = Installation::new();
        let place = Place::Syslog(Host::start(Kind::Tcp, &it.path("host")).await);
        let log = it.open(vec![place.anchor(&it).await]).await;
        let copy = it.copy();
        log.record(received()).await.unwrap();
        let last = layout::head(log.writer(), 3);
        if before {
            place.forge(&it, &last).await;
        }
        log.close().await.unwrap();
        place.has(&it, &last).await;
        if !before {
            place.forge(&it, &last).await;
        }
        it.put_back(&copy);
        let report = it.verify(vec![place.heads(&it).await]).await;
        assert_eq!(report.names(Concern::Integrity), [Name::ForgedAnchor], "{report}");
        assert_eq!(report.names(Concern::Completeness), [Name::RolledBack], "{report}");
    }
}
