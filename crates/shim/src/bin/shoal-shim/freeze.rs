//! Checkpoints of the container: criu writes them, and is waited for beside everything else.
//!
//! The files become a checkpoint by a rename, here and not in the daemon: what has been frozen and killed must not depend on
//! anybody but whoever outlives it.

use std::fs;
use std::time::{Duration, Instant};

use ::shim::{CheckpointSpec, ErrorKind, Response};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use runtime::checkpoint::{DUMP_LOG, Descriptors, Dump, reason};
use runtime::oci::Spec;

use crate::connection::{Connection, Mode};
use crate::create::read_json;
use crate::log::Stream;
use crate::shim::Shim;
use crate::{Failure, kind};

/// How long one may take; a slow disk takes some gigabytes in it.
const LIMIT: Duration = Duration::from_secs(600);

/// A checkpoint that is being made.
pub(crate) struct Freezing {
    spec: CheckpointSpec,
    /// Not reaped yet, so that the number is its own.
    criu: Pid,
    began: Instant,
    /// What came of it.
    outcome: Option<Result<(), String>>,
}

impl Freezing {
    /// Whether `pid` is who makes it.
    pub(crate) fn is_by(&self, pid: Pid) -> bool {
        self.criu == pid && self.outcome.is_none()
    }

    /// When it has taken too long.
    pub(crate) fn deadline(&self) -> Instant {
        self.began + LIMIT
    }
}

impl Shim {
    /// Begins a checkpoint. The answer comes when it is made.
    pub(crate) fn freeze(&mut self, connection: &mut Connection, spec: CheckpointSpec) {
        if !self.is_running() {
            connection.refuse(ErrorKind::Conflict, "the container is not running");
        } else if self.freezing.is_some() {
            connection.refuse(ErrorKind::Conflict, "another checkpoint of the container is being made");
        } else if self.foreign.is_some() {
            connection.refuse(
                ErrorKind::NotImplemented,
                "a checkpoint with a runtime other than the built-in one is not implemented",
            );
        } else if self.init {
            connection.refuse(
                ErrorKind::NotImplemented,
                "a checkpoint of a container with --init is not implemented",
            );
        } else {
            match self.begin(spec) {
                Ok(freezing) => {
                    self.freezing = Some(freezing);
                    connection.mode = Mode::WaitingForCheckpoint;
                }
                Err(failure) => connection.answer(&failure.response()),
            }
        }
    }

    fn begin(&self, spec: CheckpointSpec) -> Result<Freezing, Failure> {
        let config: Spec = read_json(::shim::CONFIG_FILE)?;
        let output = |stream: Stream| {
            let end = self.outputs.iter().find(|output| output.stream == stream)?;
            Descriptors::of(std::os::fd::AsFd::as_fd(&end.fd))
        };
        let descriptors = Descriptors {
            stdin: self.input.end().and_then(Descriptors::of),
            stdout: output(Stream::Stdout),
            stderr: output(Stream::Stderr),
        };
        let dump = Dump {
            spec: &config,
            pid: self.pid,
            descriptors,
            dir: &spec.draft,
            leave_running: spec.leave_running,
        };
        let criu = Pid::from_raw(dump.start()?.id() as i32);
        Ok(Freezing { spec, criu, began: Instant::now(), outcome: None })
    }

    /// criu has ended.
    pub(crate) fn frozen(&mut self, well: bool) {
        let Some(freezing) = &mut self.freezing else { return };
        let spec = &freezing.spec;
        let outcome = if well {
            fault::point("checkpoint: name it");
            fs::rename(&spec.draft, &spec.dir).map_err(|error| format!("its directory: {error}"))
        } else {
            Err(format!("criu dump: {}", reason(&spec.draft.join(DUMP_LOG))))
        };
        freezing.outcome = Some(outcome);
    }

    /// What follows a checkpoint's end or the end of patience.
    pub(crate) fn thaw(&mut self, connections: &mut [Connection]) {
        let Some(freezing) = &self.freezing else { return };
        let Some(outcome) = &freezing.outcome else {
            if freezing.deadline() <= Instant::now() {
                // It lets go of the container when it ends.
                let _ = kill(freezing.criu, Signal::SIGKILL);
            }
            return;
        };
        if outcome.is_ok() && !freezing.spec.leave_running {
            // criu has killed it; that it has ended may be heard of a little later.
            let Some(exit) = &mut self.exit else { return };
            exit.checkpointed = true;
        }
        for connection in connections.iter_mut().filter(|c| c.mode == Mode::WaitingForCheckpoint) {
            connection.mode = Mode::Requests;
            match outcome {
                Ok(()) => connection.answer(&Response::Ok),
                Err(why) => connection.refuse(kind(runtime::ErrorKind::Internal), why.clone()),
            }
            connection.write();
        }
        self.freezing = None;
    }
}
