//! A user's terminal or pipes joined to a container's streams.
//!
//! In: a hijacked connection and this program's standard streams. Out: how it ended. Touches the terminal's mode, which
//! it restores, and asks the daemon to resize and to signal.

use std::io::IsTerminal;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::client::{Channel, Client, Demux, Hijacked, Request, encode_path};
use crate::error::Error;
use crate::terminal::{DetachKeys, RawMode, Scanned, Signals, Winch, size};

/// Bytes read at once, either way.
const BUFFER: usize = 32 * 1024;

/// How an attachment is to behave.
pub(crate) struct Options {
    /// The container has a terminal.
    pub(crate) tty: bool,
    /// Send standard input.
    pub(crate) stdin: bool,
    /// Write what comes from the container's standard output and error.
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) keys: DetachKeys,
    /// Hand this program's signals on.
    pub(crate) signals: Option<Signals>,
}

/// How an attachment ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The other side closed: the process ended.
    Closed,
    /// The user typed the detach keys.
    Detached,
}

/// What the streams belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target<'a> {
    /// A container's first process; the container's id.
    Container(&'a str),
    /// A further process in a container; the id of the exec.
    Exec(&'a str),
}

/// Refuses a terminal for a container when there is none here.
pub(crate) fn check_terminal(tty: bool, stdin: bool) -> Result<(), Error> {
    if tty && stdin && !std::io::stdin().is_terminal() {
        return Err(Error::Usage("the input device is not a TTY".to_owned()));
    }
    Ok(())
}

/// Puts the terminal into raw mode if the container's terminal is to be this one.
pub(crate) fn raw_mode(tty: bool, stdin: bool) -> Result<Option<RawMode>, Error> {
    if tty && stdin && std::io::stdin().is_terminal() { RawMode::enter().map(Some) } else { Ok(None) }
}

/// Tells the daemon the terminal's size. A process that is already gone does not matter.
pub(crate) async fn resize(client: &Client, target: Target<'_>) {
    if let Some((rows, columns)) = size() {
        let path = match target {
            Target::Container(id) => format!("/containers/{}/resize", encode_path(id)),
            Target::Exec(id) => format!("/exec/{}/resize", encode_path(id)),
        };
        let _ = client.done(Request::post(&path).query("h", rows).query("w", columns)).await;
    }
}

/// Carries bytes until one side ends.
pub(crate) async fn carry(
    client: &Client,
    target: Target<'_>,
    hijacked: Hijacked,
    options: Options,
) -> Result<End, Error> {
    let Options { tty, stdin, stdout, stderr, keys, signals } = options;
    let (reader, writer) = tokio::io::split(hijacked);
    // With a terminal there is one stream, and it is raw.
    let output = output(reader, Sinks::new(!tty, stdout, stderr));
    let input = async {
        if stdin {
            let keys = (tty && std::io::stdin().is_terminal()).then_some(keys);
            if input(writer, keys).await? == End::Detached {
                return Ok(());
            }
        }
        std::future::pending().await
    };
    tokio::select! {
        ended = output => ended.map(|()| End::Closed),
        detached = input => detached.map(|()| End::Detached),
        () = forward(client, target, signals) => Ok(End::Closed),
        () = follow_size(client, target, tty) => Ok(End::Closed),
    }
}

/// Where a container's streams go: standard output and error of this program.
pub(crate) struct Sinks {
    /// Frames tell the streams apart; without, there is one.
    demux: Option<Demux>,
    stdout: bool,
    stderr: bool,
    out: tokio::io::Stdout,
    err: tokio::io::Stderr,
}

impl Sinks {
    /// `stdout` and `stderr`: what is wanted.
    pub(crate) fn new(framed: bool, stdout: bool, stderr: bool) -> Self {
        let demux = framed.then(Demux::default);
        Self { demux, stdout, stderr, out: tokio::io::stdout(), err: tokio::io::stderr() }
    }

    /// Writes what came over the wire.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), Error> {
        let Some(demux) = &mut self.demux else {
            if self.stdout {
                self.out.write_all(data).await?;
                self.out.flush().await?;
            }
            return Ok(());
        };
        demux.push(data);
        let bad = |error: crate::client::BadFrame| Error::Stream { message: error.to_string() };
        while let Some((channel, piece)) = demux.next().map_err(bad)? {
            match channel {
                Channel::Out if self.stdout => self.out.write_all(&piece).await?,
                Channel::Err if self.stderr => self.err.write_all(&piece).await?,
                Channel::Out | Channel::Err => {}
                Channel::System => {
                    let message = format!("error from daemon in stream: {}", String::from_utf8_lossy(&piece));
                    return Err(Error::Stream { message });
                }
            }
        }
        self.out.flush().await?;
        self.err.flush().await?;
        Ok(())
    }
}

/// Copies what the container writes.
async fn output(mut reader: impl AsyncRead + Unpin, mut sinks: Sinks) -> Result<(), Error> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match reader.read(&mut buffer).await {
            // A daemon that dies resets the connection; the wait that follows tells why.
            Ok(0) | Err(_) => return Ok(()),
            Ok(count) => sinks.write(&buffer[..count]).await?,
        }
    }
}

/// Copies what the user types, then half-closes, which the process sees as end of file.
async fn input(mut writer: impl AsyncWrite + Unpin, mut keys: Option<DetachKeys>) -> Result<End, Error> {
    let mut stdin = tokio::io::stdin();
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = stdin.read(&mut buffer).await?;
        if count == 0 {
            break;
        }
        let Scanned { pass, detached } = match &mut keys {
            Some(keys) => keys.scan(&buffer[..count]),
            None => Scanned { pass: buffer[..count].to_vec(), detached: false },
        };
        // The process may have ended before it read everything: no failure of ours.
        if writer.write_all(&pass).await.is_err() {
            return Ok(End::Closed);
        }
        if detached {
            return Ok(End::Detached);
        }
    }
    let _ = writer.shutdown().await;
    Ok(End::Closed)
}

/// Hands signals on to a container; never ends.
async fn forward(client: &Client, target: Target<'_>, signals: Option<Signals>) {
    let (Target::Container(id), Some(mut signals)) = (target, signals) else {
        return std::future::pending().await;
    };
    loop {
        let name = signals.next().await;
        let request = Request::post(&format!("/containers/{}/kill", encode_path(id))).query("signal", name);
        // A container that is not running cannot be signalled; the user sees its end anyway.
        let _ = client.done(request).await;
    }
}

async fn follow_size(client: &Client, target: Target<'_>, tty: bool) {
    if !tty {
        return std::future::pending().await;
    }
    let Ok(mut winch) = Winch::catch() else { return std::future::pending().await };
    loop {
        winch.next().await;
        resize(client, target).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_wrong_frame_is_an_error_not_output() {
        let wire: &[u8] = &[7, 0, 0, 0, 0, 0, 0, 1, b'x'];
        let ended = output(wire, Sinks::new(true, true, true)).await.map_err(|error| error.to_string());
        assert_eq!(ended, Err("unrecognized stream: 7".to_owned()));
    }
}
