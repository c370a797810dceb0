//! The flags of a health check.

use clap::Args;
use serde_json::{Value, json};

use crate::error::Error;
use crate::flag::duration;

/// How to tell whether the container is well.
#[derive(Debug, Args)]
pub(crate) struct Health {
    /// Command to run to check health
    #[arg(long, value_name = "string")]
    health_cmd: Option<String>,
    /// Time between running the check (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    health_interval: Option<i64>,
    /// Consecutive failures needed to report unhealthy
    #[arg(long, value_name = "int")]
    health_retries: Option<u32>,
    /// Time between running the check during the start period (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    health_start_interval: Option<i64>,
    /// Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    health_start_period: Option<i64>,
    /// Maximum time to allow one check to run (ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    health_timeout: Option<i64>,
    /// Disable any container-specified HEALTHCHECK
    #[arg(long)]
    no_healthcheck: bool,
}

impl Health {
    /// The API's object, if any of the flags is set.
    pub(crate) fn json(&self) -> Result<Option<Value>, Error> {
        let times = [
            ("Interval", self.health_interval),
            ("Timeout", self.health_timeout),
            ("StartPeriod", self.health_start_period),
            ("StartInterval", self.health_start_interval),
            ("Retries", self.health_retries.map(i64::from)),
        ];
        let any = self.health_cmd.is_some() || times.iter().any(|(_, value)| value.is_some());
        if self.no_healthcheck {
            if any {
                return Err(Error::Usage("--no-healthcheck conflicts with --health-* options".to_owned()));
            }
            return Ok(Some(json!({"Test": ["NONE"]})));
        }
        if !any {
            return Ok(None);
        }
        let mut check = json!({});
        if let Some(command) = &self.health_cmd {
            check["Test"] = json!(["CMD-SHELL", command]);
        }
        for (name, value) in times {
            if let Some(value) = value {
                check[name] = json!(value);
            }
        }
        Ok(Some(check))
    }
}
