//! A GitHub that is away, slow, somebody else, or lies; and what becomes of the token.

use crate::world::{NAME, World};
use countersign_forge::{Forge, ForgeError, Settings};
use countersign_simulators::github::{Habit, Permission};
use secrecy::SecretString;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A commit that is reviewed as long as nobody misbehaves.
async fn merged(world: &World) -> String {
    let opened = world.ready();
    let commit = world.merge(opened.pull);
    world.review(&commit).await.unwrap();
    commit
}

async fn error(forge: &Forge, commit: &str) -> ForgeError {
    forge.review(commit, "main", &[].into()).await.unwrap_err()
}

#[tokio::test]
async fn every_question_fails_when_github_does() {
    let world = World::new().await;
    let commit = merged(&world).await;
    for path in ["/commits/", "/pulls/1", "/reviews", "/check-runs", "/status", "/permission"] {
        for (habit, what) in [
            (Habit::fails(500), "GitHub answered 500"),
            (Habit::fails(502), "GitHub answered 502"),
            (Habit::fails(200), "cannot be used"),
            (Habit::Answers { code: 200, headers: Vec::new(), body: String::new() }, "cannot be used"),
            (Habit::says(&json!({})), "cannot be used"),
            (Habit::says(&json!("yes")), "cannot be used"),
            (Habit::Huge(9 << 20), "longer than 8 MiB"),
        ] {
            world.github.behave(path, habit.clone());
            let error = error(&world.forge(), &commit).await;
            assert!(error.to_string().contains(what), "{path} {habit:?}: {error}");
        }
        world.github.behave(path, Habit::Serves);
        world.review(&commit).await.unwrap();
    }
}

#[tokio::test]
async fn a_github_that_is_away_or_slow_is_said_to_be_so() {
    let world = World::new().await;
    let commit = merged(&world).await;
    world.github.behave("/check-runs", Habit::Silent);
    let settings = Settings { deadline: Duration::from_millis(300), ..world.settings() };
    let silence = error(&Forge::new(settings).unwrap(), &commit).await;
    assert!(matches!(silence, ForgeError::TooSlow { .. }), "{silence:?}");
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let forge = Forge::new(Settings { address, ..world.settings() }).unwrap();
    assert!(matches!(error(&forge, &commit).await, ForgeError::Unreachable(_)));
}

#[tokio::test]
async fn no_redirect_is_followed_and_the_token_stays_here() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let commit = merged(&world).await;
    for code in [301, 302, 303, 307, 308] {
        world.github.behave("/commits/", Habit::redirects(code, &format!("{}/repos/x/y", elsewhere.github.url())));
        let error = error(&world.forge(), &commit).await;
        assert!(matches!(&error, ForgeError::Moved(name) if name == NAME), "{code}: {error:?}");
    }
    assert!(elsewhere.github.requests().is_empty());
}

#[tokio::test]
async fn an_address_of_another_page_is_not_followed() {
    let (world, elsewhere) = (World::new().await, World::new().await);
    let commit = merged(&world).await;
    let link = format!("<{}/repos/{NAME}/pulls?page=2>; rel=\"next\"", elsewhere.github.url());
    let body = json!([]).to_string();
    let habit = Habit::Answers { code: 200, headers: vec![("link".to_owned(), link)], body };
    world.github.behave("/reviews", habit);
    // Further ones are asked for by number, here, and not for ever.
    let error = error(&world.forge(), &commit).await;
    assert!(matches!(error, ForgeError::TooMany(_)), "{error:?}");
    assert!(elsewhere.github.requests().is_empty());
    let asked = world.github.requests();
    let pages: Vec<_> = asked.iter().rev().take_while(|it| it.path.contains("/reviews")).collect();
    assert_eq!(pages.len(), 10);
    assert!(pages[0].path.ends_with("/pulls/1/reviews?per_page=100&page=10"), "{:?}", pages[0]);
}

#[tokio::test]
async fn a_list_that_is_shorter_than_it_counts_is_not_believed() {
    let world = World::new().await;
    let commit = merged(&world).await;
    world.github.behave("/check-runs", Habit::says(&json!({ "total_count": 3, "check_runs": [] })));
    let error = error(&world.forge(), &commit).await;
    assert!(error.to_string().contains("fewer than it counts"), "{error}");
}

