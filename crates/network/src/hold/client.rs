//! The daemon's side: starts `shoal-net` when there is something to hold, and tells a new one what the old one held.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use super::names::Names;
use super::{Answer, Held, Hold, HoldKey, Request, SOCKET_NAME, read_message, write_with_files};

/// The program's name in the libexec directory.
const PROGRAM: &str = "shoal-net";
/// An answer takes microseconds; the process is single-threaded and never waits for anything but events.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// The connection to `shoal-net`, and a copy of what it holds for us.
pub(crate) struct Keeper {
    exec_root: PathBuf,
    program: PathBuf,
    stream: Option<UnixStream>,
    /// The process, if it was started by this daemon and not by one before it; kept to be reaped.
    child: Option<Child>,
    holds: BTreeMap<HoldKey, Hold>,
    pub(super) names: Names,
}

impl Keeper {
    /// Knows where things are; connects to nothing yet.
    pub(crate) fn new(exec_root: PathBuf, libexec: &std::path::Path) -> Keeper {
        let program = libexec.join(PROGRAM);
        Keeper {
            exec_root,
            program,
            stream: None,
            child: None,
            holds: BTreeMap::new(),
            names: Names::default(),
        }
    }

    /// Takes over a process that an earlier daemon has left, with what it holds. Answers that.
    pub(crate) fn adopt(&mut self) -> io::Result<Vec<Hold>> {
        match UnixStream::connect(self.exec_root.join(SOCKET_NAME)) {
            Ok(stream) => self.stream = Some(prepared(stream)?),
            Err(error) if is_absent(&error) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        }
        let Answer::Holds(holds) = self.exchange(&Request::List, &[])? else { return Err(unexpected()) };
        self.holds = holds.iter().map(|hold| (hold.key, hold.clone())).collect();
        self.adopt_names()?;
        Ok(holds)
    }

    /// Who holds the port, as far as this daemon is concerned.
    pub(crate) fn owner(&self, key: &HoldKey) -> Option<&str> {
        self.holds.get(key).map(|hold| hold.owner.as_str())
    }

    /// Whose port that is held for us is in the way of this one: the same, or the same on all addresses.
    pub(crate) fn holder(&self, key: &HoldKey) -> Option<&str> {
        let is_in_the_way = |held: &HoldKey| {
            (held.protocol, held.host_port, held.host_ip.is_ipv4())
                == (key.protocol, key.host_port, key.host_ip.is_ipv4())
                && (held.host_ip == key.host_ip
                    || held.host_ip.is_unspecified()
                    || key.host_ip.is_unspecified())
        };
        self.holds.values().find(|hold| is_in_the_way(&hold.key)).map(|hold| hold.owner.as_str())
    }

    /// Whether the process that should hold something has gone. It says nothing unasked: what there is to read is the
    /// end of the connection.
    pub(crate) fn is_lost(&self) -> bool {
        let Some(stream) = &self.stream else {
            return !self.holds.is_empty() || !self.names.named.is_empty() || !self.names.askers.is_empty();
        };
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        !matches!(recv(stream.as_raw_fd(), &mut [0], flags), Err(Errno::EAGAIN))
    }

    /// Holds a port unless it is held in the same way already.
    pub(crate) fn hold_changed(&mut self, hold: Hold) -> io::Result<Held<()>> {
        if self.holds.get(&hold.key) == Some(&hold) { Ok(Ok(())) } else { self.hold(vec![hold]) }
    }

    /// Holds all of these, or none: then the first port that could not be held is answered, and why.
    pub(crate) fn hold(&mut self, holds: Vec<Hold>) -> io::Result<Held<()>> {
        if holds.is_empty() {
            return Ok(Ok(()));
        }
        match self.call(&Request::Hold(holds.clone()))? {
            Answer::Done => {
                self.holds.extend(holds.into_iter().map(|hold| (hold.key, hold)));
                Ok(Ok(()))
            }
            Answer::Refused { key, refusal } => Ok(Err((key, refusal))),
            _ => Err(unexpected()),
        }
    }

