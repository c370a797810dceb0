//! Additional processes in containers.

use serde::{Deserialize, Serialize};

/// Body of `POST /containers/{id}/exec`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExecCreateRequest {
    /// `user[:group]`, names or numbers; empty: the container's.
    pub user: String,
    /// With all capabilities.
    pub privileged: bool,
    /// A terminal.
    pub tty: bool,
    /// Its first size: rows, columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
    /// The client sends standard input.
    pub attach_stdin: bool,
    /// The client gets standard error.
    pub attach_stderr: bool,
    /// The client gets standard output.
    pub attach_stdout: bool,
    /// Keys that leave it; empty: the default ones.
    pub detach_keys: String,
    /// `NAME=value`, over the container's.
    pub env: Vec<String>,
    /// Empty: the container's.
    pub working_dir: String,
    /// Program and arguments.
    #[serde(deserialize_with = "super::words::words")]
    pub cmd: Option<Vec<String>>,
    /// Told by the start again, which is what counts.
    pub detach: bool,
}

/// Answer to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExecCreateResponse {
    /// Of the exec.
    pub id: String,
}

/// Body of `POST /exec/{id}/start`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExecStartRequest {
    /// Nobody wants its streams.
    pub detach: bool,
    /// Its output comes raw.
    pub tty: bool,
    /// First size of the terminal: rows, columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub console_size: Option<[u16; 2]>,
}

/// Answer to `GET /exec/{id}/json`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ExecInspectResponse {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// It has been started and has not ended.
    pub running: bool,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// What runs.
    pub process_config: ExecProcess,
    /// The client sends standard input.
    pub open_stdin: bool,
    /// The client gets standard error.
    pub open_stderr: bool,
    /// The client gets standard output.
    pub open_stdout: bool,
    /// It has ended.
    pub can_remove: bool,
    /// The container it runs in.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// The keys that leave it, as bytes in base64.
    pub detach_keys: String,
    /// In the host's numbering.
    pub pid: u32,
}

/// What an exec runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ExecProcess {
    /// A terminal.
    pub tty: bool,
    /// The program.
    pub entrypoint: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// With all capabilities.
    pub privileged: bool,
    /// As asked for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub user: String,
}
