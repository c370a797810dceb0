//! What the engine asks about additional processes.

use ::shim::{ErrorKind, ExecSpec, Response};

use crate::Failure;
use crate::connection::{Connection, Mode};
use crate::exec::Place;
use crate::shim::{Shim, send_signal};

impl Shim {
    /// Begins an additional process. Its connection is answered when the program runs or has failed to.
    pub(crate) fn exec(&mut self, connection: &mut Connection, spec: ExecSpec) {
        if !self.is_running() {
            connection.answer(&self.not_running());
        } else if !self.execs.has_room() {
            connection.refuse(ErrorKind::Exhausted, "the container has too many additional processes");
        } else if self.execs.by_id(&spec.id).is_some() {
            connection.refuse(ErrorKind::Conflict, format!("exec {} runs already", spec.id));
        } else {
            let (init, user) = (self.pid(), self.user.as_deref());
            let foreign = self.foreign.as_ref();
            let place = Place { foreign, id: &self.id, init, cgroup: &self.cgroup, user };
            match self.execs.begin(spec, &place) {
                Ok(number) => connection.mode = Mode::Exec { number, running: false },
                Err(failure) => connection.answer(&self.exec_failed(&failure)),
            }
        }
    }

    /// The answer to an exec that did not come to its program.
    pub(crate) fn exec_failed(&self, failure: &Failure) -> Response {
        match failure {
            Failure::Runtime(runtime::Error::NotRunning) => self.not_running(),
            // Whatever another runtime says of it.
            _ if self.exit.is_some() => self.not_running(),
            other => other.response(),
        }
    }

    pub(crate) fn signal_exec(&mut self, connection: &mut Connection, id: &str, signal: i32) {
        let Some(exec) = self.execs.by_id(id).filter(|exec| exec.is_known()) else {
            connection.refuse(ErrorKind::NotFound, format!("exec {id} does not run"));
            return;
        };
        // It is not reaped yet, so that its number is its own; that it is dead already is as good.
        match send_signal(exec.pid, signal) {
            Err(nix::Error::EINVAL) => connection.refuse(ErrorKind::Invalid, "there is no such signal"),
            _ => connection.answer(&Response::Ok),
        }
    }

    pub(crate) fn resize_exec(&mut self, connection: &mut Connection, id: &str, rows: u16, cols: u16) {
        match self.execs.by_id(id) {
            None => connection.refuse(ErrorKind::NotFound, format!("exec {id} does not run")),
            Some(exec) if exec.resize(rows, cols) => connection.answer(&Response::Ok),
            Some(_) => connection.refuse(ErrorKind::Invalid, format!("exec {id} has no terminal")),
        }
    }

    pub(crate) fn wait_for_exec(&mut self, connection: &mut Connection, id: &str) {
        if let Some(exec) = self.execs.by_id(id) {
            connection.mode = Mode::WaitingForExec { number: exec.number };
        } else if let Some(exit) = self.execs.exit_of(id) {
            connection.answer(&Response::Exited(exit));
        } else {
            connection.refuse(ErrorKind::NotFound, format!("there is no exec {id}"));
        }
    }

    fn not_running(&self) -> Response {
        Response::Error {
            kind: ErrorKind::Conflict,
            message: format!("container {} is not running", self.id),
            exit_code: runtime::EXIT_FAILED,
        }
    }
}
