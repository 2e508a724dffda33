//! Who gets in, and from where.

use crate::browser::{Browser, HOST, send, world};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use expect_test::expect;

const PAGES: [&str; 9] =
    ["/", "/threads", "/thread/x", "/thread/x/changes", "/inbox", "/audit", "/audit/status", "/audit/story/x", "/who"];

#[tokio::test]
async fn without_the_printed_token_there_is_nothing() {
    let world = world();
    for path in PAGES {
        let reply = send(&world, Request::get(path).header("host", HOST).body(Body::empty()).unwrap()).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    let url = world.console.url();
    let token = url.split("token=").nth(1).unwrap();
    assert_eq!(token.len(), 64, "256 bits in hex");
    let almost = format!("{}0", &token[..63]);
    for wrong in ["", "0", &almost, &token.to_uppercase().replace(char::is_numeric, "A")] {
        let request = Request::get(format!("/?token={wrong}")).header("host", HOST).body(Body::empty()).unwrap();
        let reply = send(&world, request).await;
        assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::UNAUTHORIZED, ""), "{wrong}");
    }
    let request = Request::get("/").header("host", HOST).header("cookie", "countersign-8123=00").body(Body::empty());
    assert_eq!(send(&world, request.unwrap()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_token_becomes_a_cookie_and_leaves_the_address() {
    let world = world();
    let path = world.console.url().replace(&format!("http://{HOST}"), "");
    for path in [path.clone(), path.replace("/?", "//evil.example/?")] {
        let reply = send(&world, Request::get(path).header("host", HOST).body(Body::empty()).unwrap()).await;
        if reply.status == StatusCode::SEE_OTHER {
            assert_eq!(reply.header("location"), "/");
            let cookie = reply.header("set-cookie");
            let (name, value) = cookie.split_once(';').unwrap().0.split_once('=').unwrap();
            assert_eq!((name, value.len()), ("countersign-8123", 64));
            assert_eq!(cookie.split_once(';').unwrap().1, " HttpOnly; SameSite=Strict; Path=/");
        }
    }
}

#[tokio::test]
async fn a_session_without_a_person_only_sees_the_picker() {
    let world = world();
    let path = world.console.url().replace(&format!("http://{HOST}"), "");
    let reply = send(&world, Request::get(path).header("host", HOST).body(Body::empty()).unwrap()).await;
    let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    let nobody = Browser { world: &world, cookie, csrf: String::new() };
    for path in PAGES.iter().filter(|path| **path != "/who") {
        let reply = nobody.get(path).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/who"), "{path}");
    }
    let csrf = nobody.get("/who").await.field("csrf", 0);
    let reply = send(&world, nobody.form("/say", &[("csrf", &csrf), ("nonce", "x"), ("text", "x")])).await;
    assert_eq!(reply.header("location"), "/who");
    assert!(world.office.received().is_empty());
}

#[tokio::test]
async fn another_host_name_is_turned_away_even_with_a_session() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    for host in ["evil.example", "evil.example:8123", "127.0.0.1:9999", "localhost", "127.0.0.1:8123.evil.example"] {
        let request = Request::get("/").header("host", host).header("cookie", &ann.cookie).body(Body::empty()).unwrap();
        assert_eq!(send(&world, request).await.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
    }
    let request = Request::get("/").header("cookie", &ann.cookie).body(Body::empty()).unwrap();
    assert_eq!(send(&world, request).await.status, StatusCode::MISDIRECTED_REQUEST, "no host at all");
    let request =
        Request::get("/").header("host", "localhost:8123").header("cookie", &ann.cookie).body(Body::empty()).unwrap();
    assert_eq!(send(&world, request).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let nonce = ann.get("/").await.field("nonce", 0);
    let fields = [("csrf", ann.csrf.as_str()), ("nonce", nonce.as_str()), ("text", "/tf plan x")];
    let forged: [&[(&str, Option<&str>)]; 6] = [
        &[("origin", None)],
        &[("origin", Some("null"))],
        &[("origin", Some("http://evil.example"))],
        &[("origin", Some("http://127.0.0.1:9999"))],
        &[("sec-fetch-site", Some("cross-site"))],
        &[("sec-fetch-site", Some("same-site"))],
    ];
    for headers in forged {
        let mut request = ann.form("/say", &fields);
        for (name, value) in headers {
            request.headers_mut().remove(*name);
            if let Some(value) = value {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
        }
        assert_eq!(send(&world, request).await.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert!(world.office.received().is_empty());
    let mut request = ann.form("/say", &fields);
    request.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(send(&world, request).await.status, StatusCode::SEE_OTHER);
    assert_eq!(world.office.received().len(), 1, "the nonce was not spent by the forgeries");
}

#[tokio::test]
async fn a_form_without_this_sessions_token_does_nothing() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let other = Browser::of(&world, "bob").await;
    assert_ne!(ann.csrf, other.csrf);
    let nonce = ann.get("/").await.field("nonce", 0);
    for csrf in ["", "x", &other.csrf] {
        for path in ["/say", "/who", "/thread/x/click"] {
            let fields =
                [("csrf", csrf), ("nonce", nonce.as_str()), ("text", "x"), ("person", "1"), ("button", "approve")];
            assert_eq!(send(&world, ann.form(path, &fields)).await.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert!(world.office.received().is_empty());
}

#[tokio::test]
async fn a_form_that_is_too_long_is_not_read() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let reply = ann.types(&"x".repeat(400_000)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE, "three bytes a character, encoded");
    assert!(world.office.received().is_empty());
}

#[tokio::test]
async fn every_answer_carries_the_same_strict_headers() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let strict = expect![[r#"
        content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'
        x-content-type-options: nosniff
        referrer-policy: same-origin
        cache-control: no-store
        x-frame-options: DENY
        cross-origin-opener-policy: same-origin
        cross-origin-resource-policy: same-origin
        permissions-policy: camera=(), microphone=(), geolocation=()"#]];
    let mut all: Vec<String> = Vec::new();
    for path in ["/", "/who", "/audit", "/nowhere", "/assets/htmx.min.js", "/assets/console.css", "/threads"] {
        let reply = ann.get(path).await;
        let names = [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "cache-control",
            "x-frame-options",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "permissions-policy",
        ];
        all.push(names.map(|name| format!("{name}: {}", reply.header(name))).join("\n"));
    }
    let request = Request::get("/").header("host", "evil.example").body(Body::empty()).unwrap();
    let refused = send(&world, request).await;
    assert!(!refused.header("content-security-policy").is_empty());
    all.dedup();
    strict.assert_eq(&all.join("\n---\n"));
}

#[tokio::test]
async fn no_page_needs_what_the_policy_forbids() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let thread = world.office.ask("bob", "Bob", "x", crate::world::card(crate::world::id("1"))).await;
    for path in ["/", "/who", "/audit", "/audit/status", "/inbox", &format!("/thread/{thread}"), "/nowhere"] {
        let text = ann.get(path).await.text;
        for banned in
            [" style=", "<style", " onclick", " onload", "hx-on", "javascript:", "hx-vals", "http://", "https://"]
        {
            assert!(!text.contains(banned), "{banned} in {path}");
        }
        assert_eq!(text.matches("<script").count(), text.matches("<script src=\"/assets/").count());
    }
}

#[tokio::test]
async fn htmx_is_the_file_that_was_looked_at() {
    let world = world();
    let ann = Browser::of(&world, "ann").await;
    let served = countersign_core::digest::Digest::of(ann.get("/assets/htmx.min.js").await.text.as_bytes());
    let notes = include_str!("../../assets/README.md");
    assert!(notes.contains(&served.to_string().replace("sha256:", "")), "{served}");
}
