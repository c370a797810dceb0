//! A client's hold on a container's streams.
//!
//! `docker run` attaches before it starts, so a hold may exist before there is a process: input and output wait until
//! the container's task hands them the connection to the shim, which it does before the process runs its first
//! instruction.

use crate::error::{Error, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::Stream;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::oneshot;

/// How much is read from the shim at a time, in bytes.
const READ_SIZE: usize = 16 * 1024;
/// The header of a frame: stream, three zeros, length of four bytes, big endian.
const HEADER: usize = 8;

/// Input and output of one attached client.
#[derive(Debug)]
pub struct Attachment {
    /// Whether the container has a terminal: then the output is raw bytes, else Docker's 8-byte-header frames.
    pub tty: bool,
    /// What is written here the process reads; shutting it down is its end of file. `None` when not asked for.
    pub input: Option<AttachInput>,
    /// What the process writes, as it goes to Docker's clients. Ends when the process does.
    pub output: AttachOutput,
}

/// The writing half. See [`Attachment::input`].
#[derive(Debug)]
pub struct AttachInput {
    half: Half<OwnedWriteHalf>,
}

/// The reading half. See [`Attachment::output`].
#[derive(Debug)]
pub struct AttachOutput {
    half: Half<OwnedReadHalf>,
    replay: Option<crate::log::LogStream>,
    unframe: Option<Unframe>,
    buffer: BytesMut,
}

/// The task's end of a hold that waits for the process.
#[derive(Debug)]
pub(crate) struct Pending {
    input: Option<oneshot::Sender<OwnedWriteHalf>>,
    output: oneshot::Sender<OwnedReadHalf>,
}

#[derive(Debug)]
enum Half<T> {
    Waiting(oneshot::Receiver<T>),
    Ready(T),
    /// The container went away before it started.
    Gone,
}

/// Takes the frames' headers off, for terminals.
#[derive(Debug, Default)]
struct Unframe {
    left: usize,
}

impl Attachment {
    /// A hold that waits for a connection, and the end through which the connection comes.
    pub(crate) fn pending(tty: bool, stdin: bool) -> (Attachment, Pending) {
        let (output_sender, output) = oneshot::channel();
        let (input_sender, input) = if stdin {
            let (sender, receiver) = oneshot::channel();
            (Some(sender), Some(AttachInput { half: Half::Waiting(receiver) }))
        } else {
            (None, None)
        };
        let output = AttachOutput {
            half: Half::Waiting(output),
            replay: None,
            unframe: tty.then(Unframe::default),
            buffer: BytesMut::new(),
        };
        (Attachment { tty, input, output }, Pending { input: input_sender, output: output_sender })
    }
}

impl AttachInput {
    /// Of a process that runs.
    pub(crate) fn ready(half: OwnedWriteHalf) -> AttachInput {
        AttachInput { half: Half::Ready(half) }
    }
}

impl AttachOutput {
    /// Puts a log before what comes.
    pub(crate) fn replay_first(&mut self, log: crate::log::LogStream) {
        self.replay = Some(log);
    }
}

impl Pending {
    /// Hands the client the connection, on which the shim has agreed to attach.
    pub(crate) fn connect(self, stream: UnixStream) {
        let (read, write) = stream.into_split();
        // A client that went away has dropped its receivers; dropping the halves detaches it.
        match self.input {
            Some(input) => drop(input.send(write)),
            // Dropping the half would shut it down, which the shim would take for an end of file.
            None => write.forget(),
        }
        drop(self.output.send(read));
    }

    /// Whether the client went away while it waited.
    pub(crate) fn is_closed(&self) -> bool {
        self.output.is_closed()
    }
}

impl<T> Half<T> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<&mut T>> {
        if let Half::Waiting(receiver) = self {
            *self = match ready!(Pin::new(receiver).poll(context)) {
                Ok(half) => Half::Ready(half),
                Err(_) => Half::Gone,
            };
        }
        match self {
            Half::Ready(half) => Poll::Ready(Some(half)),
            Half::Waiting(_) | Half::Gone => Poll::Ready(None),
        }
    }
}

impl AsyncWrite for AttachInput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        match ready!(self.half.poll(context)) {
            Some(half) => Pin::new(half).poll_write(context, data),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match ready!(self.half.poll(context)) {
            Some(half) => Pin::new(half).poll_shutdown(context),
            None => Poll::Ready(Ok(())),
        }
    }
}

