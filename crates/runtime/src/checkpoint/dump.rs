//! Freezing a container into files.

use std::fs::{DirBuilder, Permissions, set_permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Child;

use super::arguments::{Dumping, dump};
use super::{Descriptors, IMAGES_DIR, check, criu, mounts};
use crate::oci::Spec;
use crate::{Error, Result, cgroup};

/// What criu says of a dump, in the directory of the checkpoint.
pub const DUMP_LOG: &str = "images/dump.log";
/// The same, as criu is told.
const LOG: &str = "dump.log";

/// A container about to be frozen.
#[derive(Debug)]
pub struct Dump<'a> {
    /// What it was made from.
    pub spec: &'a Spec,
    /// Its first process.
    pub pid: i32,
    /// The pipes that are its streams.
    pub descriptors: Descriptors,
    /// Where the files go: a directory that exists and has none of them.
    pub dir: &'a Path,
    /// It goes on; else it is killed once all is written.
    pub leave_running: bool,
}

impl Dump<'_> {
    /// Starts criu, whose end with 0 means that all is written. Else [`super::reason`] of [`DUMP_LOG`] tells why not,
    /// and the container goes on.
    ///
    /// # Errors
    /// [`Error::NotImplemented`] for containers that cannot be frozen; if criu cannot be started.
    pub fn start(&self) -> Result<Child> {
        check(self.spec, cgroup::detect()?.version())?;
        let external = mounts::found(self.spec, self.pid)?;
        let images = self.dir.join(IMAGES_DIR);
        fault::point("checkpoint: make directory of images");
        // What is in memory is nobody else's to read.
        DirBuilder::new().mode(0o700).create(&images).map_err(Error::path("make", &images))?;
        set_permissions(&images, Permissions::from_mode(0o700)).map_err(Error::path("close", &images))?;
        self.descriptors.write(self.dir)?;
        let arguments = dump(&Dumping {
            pid: self.pid,
            images: &images,
            log: LOG,
            network: own_network(self.pid)?,
            external: &external,
            leave_running: self.leave_running,
        });
        fault::point("checkpoint: start criu");
        criu::command(&arguments).spawn().map_err(Error::host("start criu"))
    }
}

/// The inode of the network namespace of `pid`, unless it is ours too.
fn own_network(pid: i32) -> Result<Option<u64>> {
    let inode = |path: String| {
        std::fs::metadata(&path).map(|metadata| metadata.ino()).map_err(Error::path("look at", path))
    };
    let theirs = inode(format!("/proc/{pid}/ns/net"))?;
    Ok((theirs != inode("/proc/self/ns/net".to_owned())?).then_some(theirs))
}