#[tokio::test]
async fn refusals_say_what_is_wrong_with_the_token() {
    let world = World::new().await;
    let commit = merged(&world).await;
    let with = |token: Option<String>| {
        let token = token.map(SecretString::from);
        Forge::new(Settings { token, ..world.settings() }).unwrap()
    };
    let wrong = error(&with(Some("github_pat_wrong".to_owned())), &commit).await;
    assert!(matches!(wrong, ForgeError::BadToken), "{wrong:?}");
    // A private repository is not there for somebody who may not see it.
    assert!(matches!(error(&with(None), &commit).await, ForgeError::NoRepository(name) if name == NAME));
    let (other, person) = world.everything(|state| {
        let person = state.person("somebody");
        state.repository("platform/other");
        (state.token(person, &["platform/other"], &Permission::ALL), person)
    });
    assert!(matches!(error(&with(Some(other)), &commit).await, ForgeError::NoRepository(_)));
    let good = world.everything(|state| state.token(person, &[NAME], &Permission::ALL));
    world.everything(|state| state.revoke_token(&good));
    assert!(matches!(error(&with(Some(good)), &commit).await, ForgeError::BadToken));
    world.everything(|state| state.limit(true));
    let limited = error(&world.forge(), &commit).await;
    assert!(matches!(limited, ForgeError::RateLimited { seconds: Some(90) }), "{limited:?}");
    assert_eq!(limited.to_string(), "GitHub's rate limit for this token is used up; ask again in 2 min");
}

#[tokio::test]
async fn the_token_is_in_nothing_that_is_shown() {
    let world = World::new().await;
    let commit = merged(&world).await;
    let forge = world.forge();
    let mut shown = vec![format!("{forge:?}"), format!("{:?}", world.settings())];
    for habit in [
        Habit::fails(500),
        Habit::Answers { code: 403, headers: Vec::new(), body: json!({ "message": world.token }).to_string() },
        Habit::redirects(302, &format!("http://127.0.0.1:1/?token={}", world.token)),
    ] {
        world.github.behave("/commits/", habit);
        let error = error(&forge, &commit).await;
        shown.push(format!("{error} {error:?}"));
    }
    for text in shown {
        assert!(!text.contains(&world.token), "{text}");
    }
    assert!(world.github.requests().iter().all(|it| !it.path.contains(&world.token)));
}

#[tokio::test]
async fn foreign_words_are_made_harmless() {
    let world = World::new().await;
    let commit = merged(&world).await;
    let message = "no\u{202e}thing\u{1b}[2J `here`\nand more".to_owned() + &"x".repeat(5_000);
    let body = json!({ "message": message }).to_string();
    world.github.behave("/commits/", Habit::Answers { code: 418, headers: Vec::new(), body });
    let error = error(&world.forge(), &commit).await.to_string();
    assert!(!error.contains(['\u{202e}', '\u{1b}', '\n', '`']) && error.len() < 300, "{error}");
}

#[tokio::test]
async fn settings_are_looked_at_before_anything_is_asked() {
    let world = World::new().await;
    for bad in ["http://api.github.com", "https://user:token@host", "nonsense"] {
        let settings = Settings { address: bad.to_owned(), ..world.settings() };
        assert!(matches!(Forge::new(settings), Err(ForgeError::Settings("address"))), "{bad}");
    }
    for bad in ["infra", "a/b/c", "../..", "a/.."] {
        let settings = Settings { repository: bad.to_owned(), ..world.settings() };
        assert!(matches!(Forge::new(settings), Err(ForgeError::Settings("repository"))), "{bad}");
    }
    let settings = Settings { token: Some("line\nbreak".to_owned().into()), ..world.settings() };
    assert!(matches!(Forge::new(settings), Err(ForgeError::Settings("credential"))));
    let settings = Settings { ca_pem: Some("nonsense".to_owned()), ..world.settings() };
    assert!(matches!(Forge::new(settings), Err(ForgeError::Settings("authority"))));
}

#[tokio::test]
async fn over_tls_only_the_configured_authority_is_trusted() {
    let world = World::new().await;
    let (tasks, stop) = (tokio_util::task::TaskTracker::new(), tokio_util::sync::CancellationToken::new());
    let github = countersign_simulators::github::Github::start(&tasks, &stop).await.unwrap();
    let settings = |ca_pem: Option<String>| Settings { address: github.url(), ca_pem, ..world.settings() };
    let commit = "0a".repeat(20);
    let trusted = Forge::new(settings(Some(github.ca_pem().to_owned()))).unwrap();
    assert!(matches!(error(&trusted, &commit).await, ForgeError::BadToken));
    let not = Forge::new(settings(None)).unwrap();
    assert!(matches!(error(&not, &commit).await, ForgeError::Unreachable(_)));
    assert_eq!(github.requests().len(), 1);
}

#[tokio::test]
async fn everything_goes_through_the_proxy() {
    let world = World::new().await;
    let commit = merged(&world).await;
    let before = world.github.requests().len();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let forge = Forge::new(Settings { proxy: Some(proxy), ..world.settings() }).unwrap();
    let proxied = async {
        let (mut wire, _) = listener.accept().await.unwrap();
        let mut seen = vec![0; 4_096];
        let count = wire.read(&mut seen).await.unwrap();
        wire.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&seen[..count]).into_owned()
    };
    let (error, seen) = tokio::join!(error(&forge, &commit), proxied);
    assert!(seen.starts_with(&format!("GET {}/repos/{NAME}/commits/{commit}/pulls?", world.github.url())), "{seen}");
    assert!(matches!(error, ForgeError::Refused { status: 502, .. }), "{error:?}");
    assert_eq!(world.github.requests().len(), before, "nothing goes around it");
}
