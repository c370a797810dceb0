//! What the handle sends to a container's task. Each carries the way back for the answer.

use super::attachment::Attachment;
use super::checkpoint::Origin;
use super::request::{AttachOptions, RemoveOptions, StopOptions};
use crate::error::Result;
use crate::health::News;
use crate::spec::{EndpointSpec, Update};
use network::NetworkRecord;
use runtime::MemoryFile;
use tokio::sync::oneshot;

/// The way back.
pub(crate) type Reply<T = ()> = oneshot::Sender<Result<T>>;

/// One request to a container's task.
#[derive(Debug)]
pub(crate) enum Command {
    /// From its program, or from a checkpoint.
    Start {
        origin: Option<Origin>,
        /// For a container that has files in memory.
        files: Vec<MemoryFile>,
        reply: Reply,
    },
    Stop {
        options: StopOptions,
        reply: Reply,
    },
    Restart {
        options: StopOptions,
        reply: Reply,
    },
    Kill {
        signal: i32,
        reply: Reply,
    },
    Pause {
        reply: Reply,
    },
    Unpause {
        reply: Reply,
    },
    Update {
        update: Box<Update>,
        reply: Reply<Vec<String>>,
    },
    Remove {
        options: RemoveOptions,
        reply: Reply,
    },
    /// A container that this one links to may have moved.
    Relink,
    Unlink {
        alias: String,
        reply: Reply<bool>,
    },
    Rename {
        name: String,
        reply: Reply,
    },
    Connect {
        network: Box<NetworkRecord>,
        wanted: Box<EndpointSpec>,
        reply: Reply,
    },
    /// From the network of this name, which may be gone.
    Disconnect {
        name: String,
        network: Option<Box<NetworkRecord>>,
        reply: Reply,
    },
    Health(News),
    Resize {
        rows: u16,
        cols: u16,
        reply: Reply,
    },
    Attach {
        options: AttachOptions,
        reply: Reply<Attachment>,
    },
}
