//! Health probes that start no process: ours, beyond Docker's flags.

use clap::Args;
use serde_json::{Map, Value, json};

use crate::error::Error;

/// Asked from inside the container's network namespace; the times are those of `--health-*`.
#[derive(Debug, Args)]
pub(super) struct Probe {
    /// Healthy while a GET of [http://][address]:port[/path] is answered with 200 to 399 (starts no process)
    #[arg(long, value_name = "url")]
    health_http: Option<String>,
    /// Healthy while [address]:port accepts connections (starts no process)
    #[arg(long, value_name = "address")]
    health_tcp: Option<String>,
}

impl Probe {
    /// The object `Shoal` of the host configuration, if anything of it is set.
    pub(super) fn json(&self, on_unhealthy: bool) -> Result<Option<Value>, Error> {
        let health = match (&self.health_http, &self.health_tcp) {
            (None, None) => None,
            (Some(http), None) => Some(json!({"Http": http})),
            (None, Some(tcp)) => Some(json!({"Tcp": tcp})),
            (Some(_), Some(_)) => {
                return Err(Error::Usage(
                    "conflicting options: cannot specify both --health-http and --health-tcp".to_owned(),
                ));
            }
        };
        let mut object = Map::new();
        object.extend(health.map(|health| ("Health".to_owned(), health)));
        object.extend(on_unhealthy.then(|| ("RestartOnUnhealthy".to_owned(), json!(true))));
        Ok((!object.is_empty()).then_some(Value::Object(object)))
    }
}
