//! Where a shim puts its container's output.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What becomes of the output. Neither file nor sink: nothing is kept (Docker's driver `none`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogSpec {
    /// What `logs` reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LogFile>,
    /// Somebody else who gets every line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<Sink>,
    /// Docker's `mode=non-blocking`: so many bytes may wait for the sink, or for the disk where there is none; then lines are
    /// dropped and counted, and the container never waits. `None`: it waits for a sink, for a bounded time, and for the disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_bytes: Option<u64>,
}

/// A log on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFile {
    /// How lines are written.
    pub format: LogFormat,
    /// The current file; rotated ones are beside it with `.1`, `.2`, … appended, `.1` the newest.
    pub path: PathBuf,
    /// A file is rotated when it has reached this size. 0: never.
    pub max_size_bytes: u64,
    /// Files kept, the current one included. At least 1.
    pub max_files: u32,
    /// Rotated files are compressed: [`LogFormat::squeezed`] is appended to their names.
    pub compress: bool,
    /// Added to every line of [`LogFormat::Json`], as Docker's `labels`, `env` and `tag` options do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attrs: BTreeMap<String, String>,
}

/// How lines lie in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Docker's json-file: a JSON object per line.
    Json,
    /// [`crate::record`]: binary, with marks by which time and number of lines are found.
    Local,
}

impl LogFormat {
    /// What the name of a compressed rotated file ends with: gzip, or blocks of [`crate::block`].
    pub fn squeezed(self) -> &'static str {
        match self {
            LogFormat::Json => ".gz",
            LogFormat::Local => ".blk",
        }
    }
}

/// Somebody else who gets every line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sink {
    /// systemd's journal, in its native protocol.
    Journald {
        /// Its socket.
        socket: PathBuf,
        /// Fields of every entry, by name.
        fields: BTreeMap<String, String>,
    },
    /// A syslog server.
    Syslog(Syslog),
}

/// How to talk to a syslog server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syslog {
    /// Where it is.
    pub peer: Peer,
    /// The shape of a message.
    pub format: SyslogFormat,
    /// 0 to 23, RFC 5424 section 6.2.1.
    pub facility: u8,
    /// The program's name in each message.
    pub tag: String,
    /// This machine's name in each message.
    pub hostname: String,
}

/// The address of a syslog server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// This machine's own, at one of the places where such have their socket.
    Local,
    /// `host:port`; for the shim an address and a port, since it resolves no names.
    Udp(String),
    /// The same.
    Tcp(String),
    /// A stream socket.
    Unix(PathBuf),
    /// A datagram socket.
    Unixgram(PathBuf),
}

/// The shape of a syslog message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogFormat {
    /// As the C library writes to the local server: no host name.
    Unix,
    /// RFC 3164.
    Rfc3164,
    /// RFC 5424, whole seconds.
    Rfc5424,
    /// RFC 5424 with microseconds.
    Rfc5424Micro,
}
