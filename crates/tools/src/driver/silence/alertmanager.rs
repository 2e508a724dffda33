//! Alertmanager's own words: alerts, silences, matchers.
//!
//! **Invariant:** alerts come sorted, so that the same ones are told in the same way.
//!
//! Source: Alertmanager 0.25, `api/v2/openapi.yaml`.

use super::super::client::{AskError, Client};
use countersign_command::silence::Matching;
use countersign_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The label that is an alert's name.
pub(super) const NAME: &str = "alertname";

/// An alert that is firing.
#[derive(Debug, Deserialize)]
pub(super) struct Alert {
    pub(super) labels: BTreeMap<String, String>,
    #[serde(rename = "startsAt")]
    pub(super) since: Timestamp,
    pub(super) status: AlertStatus,
}

#[derive(Debug, Deserialize)]
pub(super) struct AlertStatus {
    #[serde(rename = "silencedBy")]
    pub(super) silenced_by: Vec<String>,
}

impl Alert {
    pub(super) fn name(&self) -> &str {
        self.labels.get(NAME).map_or("", String::as_str)
    }
}

/// A silence that is, or was.
#[derive(Debug, Deserialize)]
pub(super) struct Silence {
    pub(super) id: String,
    pub(super) status: SilenceStatus,
    pub(super) matchers: Vec<Matcher>,
    #[serde(rename = "startsAt")]
    pub(super) starts_at: Timestamp,
    #[serde(rename = "endsAt")]
    pub(super) ends_at: Timestamp,
    #[serde(rename = "createdBy")]
    pub(super) created_by: String,
    pub(super) comment: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct SilenceStatus {
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum State {
    Expired,
    Active,
    Pending,
}

/// A matcher on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Matcher {
    name: String,
    value: String,
    #[serde(rename = "isRegex")]
    is_regex: bool,
    /// Absent from Alertmanagers before 0.22, which knew no negative ones.
    #[serde(rename = "isEqual", default = "yes")]
    is_equal: bool,
}

const fn yes() -> bool {
    true
}

impl From<&Matching> for Matcher {
    fn from(it: &Matching) -> Self {
        let (name, value) = (it.name.clone(), it.value.clone());
        Self { name, value, is_regex: it.is_regex, is_equal: it.is_equal }
    }
}

impl Matcher {
    /// `label="value"`, as Alertmanager reads it back.
    pub(super) fn spelled(&self) -> String {
        let sign = match (self.is_equal, self.is_regex) {
            (true, false) => "=",
            (false, false) => "!=",
            (true, true) => "=~",
            (false, true) => "!~",
        };
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!("{}{sign}\"{value}\"", self.name)
    }

    /// Whether it names one alert.
    pub(super) fn is_name(&self) -> bool {
        self.name == NAME && self.is_equal && !self.is_regex && !self.value.is_empty()
    }
}

/// A silence to be made.
#[derive(Debug, Serialize)]
pub(super) struct NewSilence {
    pub(super) matchers: Vec<Matcher>,
    #[serde(rename = "startsAt")]
    pub(super) starts_at: Timestamp,
    #[serde(rename = "endsAt")]
    pub(super) ends_at: Timestamp,
    #[serde(rename = "createdBy")]
    pub(super) created_by: String,
    pub(super) comment: String,
}

#[derive(Debug, Deserialize)]
struct Made {
    #[serde(rename = "silenceID")]
    id: String,
}

/// What an Alertmanager is asked.
#[derive(Debug)]
pub(super) struct Alertmanager {
    client: Client,
}

impl Alertmanager {
    pub(super) const fn new(client: Client) -> Self {
        Self { client }
    }

    /// The alerts that fire and match; silenced ones too.
    pub(super) async fn alerts(&self, matchers: &[Matcher]) -> Result<Vec<Alert>, AskError> {
        let filters: Vec<String> = matchers.iter().map(Matcher::spelled).collect();
        let query: Vec<(&str, &str)> = filters.iter().map(|filter| ("filter", filter.as_str())).collect();
        let mut alerts: Vec<Alert> = self.client.ask(&["api", "v2", "alerts"], &query).await?;
        alerts.sort_by(|one, another| (one.name(), &one.labels).cmp(&(another.name(), &another.labels)));
        Ok(alerts)
    }

    /// Every silence it still knows, the soonest to end first.
    pub(super) async fn silences(&self) -> Result<Vec<Silence>, AskError> {
        let mut silences: Vec<Silence> = self.client.ask(&["api", "v2", "silences"], &[]).await?;
        silences.sort_by(|one, another| (one.ends_at, &one.id).cmp(&(another.ends_at, &another.id)));
        Ok(silences)
    }

    /// One silence; `None` when there is none of this id.
    pub(super) async fn silence(&self, id: &str) -> Result<Option<Silence>, AskError> {
        match self.client.ask(&["api", "v2", "silence", id], &[]).await {
            Err(AskError::Refused { status: 404, .. }) => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// Makes a silence, and says its id.
    pub(super) async fn make(&self, silence: &NewSilence) -> Result<String, AskError> {
        let made: Made = self.client.post(&["api", "v2", "silences"], silence).await?;
        Ok(made.id)
    }

    /// Ends a silence.
    pub(super) async fn end(&self, id: &str) -> Result<(), AskError> {
        self.client.delete(&["api", "v2", "silence", id]).await
    }
}
