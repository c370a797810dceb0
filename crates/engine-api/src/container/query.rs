//! Parameters of the routes of containers.

use serde::{Deserialize, Serialize};

use crate::Filters;
use crate::mount::is_false;

/// Of `GET /containers/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListQuery {
    /// Also those that do not run.
    pub all: bool,
    /// Only the newest N, running or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// Also sizes.
    #[serde(skip_serializing_if = "is_false")]
    pub size: bool,
    /// Which.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
}

/// Of `POST /containers/create`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CreateQuery {
    /// Empty: one is made up.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// `os[/arch[/variant]]`; only this machine's is taken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub platform: String,
}

/// Of `GET /containers/{id}/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InspectQuery {
    /// Also sizes.
    #[serde(skip_serializing_if = "is_false")]
    pub size: bool,
}

/// Of `GET /containers/{id}/logs`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsQuery {
    /// Go on as more is written.
    pub follow: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// Seconds since the epoch with a fraction, or RFC 3339.
    pub since: String,
    /// The same.
    pub until: String,
    /// A time before every line.
    pub timestamps: bool,
    /// A number of lines, or `all`.
    pub tail: String,
    /// Labels and variables that the log driver keeps, before every line.
    pub details: bool,
}

/// Of `POST /containers/{id}/start`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StartQuery {
    /// Without meaning for a start; clients send it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detach_keys: String,
    /// The checkpoint to start from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub checkpoint: String,
    /// A directory of the daemon's machine that it is in; empty: the container's own.
    #[serde(rename = "checkpoint-dir", skip_serializing_if = "String::is_empty")]
    pub checkpoint_dir: String,
}

/// Of `POST /containers/{id}/stop` and `restart`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StopQuery {
    /// Instead of the container's stop signal.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signal: String,
    /// Seconds to wait; minus one: for ever; absent: the container's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t: Option<i64>,
}

/// Of `GET /containers/{id}/stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct StatsQuery {
    /// Go on, once a second; unless it says no.
    pub stream: bool,
    /// Do not wait for a second sample to compare with.
    pub one_shot: bool,
}

impl Default for StatsQuery {
    fn default() -> Self {
        Self { stream: true, one_shot: false }
    }
}

/// Of `POST /containers/{id}/kill`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KillQuery {
    /// Empty: SIGKILL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub signal: String,
}

/// Of `POST /containers/{id}/wait`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WaitQuery {
    /// `not-running`, `next-exit`, `removed`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub condition: String,
}

/// Of `DELETE /containers/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RemoveQuery {
    /// Its anonymous volumes too.
    pub v: bool,
    /// Kill it first.
    pub force: bool,
    /// Only the link of this name, `container/alias`.
    pub link: bool,
}

/// Of `POST /containers/{id}/attach`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AttachQuery {
    /// Keys that end the stream; empty: the default ones.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detach_keys: String,
    /// First what was written so far.
    pub logs: bool,
    /// Then what is written from now on.
    pub stream: bool,
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Of `POST /containers/{id}/resize`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResizeQuery {
    /// Rows.
    pub h: u16,
    /// Columns.
    pub w: u16,
}

/// Of `GET /containers/{id}/attach/ws`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AttachSocketQuery {
    /// Keys that end the stream; empty: the default ones.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detach_keys: String,
    /// First what was written so far.
    pub logs: bool,
    /// Then what is written from now on.
    pub stream: bool,
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
    /// The header of a WebSocket's handshake.
    #[serde(rename = "Sec-WebSocket-Key", skip_serializing_if = "String::is_empty")]
    pub key: String,
}
