//! Searching, showing and exporting: on record before anything is printed, or not at all.

use crate::installation::{Installation, countersign, files};

const READINGS: [&[&str]; 3] = [&["search"], &["show", "ID"], &["export", "--format", "ndjson"]];

fn read(it: &Installation, reading: &[&str], more: &[&str]) -> crate::installation::Said {
    let id = it.ids[0].to_string();
    let rest: Vec<&str> = reading.iter().skip(1).map(|word| if *word == "ID" { id.as_str() } else { *word }).collect();
    it.audit(reading[0], &[&rest, more].concat())
}

#[tokio::test]
async fn each_reading_says_who_read_what_and_how_much() {
    let it = Installation::new().await;
    for (reading, filter) in
        READINGS.iter().zip(["\"filter\":\"everything\"", "\"found\":\"2\"", "\"format\":\"ndjson\""])
    {
        let before = it.lines().len();
        let said = read(&it, reading, &["--as", "Hugo of Acme"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("ann"), "{said:?}");
        let new = it.lines().split_off(before);
        let what = format!("\"read\":\"{}\"", reading[0]);
        let records: Vec<_> = it.lines().into_iter().filter(|line| line.contains(&what)).collect();
        let record = records.last().unwrap_or_else(|| panic!("{new:?}"));
        assert!(record.contains("\"event\":\"log-read\"") && record.contains("Hugo of Acme"), "{record}");
        assert!(records.iter().any(|record| record.contains(filter)), "{records:?}");
        assert!(record.contains("operator key auditor ("), "{record}");
    }
    let shown: Vec<_> = it.lines().into_iter().filter(|line| line.contains("\"read\":\"show\"")).collect();
    assert!(shown[0].contains(&it.ids[0].to_string()));
    let counted = it.lines().into_iter().rfind(|line| line.contains("\"read\":\"export\"")).unwrap();
    assert!(!counted.contains("not counted yet"), "{counted}");
    let verified = it.audit("verify", &[]);
    assert_eq!(verified.code, 0, "{verified:?}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_read() {
    let it = Installation::new().await;
    std::fs::rename(it.path("keys/auditor.key"), it.path("taken")).unwrap();
    for reading in READINGS {
        let said = read(&it, reading, &[]);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{said:?}");
        assert!(
            said.err.contains("countersign key add --operator auditor") && said.err.contains("--unrecorded"),
            "{said:?}"
        );
    }
    // The key of a process is no reader's.
    let key = it.text("keys/gateway.key");
    let said = it.audit("search", &["--key", &key]);
    assert!(said.code == 3 && said.out.is_empty() && said.err.contains("of a gateway, not of an operator"), "{said:?}");
    // A store that takes nothing: its folder of certificates is a file.
    std::fs::rename(it.path("taken"), it.path("keys/auditor.key")).unwrap();
    std::fs::rename(it.path("audit/keys"), it.path("kept")).unwrap();
    std::fs::write(it.path("audit/keys"), "").unwrap();
    for reading in READINGS {
        let said = read(&it, reading, &[]);
        assert_eq!((said.code, said.out.as_str()), (3, ""), "{said:?}");
        assert!(said.err.contains("cannot be recorded, so nothing is shown"), "{said:?}");
    }
}

#[tokio::test]
async fn a_copy_is_read_without_a_record_and_without_a_trace() {
    let it = Installation::new().await;
    let (audit, root) = (it.text("audit"), it.text("keys/root.pub"));
    let before = files(&it.path(""));
    for reading in READINGS {
        let id = it.ids[0].to_string();
        let rest: Vec<&str> =
            reading.iter().skip(1).map(|word| if *word == "ID" { id.as_str() } else { *word }).collect();
        let place = ["--audit", &audit, "--root", &root, "--unrecorded"];
        let said = countersign(&[&["audit", reading[0]], &rest[..], &place].concat());
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("ann") && said.err.contains("not on record"), "{said:?}");
    }
    assert_eq!(files(&it.path("")), before);
}

#[tokio::test]
async fn p48_a_terminal_sees_no_control_character_of_a_record() {
    let it = Installation::new().await;
    let html = it.text("story.html");
    for reading in [&["search"][..], &["search", "--json"], &["show", "ID"], &["export", "--format", "csv"]] {
        let said = read(&it, reading, &["--unrecorded"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("\\u{202e}") || said.out.contains("\\u202e"), "{said:?}");
        assert!(said.out.chars().all(|c| c == '\n' || c == '\r' || !c.is_control() && c.is_ascii()), "{said:?}");
    }
    assert_eq!(read(&it, &["show", "ID"], &["--unrecorded", "--html", &html]).code, 0);
    let page = std::fs::read_to_string(&html).unwrap();
    assert!(page.contains("\\u{202e}") && !page.contains('\u{202e}') && !page.contains('\u{1b}'));
    let again = read(&it, &["show", "ID"], &["--unrecorded", "--html", &html]);
    assert!(again.code == 3 && again.err.contains("exists"), "no file is replaced: {again:?}");
}

#[tokio::test]
async fn a_search_is_a_table_and_finding_nothing_is_1() {
    let it = Installation::new().await;
    let said = it.audit("search", &["--env", "prod", "--unrecorded"]);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines.len(), 3, "{said:?}");
    assert!(lines[0].starts_with("WHEN ") && lines[1].contains(&it.ids[0].short()), "{said:?}");
    assert!(lines[2].contains("not-allowed: no role allows it"), "the refusal is about a request in prod: {said:?}");
    let column = lines[0].find("REQUEST").unwrap();
    assert!(lines[1..].iter().all(|line| line[column..].starts_with(&it.ids[0].short())), "{said:?}");
    let newest = it.audit("search", &["--limit", "1", "--newest-first", "--json", "--unrecorded"]);
    assert_eq!(newest.out.lines().count(), 1, "{newest:?}");
    assert!(newest.out.contains("writer-closed") && newest.err.contains("The newest 1 of 6"), "{newest:?}");
    for nothing in [&["--who", "nobody"][..], &["--since", "0s"], &["--until", "2020-01-01"]] {
        let said = it.audit("search", &[nothing, &["--unrecorded"]].concat());
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
        assert!(said.err.contains("Nothing fits: "), "{said:?}");
    }
}

#[tokio::test]
async fn a_request_is_meant_by_a_part_of_its_id() {
    let it = Installation::new().await;
    let whole = it.ids[1].to_string();
    for part in [whole.as_str(), &whole[..13], &it.ids[1].short()] {
        let said = it.audit("show", &[part, "--unrecorded"]);
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains(&format!("Invocation {whole}")) && said.out.contains("of-bob"), "{said:?}");
    }
    let nothing = it.audit("show", &["00000000"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (1, ""), "{nothing:?}");
    assert!(
        it.lines().iter().any(|line| line.contains("\"id\":\"00000000\"")),
        "a search for nothing is on record too"
    );
}

#[tokio::test]
async fn an_export_has_the_exact_lines_and_a_table_its_columns() {
    let it = Installation::new().await;
    let (lines, table) = (it.text("out.ndjson"), it.text("out.csv"));
    let stored: String = it.lines().iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    let said = it.audit("export", &["--format", "ndjson", "--unrecorded", "--to", &lines]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{said:?}");
    assert_eq!(std::fs::read_to_string(&lines).unwrap(), stored);
    let said = it.audit("export", &["--format", "csv", "--event", "received", "--unrecorded", "--to", &table]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = std::fs::read_to_string(&table).unwrap();
    assert!(text.starts_with("at,writer,seq,event,invocation,") && text.lines().count() == 3, "{text}");
    let again = it.audit("export", &["--format", "csv", "--unrecorded", "--to", &table]);
    assert_eq!(again.code, 3, "no file is replaced: {again:?}");
}

#[tokio::test]
async fn a_place_without_a_log_is_not_written_to() {
    let it = Installation::new().await;
    std::fs::create_dir(it.path("empty")).unwrap();
    let (empty, root, key) = (it.text("empty"), it.text("keys/root.pub"), it.text("keys/auditor.key"));
    for reading in READINGS {
        let id = it.ids[0].to_string();
        let rest: Vec<&str> =
            reading.iter().skip(1).map(|word| if *word == "ID" { id.as_str() } else { *word }).collect();
        let place = ["--audit", &empty, "--fate", &empty, "--root", &root, "--key", &key];
        let said = countersign(&[&["audit", reading[0]], &rest[..], &place].concat());
        assert!(said.code == 3 && said.err.contains("has no certificate of any writer"), "{said:?}");
    }
    assert_eq!(files(&it.path("empty")).len(), 0);
}
