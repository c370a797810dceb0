//! The daemon's own log, on standard error, with a level that can change while it runs.

use std::io::IsTerminal;

use anyhow::Result;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt};

use crate::config::Config;

/// Changes the level of the running log.
pub(crate) struct Logging(Handle<EnvFilter, Registry>);

impl Logging {
    /// Starts logging as configured.
    ///
    /// # Errors
    /// When the process logs already.
    pub(crate) fn start(config: &Config) -> Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(config));
        let colours = !config.raw_logs && std::io::stderr().is_terminal();
        let lines = fmt::layer().with_writer(std::io::stderr).with_ansi(colours).with_target(false);
        tracing_subscriber::registry().with(filter).with(lines).try_init()?;
        Ok(Self(handle))
    }

    /// Takes the level of a configuration that was read again.
    pub(crate) fn reload(&self, config: &Config) {
        if let Err(error) = self.0.reload(filter(config)) {
            tracing::warn!(%error, "log level stays as it was");
        }
    }
}

/// Our own rooms at the level asked for; libraries only when something is wrong.
fn filter(config: &Config) -> EnvFilter {
    let level = match config.log_level.as_str() {
        _ if config.debug => "debug",
        // Nothing here logs above `error`.
        "fatal" => "error",
        level => level,
    };
    let rooms = ["shoald", "rest", "engine", "image", "network", "manager", "worker", "swarm_api"];
    let directives: Vec<String> = rooms.iter().map(|room| format!("{room}={level}")).collect();
    EnvFilter::new(format!("warn,openraft=error,{}", directives.join(",")))
}
