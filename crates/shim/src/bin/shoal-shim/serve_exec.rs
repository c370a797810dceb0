//! The additional processes' part of the poll loop.

use std::os::fd::AsFd;
use std::time::Instant;

use ::shim::{EXIT_STREAM, Response};
use nix::poll::{PollFd, PollFlags};

use crate::connection::{Connection, Mode};
use crate::exec::{Exec, Setup};
use crate::execs::Execs;
use crate::health::EXIT_UNKNOWN;
use crate::log::Stream;
use crate::output::Read;
use crate::serve::{CHUNK_BYTES, CHUNKS_PER_TURN, MAX_DRAIN};
use crate::shim::Shim;

/// What one entry of the poll set stands for.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Setup,
    Output(usize),
    Input,
}

/// Adds what is to be watched; outputs are not while their client has enough to read.
pub(crate) fn watch<'a>(
    execs: &'a Execs,
    connections: &[Connection],
    mut add: impl FnMut(u32, Part, PollFd<'a>),
) {
    for exec in &execs.running {
        if let Some(fd) = exec.setup_fd() {
            add(exec.number, Part::Setup, PollFd::new(fd, PollFlags::POLLIN));
        }
        // Another runtime's program may speak before it is known that it runs, which is told first.
        let early = matches!(exec.executing, Some(Setup::Foreign(_)));
        let held_up = early || connections.iter().any(|c| carries(c, exec.number) && c.is_full());
        if !held_up {
            for (index, output) in exec.outputs.iter().enumerate() {
                add(exec.number, Part::Output(index), PollFd::new(output.fd.as_fd(), PollFlags::POLLIN));
            }
        }
        if let Some(fd) = exec.input.wants_to_write() {
            add(exec.number, Part::Input, PollFd::new(fd, PollFlags::POLLOUT));
        }
    }
}

/// When one of them is given up whose output is still open.
pub(crate) fn next_deadline(execs: &Execs) -> Option<Instant> {
    let drained = execs.running.iter().filter_map(|exec| exec.ended_at).map(|at| at + MAX_DRAIN);
    drained.chain(execs.running.iter().filter_map(Exec::patience)).min()
}

/// Something has happened to the exec `number`.
pub(crate) fn serve(
    shim: &mut Shim,
    connections: &mut [Connection],
    (number, part): (u32, Part),
    buffer: &mut Vec<u8>,
) {
    match part {
        Part::Setup => {
            let starting = shim.execs.get(number).and_then(Exec::starting);
            match starting.map(|call| call.receive().map_err(|_| call.give_up())) {
                // What comes of it is known when the runtime has ended.
                Some(_) => {}
                None => advance(shim, connections, number),
            }
        }
        Part::Output(index) => read_output(shim, connections, (number, index), buffer),
        Part::Input => {
            if let Some(exec) = shim.execs.get(number) {
                exec.input.write();
            }
        }
    }
}

/// What a client has sent to its exec.
pub(crate) fn input(execs: &mut Execs, number: u32, bytes: &[u8], ended: bool) {
    if let Some(exec) = execs.get(number).filter(|exec| exec.spec.stdin) {
        exec.input.push(bytes);
        exec.input.write();
        if ended {
            exec.end_of_input();
        }
    }
}

/// What has become of calls of another runtime.
fn hear_of_calls(shim: &mut Shim, connections: &mut [Connection]) {
    let mut over = Vec::new();
    for exec in &mut shim.execs.running {
        let number = exec.number;
        if let Some(call) = exec.starting() {
            if call.is_over() {
                over.push(number);
            } else if call.deadline() <= Instant::now() {
                call.give_up();
            }
        }
    }
    for number in over {
        advance(shim, connections, number);
    }
}

