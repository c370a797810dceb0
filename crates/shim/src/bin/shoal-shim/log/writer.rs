//! Writing a log file in a child, for a container that must not wait for a disk (Docker's `mode=non-blocking`): what the child has not
//! taken waits in [`super::wire`]'s queue, and lines are dropped and counted when that is full.
//!
//! Lines travel as records of [`shim::record`] over a socket; the child answers once, when it has opened the log. It ends when the
//! socket does, after it has written what it got: it outlives a shim that is killed by no more than that. A lock keeps the
//! child of the next run from the file until then.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use ::shim::LogFile;
use ::shim::record::{self, Record};
use nix::fcntl::{Flock, FlockArg};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};

use super::dial::Socket;
use super::file::FileLog;
use super::{Line, Moment, Stream};

/// The first argument of the child, before the file it writes, as JSON.
pub(crate) const ARGUMENT: &str = "--write-log";
/// The child's answer when it has opened the log; any other is why it could not.
const OPEN: u8 = 0;
/// Of such a reason, the most that is read.
const REASON_BYTES: usize = 512;
/// Read at once.
const CHUNK_BYTES: usize = 64 * 1024;
/// How often the child looks whether a rotated file is compressed.
const SQUEEZE_POLL_MS: u16 = 1000;

/// Starts a child. It is reaped with all other children of the shim.
pub(super) fn dial(file: &LogFile) -> io::Result<Socket> {
    let (ours, theirs) = UnixStream::pair()?;
    Command::new("/proc/self/exe")
        .args([ARGUMENT, &serde_json::to_string(file)?])
        .env_clear()
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    ours.set_nonblocking(true)?;
    Ok(Socket { fd: ours.into(), stream: true })
}

/// Waits until the child has opened the log, but not longer: where the disk does not answer, the container goes on without it.
pub(super) fn opened(socket: &Socket, limit: Duration) -> io::Result<()> {
    if !readable(socket, limit)? {
        return Ok(());
    }
    let mut answer = Vec::new();
    let mut stream = UnixStream::from(socket.fd.try_clone()?);
    let mut byte = [0];
    match stream.read(&mut byte)? {
        1 if byte[0] == OPEN => return Ok(()),
        count => answer.extend_from_slice(&byte[..count]),
    }
    // It ends when it has told.
    while readable(socket, limit)? && answer.len() < REASON_BYTES {
        let mut chunk = [0; REASON_BYTES];
        match stream.read(&mut chunk)? {
            0 => break,
            count => answer.extend_from_slice(&chunk[..count]),
        }
    }
    let reason = if answer.is_empty() { "it ended".into() } else { String::from_utf8_lossy(&answer) };
    Err(io::Error::other(format!("the log's writer: {reason}")))
}

/// Tells the child that there is no more, and gives it a little time to write what it has.
pub(super) fn finish(socket: Socket, limit: Duration) {
    let end = Instant::now() + limit;
    let mut stream = UnixStream::from(socket.fd);
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut ignored = [0; REASON_BYTES];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        match wait(&stream, left) {
            // Its end of the socket closes with it.
            Ok(true) if matches!(stream.read(&mut ignored), Ok(1..)) => {}
            _ => return,
        }
    }
}

fn readable(socket: &Socket, limit: Duration) -> io::Result<bool> {
    wait(&socket.fd, limit)
}

fn wait(fd: &impl AsFd, limit: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX))? > 0)
}

/// A line as it travels.
pub(super) fn message(line: &Line<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    let stderr = line.stream == Stream::Stderr;
    let record = Record::Line { stderr, partial: !line.whole, at_ns: line.at.ns, text: line.text };
    record::encode(&record, &mut bytes);
    bytes
}

/// The child. `arguments`: what follows [`ARGUMENT`].
pub(crate) fn write_log(mut arguments: impl Iterator<Item = String>) -> ExitCode {
    let _ = nix::sys::prctl::set_name(c"shoal-log");
    let spec = arguments.next().unwrap_or_default();
    let Ok(input) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else {
        return ExitCode::FAILURE;
    };
    match serde_json::from_str(&spec).map_err(io::Error::from).and_then(open) {
        Ok((log, _lock)) => {
            if (&input).write_all(&[OPEN]).is_ok() && write(log, input).is_ok() {
                return ExitCode::SUCCESS;
            }
        }
        Err(error) => drop((&input).write_all(error.to_string().as_bytes())),
    }
    ExitCode::FAILURE
}

fn open(spec: LogFile) -> io::Result<(FileLog, Option<Flock<File>>)> {
    let parent = spec.path.parent().map(ToOwned::to_owned);
    let lock = match parent {
        None => None,
        Some(parent) => {
            fs::create_dir_all(&parent)?;
            // The child of an earlier run may still wait for the disk.
            let lock = Flock::lock(File::open(parent)?, FlockArg::LockExclusive);
            Some(lock.map_err(|(_, errno)| io::Error::from(errno))?)
        }
    };
    Ok((FileLog::open(spec)?, lock))
}

/// Writes what comes until nothing more does.
fn write(mut log: FileLog, mut input: UnixStream) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut bytes = Vec::new();
    loop {
        let limit = if log.is_squeezing() { PollTimeout::from(SQUEEZE_POLL_MS) } else { PollTimeout::NONE };
        let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, limit)? > 0;
        while let Ok(WaitStatus::Exited(pid, code)) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            log.reaped(pid.as_raw(), code == 0);
        }
        if !ready {
            continue;
        }
        match input.read(&mut chunk)? {
            0 => break,
            count => bytes.extend_from_slice(&chunk[..count]),
        }
        let mut used = 0;
        while let Some((record, length)) = record::decode(&bytes[used..]).map_err(io::Error::other)? {
            if let Record::Line { stderr, partial, at_ns, text } = record {
                let stream = if stderr { Stream::Stderr } else { Stream::Stdout };
                log.add(Line { stream, text, whole: !partial, at: &Moment::at(at_ns) });
            }
            used += length;
        }
        bytes.drain(..used);
        log.flush();
    }
    log.close();
    Ok(())
}

#[cfg(test)]
mod tests {
    use ::shim::LogFormat;

    use super::*;

    #[test]
    fn lines_arrive_as_they_were_sent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/log");
        let spec = LogFile {
            format: LogFormat::Json,
            path: path.clone(),
            max_size_bytes: 0,
            max_files: 1,
            compress: false,
            attrs: Default::default(),
        };
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let (log, lock) = open(spec).unwrap();
        let child = std::thread::spawn(move || write(log, theirs));
        for (at_ns, text, whole) in [(0, "one", true), (1, "tw", false), (2, "o", true)] {
            let line = Line { stream: Stream::Stderr, text: text.as_bytes(), whole, at: &Moment::at(at_ns) };
            // In pieces, as a stream may bring them.
            for piece in message(&line).chunks(5) {
                ours.write_all(piece).unwrap();
            }
        }
        drop(ours);
        child.join().unwrap().unwrap();
        drop(lock);
        let text = fs::read_to_string(path).unwrap();
        let logs: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let of =
            |key: &str| logs.iter().map(|line| line[key].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        assert_eq!(of("log"), ["one\n", "tw", "o\n"]);
        assert_eq!(of("stream"), ["stderr"; 3]);
        assert_eq!(of("time")[2], "1970-01-01T00:00:00.000000002Z");
    }
}
