//! What the engine knows of a container: the spec it was made from and what was observed since.
//!
//! A [`Record`] is owned by the container's task; everybody else reads the snapshots it publishes. It is also what the
//! metadata store keeps.

mod describe;
mod mount;
mod state;

pub use state::{ExitStatus, State, Status};

use crate::spec::ContainerSpec;
use network::Endpoint;
use serde::{Deserialize, Serialize};

/// One container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Without a leading slash.
    pub name: String,
    /// Nanoseconds since the epoch.
    pub created_ns: i64,
    /// The image's id, `sha256:…`.
    pub image_id: String,
    /// What the user asked for, filled up from the image.
    pub spec: ContainerSpec,
    /// The program that is run.
    pub path: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// What was observed.
    pub state: State,
    /// How often the restart policy has started it again.
    pub restart_count: u32,
    /// Whether a user stopped it: until a user starts it, no restart policy does.
    pub manually_stopped: bool,
    /// Whether its stop, under way or done, is the first half of a restart, whose second half nobody may forget.
    pub starts_again: bool,
    /// How often its process has ended; tells the waiters of the next exit that there was one.
    pub exits: u64,
    /// How often it could not be started; tells the waiters likewise.
    pub failed_starts: u64,
    /// Its attachments to networks while it runs.
    pub endpoints: Vec<Endpoint>,
    /// What is mounted besides the root.
    pub mounts: Vec<MountPoint>,
}

/// One mount: as inspect lists it, and how it is made. Settled when the container is created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountPoint {
    /// `bind`, `volume`, `tmpfs` or `image`.
    pub kind: String,
    /// The volume's name, or the image's as it was asked for.
    pub name: String,
    /// The volume's driver.
    pub driver: String,
    /// The path on the host; empty for tmpfs.
    pub source: String,
    /// The path in the container.
    pub destination: String,
    /// The options of the short notation, as given.
    pub mode: String,
    /// Whether it may be written.
    pub rw: bool,
    /// How later mounts spread; empty for volumes.
    pub propagation: String,
    /// The type and options for the OCI configuration; an empty type is a bind of the source, or memory for a tmpfs.
    pub file_system: String,
    /// What a file system is of: a device, a server's directory.
    pub device: String,
    /// See [`MountPoint::file_system`].
    pub options: Vec<String>,
    /// Whether a missing source directory is made.
    pub create: bool,
    /// Whether the volume was given no name, so that it can go with the container.
    pub anonymous: bool,
    /// What of the volume is mounted; empty for all of it.
    pub subpath: String,
    /// The id of the image that is mounted.
    pub image: String,
    /// Under which name the store of images keeps its layers.
    pub pin: String,
    /// Whether the source's files become the container's user's.
    pub chown: bool,
}

/// The first 12 digits of an id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

impl Record {
    /// The first 12 digits of the id.
    pub fn short_id(&self) -> &str {
        short(&self.id)
    }

    /// The program and its arguments as `ps` shows them.
    pub fn command_line(&self) -> String {
        let mut line = self.path.clone();
        for arg in &self.args {
            line.push(' ');
            if arg.contains(' ') {
                line.push_str(&format!("'{arg}'"));
            } else {
                line.push_str(arg);
            }
        }
        line
    }
}

/// How many digits of an id are enough for people.
pub const SHORT_ID: usize = 12;
