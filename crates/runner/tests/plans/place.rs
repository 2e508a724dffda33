//! The two places, as somebody with write access to them sees them; and what only one of them has.

use crate::servers::Setup;
use crate::servers::moto::Moto;
use crate::{NOW, PLAN, id_of, key_of, soon, store};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::primitives::ByteStream;
use countersign_audit::s3::{BucketSettings, Credentials, Kind};
use countersign_runner::plans::{PlanError, PlanPlace, PlanSettings, PlanStore};
use secrecy::SecretString;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) trait Place {
    fn settings(&self) -> PlanPlace;
    /// How many bytes lie between two that are tried.
    fn step(&self) -> usize;
    async fn names(&self) -> Vec<String>;
    async fn read(&self, name: &str) -> Vec<u8>;
    async fn write(&self, name: &str, bytes: &[u8]);

    async fn only(&self) -> String {
        let [name] = &self.names().await[..] else { panic!("there is one") };
        name.clone()
    }
}

pub(crate) struct Folder {
    base: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { base: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.base.path().join("plans")
    }
}

impl Place for Folder {
    fn settings(&self) -> PlanPlace {
        PlanPlace::Folder(self.path())
    }

    fn step(&self) -> usize {
        1
    }

    async fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let pools = std::fs::read_dir(self.path()).into_iter().flatten().map(|it| it.unwrap().path());
        for file in pools.flat_map(|pool| std::fs::read_dir(pool).unwrap()) {
            names.push(file.unwrap().path().strip_prefix(self.path()).unwrap().to_str().unwrap().to_owned());
        }
        names.sort();
        names
    }

    async fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    async fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).unwrap();
    }
}

pub(crate) struct Bucket {
    moto: Moto,
}

const NAME: &str = "plans-of-acme";

impl Bucket {
    /// One where the worker may do no more than it needs.
    pub(crate) async fn new() -> Self {
        let moto = Moto::start();
        moto.store.make(NAME, Setup::Plain).await;
        Self { moto }
    }

    fn settings_of(&self, id: &str, secret: &str) -> PlanPlace {
        PlanPlace::Bucket(BucketSettings {
            endpoint: Some(self.moto.store.endpoint.clone()),
            path_style: true,
            prefix: Some("countersign/acme".to_owned()),
            credentials: Credentials::Key { id: id.to_owned(), secret: SecretString::from(secret) },
            ..BucketSettings::new(NAME, self.moto.store.region, Kind::Plain)
        })
    }
}

impl Place for Bucket {
    fn settings(&self) -> PlanPlace {
        self.settings_of(&self.moto.store.id, &self.moto.store.secret)
    }

    fn step(&self) -> usize {
        7
    }

    async fn names(&self) -> Vec<String> {
        let pages = self.moto.store.admin().list_objects_v2().bucket(NAME).into_paginator().send();
        let pages = pages.try_collect().await.unwrap();
        let names = pages.iter().flat_map(ListObjectsV2Output::contents).map(|object| object.key().unwrap().to_owned());
        names.collect()
    }

    async fn read(&self, name: &str) -> Vec<u8> {
        let answer = self.moto.store.admin().get_object().bucket(NAME).key(name).send().await.unwrap();
        answer.body.collect().await.unwrap().to_vec()
    }

    async fn write(&self, name: &str, bytes: &[u8]) {
        let put = self.moto.store.admin().put_object().bucket(NAME).key(name);
        put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn p47_the_folder_is_the_workers_alone() {
    let place = Folder::new();
    let id = id_of("main", "dev", "1", PLAN);
    store(place.settings()).put(&id, PLAN, soon()).await.unwrap();
    assert_eq!((mode(&place.path()), mode(&place.path().join("pool=main"))), (0o700, 0o700));
    assert_eq!(mode(&place.path().join(place.only().await)), 0o600);
    for open in [0o750, 0o701, 0o1700] {
        for path in [place.path(), place.path().join("pool=main")] {
            let opened = store(place.settings());
            std::fs::set_permissions(&path, PermissionsExt::from_mode(open)).unwrap();
            let got = opened.get(&key_of(&id), NOW).await;
            assert!(matches!(got, Err(PlanError::Settings { .. })), "{open:o}: {got:?}");
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
        }
    }
}

#[tokio::test]
async fn p47_no_link_in_the_folder_is_followed() {
    let place = Folder::new();
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    store.put(&id, PLAN, soon()).await.unwrap();
    let name = place.only().await;
    let (file, elsewhere) = (place.path().join(&name), place.base.path().join("elsewhere"));
    // The plan itself, moved away, with a link in its place: even that is not what was saved.
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Changed)));
    assert_eq!(store.sweep("main", soon()).await.unwrap(), 0);
    assert!(matches!(store.put(&id, PLAN, soon()).await, Err(PlanError::Exists)));
    // What is forgotten is the link.
    store.forget(&key_of(&id)).await.unwrap();
    assert!(!file.is_symlink() && elsewhere.exists());
    // A folder in the place of the plan, and a link to nothing.
    std::fs::create_dir(&file).unwrap();
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Changed)));
    std::fs::remove_dir(&file).unwrap();
    let target = place.base.path().join("planted");
    symlink(&target, &file).unwrap();
    assert!(matches!(store.put(&id, PLAN, soon()).await, Err(PlanError::Exists)));
    assert!(!target.exists(), "a plan was written through a link");
    // The pool's folder, and the whole one.
    let (pool, real) = (place.path().join("pool=main"), place.base.path().join("real"));
    std::fs::rename(&pool, &real).unwrap();
    symlink(&real, &pool).unwrap();
    assert!(matches!(store.put(&id, PLAN, soon()).await, Err(PlanError::Settings { .. })));
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Settings { .. })));
    let whole = place.base.path().join("whole");
    std::fs::rename(place.path(), &whole).unwrap();
    symlink(&whole, place.path()).unwrap();
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Settings { .. })));
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_removed_once_it_is_old() {
    let place = Folder::new();
    let store = store(place.settings());
    store.put(&id_of("main", "dev", "1", PLAN), PLAN, soon()).await.unwrap();
    let torn = place.path().join("pool=main/.unfinished-0123");
    std::fs::write(&torn, b"half").unwrap();
    let written = std::fs::metadata(&torn).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let written = countersign_core::time::Timestamp::from_millis(i64::try_from(written).unwrap());
    store.sweep("main", written.plus(Duration::from_mins(59))).await.unwrap();
    assert!(torn.exists(), "another worker may still be writing it");
    store.sweep("main", written.plus(Duration::from_mins(62))).await.unwrap();
    assert!(!torn.exists());
}

