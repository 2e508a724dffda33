//! Where artifacts are downloaded: another host, with a signature in the address and no other credential.

use std::io::{Cursor, Write as _};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::pages::Query;
use super::state::{Recorded, Shared};

pub(super) fn routes(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(Extracted(shared): Extracted<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let mut state = shared.lock();
    let (code, body) = if authorization.is_some() {
        // Source: Azure Storage refuses a request with a signature in its address and another credential in a header.
        (StatusCode::BAD_REQUEST, b"InvalidAuthenticationInfo".to_vec())
    } else {
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let artifact = query.of("sig").and_then(|sig| state.signed.remove(sig));
        let found =
            artifact.and_then(|id| state.repositories.iter().flat_map(|it| &it.artifacts).find(|it| it.id == id));
        match found {
            Some(found) => (StatusCode::OK, found.zip.clone()),
            None => (StatusCode::FORBIDDEN, b"AuthenticationFailed".to_vec()),
        }
    };
    state.requests.push(Recorded { path, authorization, is_download: true, code: Some(code.as_u16()) });
    (code, body).into_response()
}

/// A zip archive with these files, as an upload of a workflow makes it.
///
/// # Panics
/// When the archive cannot be written, as one with the same name twice.
#[must_use]
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, content) in files {
        writer.start_file(*name, options).expect("it is a new name");
        writer.write_all(content).expect("memory takes it");
    }
    writer.finish().expect("memory takes it").into_inner()
}
