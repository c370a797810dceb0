//! The poll loop: waits for the container, its streams and its clients, and lets [`Shim`] decide.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use ::shim::{ErrorKind, Response};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::connection::{Connection, MAX_STALL, Mode};
use crate::log::Moment;
use crate::output::Read;
use crate::serve_exec::Part;
use crate::shim::Shim;
use crate::{serve_exec, serve_health};

/// Clients at a time; one more is told so.
const MAX_CONNECTIONS: usize = 256;
/// Read from the container at once.
pub(crate) const CHUNK_BYTES: usize = 32 * 1024;
/// Reads from one stream before the others get their turn.
pub(crate) const CHUNKS_PER_TURN: usize = 8;
/// After the container's end, how long its streams may stay open: something outside of it has inherited them.
pub(crate) const MAX_DRAIN: Duration = Duration::from_secs(2);
/// After that, how long clients may take to read what is left for them.
const MAX_FLUSH: Duration = Duration::from_secs(10);
/// Memory is given back when nothing has happened for so long.
const IDLE: Duration = Duration::from_millis(500);

/// What one entry of the poll set stands for.
#[derive(Clone, Copy)]
enum Source {
    Children,
    Listener,
    Output(usize),
    Log,
    Input,
    Connection(usize),
    Exec(u32, Part),
    Probe,
}

/// Serves until the container has ended and everyone who asked knows.
pub(crate) fn run(shim: &mut Shim) {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGCHLD);
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    // Without it there is no way to learn of the end: dying takes the container along, and the engine sees that.
    let Ok(children) = SignalFd::with_flags(&signals, flags) else {
        return;
    };
    let mut connections = Vec::new();
    let mut buffer = Vec::new();
    let mut dirty = true;
    loop {
        let ready = wait(shim, &connections, &children, dirty);
        if ready.is_empty() && dirty {
            buffer = Vec::new();
            release(shim);
        }
        dirty = !ready.is_empty();
        for (source, events) in ready {
            match source {
                Source::Children => {
                    // One record may stand for many ends.
                    while matches!(children.read_signal(), Ok(Some(_))) {}
                    shim.reap();
                }
                Source::Listener => accept(shim, &mut connections),
                Source::Output(index) => read_output(shim, &mut connections, index, &mut buffer),
                Source::Log => shim.log.send(),
                Source::Input => shim.input.write(),
                Source::Connection(index) => talk(shim, &mut connections, index, events),
                Source::Probe => serve_health::ready(shim),
                Source::Exec(number, part) => {
                    serve_exec::serve(shim, &mut connections, (number, part), &mut buffer);
                }
            }
        }
        drop_stalled(&mut connections);
        if shim.log.deadline().is_some_and(|at| at <= Instant::now()) {
            shim.log.send();
        }
        shim.outputs.retain(|output| !output.ended);
        serve_exec::finish(shim, &mut connections);
        shim.thaw(&mut connections);
        serve_health::tick(shim);
        serve_health::tell_all(shim, &mut connections);
        if finish(shim, &mut connections) {
            return;
        }
    }
}

/// What follows the container's end, step by step; true: nothing is left to do.
fn finish(shim: &mut Shim, connections: &mut Vec<Connection>) -> bool {
    if let Some(ended_at) = shim.ended_at {
        let silent = shim.outputs.is_empty() && shim.execs.running.is_empty();
        let drained = silent || ended_at.elapsed() > MAX_DRAIN;
        // Whether the end is that of a checkpoint is known when criu has ended too.
        if drained
            && shim.freezing.is_none()
            && let Some(exit) = shim.settle()
        {
            for connection in connections.iter_mut() {
                if connection.mode == Mode::Waiting {
                    connection.answer(&Response::Exited(exit));
                }
                connection.closing = true;
                connection.write();
            }
        }
    }
    connections.retain(|connection| !connection.is_over());
    let told = |at: Instant| connections.is_empty() || at.elapsed() > MAX_DRAIN + MAX_FLUSH;
    if shim.is_settled() && shim.ended_at.is_some_and(told) {
        let _ = std::fs::remove_file(::shim::SOCKET_FILE);
        return true;
    }
    false
}

/// Waits for something to happen. Nothing: a deadline may have passed.
fn wait(
    shim: &Shim,
    connections: &[Connection],
    children: &SignalFd,
    dirty: bool,
) -> Vec<(Source, PollFlags)> {
    let mut sources = vec![Source::Children, Source::Listener];
    let mut fds = vec![
        PollFd::new(children.as_fd(), PollFlags::POLLIN),
        PollFd::new(shim.listener.as_fd(), PollFlags::POLLIN),
    ];
    for (index, output) in shim.outputs.iter().enumerate() {
        let held_up = shim.log.holds_up() || connections.iter().any(|c| c.holds_up(output.stream));
        if !held_up {
            sources.push(Source::Output(index));
            fds.push(PollFd::new(output.fd.as_fd(), PollFlags::POLLIN));
        }
    }
    if let Some(fd) = shim.log.wants_to_write() {
        sources.push(Source::Log);
        fds.push(PollFd::new(fd, PollFlags::POLLOUT));
    }
    if let Some(fd) = shim.input.wants_to_write() {
        sources.push(Source::Input);
        fds.push(PollFd::new(fd, PollFlags::POLLOUT));
    }
    serve_exec::watch(&shim.execs, connections, |number, part, fd| {
        sources.push(Source::Exec(number, part));
        fds.push(fd);
    });
    if let Some(fd) = serve_health::watch(shim) {
        sources.push(Source::Probe);
        fds.push(fd);
    }
    for (index, connection) in connections.iter().enumerate() {
        sources.push(Source::Connection(index));
        let events = interest(connection, shim);
        fds.push(PollFd::new(connection.socket.as_fd(), events));
    }
    // Interrupted, or out of memory for a moment: the next round will tell.
    let _ = poll(&mut fds, timeout(shim, connections, dirty));
    sources
        .into_iter()
        .zip(&fds)
        .filter_map(|(source, fd)| Some((source, fd.revents().filter(|events| !events.is_empty())?)))
        .collect()
}

