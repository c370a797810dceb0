//! One proxied connection: bytes both ways, each end closed when the other is.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use nix::sys::epoll::EpollFlags;

/// How many reads one flow may do before others have their turn.
const TURN: usize = 16;

/// What either end of a flow is watched for: told once per change, since the flow remembers what it was told.
pub(crate) const WATCHED: EpollFlags =
    EpollFlags::EPOLLIN.union(EpollFlags::EPOLLOUT).union(EpollFlags::EPOLLRDHUP).union(EpollFlags::EPOLLET);

/// What a flow wants next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// To be woken by an event.
    Waiting,
    /// To go on as soon as others have had their turn.
    Busy,
    /// Nothing any more.
    Finished,
}

/// One end's readiness, as the last events told it. Events come once per change, so what an event said holds until a call
/// has found the contrary.
struct End {
    stream: TcpStream,
    readable: bool,
    writable: bool,
    /// The other side has closed or broken: reading goes on to the end of what came, since no event follows.
    hung_up: bool,
}

/// A client's connection and the one to its container.
pub(crate) struct Flow {
    client: End,
    backend: End,
    upward: Pipe,
    downward: Pipe,
}

/// One direction.
#[derive(Default)]
struct Pipe {
    /// Read but not yet written; empty but for a receiver that is slow.
    pending: Vec<u8>,
    /// The sender has closed.
    ended: bool,
    /// The receiver has been told.
    closed: bool,
}

/// Which end of a flow an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Backend,
}

impl Flow {
    /// Nothing is tried before an event says that it can be: a connection's first one comes with its registration.
    pub(crate) fn new(client: TcpStream, backend: TcpStream) -> Flow {
        let end = |stream| End { stream, readable: false, writable: false, hung_up: false };
        Flow {
            client: end(client),
            backend: end(backend),
            upward: Pipe::default(),
            downward: Pipe::default(),
        }
    }

    pub(crate) fn client(&self) -> &TcpStream {
        &self.client.stream
    }

    pub(crate) fn backend(&self) -> &TcpStream {
        &self.backend.stream
    }

    /// Takes down what an event told of one end.
    pub(crate) fn note(&mut self, side: Side, flags: EpollFlags) {
        let end = match side {
            Side::Client => &mut self.client,
            Side::Backend => &mut self.backend,
        };
        let hung_up = flags.intersects(EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR);
        end.hung_up |= hung_up;
        end.readable |= hung_up || flags.contains(EpollFlags::EPOLLIN);
        end.writable |= flags.intersects(EpollFlags::EPOLLOUT | EpollFlags::EPOLLERR);
    }

    /// Moves what can be moved now.
    pub(crate) fn pump(&mut self, scratch: &mut [u8]) -> Progress {
        let upward = self.upward.pump(&mut self.client, &mut self.backend, scratch);
        let downward = self.downward.pump(&mut self.backend, &mut self.client, scratch);
        match (upward, downward) {
            (Ok(upward), Ok(downward)) if self.upward.closed && self.downward.closed => {
                debug_assert!(!upward && !downward);
                Progress::Finished
            }
            (Ok(true), Ok(_)) | (Ok(_), Ok(true)) => Progress::Busy,
            (Ok(false), Ok(false)) => Progress::Waiting,
            // One end is broken: closing both tells the other.
            _ => Progress::Finished,
        }
    }
}

impl Pipe {
    /// Answers whether there may be more to move at once.
    fn pump(&mut self, from: &mut End, to: &mut End, scratch: &mut [u8]) -> io::Result<bool> {
        for _ in 0..TURN {
            if !to.writable {
                return Ok(false);
            }
            if !self.pending.is_empty() {
                let written = to.write(&self.pending)?;
                self.pending.drain(..written);
                if !self.pending.is_empty() {
                    return Ok(false);
                }
                // Most flows never need it again.
                self.pending = Vec::new();
            }
            if self.ended {
                if !self.closed {
                    self.closed = true;
                    to.stream.shutdown(Shutdown::Write)?;
                }
                return Ok(false);
            }
            if !from.readable {
                return Ok(false);
            }
            match from.read(scratch)? {
                Some(0) => self.ended = true,
                Some(len) => {
                    let written = to.write(&scratch[..len])?;
                    self.pending.extend_from_slice(&scratch[written..len]);
                }
                None => {}
            }
        }
        Ok(true)
    }
}