    /// Lets go of ports. They count as free at once, even if the process cannot be told.
    pub(crate) fn release(&mut self, keys: &[HoldKey]) -> io::Result<()> {
        let held: Vec<HoldKey> =
            keys.iter().copied().filter(|key| self.holds.remove(key).is_some()).collect();
        if held.is_empty() { Ok(()) } else { self.tell(&Request::Release(held)) }
    }

    /// Makes sure that what should be held is, by a new process if need be. Answers whether it was.
    pub(crate) fn check(&mut self) -> io::Result<bool> {
        if self.holds.is_empty() && self.names.named.is_empty() && self.names.askers.is_empty() {
            self.reap();
            return Ok(true);
        }
        if self.stream.is_some() {
            match self.exchange(&Request::List, &[]) {
                Ok(_) => return Ok(true),
                Err(error) if !is_lost(&error) => return Err(error),
                Err(_) => {}
            }
        }
        self.restart()?;
        Ok(false)
    }

    pub(super) fn call(&mut self, request: &Request) -> io::Result<Answer> {
        self.call_with_files(request, &[])
    }

    /// Asks the process, which is started if need be.
    pub(super) fn call_with_files(
        &mut self,
        request: &Request,
        files: &[BorrowedFd<'_>],
    ) -> io::Result<Answer> {
        if self.stream.is_some() {
            match self.exchange(request, files) {
                Err(error) if is_lost(&error) => {}
                other => return other,
            }
        }
        self.restart()?;
        self.exchange(request, files)
    }

    /// Tells the process to let go of something. One that is gone has let go of everything.
    pub(super) fn tell(&mut self, request: &Request) -> io::Result<()> {
        if self.stream.is_none() {
            return Ok(());
        }
        match self.exchange(request, &[]) {
            Err(error) if !is_lost(&error) => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) fn exchange(&mut self, request: &Request, files: &[BorrowedFd<'_>]) -> io::Result<Answer> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        fault::point("network: ask the port holder");
        let answer = write_with_files(stream, request, files).and_then(|()| read_message(stream));
        if answer.is_err() {
            // What comes next on this connection could be the late answer to this request.
            self.stream = None;
        }
        answer
    }

    /// Connects, starting the process first if there is none, and has it hold what it should.
    fn restart(&mut self) -> io::Result<()> {
        let path = self.exec_root.join(SOCKET_NAME);
        let stream = match UnixStream::connect(&path) {
            Err(error) if is_absent(&error) => {
                self.start()?;
                UnixStream::connect(&path)?
            }
            other => other?,
        };
        self.stream = Some(prepared(stream)?);
        for hold in self.holds.values().cloned().collect::<Vec<_>>() {
            let key = hold.key;
            if let Answer::Refused { refusal, .. } = self.exchange(&Request::Hold(vec![hold]), &[])? {
                tracing::warn!(port = %key.address(), protocol = %key.protocol, ?refusal, "published port is held by another program");
            }
        }
        self.repeat_names()
    }

    /// Starts the process and waits until it listens.
    fn start(&mut self) -> io::Result<()> {
        self.reap();
        fault::point("network: start the port holder");
        let mut child = Command::new(&self.program)
            .arg(&self.exec_root)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("start {}: {error}", self.program.display()))
            })?;
        // It closes its output when it listens, or ends.
        if let Some(mut ready) = child.stdout.take() {
            ready.read_to_end(&mut Vec::new())?;
        }
        self.child = Some(child);
        Ok(())
    }

    fn reap(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(Some(_)) = child.try_wait()
        {
            self.child = None;
        }
    }
}

fn prepared(stream: UnixStream) -> io::Result<UnixStream> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
    Ok(stream)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected
    )
}

pub(super) fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "unexpected answer")
}
