//! git's own `http-backend`, asked as a CGI program is.
//!
//! Source: git-http-backend(1); RFC 3875.

use std::io;
use std::path::Path;
use std::process::Stdio;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::content::GIT;

pub(super) async fn answer(root: &Path, head: &Parts, body: &[u8]) -> io::Result<Response> {
    let mut child = command(root, head, body.len()).spawn()?;
    let mut input = child.stdin.take().ok_or_else(|| io::Error::other("git was started without pipes"))?;
    let feed = async {
        // Whether git wanted all of it is told by its answer.
        let _ = input.write_all(body).await;
        drop(input);
    };
    let ((), output) = tokio::join!(feed, child.wait_with_output());
    read(&output?.stdout)
}

fn command(root: &Path, head: &Parts, length: usize) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the stand-in is git itself behind a web server")]
    let mut command = Command::new(GIT);
    let of = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    command
        .arg("http-backend")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GATEWAY_INTERFACE", "CGI/1.1")
        .env("REQUEST_METHOD", head.method.as_str())
        .env("PATH_INFO", head.uri.path())
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("CONTENT_TYPE", of(header::CONTENT_TYPE))
        .env("CONTENT_LENGTH", length.to_string())
        .env("HTTP_CONTENT_ENCODING", of(header::CONTENT_ENCODING))
        .env("GIT_PROTOCOL", of(HeaderName::from_static("git-protocol")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Header lines, an empty line, and the body; `Status` is no header but the status.
fn read(answer: &[u8]) -> io::Result<Response> {
    let broken = || io::Error::other("http-backend did not answer as a CGI program does");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(broken)?;
    let (head, body) = (answer.get(..end).unwrap_or_default(), answer.get(end + 4..).unwrap_or_default());
    let mut response = Response::new(Body::from(body.to_vec()));
    for line in String::from_utf8_lossy(head).split("\r\n") {
        let (name, value) = line.split_once(": ").ok_or_else(broken)?;
        if name == "Status" {
            let code = value.split(' ').next().and_then(|code| code.parse().ok()).ok_or_else(broken)?;
            *response.status_mut() = StatusCode::from_u16(code).map_err(io::Error::other)?;
        } else {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
            response.headers_mut().insert(name, HeaderValue::from_str(value).map_err(io::Error::other)?);
        }
    }
    Ok(response)
}
