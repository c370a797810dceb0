//! A connection through the system's `ssh`, whose far end is `system dial-stdio`.
//!
//! In: an address. Out: a byte stream. What `ssh` says goes to the user; it asks for passwords on the terminal itself.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use super::Host;

/// Seconds that `ssh` may take to connect.
const CONNECT_TIMEOUT: &str = "ConnectTimeout=30";

/// A running `ssh`. It ends when its input is closed, and at the latest when this is dropped.
pub(crate) struct Tunnel {
    _child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
}

/// Starts `ssh`.
pub(super) fn open(host: &Host) -> io::Result<Tunnel> {
    let mut child = Command::new("ssh")
        .args(arguments(host))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let missing = || io::Error::from(io::ErrorKind::BrokenPipe);
    let input = Some(child.stdin.take().ok_or_else(missing)?);
    let output = child.stdout.take().ok_or_else(missing)?;
    Ok(Tunnel { _child: child, input, output })
}

fn arguments(host: &Host) -> Vec<String> {
    let Host::Ssh { user, name, port, path } = host else { return Vec::new() };
    let mut arguments: Vec<String> = Vec::new();
    if let Some(user) = user {
        arguments.extend(["-l".to_owned(), user.clone()]);
    }
    if let Some(port) = port {
        arguments.extend(["-p".to_owned(), port.to_string()]);
    }
    arguments.extend(["-o", CONNECT_TIMEOUT, "-T", "--"].map(str::to_owned));
    arguments.push(name.clone());
    arguments.push(command(path.as_deref()));
    arguments
}

/// What the shell on the far side does: ours where it is installed, else Docker's.
fn command(path: Option<&str>) -> String {
    let host = path.map_or(String::new(), |path| format!(" -H {}", quote(&format!("unix://{path}"))));
    format!(
        "if command -v shoal >/dev/null 2>&1; then exec shoal{host} system dial-stdio; \
         else exec docker{host} system dial-stdio; fi"
    )
}

/// One word for a shell.
fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

impl AsyncRead for Tunnel {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().output).poll_read(cx, buf)
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().input {
            Some(input) => Pin::new(input).poll_write(cx, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().input {
            Some(input) => Pin::new(input).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The end of its input is what the far side sees as the end of ours.
        self.get_mut().input = None;
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(host: &str) -> Vec<String> {
        arguments(&Host::parse(host, false).unwrap())
    }

    #[test]
    fn the_command_line_is_as_the_address_says() {
        let plain = args("ssh://far");
        assert_eq!(plain[..4], ["-o", "ConnectTimeout=30", "-T", "--"]);
        assert_eq!(plain[4], "far");
        assert_eq!(args("ssh://me@far:22")[..4], ["-l", "me", "-p", "22"]);
        let with_path = args("ssh://far/run/it's.sock");
        assert!(
            with_path[5].contains("shoal -H 'unix:///run/it'\\''s.sock' system dial-stdio"),
            "{with_path:?}"
        );
    }

    #[test]
    fn nothing_passes_for_an_option() {
        for host in
            ["ssh://-oProxyCommand=x", "ssh://-l@far", "ssh://", "ssh://a b", "ssh://u:p@far", "ssh://far:x"]
        {
            assert!(Host::parse(host, false).is_err(), "{host}");
        }
    }
}
