//! From the shim's connection to the client, and to the exec's end.

use crate::link::Link;
use crate::record::{ExitStatus, Record};
use crate::shared::{Shared, now_ns};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use shim::{EXIT_STREAM, Request};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::mpsc;

/// How much is read from the shim at a time, in bytes.
const READ_SIZE: usize = 16 * 1024;
/// The header of a frame: stream, three zeros, length of four bytes, big endian.
const HEADER: usize = 8;
/// The exit status as JSON is shorter than this.
const EXIT_LIMIT: usize = 4096;
/// What is told of an exec whose shim died with it: as if by SIGKILL, which it was.
const EXIT_KILLED: i32 = 137;

/// Carries output until the exec has ended, records how, and tells.
pub(super) async fn run(
    shared: Arc<Shared>,
    container: Arc<Record>,
    id: String,
    tty: bool,
    read: OwnedReadHalf,
    client: Option<mpsc::Sender<Bytes>>,
) {
    let mut read = read;
    let exit = match carry(&mut read, tty, client.as_ref()).await {
        Carried::Ended(exit) => exit,
        Carried::ClientLeft => {
            // So that the shim does not hold the process up for us.
            drop(read);
            wait(&shared, &container.id, &id).await
        }
    };
    end(&shared, &container, &id, exit);
    // The client hears of the end only now that it can ask for the exit code.
    drop(client);
}

/// Waits for the end of an exec that this daemon did not start, or whose streams nobody reads.
pub(super) async fn wait(shared: &Shared, container_id: &str, id: &str) -> Option<ExitStatus> {
    let mut link = Link::connect(container_id, &shared.exec_dir(container_id)).await.ok()?;
    link.send(container_id, &Request::ExecWait { id: id.to_owned() }).await.ok()?;
    link.exited().await
}

/// Records the end, and tells.
pub(super) fn end(shared: &Shared, container: &Record, id: &str, exit: Option<ExitStatus>) {
    let (code, at_ns) = exit.map_or((EXIT_KILLED, now_ns()), |exit| (exit.code, exit.at_ns));
    shared.execs.change(id, |record| {
        (record.running, record.exit_code, record.ended_ns) = (false, Some(code), at_ns);
    });
    shared.publish(container, "exec_die", &[("execID", id), ("exitCode", &code.to_string())]);
}

enum Carried {
    /// As the shim tells; `None`: it has gone without a word.
    Ended(Option<ExitStatus>),
    ClientLeft,
}

async fn carry(read: &mut OwnedReadHalf, tty: bool, client: Option<&mpsc::Sender<Bytes>>) -> Carried {
    let mut frames = Frames::default();
    let mut exit = BytesMut::new();
    loop {
        let gone = async {
            match client {
                Some(client) => client.closed().await,
                None => std::future::pending().await,
            }
        };
        frames.buffer.reserve(READ_SIZE);
        tokio::select! {
            count = read.read_buf(&mut frames.buffer) => match count {
                Ok(0) | Err(_) => {
                    let exit = shim::decode::<shim::ExitStatus>(&exit).ok();
                    return Carried::Ended(exit.map(ExitStatus::from));
                }
                Ok(_) => {}
            },
            () = gone => return Carried::ClientLeft,
        }
        while let Some((stream, payload)) = frames.next() {
            if stream == EXIT_STREAM {
                if exit.len() + payload.len() <= EXIT_LIMIT {
                    exit.extend_from_slice(&payload);
                }
                continue;
            }
            let Some(client) = client else { continue };
            let piece = if tty { payload } else { framed(stream, &payload) };
            if client.send(piece).await.is_err() {
                return Carried::ClientLeft;
            }
        }
    }
}

fn framed(stream: u8, payload: &[u8]) -> Bytes {
    let mut piece = BytesMut::with_capacity(HEADER + payload.len());
    piece.put_slice(&[stream, 0, 0, 0]);
    // What was read at once fits.
    piece.put_u32(u32::try_from(payload.len()).unwrap_or(u32::MAX));
    piece.put_slice(payload);
    piece.freeze()
}

/// Takes frames apart that arrive in pieces.
#[derive(Debug, Default)]
struct Frames {
    buffer: BytesMut,
    stream: u8,
    left: usize,
}

impl Frames {
    /// What is there of the next frame's payload, and its stream.
    fn next(&mut self) -> Option<(u8, Bytes)> {
        while self.left == 0 {
            let header = *self.buffer.first_chunk::<HEADER>()?;
            self.stream = header[0];
            self.left = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
            self.buffer.advance(HEADER);
        }
        let some = self.left.min(self.buffer.len());
        if some == 0 {
            return None;
        }
        self.left -= some;
        Some((self.stream, self.buffer.split_to(some).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn payloads_survive_any_cutting(
            payloads in prop::collection::vec((1u8..4, prop::collection::vec(any::<u8>(), 0..40)), 0..8),
            cut in 1usize..20,
        ) {
            let wire: Vec<u8> =
                payloads.iter().flat_map(|(stream, payload)| framed(*stream, payload).to_vec()).collect();
            let mut frames = Frames::default();
            let mut seen = vec![Vec::new(); 4];
            for piece in wire.chunks(cut) {
                frames.buffer.extend_from_slice(piece);
                while let Some((stream, payload)) = frames.next() {
                    seen[usize::from(stream)].extend_from_slice(&payload);
                }
            }
            for stream in 1u8..4 {
                let sent: Vec<u8> =
                    payloads.iter().filter(|(s, _)| *s == stream).flat_map(|(_, p)| p.clone()).collect();
                prop_assert_eq!(&seen[usize::from(stream)], &sent);
            }
        }
    }
}