impl Stream for AttachOutput {
    type Item = Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(replay) = this.replay.as_mut() {
            match ready!(Pin::new(replay).poll_next(context)) {
                Some(chunk) => return Poll::Ready(Some(chunk)),
                None => this.replay = None,
            }
        }
        loop {
            let Some(half) = ready!(this.half.poll(context)) else { return Poll::Ready(None) };
            this.buffer.resize(this.buffer.len() + READ_SIZE, 0);
            let start = this.buffer.len() - READ_SIZE;
            let mut read = ReadBuf::new(&mut this.buffer[start..]);
            let polled = Pin::new(half).poll_read(context, &mut read);
            let filled = read.filled().len();
            this.buffer.truncate(start + filled);
            match ready!(polled) {
                // The shim dying mid-stream looks like its end; the exit status tells the difference.
                Err(_) => return Poll::Ready(None),
                Ok(()) if filled == 0 => return Poll::Ready(None),
                Ok(()) => {}
            }
            let chunk = match this.unframe.as_mut() {
                Some(unframe) => unframe.take(&mut this.buffer),
                None => this.buffer.split().freeze(),
            };
            if !chunk.is_empty() {
                return Poll::Ready(Some(Ok(chunk)));
            }
        }
    }
}

impl Unframe {
    /// Takes the payloads that are there out of the buffer; an incomplete header stays.
    fn take(&mut self, buffer: &mut BytesMut) -> Bytes {
        let mut payload = BytesMut::with_capacity(buffer.len());
        loop {
            if self.left == 0 {
                let Some(header) = buffer.first_chunk::<HEADER>() else { return payload.freeze() };
                let length = [header[4], header[5], header[6], header[7]];
                self.left = u32::from_be_bytes(length) as usize;
                buffer.advance(HEADER);
            }
            let some = self.left.min(buffer.len());
            payload.extend_from_slice(&buffer.split_to(some));
            self.left -= some;
            if buffer.is_empty() {
                return payload.freeze();
            }
        }
    }
}

impl From<oneshot::error::RecvError> for Error {
    fn from(_: oneshot::error::RecvError) -> Self {
        Error::ShuttingDown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![1, 0, 0, 0];
        frame.extend((payload.len() as u32).to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[tokio::test]
    async fn input_and_output_wait_for_the_connection() {
        let (attachment, pending) = Attachment::pending(false, true);
        let mut input = attachment.input.unwrap();
        let mut output = attachment.output;
        let client = tokio::spawn(async move {
            input.write_all(b"hello").await.unwrap();
            input.shutdown().await.unwrap();
            let mut all = Vec::new();
            while let Some(chunk) = output.next().await {
                all.extend_from_slice(&chunk.unwrap());
            }
            all
        });
        let (mut shim, engine) = UnixStream::pair().unwrap();
        pending.connect(engine);
        let mut heard = Vec::new();
        shim.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"hello");
        shim.write_all(&frame(b"bye")).await.unwrap();
        drop(shim);
        assert_eq!(client.await.unwrap(), frame(b"bye"));
    }

    #[tokio::test]
    async fn without_stdin_the_shim_sees_no_end_of_file() {
        let (mut attachment, pending) = Attachment::pending(false, false);
        let (mut shim, engine) = UnixStream::pair().unwrap();
        pending.connect(engine);
        shim.write_all(&frame(b"x")).await.unwrap();
        assert_eq!(attachment.output.next().await.unwrap().unwrap(), frame(b"x"));
        assert_eq!(shim.try_read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[tokio::test]
    async fn a_container_that_goes_away_ends_the_output() {
        let (mut attachment, pending) = Attachment::pending(true, false);
        drop(pending);
        assert!(attachment.output.next().await.is_none());
    }

    proptest! {
        #[test]
        fn terminals_get_the_payloads_however_they_are_cut(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8), cut in 1usize..20,
        ) {
            let wire: Vec<u8> = payloads.iter().flat_map(|payload| frame(payload)).collect();
            let (mut unframe, mut buffer, mut seen) = (Unframe::default(), BytesMut::new(), Vec::new());
            for piece in wire.chunks(cut) {
                buffer.extend_from_slice(piece);
                seen.extend_from_slice(&unframe.take(&mut buffer));
            }
            prop_assert_eq!(seen, payloads.concat());
        }
    }
}