/// What follows their ends: clients are told, what is done with goes.
pub(crate) fn finish(shim: &mut Shim, connections: &mut [Connection]) {
    hear_of_calls(shim, connections);
    let mut over = Vec::new();
    for exec in &mut shim.execs.running {
        exec.outputs.retain(|output| !output.ended);
        // Another runtime is left to finish what it has begun: half done, nobody could tell what it leaves.
        let abandoned = matches!(exec.executing, Some(Setup::Own(_)))
            && !exec.is_probe
            && !connections.iter().any(|c| carries(c, exec.number));
        if exec.ended_at.is_some() && connections.iter().any(|c| carries(c, exec.number) && c.is_full()) {
            // A slow client gets all of it.
            exec.ended_at = Some(Instant::now());
        }
        let drained = exec.outputs.is_empty() || exec.ended_at.is_some_and(|at| at.elapsed() > MAX_DRAIN);
        match exec.exit {
            Some(exit) if exec.executing.is_none() && drained => {
                for connection in connections.iter_mut() {
                    tell(connection, exec.number, exit);
                }
                if exec.is_probe
                    && let Some(health) = &mut shim.health
                {
                    health.settle(exit.code, None);
                }
                over.push((exec.number, !exec.is_probe));
            }
            // Whoever wanted it has left before it ran; it is killed with the last hold on it.
            _ if abandoned => over.push((exec.number, false)),
            _ => {}
        }
    }
    for (number, remember) in over {
        shim.execs.remove(number, remember);
    }
}

/// Whether `connection` carries the streams of the exec `number`.
fn carries(connection: &Connection, number: u32) -> bool {
    matches!(connection.mode, Mode::Exec { number: carried, .. } if carried == number)
}

fn tell(connection: &mut Connection, number: u32, exit: ::shim::ExitStatus) {
    match connection.mode {
        Mode::Exec { number: carried, .. } if carried == number => {
            // Plain numbers always become JSON.
            connection.send_frame(EXIT_STREAM, &serde_json::to_vec(&exit).unwrap_or_default());
            connection.closing = true;
        }
        Mode::WaitingForExec { number: awaited } if awaited == number => {
            connection.answer(&Response::Exited(exit));
            connection.mode = Mode::Requests;
        }
        _ => return,
    }
    connection.write();
}

fn advance(shim: &mut Shim, connections: &mut [Connection], number: u32) {
    let Some(exec) = shim.execs.get(number) else {
        return;
    };
    let is_probe = exec.is_probe;
    let advanced = exec.advance(shim.foreign.as_ref());
    // It may have left: what another runtime starts runs all the same.
    let mut connection = connections.iter_mut().find(|c| carries(c, number));
    match advanced {
        Ok(false) => return,
        Ok(true) => {
            if let Some(connection) = &mut connection {
                connection.answer(&Response::Started { pid: exec.pid });
                connection.mode = Mode::Exec { number, running: true };
                let early = connection.decoder.take_rest();
                if exec.spec.stdin {
                    exec.input.push(&early);
                }
            }
            shim.execs.recognize(number);
        }
        Err(failure) => {
            // The process ends by itself, and is reaped as any stranger.
            shim.execs.remove(number, false);
            if is_probe && let Some(health) = &mut shim.health {
                health.settle(EXIT_UNKNOWN, Some(failure.to_string()));
            }
            if let Some(connection) = &mut connection {
                connection.answer(&shim.exec_failed(&failure));
                connection.mode = Mode::Requests;
            }
        }
    }
    if let Some(connection) = connection {
        connection.write();
    }
}

fn read_output(
    shim: &mut Shim,
    connections: &mut [Connection],
    (number, index): (u32, usize),
    buffer: &mut Vec<u8>,
) {
    buffer.resize(CHUNK_BYTES, 0);
    let Some(exec) = shim.execs.get(number) else {
        return;
    };
    let mut prober = shim.health.as_mut().filter(|_| exec.is_probe);
    let (stdout, stderr) = (exec.spec.stdout, exec.spec.stderr);
    let Some(output) = exec.outputs.get_mut(index) else {
        return;
    };
    let wanted = match output.stream {
        Stream::Stdout => stdout,
        Stream::Stderr => stderr,
    };
    // Nobody reads it: it goes nowhere, so that the process is not held up.
    let mut client = connections.iter_mut().find(|c| wanted && carries(c, number));
    for _ in 0..CHUNKS_PER_TURN {
        match output.read(buffer) {
            Read::Some(length) => {
                if let Some(prober) = prober.as_mut() {
                    prober.capture(&buffer[..length]);
                }
                let Some(client) = client.as_mut() else {
                    continue;
                };
                client.send_frame(output.stream.number(), &buffer[..length]);
                if client.is_full() {
                    break;
                }
            }
            Read::None => break,
            Read::End => {
                output.ended = true;
                break;
            }
        }
    }
    if let Some(client) = client {
        client.write();
    }
}
