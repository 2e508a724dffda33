//! The log in buckets, as an operator and an auditor reach it from the command line.

use crate::installation::{Installation, Said, countersign_with, files};
use crate::servers::moto::Moto;
use crate::servers::{Setup, Store};
use countersign_audit::clock::SystemClock;
use countersign_audit::s3::{Bucket, BucketSettings, Credentials, Kind};
use countersign_audit::sink::{Key, Sink as _};
use std::sync::Arc;
use std::time::Duration;

const RETENTION: Duration = Duration::from_hours(48);

/// A store, and a program that finds its credentials as every AWS tool does.
struct Site {
    it: Installation,
    moto: Moto,
}

impl Site {
    /// A log that was written to folders, moved into buckets of its own.
    async fn new() -> Self {
        let (it, moto) = (Installation::new().await, Moto::with_policies());
        moto.store.make("acme-log", Setup::Locked { days: 2 }).await;
        moto.store.make("acme-heads", Setup::Locked { days: 2 }).await;
        moto.store.make("acme-fate", Setup::Plain).await;
        let locked = Kind::Locked { retention: RETENTION };
        for (folder, bucket, kind) in
            [("audit", "acme-log", locked), ("anchors", "acme-heads", locked), ("fate", "acme-fate", Kind::Plain)]
        {
            moved(&it, folder, &moto.store, bucket, kind).await;
        }
        Self { it, moto }
    }

    fn says(&self, words: &[&str]) -> Said {
        let home = self.it.text("");
        let (id, secret) = &self.moto.store.process;
        let environment = [
            ("HOME", home.as_str()),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", id),
            ("AWS_SECRET_ACCESS_KEY", secret),
        ];
        let store = ["--endpoint", &self.moto.store.endpoint, "--path-style"];
        countersign_with(&environment, &[words, &store].concat())
    }

    /// `countersign audit WORDS`, about the log in the buckets.
    fn audit(&self, words: &[&str]) -> Said {
        let root = self.it.text("keys/root.pub");
        let place = ["--audit", "s3://acme-log", "--fate", "s3://acme-fate", "--anchors", "s3://acme-heads"];
        self.says(&[&["audit"], words, &place, &["--root", &root]].concat())
    }
}

async fn moved(it: &Installation, folder: &str, store: &Store, bucket: &str, kind: Kind) {
    let settings = BucketSettings {
        endpoint: Some(store.endpoint.clone()),
        path_style: true,
        credentials: Credentials::Key { id: store.process.0.clone(), secret: store.process.1.clone().into() },
        ..BucketSettings::new(bucket, store.region, kind)
    };
    let bucket = Bucket::open(settings, Arc::new(SystemClock)).await.unwrap();
    let from = it.path(folder);
    for (path, bytes) in files(&from) {
        let name = path.strip_prefix(&from).unwrap().to_str().unwrap();
        bucket.put_new(&Key::parse(name).unwrap(), bytes).await.unwrap();
    }
}

#[tokio::test]
async fn a_log_in_buckets_is_verified_read_and_published_to() {
    let site = Site::new().await;
    let keys = site.it.text("keys");
    let publish = ["key", "publish", "--keys", &keys, "--to", "s3://acme-log"];
    let said = site.says(&publish);
    assert!(said.code == 3 && said.err.contains("--retention-days"), "{said:?}");
    let said = site.says(&[&publish[..], &["--retention-days", "2"]].concat());
    assert!(said.code == 0 && said.out.contains("1 published, 1 were there."), "the auditor's: {said:?}");

    let verified = site.audit(&["verify", "--retention-days", "2"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    assert!(verified.out.contains("6 records") && verified.out.contains("Notices: none"), "{verified:?}");
    let longer = site.audit(&["verify", "--retention-days", "30"]);
    assert!(longer.code == 2 && longer.out.contains("short-retention"), "{longer:?}");
    assert!(longer.out.contains("Broken: no record was found changed"), "{longer:?}");

    let key = site.it.text("keys/auditor.key");
    let search = ["search", "--env", "prod", "--key", &key];
    let said = site.audit(&search);
    assert!(said.code == 3 && said.out.is_empty() && said.err.contains("--retention-days"), "{said:?}");
    let said = site.audit(&[&search[..], &["--retention-days", "2"]].concat());
    assert!(said.code == 0 && said.out.contains("not-allowed"), "{said:?}");
    let read = site.audit(&["search", "--event", "log-read", "--unrecorded"]);
    assert!(read.code == 0 && read.out.contains("filter=env=prod"), "{read:?}");
    let shown = site.audit(&["show", &site.it.ids[0].short(), "--unrecorded"]);
    assert!(shown.code == 0 && shown.out.contains("of-ann"), "{shown:?}");
    let verified = site.audit(&["verify", "--retention-days", "2"]);
    assert!(verified.code == 0 && verified.out.contains("of 2 writers"), "{verified:?}");
}

#[tokio::test]
async fn another_place_than_the_log_is_neither_sound_nor_written_to() {
    let site = Site::new().await;
    let root = site.it.text("keys/root.pub");
    for (place, told) in [
        ("s3://acme-log/prod", "no stream of records and no signed head"),
        ("s3://acme-lag", "there is no bucket `acme-lag`"),
        ("s3://", "cannot be the name of a bucket"),
    ] {
        let said = site.says(&["audit", "verify", "--audit", place, "--root", &root]);
        assert!(said.code == 3 && said.out.is_empty() && said.err.contains(told), "{said:?}");
    }
    let other = Installation::new().await;
    let keys = other.text("keys");
    let said = site.says(&["key", "publish", "--keys", &keys, "--to", "s3://acme-log", "--retention-days", "2"]);
    assert!(said.code == 3 && said.err.contains("none of them is of a root key"), "{said:?}");
    let verified = site.audit(&["verify"]);
    assert_eq!(verified.code, 0, "{verified:?}");
}
