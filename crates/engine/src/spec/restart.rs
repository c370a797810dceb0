//! `HostConfig.RestartPolicy`.

use super::invalid::Invalid;
use super::text::serde_as_text;
use std::fmt;
use std::str::FromStr;

/// Whether a container whose process ended is started again.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct RestartPolicy {
    /// When.
    pub name: RestartCondition,
    /// With [`RestartCondition::OnFailure`]: how often at the most; 0 means without end.
    pub maximum_retry_count: u32,
}

/// When to start again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RestartCondition {
    /// `no`, or empty.
    #[default]
    No,
    /// `always`, also when the daemon starts.
    Always,
    /// `unless-stopped`: as always, but what a user stopped stays stopped when the daemon starts.
    UnlessStopped,
    /// `on-failure`: when the exit code is not 0.
    OnFailure,
}

impl FromStr for RestartCondition {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "" | "no" => Ok(RestartCondition::No),
            "always" => Ok(RestartCondition::Always),
            "unless-stopped" => Ok(RestartCondition::UnlessStopped),
            "on-failure" => Ok(RestartCondition::OnFailure),
            other => Err(Invalid::RestartPolicy(other.to_owned())),
        }
    }
}

impl fmt::Display for RestartCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RestartCondition::No => "no",
            RestartCondition::Always => "always",
            RestartCondition::UnlessStopped => "unless-stopped",
            RestartCondition::OnFailure => "on-failure",
        })
    }
}

serde_as_text!(RestartCondition);
