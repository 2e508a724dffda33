//! A bucket of plans, of AWS S3 or of a store that speaks its protocol.
//!
//! **Invariant:** a plan is one PUT with `If-None-Match: *` and its own SHA-256, so that one that is there is never
//! written over; an answer is bounded, and a write is sent once.

use super::sealed::{BEGINNING, LARGEST_OBJECT};
use super::{PlanError, is_plan_name};
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::{Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumAlgorithm;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use countersign_audit::s3::{BucketSettings, Credentials};
use countersign_core::digest::Digest;
use secrecy::ExposeSecret as _;
use std::fmt;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Until the store takes the connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Until it answers, or goes on answering.
const READ: Duration = Duration::from_secs(10);
/// For all of it: a large plan over a slow line.
const WHOLE: Duration = Duration::from_mins(1);
/// No pool has more plans that wait: a page holds up to a thousand.
const MOST_PAGES: usize = 100;

/// A bucket of plans.
pub(super) struct BucketPlace {
    settings: BucketSettings,
    /// What all names begin with.
    prefix: String,
    clients: OnceCell<Clients>,
}

/// Writes are sent once; reads may be sent again.
struct Clients {
    writes: Client,
    reads: Client,
}

impl fmt::Debug for BucketPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketPlace({}/{})", self.settings.name, self.prefix)
    }
}

/// The store said no, in its own words, shortened.
#[derive(Debug, thiserror::Error)]
#[error("the store answers `{code}` ({status}) where `{permission}` is needed")]
struct Refused {
    permission: &'static str,
    status: u16,
    code: String,
}

/// There are more plans than any pool has.
#[derive(Debug, thiserror::Error)]
#[error("the bucket lists more plans than are looked through")]
struct TooMany;

impl BucketPlace {
    pub(super) fn open(settings: BucketSettings) -> Result<Self, PlanError> {
        let wrong = |why: &str| {
            let place = format!("the bucket `{}`", settings.name);
            Err(PlanError::Settings { place, why: why.to_owned() })
        };
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
        if !(3..=63).contains(&settings.name.len()) || !settings.name.bytes().all(fits) {
            return wrong("this is not the name of a bucket");
        }
        if settings.endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
            return wrong("its endpoint is not `https://host[:port]`, or `http://` on this machine");
        }
        let own = settings.prefix.as_deref().map(|prefix| format!("{prefix}/")).unwrap_or_default();
        Ok(Self { prefix: format!("{own}plans/v1/"), settings, clients: OnceCell::new() })
    }

    async fn clients(&self) -> &Clients {
        let make = || async {
            let base = base(&self.settings).await;
            let timeouts =
                TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).operation_timeout(WHOLE).build();
            let base = base.timeout_config(timeouts);
            let writes = base.clone().retry_config(RetryConfig::disabled());
            let reads = base.retry_config(RetryConfig::standard());
            Clients { writes: Client::from_conf(writes.build()), reads: Client::from_conf(reads.build()) }
        };
        self.clients.get_or_init(make).await
    }

    fn full(&self, pool: &str, name: &str) -> String {
        format!("{}{pool}/{name}", self.prefix)
    }

    pub(super) async fn put(&self, pool: &str, name: &str, object: Vec<u8>) -> Result<(), PlanError> {
        let put = self.clients().await.writes.put_object().bucket(&self.settings.name).key(self.full(pool, name));
        let digest = BASE64.encode(Digest::of(&object).as_bytes());
        // The algorithm is named as well: some stores look for its header alone.
        let put = put.if_none_match("*").checksum_algorithm(ChecksumAlgorithm::Sha256).checksum_sha256(digest);
        match Box::pin(put.body(ByteStream::from(object)).send()).await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(412) => Err(PlanError::Exists),
            Err(error) => Err(unavailable("s3:PutObject", error)),
        }
    }

    pub(super) async fn get(&self, pool: &str, name: &str) -> Result<Vec<u8>, PlanError> {
        self.fetch(pool, name, None, LARGEST_OBJECT).await
    }

    pub(super) async fn beginning(&self, pool: &str, name: &str) -> Result<Vec<u8>, PlanError> {
        // A store that knows no ranges sends it whole, and is refused past the bound of a whole one.
        let range = format!("bytes=0-{}", BEGINNING - 1);
        self.fetch(pool, name, Some(range), LARGEST_OBJECT).await
    }

    async fn fetch(&self, pool: &str, name: &str, range: Option<String>, most: usize) -> Result<Vec<u8>, PlanError> {
        let fetch = self.clients().await.reads.get_object().bucket(&self.settings.name).key(self.full(pool, name));
        let mut answer = match Box::pin(fetch.set_range(range).send()).await {
            Ok(answer) => answer,
            Err(error) if is_absent(&error) => return Err(PlanError::Missing),
            // Not even one byte of it is there.
            Err(error) if status(&error) == Some(416) => return Err(PlanError::Changed),
            Err(error) => return Err(unavailable("s3:GetObject", error)),
        };
        let mut object = Vec::new();
        while let Some(chunk) = answer.body.next().await {
            let chunk = chunk.map_err(|error| PlanError::Unavailable(Box::new(error)))?;
            if object.len() + chunk.len() > most {
                return Err(PlanError::Changed);
            }
            object.extend_from_slice(&chunk);
        }
        Ok(object)
    }

    pub(super) async fn remove(&self, pool: &str, name: &str) -> Result<(), PlanError> {
        let remove = self.clients().await.writes.delete_object().bucket(&self.settings.name).key(self.full(pool, name));
        match Box::pin(remove.send()).await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) => Err(unavailable("s3:DeleteObject", error)),
        }
    }

    /// Names of the pool's plans. A name that is not one of ours is passed over.
    pub(super) async fn list(&self, pool: &str) -> Result<Vec<String>, PlanError> {
        let prefix = format!("{}{pool}/", self.prefix);
        let (mut names, mut next) = (Vec::new(), None);
        for _ in 0..MOST_PAGES {
            let list = self.clients().await.reads.list_objects_v2().bucket(&self.settings.name).prefix(&prefix);
            let page = Box::pin(list.set_continuation_token(next).send()).await;
            let page = page.map_err(|error| unavailable("s3:ListBucket", error))?;
            let own = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix));
            names.extend(own.filter(|name| is_plan_name(name)).map(str::to_owned));
            next = page.next_continuation_token().map(str::to_owned);
            if next.is_none() {
                return Ok(names);
            }
        }
        Err(PlanError::Unavailable(Box::new(TooMany)))
    }
}

