//! A probe by a connection: made from inside the container's network namespace, without a process there.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{getsockopt, sockopt};

/// The line with the status is shorter than this.
const MAX_ANSWER_BYTES: usize = 1024;

/// A connection that tells whether its other end is well.
pub(crate) struct Dialog {
    socket: OwnedFd,
    /// What is to be sent and has not been; `None`: connecting is all.
    request: Option<Vec<u8>>,
    connected: bool,
    answer: Vec<u8>,
}

/// What has become of it.
pub(crate) struct Verdict {
    pub(crate) healthy: bool,
    /// For a person.
    pub(crate) sentence: String,
}

impl Dialog {
    /// Well if the connection is accepted.
    pub(crate) fn tcp(socket: OwnedFd) -> Dialog {
        Dialog { socket, request: None, connected: false, answer: Vec::new() }
    }

    /// Well if the page is there.
    pub(crate) fn http(socket: OwnedFd, address: SocketAddr, path: &str) -> Dialog {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: shoal-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        Dialog { request: Some(request.into_bytes()), ..Dialog::tcp(socket) }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What it waits for.
    pub(crate) fn interest(&self) -> PollFlags {
        let writes = !self.connected || self.request.as_ref().is_some_and(|request| !request.is_empty());
        if writes { PollFlags::POLLOUT } else { PollFlags::POLLIN }
    }

    /// Goes on as far as it can; the verdict, when there is one.
    pub(crate) fn advance(&mut self) -> Option<Verdict> {
        if !self.connected {
            match getsockopt(&self.socket, sockopt::SocketError) {
                Ok(0) => self.connected = true,
                Ok(errno) => return Some(failed("connect", Errno::from_raw(errno))),
                Err(errno) => return Some(failed("connect", errno)),
            }
        }
        let Some(request) = &mut self.request else {
            return Some(Verdict { healthy: true, sentence: "connected".to_owned() });
        };
        if !request.is_empty() {
            match nix::unistd::write(&self.socket, request) {
                Ok(length) => drop(request.drain(..length)),
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => return Some(failed("send", errno)),
            }
            return None;
        }
        self.read()
    }

    fn read(&mut self) -> Option<Verdict> {
        let mut buffer = [0; 256];
        match nix::unistd::read(&self.socket, &mut buffer) {
            Ok(0) => Some(judge(&self.answer)),
            Ok(length) => {
                self.answer.extend_from_slice(&buffer[..length]);
                let enough = self.answer.contains(&b'\n') || self.answer.len() >= MAX_ANSWER_BYTES;
                enough.then(|| judge(&self.answer))
            }
            Err(Errno::EAGAIN | Errno::EINTR) => None,
            Err(errno) => Some(failed("receive", errno)),
        }
    }
}

fn failed(action: &str, errno: Errno) -> Verdict {
    Verdict { healthy: false, sentence: format!("{action}: {}", errno.desc().to_lowercase()) }
}

/// The status line decides.
fn judge(answer: &[u8]) -> Verdict {
    let line = String::from_utf8_lossy(answer.split(|byte| *byte == b'\n').next().unwrap_or_default());
    let line = line.trim_end().to_owned();
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse::<u16>().ok());
    match status {
        Some(status) => Verdict { healthy: (200..400).contains(&status), sentence: line },
        None => Verdict { healthy: false, sentence: format!("not an answer of HTTP: {line:?}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_decides() {
        for (answer, healthy) in [
            ("HTTP/1.1 200 OK\r\nX: y", true),
            ("HTTP/1.0 302 Found\r\n", true),
            ("HTTP/1.1 404 Not Found\r\n", false),
            ("HTTP/1.1 500 \r\n", false),
            ("HTTP/1.1 twohundred\r\n", false),
            ("SSH-2.0-OpenSSH\r\n", false),
            ("", false),
        ] {
            assert_eq!(judge(answer.as_bytes()).healthy, healthy, "{answer}");
        }
    }
}
