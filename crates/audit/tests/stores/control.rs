//! The sequence that stops and allows changes, in every store that decides fates.

use crate::servers::Setup;
use crate::world::{START, World};
use crate::{made, moto, open};
use countersign_audit::control::ControlLog;
use countersign_audit::directory::Directory;
use countersign_audit::fate::{Fate, control_key};
use countersign_audit::s3::Kind;
use countersign_audit::sink::Sink;
use countersign_core::control::{ControlNote, Freeze, Lift};
use countersign_core::seal::Verifier;
use countersign_core::time::{Clock as _, Timestamp};
use std::sync::Arc;

/// An installation, one of its stores of fates, and the time by that store's clock.
struct At {
    world: World,
    sink: Arc<dyn Sink>,
    fate: Arc<dyn Fate>,
    now: Timestamp,
    /// What ends with it: the folder, or the server.
    _held: Box<dyn std::any::Any + Send + Sync>,
}

impl At {
    fn folder() -> Self {
        let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
        let store = Arc::new(Directory::open(folder.path(), world.clock.clone()).unwrap());
        Self { world, sink: store.clone(), fate: store, now: START, _held: Box::new(folder) }
    }

    async fn bucket() -> Self {
        // A store tells when it got an object in whole seconds.
        let now = countersign_audit::clock::SystemClock.now().as_millis() - 60_000;
        let now = Timestamp::from_millis(now);
        let moto = moto();
        let store = Arc::new(open(&moto.store, &made(&moto.store, Setup::Plain).await, Kind::Plain).await);
        Self { world: World::at(now), sink: store.clone(), fate: store, now, _held: Box::new(moto) }
    }

    /// What a process that has just started knows.
    async fn knows(&self) -> Vec<u64> {
        let control = self.reader();
        control.look().await.unwrap().iter().map(|freeze| freeze.epoch).collect()
    }

    fn reader(&self) -> ControlLog {
        ControlLog::new(self.fate.clone(), self.world.verifier.clone())
    }

    fn freeze(&self, epoch: u64, env: Option<&str>, key: &str) -> ControlNote {
        let freeze = Freeze {
            v: 1,
            deployment: self.world.verifier.deployment().to_owned(),
            epoch,
            invocation: self.world.id("freeze"),
            env: env.map(str::to_owned),
            why: "it deletes data".into(),
            by: "ann".into(),
            at: self.now,
        };
        freeze.seal(&self.world.sealer(key))
    }

    fn lift(&self, epoch: u64, lifts: u64, key: &str) -> ControlNote {
        let lift = Lift {
            v: 1,
            deployment: self.world.verifier.deployment().to_owned(),
            epoch,
            invocation: self.world.id("lift"),
            lifts,
            why: "mended".into(),
            by: "ann".into(),
            at: self.now,
        };
        lift.seal(&self.world.sealer(key))
    }
}

async fn a_freeze_holds_until_an_operator_lifts_it(at: At) {
    let control = at.reader();
    assert!(at.knows().await.is_empty());
    for (key, env) in [("gateway", Some("prod")), ("operator", None)] {
        control.add(|epoch| at.freeze(epoch, env, key)).await.unwrap();
    }
    assert_eq!(at.knows().await, [1, 2]);
    let known = at.reader();
    known.look().await.unwrap();
    assert_eq!(known.frozen(Some("prod")).map(|it| it.epoch), Some(1));
    assert_eq!(known.frozen(Some("dev")).map(|it| it.epoch), Some(2));
    control.add(|epoch| at.lift(epoch, 2, "operator")).await.unwrap();
    known.look().await.unwrap();
    assert!(known.frozen(Some("dev")).is_none() && known.frozen(None).is_some(), "what acts nowhere is stopped by any");
    // Whoever may stop may not allow; nor may a worker do either.
    for (note, lifts) in [("gateway", 1), ("worker", 1)] {
        control.add(|epoch| at.lift(epoch, lifts, note)).await.unwrap();
    }
    control.add(|epoch| at.freeze(epoch, None, "worker")).await.unwrap();
    assert_eq!(at.knows().await, [1]);
}

/// A hole would hide what comes after it; garbage must not be one.
async fn whatever_lies_in_the_sequence_hides_nothing_behind_it(at: At) {
    let elsewhere = serde_json::to_string(&at.freeze(9, None, "gateway")).unwrap();
    at.sink.put_new(&control_key(1), b"\xff\xfe".to_vec()).await.unwrap();
    at.sink.put_new(&control_key(2), b"{}".to_vec()).await.unwrap();
    at.sink.put_new(&control_key(3), elsewhere.into_bytes()).await.unwrap();
    let control = at.reader();
    assert_eq!(control.add(|epoch| at.freeze(epoch, None, "gateway")).await.unwrap(), 4);
    assert_eq!(at.knows().await, [4], "an entry of another place is nobody's");
}

/// That of racing writers one gets a name is every store's own contract.
#[tokio::test]
async fn of_racing_writers_each_gets_a_place_of_its_own() {
    let at = At::folder();
    let readers: Vec<ControlLog> = (0..8).map(|_| at.reader()).collect();
    // The same words under the same key would be one entry, asked for twice.
    let envs: Vec<String> = (0..8).map(|nth| format!("env-{nth}")).collect();
    let adds = readers.iter().zip(&envs);
    let adds = adds.map(|(control, env)| control.add(|epoch| at.freeze(epoch, Some(env), "gateway")));
    let mut epochs: Vec<u64> = futures_util::future::join_all(adds).await.into_iter().map(Result::unwrap).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=8).collect::<Vec<_>>());
    assert_eq!(at.knows().await, epochs);
}

/// A certificate ends; what was said with it while it held, holds.
#[tokio::test]
async fn what_was_said_under_a_certificate_outlives_it() {
    let at = At::folder();
    let control = at.reader();
    control.add(|epoch| at.freeze(epoch, None, "gateway")).await.unwrap();
    at.world.clock.advance(std::time::Duration::from_hours(24 * 400));
    assert_eq!(at.knows().await, [1]);
    // Said afterwards it is nothing.
    control.add(|epoch| at.lift(epoch, 1, "operator")).await.unwrap();
    assert_eq!(at.knows().await, [1]);
    let foreign = ControlLog::new(at.fate.clone(), Verifier::new(at.world.sealer("gateway").public_key(), "demo"));
    assert!(foreign.look().await.unwrap().is_empty(), "another root certified nobody here");
}

macro_rules! in_every_store {
    ($($name:ident,)*) => {
        mod in_a_folder { $(#[tokio::test] async fn $name() { super::$name(super::At::folder()).await; })* }
        mod in_moto { $(#[tokio::test] async fn $name() { super::$name(super::At::bucket().await).await; })* }
    };
}

in_every_store! {
    a_freeze_holds_until_an_operator_lifts_it,
    whatever_lies_in_the_sequence_hides_nothing_behind_it,
}
