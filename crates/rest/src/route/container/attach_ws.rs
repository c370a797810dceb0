//! `GET /containers/{id}/attach/ws`: the container's standard streams as a WebSocket, in binary messages.

use bytes::{Buf, Bytes, BytesMut};
use engine::AttachOptions;
use engine_api::container::AttachSocketQuery;
use futures_util::{Stream, StreamExt};

use super::attach::copy;
use super::detach::Keys;
use crate::failure::Failure;
use crate::http::answer::{Answer, Outcome};
use crate::http::call::Call;
use crate::http::hijack::Hijack;
use crate::http::websocket;

pub(super) async fn attach(call: Call<AttachSocketQuery>) -> Outcome {
    let AttachSocketQuery { detach_keys, logs, stream, stdin, stdout, stderr, key } = call.query;
    if key.is_empty() {
        return Err(Failure::invalid("not a WebSocket: the header Sec-WebSocket-Key is missing"));
    }
    let keys = Keys::parse(&detach_keys)?;
    let options = AttachOptions { stdin, stdout, stderr, logs, stream };
    let attachment = call.api.containers.attach(&call.name, options).await?;
    let tty = attachment.tty;
    let keys = (tty && stdin).then_some(keys);
    let head = websocket::head(&key);
    Ok(Answer::Hijack(Hijack::with_head(head, move |raw| async move {
        let raw = websocket::stream(raw);
        // Which stream a byte belongs to is not told on this road: a client attaches to each that it wants apart.
        if tty {
            copy(raw, attachment.input, attachment.output, keys).await;
        } else {
            copy(raw, attachment.input, plain(attachment.output), keys).await;
        }
    })))
}

/// The output without its frames.
fn plain(
    output: impl Stream<Item = engine::Result<Bytes>> + Unpin,
) -> impl Stream<Item = engine::Result<Bytes>> + Unpin {
    let mut unframe = Unframe::default();
    output.map(move |chunk| chunk.map(|chunk| unframe.take(&chunk)))
}

/// Takes the headers of frames off, however they are cut.
#[derive(Debug, Default)]
struct Unframe {
    buffer: BytesMut,
    left: usize,
}

impl Unframe {
    fn take(&mut self, chunk: &[u8]) -> Bytes {
        /// Stream, three zeros, length of four bytes, big endian.
        const HEADER: usize = 8;
        self.buffer.extend_from_slice(chunk);
        let mut payload = BytesMut::new();
        loop {
            if self.left == 0 {
                let Some(header) = self.buffer.first_chunk::<HEADER>() else { break };
                self.left = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
                self.buffer.advance(HEADER);
            }
            let some = self.left.min(self.buffer.len());
            payload.extend_from_slice(&self.buffer.split_to(some));
            self.left -= some;
            if self.buffer.is_empty() {
                break;
            }
        }
        payload.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_survive_any_cutting() {
        let wire = [&[1, 0, 0, 0, 0, 0, 0, 3][..], b"abc", &[2, 0, 0, 0, 0, 0, 0, 2], b"de"].concat();
        for cut in 1..wire.len() {
            let mut unframe = Unframe::default();
            let seen: Vec<u8> = wire.chunks(cut).flat_map(|piece| unframe.take(piece).to_vec()).collect();
            assert_eq!(seen, b"abcde");
        }
    }
}
