//! `HostConfig.Mounts`: what else the container sees in its file tree.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One mount asked for by `HostConfig.Mounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// The path in the container.
    pub target: String,
    /// Whether it is read-only.
    #[serde(default)]
    pub read_only: bool,
    /// What is mounted.
    pub kind: MountKind,
}

/// What a [`Mount`] shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountKind {
    /// A file or directory of the host.
    Bind {
        /// The path on the host; must be absolute.
        source: String,
        /// How mounts made later spread.
        propagation: Propagation,
        /// Whether mounts beneath the source stay out.
        non_recursive: bool,
        /// Whether a missing source directory is made.
        create_mountpoint: bool,
        /// Whether read-only means the source alone, and not the mounts beneath it.
        #[serde(default)]
        read_only_non_recursive: bool,
        /// Whether the mounts beneath it must be read-only too; they are, unless the field above says otherwise.
        #[serde(default)]
        read_only_force_recursive: bool,
    },
    /// A volume, made if it is missing.
    Volume(VolumeMount),
    /// Memory.
    Tmpfs {
        /// The size in bytes; 0 means the kernel's default.
        size_bytes: u64,
        /// The mode bits of its root.
        mode: Option<u32>,
        /// Further options of mount(8).
        #[serde(default)]
        options: Vec<String>,
    },
    /// The files of an image, which nobody can write to.
    Image {
        /// The image's name or id.
        source: String,
        /// The directory or file within it that is mounted; empty for all of it.
        #[serde(default)]
        subpath: String,
    },
}

/// A volume in a [`Mount`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMount {
    /// Its name; empty for one of the container's own, whose name is made up.
    pub name: String,
    /// Whether an empty volume stays so, instead of being filled with what the image has in its place.
    pub no_copy: bool,
    /// Labels, if it is made.
    pub labels: BTreeMap<String, String>,
    /// Its driver, if it is made; empty means `local`.
    pub driver: String,
    /// The driver's options, if it is made.
    pub driver_options: BTreeMap<String, String>,
    /// The directory or file within the volume that is mounted; empty for all of it.
    pub subpath: String,
}

/// `BindOptions.Propagation`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// `rprivate`, Docker's default.
    #[default]
    Rprivate,
    /// `private`
    Private,
    /// `rshared`
    Rshared,
    /// `shared`
    Shared,
    /// `rslave`
    Rslave,
    /// `slave`
    Slave,
}

impl Propagation {
    /// The word as Docker and the kernel's mount options spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Propagation::Rprivate => "rprivate",
            Propagation::Private => "private",
            Propagation::Rshared => "rshared",
            Propagation::Shared => "shared",
            Propagation::Rslave => "rslave",
            Propagation::Slave => "slave",
        }
    }

    /// Reads the word; empty is the default.
    pub fn parse(text: &str) -> Option<Propagation> {
        Some(match text {
            "" | "rprivate" => Propagation::Rprivate,
            "private" => Propagation::Private,
            "rshared" => Propagation::Rshared,
            "shared" => Propagation::Shared,
            "rslave" => Propagation::Rslave,
            "slave" => Propagation::Slave,
            _ => return None,
        })
    }
}
