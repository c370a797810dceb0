//! The prober's part of the poll loop.

use ::shim::{ErrorKind, ExecSpec, Probe, Response};
use nix::poll::PollFd;

use crate::connection::{Connection, Mode};
use crate::dialog::{Dialog, Verdict};
use crate::exec::Place;
use crate::health::{EXIT_UNKNOWN, Health, Kind};
use crate::shim::Shim;

/// The connection of the present probe, if it has one.
pub(crate) fn watch(shim: &Shim) -> Option<PollFd<'_>> {
    match &shim.health.as_ref()?.probing.as_ref()?.kind {
        Kind::Dialog(dialog) => Some(PollFd::new(dialog.fd(), dialog.interest())),
        Kind::Exec(_) => None,
    }
}

/// The connection of the present probe can go on.
pub(crate) fn ready(shim: &mut Shim) {
    let Some(health) = shim.health.as_mut() else {
        return;
    };
    let verdict = match health.probing.as_mut().map(|probing| &mut probing.kind) {
        Some(Kind::Dialog(dialog)) => dialog.advance(),
        _ => None,
    };
    if let Some(Verdict { healthy, sentence }) = verdict {
        health.settle(i32::from(!healthy), Some(sentence));
    }
}

/// Does what the time demands: begins a probe, or gives one up.
pub(crate) fn tick(shim: &mut Shim) {
    let Some(health) = shim.health.as_mut() else {
        return;
    };
    if health.is_late() {
        give_up(shim);
    } else if health.is_due() {
        // What is frozen cannot answer, and says nothing of its health.
        if shim.cgroup.is_frozen().unwrap_or(false) {
            health.schedule();
        } else {
            begin(shim);
        }
    }
}

/// Answers `connection`, now or when there is something new.
pub(crate) fn request(shim: &Shim, connection: &mut Connection, after: Option<u64>) {
    match &shim.health {
        None => connection.refuse(ErrorKind::NotFound, "the container has no health check"),
        Some(health) => {
            connection.mode = Mode::WaitingForHealth { after };
            tell(health, connection);
        }
    }
}

/// Tells all who wait for something new.
pub(crate) fn tell_all(shim: &Shim, connections: &mut [Connection]) {
    if let Some(health) = &shim.health {
        connections.iter_mut().for_each(|connection| tell(health, connection));
    }
}

fn tell(health: &Health, connection: &mut Connection) {
    let Mode::WaitingForHealth { after } = connection.mode else {
        return;
    };
    if after.is_none_or(|known| health.report.sequence > known) {
        connection.answer(&Response::Health(health.report.clone()));
        connection.mode = Mode::Requests;
        connection.write();
    }
}

fn begin(shim: &mut Shim) {
    let init = shim.pid();
    let Some(health) = shim.health.as_mut() else {
        return;
    };
    let begun = match health.spec.probe.clone() {
        Probe::Exec { args } => {
            let spec = ExecSpec { args, stdout: true, stderr: true, ..ExecSpec::default() };
            let (foreign, user) = (shim.foreign.as_ref(), shim.user.as_deref());
            let place = Place { foreign, id: &shim.id, init, cgroup: &shim.cgroup, user };
            shim.execs.begin_probe(spec, &place).map(Kind::Exec).map_err(|failure| failure.to_string())
        }
        Probe::Tcp { address } => runtime::dial(init, address)
            .map(|socket| Kind::Dialog(Dialog::tcp(socket)))
            .map_err(|error| error.to_string()),
        Probe::Http { address, path } => runtime::dial(init, address)
            .map(|socket| Kind::Dialog(Dialog::http(socket, address, &path)))
            .map_err(|error| error.to_string()),
    };
    match begun {
        Ok(kind) => health.begin(kind),
        Err(sentence) => health.settle(EXIT_UNKNOWN, Some(sentence)),
    }
}

fn give_up(shim: &mut Shim) {
    let Some(health) = shim.health.as_mut() else {
        return;
    };
    let Some(probing) = health.probing.as_mut() else {
        return;
    };
    probing.overdue = true;
    match probing.kind {
        // Its end, which comes soon, is the end of the probe.
        Kind::Exec(number) => {
            if let Some(exec) = shim.execs.get(number) {
                exec.kill();
            }
        }
        Kind::Dialog(_) => health.settle(EXIT_UNKNOWN, None),
    }
}
