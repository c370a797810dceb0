//! The events of the daemon, one JSON object per line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What an event happened to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventActor {
    /// Id of the object.
    #[serde(rename = "ID")]
    pub id: String,
    /// Name, image, labels and whatever else the kind of event tells.
    #[serde(rename = "Attributes")]
    pub attributes: BTreeMap<String, String>,
}

/// One event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventMessage {
    /// `container`, `image`, `network`, `daemon`, `service`, `node`…
    #[serde(rename = "Type")]
    pub kind: String,
    /// What happened: `create`, `start`, `die`…
    #[serde(rename = "Action")]
    pub action: String,
    /// To what.
    #[serde(rename = "Actor")]
    pub actor: EventActor,
    /// `local` or `swarm`.
    pub scope: String,
    /// Seconds since the epoch.
    pub time: i64,
    /// Nanoseconds since the epoch.
    #[serde(rename = "timeNano")]
    pub time_nano: i64,
    /// The action again; gone since 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The object's id again; gone since 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The object's image again; gone since 1.52.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// Parameters of `GET /events`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventsQuery {
    /// Seconds since the epoch (with a fraction), or RFC 3339.
    pub since: String,
    /// The same; the stream ends there.
    pub until: String,
    /// `container`, `event`, `image`, `label`, `network`, `node`, `scope`, `service`, `type`…
    pub filters: crate::Filters,
}
