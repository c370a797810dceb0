//! What is asked of a container beyond Docker's API.

use super::invalid::Invalid;
use serde::{Deserialize, Serialize};

/// What is asked of a container beyond Docker's API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shoal {
    /// A health probe that starts no process.
    pub health: Option<HealthProbe>,
    /// Whether it is started again when it has become unhealthy.
    pub restart_on_unhealthy: bool,
}

/// A probe from inside the container's network namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthProbe {
    /// `[http://][address]:port[/path]`: healthy while a GET is answered with 200 to 399.
    Http(String),
    /// `[address]:port`: healthy while a connection is accepted.
    Tcp(String),
}

impl HealthProbe {
    /// The one probe of the two forms; `None` if neither is asked for.
    ///
    /// # Errors
    /// If both are.
    pub fn one_of(http: Option<String>, tcp: Option<String>) -> Result<Option<HealthProbe>, Invalid> {
        match (http, tcp) {
            (Some(_), Some(_)) => Err(Invalid::Conflict("Shoal.Health.Http", "Shoal.Health.Tcp")),
            (Some(url), None) => Ok(Some(HealthProbe::Http(url))),
            (None, Some(address)) => Ok(Some(HealthProbe::Tcp(address))),
            (None, None) => Ok(None),
        }
    }
}
