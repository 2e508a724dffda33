//! A browser, as far as the console can tell.

use crate::world::{World, account};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use countersign_console::Listen;
use http_body_util::BodyExt;
use tower::ServiceExt;

pub const HOST: &str = "127.0.0.1:8123";

pub fn world() -> World {
    World::on(Listen::parse(HOST).unwrap(), "a record")
}

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the nth field of this name.
    pub fn field(&self, name: &str, nth: usize) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.text.split(&mark).nth(nth + 1).unwrap_or_else(|| panic!("no `{name}` in {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Sends exactly this.
pub async fn send(world: &World, request: Request<Body>) -> Reply {
    let response = world.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// One session.
pub struct Browser<'a> {
    pub world: &'a World,
    pub cookie: String,
    pub csrf: String,
}

impl<'a> Browser<'a> {
    /// Opens the printed address and picks a person.
    pub async fn of(world: &'a World, person: &str) -> Self {
        let path = world.console.url().replace(&format!("http://{HOST}"), "");
        let request = Request::get(path).header("host", HOST).body(Body::empty()).unwrap();
        let reply = send(world, request).await;
        assert_eq!(reply.status, StatusCode::SEE_OTHER);
        let cookie = reply.header("set-cookie").split(';').next().unwrap().to_owned();
        let mut browser = Self { world, cookie, csrf: String::new() };
        browser.csrf = browser.get("/who").await.field("csrf", 0);
        browser.switch(person).await;
        browser
    }

    pub async fn switch(&self, person: &str) {
        let nth = ["ann", "bob", "cho"].iter().position(|one| account(one) == account(person)).unwrap();
        let reply = self.post("/who", &[("person", &nth.to_string())]).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/"));
    }

    pub async fn get(&self, path: &str) -> Reply {
        let request = Request::get(path).header("host", HOST).header("cookie", &self.cookie);
        send(self.world, request.body(Body::empty()).unwrap()).await
    }

    /// A form of one of the console's own pages, with its token.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let all: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        send(self.world, self.form(path, &all)).await
    }

    /// A form with exactly these fields.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request<Body> {
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        Request::post(path)
            .header("host", HOST)
            .header("origin", format!("http://{HOST}"))
            .header("cookie", &self.cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.join("&")))
            .unwrap()
    }

    /// Types a line into the composer of the start page.
    pub async fn types(&self, text: &str) -> Reply {
        let nonce = self.get("/").await.field("nonce", 0);
        self.post("/say", &[("nonce", &nonce), ("text", text)]).await
    }

    /// Presses a button of the card as the page shows it now.
    pub async fn clicks(&self, id: &str, button: &str) -> Reply {
        let page = self.get(&format!("/thread/{id}")).await;
        let (nonce, decision) = match page.text.contains("name=\"decision\"") {
            true => (page.field("nonce", 0), page.field("decision", 0)),
            // No button is on the page: the click is made by hand, with the composer's nonce.
            false => (page.field("nonce", 0), String::new()),
        };
        self.presses(id, button, &nonce, &decision).await
    }

    pub async fn presses(&self, id: &str, button: &str, nonce: &str, decision: &str) -> Reply {
        let fields = [("nonce", nonce), ("decision", decision), ("button", button), ("reason", "")];
        self.post(&format!("/thread/{id}/click"), &fields).await
    }
}

pub fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
