//! What a container has beyond Docker's API: the object `Shoal` in `HostConfig`, which Docker's clients neither send nor read.

use serde::{Deserialize, Serialize};

/// What a container has beyond Docker's API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Shoal {
    /// A health probe that starts no process; its times are those of `Healthcheck`, which then has no `Test`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthProbe>,
    /// Start it again when it has become unhealthy.
    #[serde(skip_serializing_if = "crate::mount::is_false")]
    pub restart_on_unhealthy: bool,
}

impl Shoal {
    /// Whether nothing beyond Docker's API is asked for: then it is not told either.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A probe from inside the container's network namespace; one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct HealthProbe {
    /// `[http://][address]:port[/path]`: healthy while a GET is answered with 200 to 399.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<String>,
    /// `[address]:port`: healthy while a connection is accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<String>,
}