async fn base(settings: &BucketSettings) -> Builder {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let (version, region) = (BehaviorVersion::v2026_01_12(), Region::new(settings.region.clone()));
    let builder = match &settings.credentials {
        Credentials::Chain => {
            let found = aws_config::defaults(version).http_client(http).region(region).load().await;
            Builder::from(&found)
        }
        Credentials::Key { id, secret } => {
            let key = aws_sdk_s3::config::Credentials::new(id, secret.expose_secret(), None, None, "configuration");
            Builder::new().behavior_version(version).http_client(http).region(region).credentials_provider(key)
        }
    };
    let builder = builder
        .force_path_style(settings.path_style)
        // Every write carries its own SHA-256, and what is read is authenticated.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    match &settings.endpoint {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

fn is_endpoint(text: &str) -> bool {
    let host = |rest: &str| {
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        (!rest.is_empty() && rest.bytes().all(fits)).then(|| rest.to_owned())
    };
    if let Some(rest) = text.strip_prefix("https://") {
        return host(rest).is_some();
    }
    let Some(here) = text.strip_prefix("http://").and_then(host) else { return false };
    let name = here.rsplit_once(':').map_or(here.as_str(), |(name, _)| name);
    name == "localhost" || name == "[::1]" || name.parse::<std::net::Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    match error {
        SdkError::ServiceError(answer) => Some(answer.raw().status().as_u16()),
        _ => None,
    }
}

/// The plan is not there; that the bucket is not is another matter.
fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    status(error) == Some(404) && code != Some("NoSuchBucket")
}

fn unavailable<E>(permission: &'static str, error: SdkError<E, HttpResponse>) -> PlanError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match (&error, status(&error)) {
        (SdkError::ServiceError(answer), Some(status)) => {
            let code = answer.err().code().unwrap_or_default().chars().take(80).collect();
            PlanError::Unavailable(Box::new(Refused { permission, status, code }))
        }
        _ => PlanError::Unavailable(Box::new(error)),
    }
}
