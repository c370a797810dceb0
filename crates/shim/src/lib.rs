//! The protocol between the engine and a container's shim. The shim itself is the program `shoal-shim`.
//!
//! A shim is started as `shoal-shim DIR`, where `DIR` (0700) holds `config.json` (OCI) and `shim.json`
//! ([`ShimSpec`]); files that must be on no disk come as a file system that is its standard input. It makes the container, listens on `DIR/shim.sock`, and writes one framed [`Response`]
//! (`Created` or `Error`) to its standard output. Then each connection carries one [`Request`] at a time. When the
//! container ends, the shim writes `DIR/exit.json` ([`ExitStatus`]), answers all `Wait`s, removes the cgroup, and ends.
//!
//! This library holds types and their encoding; it does no IO of its own.

pub mod block;
mod checkpoint;
mod exec;
mod frame;
mod health;
mod log;
mod message;
pub mod record;
mod spec;

pub use checkpoint::CheckpointSpec;
pub use exec::{EXIT_STREAM, ExecSpec, ExecState};
pub use frame::{Decoder, FrameError, MAX_MESSAGE_BYTES, decode, encode, read, write};
pub use health::{HealthReport, HealthSpec, HealthStatus, MAX_OUTPUT_BYTES, MAX_RESULTS, Probe, ProbeResult};
pub use log::{LogFile, LogFormat, LogSpec, Peer, Sink, Syslog, SyslogFormat};
pub use message::{ErrorKind, ExitStatus, Request, Response, State, Status};
pub use spec::{ForeignRuntime, ShimSpec, VERSION};

pub use runtime::Rootfs;

/// The shim's description, in its directory; written by the engine.
pub const SPEC_FILE: &str = "shim.json";
/// The OCI configuration, in the shim's directory; written by the engine.
pub const CONFIG_FILE: &str = "config.json";
/// The shim's socket, in its directory.
pub const SOCKET_FILE: &str = "shim.sock";
/// How the container ended, in the shim's directory; written by the shim by rename.
pub const EXIT_FILE: &str = "exit.json";
