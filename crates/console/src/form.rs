//! Forms that change something.
//!
//! **Invariant:** a handler that takes a [`Checked`] form has a request whose token is the
//! session's own; there is no other way to read a form here.

use crate::pages::{Problem, problem};
use crate::session::{Visit, same};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Form, RequestExt};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The fields of a form that carried the session's token.
#[derive(Debug)]
pub(crate) struct Checked<T>(pub(crate) T);

#[derive(Deserialize)]
struct Envelope<T> {
    csrf: String,
    #[serde(flatten)]
    fields: T,
}

impl<S, T> FromRequest<S> for Checked<T>
where
    S: Send + Sync,
    T: DeserializeOwned + Send + 'static,
{
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let Some(visit) = request.extensions().get::<Visit>().cloned() else {
            return Err(problem(Problem::NoSession));
        };
        let Form(envelope): Form<Envelope<T>> = request.extract().await.map_err(IntoResponse::into_response)?;
        if same(&envelope.csrf, &visit.csrf) {
            Ok(Self(envelope.fields))
        } else {
            Err((StatusCode::FORBIDDEN, problem(Problem::Stale)).into_response())
        }
    }
}
