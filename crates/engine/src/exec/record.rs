//! What the engine knows of an exec.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What is asked for. What is not said is as it is for the container's own program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecConfig {
    /// Program and arguments.
    pub args: Vec<String>,
    /// `KEY=value`, over the container's.
    pub env: Vec<String>,
    /// `name`, `uid`, `user:group`, …; empty: the container's.
    pub user: String,
    /// Absolute in the container; empty: the container's.
    pub working_dir: String,
    /// A pseudo-terminal.
    pub tty: bool,
    /// Standard input is the client's; else `/dev/null`.
    pub stdin: bool,
    /// The client gets standard output.
    pub stdout: bool,
    /// The client gets standard error.
    pub stderr: bool,
    /// With all capabilities.
    pub privileged: bool,
    /// First size of the terminal: rows, columns.
    pub console_size: Option<(u16, u16)>,
    /// The keys that leave it, as the client wrote them; empty: the default ones.
    pub detach_keys: String,
}

/// One exec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecRecord {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The container in which it runs.
    pub container_id: String,
    /// What was asked for.
    pub config: ExecConfig,
    /// It has been started and has not ended.
    pub running: bool,
    /// How it ended, 128+n for a signal.
    pub exit_code: Option<i32>,
    /// Its process in the host's numbering, also after its end; 0 before.
    pub pid: u32,
    /// When it ended, in nanoseconds since the epoch; 0 before.
    pub ended_ns: i64,
}

impl ExecRecord {
    pub(crate) fn new(id: String, container_id: String, config: ExecConfig) -> ExecRecord {
        ExecRecord { id, container_id, config, ..ExecRecord::default() }
    }

    /// Whether it may still be started.
    pub(crate) fn check_new(&self) -> Result<()> {
        if self.exit_code.is_some() {
            return Err(Error::ExecHasRun(self.id.clone()));
        }
        if self.running {
            return Err(Error::ExecRunning(self.id.clone()));
        }
        Ok(())
    }

    /// Program and arguments as events tell them.
    pub(crate) fn command_line(&self) -> String {
        self.config.args.join(" ")
    }
}
