//! Lines, segments and whole streams that were touched: each is found by its name, and by no other's.

use crate::scene::{Scene, files, overwrite};
use crate::world::Moody;
use countersign_audit::event::{Event, Kind};
use countersign_audit::sink::Sink;
use countersign_audit::verify::{Concern, Conclusion, Name};
use countersign_core::time::Clock as _;
use std::sync::Arc;

#[tokio::test]
async fn p25_an_edited_line() {
    for line in [1, 4, 9, 10] {
        let s = Scene::new().await;
        // Another digit in the time keeps the line a record.
        s.edit(
            &s.gateway,
            |nth, text| if nth == line { text.replace("01:00:00.000Z", "01:00:00.001Z") } else { text.into() },
        );
        let report = s.find().await;
        Scene::expect(&report, &[Name::EditedLine], &[]);
        assert_eq!(report.findings[0].seq, Some(line as u64), "{report}");
    }
}

#[tokio::test]
async fn p25_a_line_edited_beyond_reading() {
    let s = Scene::new().await;
    s.edit(&s.gateway, |nth, text| if nth == 4 { "{\"seq\":4}".into() } else { text.into() });
    Scene::expect(&s.find().await, &[Name::EditedLine], &[]);
    let s = Scene::new().await;
    s.edit(&s.gateway, |nth, text| if nth == 4 { text.replace("\"seq\":4,", "\"seq\":40,") } else { text.into() });
    Scene::expect(&s.find().await, &[Name::EditedLine], &[]);
}

#[tokio::test]
async fn p25_a_deleted_middle() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.remove(4);
    Scene::put(&lines);
    let report = s.find().await;
    Scene::expect(&report, &[Name::Gap], &[]);
    assert_eq!(report.findings[0].seq, Some(5));
}

#[tokio::test]
async fn p25_a_deleted_middle_with_a_chain_made_anew() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.remove(4);
    Scene::put(&lines);
    // Numbers and digests fit again, but the next segment's name and the heads do not.
    s.edit_and_rechain(&s.gateway, |_, text| text.into());
    let report = s.find().await;
    assert_eq!(report.conclusion(), Conclusion::Broken, "{report}");
    assert!(report.names(Concern::Completeness).contains(&Name::MissingSegment), "{report}");
}

#[tokio::test]
async fn p25_a_changed_order() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    let (four, five) = (lines[3].1.clone(), lines[4].1.clone());
    (lines[3].1, lines[4].1) = (five, four);
    Scene::put(&lines);
    Scene::expect(&s.find().await, &[Name::Reordered], &[]);
}

#[tokio::test]
async fn p25_a_repeated_line() {
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    let four = lines[3].clone();
    lines.insert(4, four);
    Scene::put(&lines);
    Scene::expect(&s.find().await, &[Name::RepeatedLine], &[]);
}

#[tokio::test]
async fn p25_a_chain_made_anew() {
    let s = Scene::new().await;
    s.edit_and_rechain(&s.gateway, |nth, text| {
        if nth == 4 { text.replace("\"nth\":\"2\"", "\"nth\":\"77\"") } else { text.into() }
    });
    Scene::expect(&s.find().await, &[Name::ReChained], &[]);
}

#[tokio::test]
async fn p25_a_chain_made_anew_with_the_writers_key() {
    let s = Scene::new().await;
    s.edit_and_rechain(&s.gateway, |nth, text| {
        if nth == 4 { text.replace("\"nth\":\"2\"", "\"nth\":\"77\"") } else { text.into() }
    });
    s.sign_heads_anew(&s.gateway, &s.w.sealer("gateway"));
    Scene::expect(&s.find().await, &[Name::UnlikeAnchor], &[]);
}

#[tokio::test]
async fn p25_a_deleted_tail() {
    let s = Scene::new().await;
    std::fs::remove_file(s.segments(&s.gateway).last().unwrap()).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::MissingTail]);
    let s = Scene::new().await;
    let mut lines = s.lines(&s.gateway);
    lines.retain(|(path, line)| !(path.ends_with("00000000000000000002.ndjson") && line.contains("\"nth\":\"7\"")));
    Scene::put(&lines);
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingSegment]);
}

#[tokio::test]
async fn p25_a_torn_line() {
    let s = Scene::new().await;
    let path = s.segments(&s.gateway).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    overwrite(&path, &bytes[..bytes.len() - 10]);
    let report = s.find().await;
    Scene::expect(&report, &[Name::TornLine], &[Name::MissingTail]);
}