#[tokio::test]
async fn a_folder_that_went_away_is_an_outage_and_not_an_answer() {
    let place = Folder::new();
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    store.put(&id, PLAN, soon()).await.unwrap();
    let away = place.base.path().join("away");
    std::fs::rename(place.path(), &away).unwrap();
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Unavailable(_))));
    std::fs::rename(&away, place.path()).unwrap();
    store.get(&key_of(&id), NOW).await.unwrap();
}

#[tokio::test]
async fn a_bucket_needs_the_permissions_that_are_documented_and_no_others() {
    let mut moto = Moto::start();
    let bucket = format!("arn:aws:s3:::{NAME}");
    // As deploy/example documents it.
    let policy = format!(
        r#"{{"Effect":"Allow","Action":["s3:PutObject","s3:GetObject","s3:DeleteObject"],"Resource":"{bucket}/countersign/acme/plans/*"}},{{"Effect":"Allow","Action":"s3:ListBucket","Resource":"{bucket}"}}"#
    );
    moto.store.make(NAME, Setup::Plain).await;
    let worker = moto.user("worker", &policy);
    let stranger = moto.user("stranger", r#"{"Effect":"Allow","Action":"s3:ListAllMyBuckets","Resource":"*"}"#);
    let admin = moto.user("admin", r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#);
    (moto.store.id, moto.store.secret) = admin;
    moto.enforces(true);
    let place = Bucket { moto };
    let own = store(place.settings_of(&worker.0, &worker.1));
    let id = id_of("main", "dev", "1", PLAN);
    assert!(matches!(own.get(&key_of(&id), NOW).await, Err(PlanError::Missing)));
    own.put(&id, PLAN, soon()).await.unwrap();
    own.get(&key_of(&id), NOW).await.unwrap();
    assert_eq!(own.sweep("main", soon()).await.unwrap(), 1);
    own.forget(&key_of(&id)).await.unwrap();
    // Not allowed is an outage, in words of what is missing; never "there is none".
    let other = store(place.settings_of(&stranger.0, &stranger.1));
    let Err(PlanError::Unavailable(source)) = other.get(&key_of(&id), NOW).await else { panic!("it may not") };
    assert!(source.to_string().contains("s3:GetObject"), "{source}");
    assert!(matches!(other.put(&id, PLAN, soon()).await, Err(PlanError::Unavailable(_))));
    assert!(matches!(other.sweep("main", NOW).await, Err(PlanError::Unavailable(_))));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_outage() {
    let moto = Moto::start();
    let place = Bucket { moto };
    let store = store(place.settings());
    let id = id_of("main", "dev", "1", PLAN);
    assert!(matches!(store.get(&key_of(&id), NOW).await, Err(PlanError::Unavailable(_))));
    assert!(matches!(store.put(&id, PLAN, soon()).await, Err(PlanError::Unavailable(_))));
}

#[test]
fn a_bucket_is_reached_over_tls_or_on_this_machine() {
    let open = |endpoint: &str| {
        let bucket = BucketSettings {
            endpoint: Some(endpoint.to_owned()),
            ..BucketSettings::new("plans-of-acme", "eu-central-1", Kind::Plain)
        };
        let (place, keep) = (PlanPlace::Bucket(bucket), Duration::from_hours(1));
        PlanStore::open(PlanSettings { deployment: "acme".into(), place, key: crate::key(crate::KEY), keep })
    };
    for good in ["https://s3.internal:9000", "http://127.0.0.1:5000", "http://[::1]:5000"] {
        open(good).unwrap();
    }
    for bad in ["http://s3.internal", "https://u:p@s3.internal", "ftp://127.0.0.1", "http://127.0.0.1.example"] {
        assert!(matches!(open(bad), Err(PlanError::Settings { .. })), "{bad}");
    }
}
