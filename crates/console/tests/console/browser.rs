//! A browser, as far as the console can tell.

use crate::world::{World, account};
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use countersign_console::Listen;
use http_body_util::BodyExt;
use tower::ServiceExt;

pub(crate) const HOST: &str = "127.0.0.1:8123";

pub(crate) fn world() -> World {
    World::on(Listen::parse(HOST).unwrap(), "a record")
}

/// What came back.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of the nth field of this name.
    pub(crate) fn field(&self, name: &str, nth: usize) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.text.split(&mark).nth(nth + 1).unwrap_or_else(|| panic!("no `{name}` in {}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Sends exactly this.
pub(crate) async fn send(world: &World, request: Request<Body>) -> Reply {
    let response = world.router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// One session.
pub(crate) struct Browser<'a> {
    pub(crate) world: &'a World,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl<'a> Browser<'a> {
    /// Opens the printed address and picks a person.
    pub(crate) async fn of(world: &'a World, person: &str) -> Self {
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

    pub(crate) async fn switch(&self, person: &str) {
        let nth = ["ann", "bob", "cho"].iter().position(|one| account(one) == account(person)).unwrap();
        let reply = self.post("/who", &[("person", &nth.to_string())]).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/"));
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        let request = Request::get(path).header("host", HOST).header("cookie", &self.cookie);
        send(self.world, request.body(Body::empty()).unwrap()).await
    }

    /// A form of one of the console's own pages, with its token.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let all: Vec<(&str, &str)> = [("csrf", self.csrf.as_str())].into_iter().chain(fields.iter().copied()).collect();
        send(self.world, self.form(path, &all)).await
    }

    /// A form with exactly these fields.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request<Body> {
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
    pub(crate) async fn types(&self, text: &str) -> Reply {
        let nonce = self.get("/").await.field("nonce", 0);
        self.post("/say", &[("nonce", &nonce), ("text", text)]).await
    }

    /// Presses a button of the card as the page shows it now.
    pub(crate) async fn clicks(&self, id: &str, button: &str) -> Reply {
        let page = self.get(&format!("/thread/{id}")).await;
        // Without any button on the page, the click is made by hand with the composer's nonce.
        let has_buttons = page.text.contains("name=\"decision\"");
        let decision = if has_buttons { page.field("decision", 0) } else { String::new() };
        let nonce = page.field("nonce", 0);
        self.presses(id, button, &nonce, &decision).await
    }

    pub(crate) async fn presses(&self, id: &str, button: &str, nonce: &str, decision: &str) -> Reply {
        let fields = [("nonce", nonce), ("decision", decision), ("button", button), ("reason", "")];
        self.post(&format!("/thread/{id}/click"), &fields).await
    }
}

pub(crate) fn encoded(text: &str) -> String {
    let all: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    all.concat()
}
