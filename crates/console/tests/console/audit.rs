//! The log's pages: on record before they are shown, and usable without a script.

use crate::browser::{Browser, world};
use crate::world::id;
use axum::http::StatusCode;
use countersign_console::Verdict;

#[tokio::test]
async fn each_deliberate_look_is_on_record_and_a_poll_is_not() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    ann.get("/audit").await;
    ann.get("/audit/status").await;
    ann.get("/audit?who=bob&tier=destructive&since=2026-11-20&page=2").await;
    ann.get(&format!("/audit/story/{}", id("1"))).await;
    let story = format!("Ann: story of {}", id("1").short());
    assert_eq!(
        world.audit.looked(),
        [
            "Ann: everything, page 0",
            "Ann: who=bob tier=destructive since=2026-11-20T00:00:00.000Z, page 1",
            story.as_str(),
        ]
    );
}

#[tokio::test]
async fn whoever_may_not_look_sees_nothing_of_the_log() {
    let world = world();
    let cho = Browser::of(&world, "cho").await;
    let page = cho.get("/audit").await.text;
    assert!(page.contains("the log is shown to active people of the directory only"), "{page}");
    assert!(!page.contains("class=\"entry") && !page.contains("id=\"verified\""), "{page}");
    assert_eq!(world.audit.looked(), Vec::<String>::new());
}

#[tokio::test]
async fn the_check_goes_on_beside_the_page() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let page = ann.get("/audit").await.text;
    assert!(page.contains("25 %, 12 records so far") && page.contains("hx-get=\"/audit/status\""), "{page}");
    assert!(page.contains("class=\"entry"), "the list is there meanwhile: {page}");
    world.audit.checked(Verdict::Holds);
    let part = ann.get("/audit/status").await.text;
    assert!(!part.contains("hx-get"), "nothing is polled for when nothing goes on: {part}");
    for says in
        ["Integrity <strong>nothing was changed</strong>", "Completeness <strong>not known</strong>", "128 records"]
    {
        assert!(part.contains(says), "{says} in {part}");
    }
    assert!(!ann.get("/audit").await.text.contains("hx-get=\"/audit/status\""), "a look starts no second check");
    let reply = ann.post("/audit/verify", &[]).await;
    assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/audit"), "without a script");
    assert!(ann.get("/audit/status").await.text.contains("hx-get"));
    let forged = ann.form("/audit/verify", &[("csrf", "0")]);
    assert_eq!(crate::browser::send(&world, forged).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_search_stays_in_its_form_and_a_mistake_is_told() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let page = ann.get("/audit?who=ann&state=refused&event=received&text=a%20record").await.text;
    for says in [
        "name=\"who\" value=\"ann\"",
        "<option value=\"refused\" selected>",
        "<option value=\"received\" selected>",
        "name=\"text\" value=\"a record\"",
        "1 to 1 of 1, newest first",
    ] {
        assert!(page.contains(says), "{says} in {page}");
    }
    let page = ann.get("/audit?tier=deadly").await.text;
    assert!(page.contains("`deadly` is no tier") && !page.contains("class=\"entry"), "{page}");
    assert_eq!(world.audit.looked().len(), 1, "a mistake looks at nothing");
}

#[tokio::test]
async fn a_story_tells_each_line_once_in_the_open() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let page = ann.get(&format!("/audit/story/{}", id("1"))).await.text;
    let headings = ["What was asked", "What was decided and shown", "Who agreed", "What ran", "What came out"];
    let places: Vec<usize> = headings.iter().map(|one| page.find(one).unwrap_or_else(|| panic!("{one}"))).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(page.contains("7 sealed documents do not verify"), "{page}");
    let parts: Vec<&str> = page.split("class=\"chapter\"").skip(1).collect();
    let open = |part: &str| part.split("<details").next().unwrap().matches("class=\"words\"").count();
    assert_eq!((parts.len(), open(parts[0]), open(parts[1])), (7, 1, 0), "said again, it is in the fold");
    let opened = parts[1].split("<details").next().unwrap();
    assert_eq!(opened.matches("class=\"code broken\"").count(), 1, "what is broken never is");
    let reply = ann.get(&format!("/audit/story/{}", id("2"))).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
}
