//! The S3 client: TLS by ring, deadlines everywhere, and the store's clock from its answers.
//!
//! **Invariant:** a write is sent once; only its caller knows whether it may be sent again.

use super::settings::{BucketSettings, Credentials};
use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation, RuntimeComponents,
};
use aws_sdk_s3::error::BoxError;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use countersign_core::time::Timestamp;
use secrecy::ExposeSecret as _;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Until the store takes the connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Until it answers, or goes on answering.
const READ: Duration = Duration::from_secs(10);
/// For all of a write; whoever waits for it may have a shorter deadline.
const WRITE: Duration = Duration::from_secs(15);
/// For all of a read, its retries included.
const READ_IN_ALL: Duration = Duration::from_mins(1);

/// One client for writes, which are sent once, and one for reads, which may be sent again.
#[derive(Debug, Clone)]
pub(super) struct Clients {
    pub(super) writes: Client,
    pub(super) reads: Client,
}

impl Clients {
    pub(super) async fn of(settings: &BucketSettings) -> Self {
        let base = base(settings).await;
        let timeouts = |whole| {
            TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).operation_timeout(whole).build()
        };
        let writes = base.clone().retry_config(RetryConfig::disabled()).timeout_config(timeouts(WRITE));
        let reads = base.retry_config(RetryConfig::standard()).timeout_config(timeouts(READ_IN_ALL));
        Self { writes: Client::from_conf(writes.build()), reads: Client::from_conf(reads.build()) }
    }
}

async fn base(settings: &BucketSettings) -> Builder {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let version = BehaviorVersion::v2026_01_12();
    let builder = match &settings.credentials {
        Credentials::Chain => {
            let found = aws_config::defaults(version)
                .http_client(http)
                .region(Region::new(settings.region.clone()))
                .load()
                .await;
            Builder::from(&found)
        }
        Credentials::Key { id, secret } => {
            let key = aws_sdk_s3::config::Credentials::new(id, secret.expose_secret(), None, None, "configuration");
            Builder::new()
                .behavior_version(version)
                .http_client(http)
                .region(Region::new(settings.region.clone()))
                .credentials_provider(key)
        }
    };
    let builder = builder
        .force_path_style(settings.path_style)
        // Every write carries its own SHA-256, and what is read is compared with its chain.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    match &settings.endpoint {
        Some(endpoint) => builder.endpoint_url(endpoint),
        None => builder,
    }
}

/// Takes the time an answer was given from its `Date` header.
#[derive(Debug, Clone, Default)]
pub(super) struct Dated(Arc<OnceLock<Timestamp>>);

impl Dated {
    /// The store's time, once it has answered.
    pub(super) fn at(&self) -> Option<Timestamp> {
        self.0.get().copied()
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(at) = date.and_then(|text| DateTime::from_str(text, Format::HttpDate).ok()) {
            // A second answer cannot come: writes are sent once, and each has its own.
            let _ = self.0.set(timestamp(&at));
        }
        Ok(())
    }
}

pub(super) fn timestamp(at: &DateTime) -> Timestamp {
    Timestamp::from_millis(at.to_millis().unwrap_or(i64::MAX))
}