#[tokio::test]
async fn p25_a_missing_segment() {
    let s = Scene::new().await;
    std::fs::remove_file(&s.segments(&s.gateway)[1]).unwrap();
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingSegment]);
    assert_eq!(report.findings[0].seq, Some(2));
}

#[tokio::test]
async fn p25_an_older_copy_of_the_whole_store() {
    let s = Scene::new().await;
    // The last segment and the head over it had not been written when the copy was made.
    std::fs::remove_file(s.segments(&s.gateway).last().unwrap()).unwrap();
    std::fs::remove_file(files(&s.folder("heads", &s.gateway)).last().unwrap()).unwrap();
    Scene::expect(&s.find().await, &[], &[Name::RolledBack]);
}

#[tokio::test]
async fn p25_a_deleted_log() {
    let s = Scene::new().await;
    for kind in ["records", "heads", "keys", "outputs"] {
        std::fs::remove_dir_all(s.w.path("log").join(kind)).unwrap();
    }
    let report = s.find().await;
    Scene::expect(&report, &[], &[Name::MissingWriter]);
    assert_eq!(report.findings.len(), 3);
    // Without the anchors nobody could tell: the report says so.
    let evidence = countersign_audit::verify::Evidence::new(s.w.sink.clone(), s.w.verifier.clone(), s.w.clock.now());
    let alone = countersign_audit::verify::verify(&evidence).await.unwrap();
    assert_eq!(alone.names(Concern::Notice), [Name::NoAnchors]);
}

#[tokio::test]
async fn p26_a_record_key_is_written_once() {
    let s = Scene::new().await;
    let name = format!("records/v1/writer={}/{:020}.ndjson", s.gateway, 1);
    let key = countersign_audit::sink::Key::parse(&name).unwrap();
    assert!(s.w.sink.put_new(&key, b"{}\n".to_vec()).await.is_err());
    Scene::expect(&s.find().await, &[], &[]);
}

/// A store that keeps versions, as a bucket does, with something irregular in it.
#[derive(Debug)]
struct Versioned(Arc<Moody>);

#[async_trait::async_trait]
impl Sink for Versioned {
    async fn put_new(
        &self,
        key: &countersign_audit::sink::Key,
        bytes: Vec<u8>,
    ) -> Result<countersign_audit::sink::Stored, countersign_audit::sink::PutError> {
        self.0.put_new(key, bytes).await
    }

    async fn read(
        &self,
        key: &countersign_audit::sink::Key,
    ) -> Result<Option<countersign_audit::sink::Object>, countersign_audit::sink::ReadError> {
        self.0.read(key).await
    }

    async fn inventory(
        &self,
        prefix: &str,
    ) -> Result<countersign_audit::sink::Inventory, countersign_audit::sink::ReadError> {
        use countersign_audit::sink::Irregularity;
        let mut inventory = self.0.inventory(prefix).await?;
        let names = self.0.list("records/v1/").await?;
        inventory.irregular =
            vec![Irregularity::SecondVersion(names[0].clone()), Irregularity::DeleteMarker(names[1].clone())];
        Ok(inventory)
    }
}

#[tokio::test]
async fn p26_second_versions_and_delete_markers_are_found() {
    let s = Scene::new().await;
    let sink = Arc::new(Versioned(s.w.sink.clone()));
    let evidence = countersign_audit::verify::Evidence::new(sink, s.w.verifier.clone(), s.w.clock.now());
    let report = countersign_audit::verify::verify(&evidence).await.unwrap();
    Scene::expect(&report, &[Name::SecondVersion, Name::DeleteMarker], &[]);
}

#[tokio::test]
async fn p52_a_break_glass_is_seen_in_every_report() {
    let s = Scene::new().await;
    let gateway = s.w.open("gateway").await;
    let mut event = Event::of(Kind::BreakGlass);
    event.why = Some("cluster on fire".into());
    gateway.record(event).await.unwrap();
    gateway.close().await.unwrap();
    let report = s.find().await;
    assert_eq!(report.conclusion(), Conclusion::Sound);
    assert!(report.to_string().contains("break-glass-used: cluster on fire"), "{report}");
    assert_eq!(report.conclusion().exit_code(), 0);
    assert!(report.to_json().contains("\"name\": \"break-glass-used\""));
}
