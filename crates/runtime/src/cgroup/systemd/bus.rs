//! A conversation with systemd over its own socket: one call at a time, and waiting for jobs.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::message::{Body, FIXED_BYTES, Heard, call, length, read};
use crate::{Error, Result};

/// Signals about other units that are skipped while waiting for an answer.
const MAX_SKIPPED: usize = 10_000;
const MAX_GREETING_BYTES: usize = 256;

/// An open conversation.
#[derive(Debug)]
pub(super) struct Bus {
    stream: UnixStream,
    patience: Duration,
    serial: u32,
    /// Jobs that were over before anybody asked: path, result.
    over: Vec<(String, String)>,
}

impl Bus {
    /// Connects and says who we are; the kernel vouches for it. Nothing is waited for longer than `patience`.
    pub(super) fn connect(path: &Path, patience: Duration) -> Result<Bus> {
        Bus::greet(path, patience).map_err(Error::path("connect to systemd at", path))
    }

    fn greet(path: &Path, patience: Duration) -> io::Result<Bus> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        let uid = nix::unistd::geteuid().to_string();
        let uid: String = uid.bytes().map(|digit| format!("{digit:02x}")).collect();
        stream.write_all(format!("\0AUTH EXTERNAL {uid}\r\n").as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            answer.push(byte[0]);
            if answer.len() > MAX_GREETING_BYTES {
                return Err(io::ErrorKind::InvalidData.into());
            }
        }
        if !answer.starts_with(b"OK ") {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        stream.write_all(b"BEGIN\r\n")?;
        Ok(Bus { stream, patience, serial: 0, over: Vec::new() })
    }

    /// Calls `member` of systemd's manager; the path in its answer, if there is one.
    ///
    /// # Errors
    /// [`Error::Systemd`] with systemd's words if it refuses.
    pub(super) fn call(&mut self, member: &'static str, body: &Body) -> Result<Option<String>> {
        self.serial += 1;
        let sent = self.serial;
        self.stream.write_all(&call(sent, member, body)).map_err(Error::host("speak to systemd"))?;
        loop {
            match self.hear()? {
                Heard::Return { serial, path } if serial == sent => return Ok(path),
                Heard::Refused { serial, name, message } if serial == sent => {
                    return Err(Error::Systemd { action: member, name, message });
                }
                Heard::JobRemoved { path, result } if self.over.len() < MAX_SKIPPED => {
                    self.over.push((path, result));
                }
                _ => {}
            }
        }
    }

    /// Calls what makes a job, and waits for its end.
    ///
    /// # Errors
    /// As [`Self::call`]; also if the job has failed.
    pub(super) fn run_job(&mut self, member: &'static str, body: &Body) -> Result<()> {
        self.over.clear();
        let job = self.call(member, body)?.unwrap_or_default();
        let deadline = Instant::now() + self.patience;
        loop {
            let over = self.over.iter().find(|(path, _)| *path == job);
            match over.map(|(_, result)| result.as_str()) {
                Some("done" | "skipped") => return Ok(()),
                Some(result) => {
                    let message = format!("the job has ended as {result:?}");
                    return Err(Error::Systemd { action: member, name: job, message });
                }
                None if Instant::now() > deadline || self.over.len() >= MAX_SKIPPED => {
                    return Err(Error::host("wait for systemd")(io::ErrorKind::TimedOut.into()));
                }
                None => {}
            }
            if let Heard::JobRemoved { path, result } = self.hear()? {
                self.over.push((path, result));
            }
        }
    }

    fn hear(&mut self) -> Result<Heard> {
        self.read_message().map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => Error::host("wait for systemd")(io::ErrorKind::TimedOut.into()),
            _ => Error::host("listen to systemd")(error),
        })
    }

    fn read_message(&mut self) -> io::Result<Heard> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut fixed = [0; FIXED_BYTES];
        self.stream.read_exact(&mut fixed)?;
        let mut message = vec![0; length(&fixed).ok_or_else(broken)?];
        message[..FIXED_BYTES].copy_from_slice(&fixed);
        self.stream.read_exact(&mut message[FIXED_BYTES..])?;
        read(&message).ok_or_else(broken)
    }
}