fn interest(connection: &Connection, shim: &Shim) -> PollFlags {
    let reads = match connection.mode {
        Mode::Requests => !connection.wants_to_write(),
        Mode::Waiting
        | Mode::WaitingForExec { .. }
        | Mode::WaitingForHealth { .. }
        | Mode::WaitingForCheckpoint => false,
        Mode::Attached { stdin, .. } => shim.input.has_room() || !stdin,
        Mode::Exec { number, running } => running && shim.execs.has_input_room(number),
    };
    let mut events = PollFlags::empty();
    events.set(PollFlags::POLLIN, reads && !connection.ended);
    events.set(PollFlags::POLLOUT, connection.wants_to_write());
    events
}

fn timeout(shim: &Shim, connections: &[Connection], dirty: bool) -> PollTimeout {
    let stalls = connections.iter().filter_map(|c| c.stalled_since());
    let drain = if shim.is_settled() { MAX_DRAIN + MAX_FLUSH } else { MAX_DRAIN };
    let next = stalls
        .map(|since| since + MAX_STALL)
        .chain(shim.ended_at.map(|at| at + drain))
        .chain(serve_exec::next_deadline(&shim.execs))
        .chain(shim.health.as_ref().and_then(|health| health.deadline()))
        .chain(shim.log.deadline())
        .chain(shim.freezing.as_ref().map(|freezing| freezing.deadline()))
        .chain(dirty.then(|| Instant::now() + IDLE))
        .min();
    let Some(next) = next else {
        return PollTimeout::NONE;
    };
    // A millisecond more, so that the deadline has passed when it fires.
    let left = next.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

fn accept(shim: &Shim, connections: &mut Vec<Connection>) {
    while let Ok((socket, _)) = shim.listener.accept() {
        let Ok(mut connection) = Connection::new(socket) else {
            continue;
        };
        if connections.len() >= MAX_CONNECTIONS {
            connection.refuse(ErrorKind::Exhausted, "the container has too many clients");
            connection.write();
            continue;
        }
        // Too late for any request: the end is written down where the client finds it.
        connection.closing = shim.is_settled();
        connections.push(connection);
    }
}

fn read_output(shim: &mut Shim, connections: &mut [Connection], index: usize, buffer: &mut Vec<u8>) {
    buffer.resize(CHUNK_BYTES, 0);
    let Some(output) = shim.outputs.get_mut(index) else {
        return;
    };
    let now = Moment::now();
    for _ in 0..CHUNKS_PER_TURN {
        match output.read(buffer) {
            Read::Some(length) => {
                let bytes = &buffer[..length];
                output.log(bytes, &now, &mut shim.log);
                connections.iter_mut().for_each(|c| c.send(output.stream, bytes));
                if shim.log.holds_up() || connections.iter().any(|c| c.holds_up(output.stream)) {
                    break;
                }
            }
            Read::None => break,
            Read::End => {
                output.finish(&now, &mut shim.log);
                output.ended = true;
                break;
            }
        }
    }
    shim.log.flush();
    connections.iter_mut().for_each(Connection::write);
}

fn talk(shim: &mut Shim, connections: &mut [Connection], index: usize, events: PollFlags) {
    let Some(connection) = connections.get_mut(index) else {
        return;
    };
    if events.contains(PollFlags::POLLOUT) {
        connection.write();
    }
    if events.contains(PollFlags::POLLIN) {
        let bytes = connection.read();
        match connection.mode {
            Mode::Requests => {
                connection.decoder.push(&bytes);
                answer_requests(shim, connection);
            }
            Mode::Attached { stdin: true, .. } => {
                shim.input.push(&bytes);
                shim.input.write();
                if connection.ended {
                    shim.end_of_attached_input();
                }
            }
            Mode::Exec { number, .. } => serve_exec::input(&mut shim.execs, number, &bytes, connection.ended),
            Mode::Attached { stdin: false, .. }
            | Mode::Waiting
            | Mode::WaitingForExec { .. }
            | Mode::WaitingForHealth { .. }
            | Mode::WaitingForCheckpoint => {}
        }
        connection.write();
    } else if events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR) {
        if matches!(connection.mode, Mode::Attached { stdin: true, .. }) && !connection.ended {
            shim.end_of_attached_input();
        }
        if let Mode::Exec { number, .. } = connection.mode {
            serve_exec::input(&mut shim.execs, number, &[], true);
        }
        connection.broken = true;
    }
}

fn answer_requests(shim: &mut Shim, connection: &mut Connection) {
    while connection.mode == Mode::Requests {
        match connection.decoder.next_json() {
            Ok(Some(json)) => shim.handle(connection, &json),
            Ok(None) => return,
            Err(error) => {
                connection.refuse(ErrorKind::Invalid, error.to_string());
                connection.closing = true;
                return;
            }
        }
    }
}

fn drop_stalled(connections: &mut [Connection]) {
    for connection in connections {
        let stalled = |since: Instant| since.elapsed() > MAX_STALL;
        if connection.stalled_since().is_some_and(stalled) {
            connection.broken = true;
        }
    }
}

/// Gives memory back to the machine: there may be hundreds of us.
fn release(shim: &mut Shim) {
    shim.log.release();
    // SAFETY: only asks the allocator to return what is free.
    unsafe { libc::malloc_trim(0) };
}
