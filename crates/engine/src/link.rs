//! The engine's end of a shim: starting one, and talking to it over its socket.
//!
//! A shim outlives the daemon, so that a link can be made at any time from nothing but the container's directory.

use crate::error::{Error, Result};
use crate::record::ExitStatus;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shim::{Decoder, ErrorKind, Request, Response};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The program, in the directory of our programs.
const PROGRAM: &str = "shoal-shim";
/// How long a shim may take to make a container; a busy disk can hold up its mounts.
const CREATE_LIMIT: Duration = Duration::from_secs(120);
/// How long a shim may take for any other answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// How long a shim may take for an answer that needs no work; it is a busy machine that takes seconds.
const BRIEF_LIMIT: Duration = Duration::from_secs(5);
/// How long a shim may take to go once its container has ended.
const END_LIMIT: Duration = Duration::from_secs(10);
/// Room for an answer; the exit status has some hundred bytes.
const READ_SIZE: usize = 512;

/// A connection to one shim.
#[derive(Debug)]
pub(crate) struct Link {
    stream: UnixStream,
    decoder: Decoder,
}

/// A failure to start, as the shim tells it.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) exit_code: i32,
}

/// Starts the shim of the container described in `dir`; it answers when the container exists and is not running yet.
/// `memory`: the file system of its files in memory, if it has any.
pub(crate) fn spawn(libexec: &Path, dir: &Path, memory: Option<OwnedFd>) -> Result<Child> {
    let program = libexec.join(PROGRAM);
    Command::new(&program)
        .arg(dir)
        .stdin(memory.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .env_clear()
        .envs(fault::inherited())
        .spawn()
        .map_err(Error::io("start", program))
}

/// The first answer of a shim: the first process of its container.
pub(crate) async fn created(id: &str, child: &mut Child) -> Result<std::result::Result<u32, Refused>> {
    let Some(mut stdout) = child.stdout.take() else { return Err(broken(id, "it has no standard output")) };
    let answer = match timeout(CREATE_LIMIT, read_message(&mut stdout)).await {
        Ok(answer) => {
            answer.map_err(|error| broken(id, format!("it ended before the container was made: {error}")))?
        }
        Err(_) => return Err(broken(id, "it did not make the container in time")),
    };
    match answer {
        Response::Created { pid } => u32::try_from(pid)
            .map(Ok)
            .map_err(|_| broken(id, format!("it tells an impossible process id {pid}"))),
        Response::Error { kind, message, exit_code } => Ok(Err(Refused { kind, message, exit_code })),
        other => Err(broken(id, format!("it answers its start with {other:?}"))),
    }
}

impl Link {
    /// Connects to the shim of the container in `dir`.
    pub(crate) async fn connect(id: &str, dir: &Path) -> Result<Link> {
        let unreachable = |error| broken(id, format!("it cannot be reached: {error}"));
        // A socket's address has 108 bytes, which an exec root may fill alone: the way through the open directory is short.
        let dir = File::open(dir).map_err(unreachable)?;
        let path = format!("/proc/self/fd/{}/{}", dir.as_raw_fd(), shim::SOCKET_FILE);
        match timeout(ANSWER_LIMIT, UnixStream::connect(path)).await {
            Ok(Ok(stream)) => Ok(Link { stream, decoder: Decoder::default() }),
            Ok(Err(error)) => Err(unreachable(error)),
            Err(_) => Err(broken(id, "it does not accept a connection")),
        }
    }

    /// Asks, and gives the answer, which may be a refusal.
    pub(crate) async fn ask(&mut self, id: &str, request: &Request) -> Result<Response> {
        self.ask_patiently(id, request, ANSWER_LIMIT).await
    }

    /// The same, for what takes longer.
    pub(crate) async fn ask_patiently(
        &mut self,
        id: &str,
        request: &Request,
        limit: Duration,
    ) -> Result<Response> {
        self.send(id, request).await?;
        match timeout(limit, read_message(&mut self.stream)).await {
            Ok(answer) => answer.map_err(|error| broken(id, format!("its answer cannot be read: {error}"))),
            Err(_) => Err(broken(id, "it does not answer")),
        }
    }

    /// Asks for the end of the container; [`Link::exited`] gives it.
    pub(crate) async fn send(&mut self, id: &str, request: &Request) -> Result<()> {
        let message = shim::encode(request).map_err(|error| broken(id, error))?;
        self.stream.write_all(&message).await.map_err(|error| broken(id, error))
    }

    /// How the container ended, once it has. `None` if the shim went away without a word. May be dropped and called
    /// again without losing anything.
    pub(crate) async fn exited(&mut self) -> Option<ExitStatus> {
        loop {
            match self.decoder.next_json().ok()? {
                Some(json) => match shim::decode(&json).ok()? {
                    Response::Exited(status) => return Some(status.into()),
                    _ => return None,
                },
                None => self.read_more().await?,
            }
        }
    }

    /// The next answer, whenever it comes. `None` if the shim went away without one.
    pub(crate) async fn hear(&mut self) -> Option<Response> {
        loop {
            match self.decoder.next_json().ok()? {
                Some(json) => return shim::decode(&json).ok(),
                None => self.read_more().await?,
            }
        }
    }

    /// Waits until the shim is gone, or for too long. May be dropped and called again.
    pub(crate) async fn closed(&mut self) {
        let _ = timeout(END_LIMIT, async { while self.read_more().await.is_some() {} }).await;
    }

    /// Asks for what a shim answers at once.
    ///
    /// # Errors
    /// [`Error::ShimSilent`] if it is stopped, or starved.
    pub(crate) async fn ask_briefly(&mut self, id: &str, request: &Request) -> Result<Response> {
        timeout(BRIEF_LIMIT, self.ask(id, request)).await.map_err(|_| Error::ShimSilent(id.to_owned()))?
    }

    /// Ends the shim itself, and its container with it. False if it has gone.
    pub(crate) fn kill_shim(&self) -> bool {
        // The peer of a connection is whoever made the socket, and the open connection keeps it from being another.
        let shim = self.stream.peer_cred().ok().and_then(|peer| peer.pid()).filter(|pid| *pid > 0);
        shim.is_some_and(|pid| kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok())
    }

    /// The connection itself, after the shim has agreed to attach.
    pub(crate) fn into_stream(self) -> UnixStream {
        self.stream
    }

    async fn read_more(&mut self) -> Option<()> {
        let mut some = [0; READ_SIZE];
        match self.stream.read(&mut some).await {
            Ok(0) | Err(_) => None,
            Ok(count) => {
                self.decoder.push(&some[..count]);
                Some(())
            }
        }
    }
}

impl From<shim::ExitStatus> for ExitStatus {
    fn from(status: shim::ExitStatus) -> ExitStatus {
        ExitStatus {
            code: status.code,
            oom_killed: status.oom_killed,
            checkpointed: status.checkpointed,
            at_ns: status.at_ns,
        }
    }
}

/// What the shim wrote when its container ended, if it came to that.
pub(crate) fn read_exit_file(dir: &Path) -> Option<ExitStatus> {
    let text = std::fs::read(dir.join(shim::EXIT_FILE)).ok()?;
    shim::decode::<shim::ExitStatus>(&text).ok().map(ExitStatus::from)
}

/// One message and not a byte more: what follows may be a stream.
async fn read_message(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Response> {
    let length = stream.read_u32().await? as usize;
    if length > shim::MAX_MESSAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, shim::FrameError::TooLong(length)));
    }
    let mut json = vec![0; length];
    stream.read_exact(&mut json).await?;
    shim::decode(&json).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn broken(id: &str, reason: impl ToString) -> Error {
    Error::Shim { id: id.to_owned(), reason: reason.to_string() }
}