impl End {
    /// `None` if there is nothing yet. A read that leaves room has taken everything, and what comes later is told by an
    /// event (epoll(7), question 9); the end of the stream is no exception, but one that was told already is not told again.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<Option<usize>> {
        match (&self.stream).read(scratch) {
            Ok(len) => {
                self.readable = len == scratch.len() || self.hung_up;
                Ok(Some(len))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes as much as the receiver takes now, which may be nothing.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match (&self.stream).write(bytes) {
                Ok(len) => {
                    self.writable = len == bytes.len();
                    return Ok(len);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable = false;
                    return Ok(0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout};

    use super::*;

    /// Small, so that reads often fill it exactly.
    const SCRATCH: usize = 4096;

    fn connected() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (near, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    /// A flow that is served until it ends; answers the client's and the backend's own ends.
    fn served() -> (TcpStream, TcpStream, thread::JoinHandle<()>) {
        let (client, far_client) = connected();
        let (backend, far_backend) = connected();
        let server = thread::spawn(move || {
            let epoll = Epoll::new(EpollCreateFlags::empty()).unwrap();
            let mut flow = Flow::new(client, backend);
            epoll.add(flow.client(), EpollEvent::new(WATCHED, 0)).unwrap();
            epoll.add(flow.backend(), EpollEvent::new(WATCHED, 1)).unwrap();
            let mut scratch = [0; SCRATCH];
            let mut progress = Progress::Waiting;
            while progress != Progress::Finished {
                let timeout = match progress {
                    Progress::Busy => EpollTimeout::ZERO,
                    _ => EpollTimeout::from(10_000_u16),
                };
                let mut events = [EpollEvent::empty(); 2];
                let count = epoll.wait(&mut events, timeout).unwrap();
                assert!(count > 0 || progress == Progress::Busy, "nothing happens any more");
                for event in &events[..count] {
                    let side = if event.data() == 0 { Side::Client } else { Side::Backend };
                    flow.note(side, event.events());
                }
                progress = flow.pump(&mut scratch);
            }
        });
        (far_client, far_backend, server)
    }

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    #[test]
    fn bytes_of_every_length_and_the_end_arrive() {
        for len in [0, 1, SCRATCH - 1, SCRATCH, SCRATCH + 1, 16 * SCRATCH, 1 << 22] {
            let (mut client, mut backend, server) = served();
            let sent = bytes(len);
            let sender = thread::spawn({
                let sent = sent.clone();
                move || {
                    // Data and end leave at once.
                    client.write_all(&sent).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                    client
                }
            });
            let mut received = Vec::new();
            backend.read_to_end(&mut received).unwrap();
            assert!(received == sent, "{len} bytes upward, {} arrived", received.len());
            // The other direction is open still.
            backend.write_all(&sent).unwrap();
            drop(backend);
            let mut answer = Vec::new();
            sender.join().unwrap().read_to_end(&mut answer).unwrap();
            assert!(answer == sent, "{len} bytes downward, {} arrived", answer.len());
            server.join().unwrap();
        }
    }

    #[test]
    fn questions_and_answers_take_turns() {
        let (mut client, mut backend, server) = served();
        let mut buffer = [0; 8];
        for turn in 0_u64..1000 {
            client.write_all(&turn.to_be_bytes()).unwrap();
            backend.read_exact(&mut buffer).unwrap();
            backend.write_all(&buffer).unwrap();
            client.read_exact(&mut buffer).unwrap();
            assert_eq!(u64::from_be_bytes(buffer), turn);
        }
        drop(client);
        assert_eq!(backend.read(&mut buffer).unwrap(), 0);
        drop(backend);
        server.join().unwrap();
    }

    #[test]
    fn a_slow_receiver_gets_everything() {
        let (mut client, mut backend, server) = served();
        let sent = bytes(1 << 24);
        let sender = thread::spawn({
            let sent = sent.clone();
            move || client.write_all(&sent).map(|()| drop(client))
        });
        let mut received = vec![0; sent.len()];
        for part in received.chunks_mut(1 << 20) {
            thread::sleep(std::time::Duration::from_millis(2));
            backend.read_exact(part).unwrap();
        }
        assert!(received == sent);
        assert_eq!(backend.read(&mut [0]).unwrap(), 0);
        drop(backend);
        sender.join().unwrap().unwrap();
        server.join().unwrap();
    }

    #[test]
    fn a_broken_end_breaks_the_other() {
        let (client, mut backend, server) = served();
        nix::sys::socket::setsockopt(
            &client,
            nix::sys::socket::sockopt::Linger,
            &nix::libc::linger { l_onoff: 1, l_linger: 0 },
        )
        .unwrap();
        drop(client);
        assert!(matches!(backend.read(&mut [0]), Ok(0) | Err(_)));
        server.join().unwrap();
    }
}
