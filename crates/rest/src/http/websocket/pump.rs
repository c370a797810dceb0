//! Between the frames on the connection and a plain stream of bytes.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};

use super::frame::{self, Reader, Sent};
use crate::http::hijack::Raw;

/// Bytes under way in each direction.
const BUFFER: usize = 16 * 1024;

/// The connection as a plain stream of bytes, for whoever is behind it. The frames are handled until either side ends.
pub(crate) fn stream(raw: Raw) -> Raw {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    tokio::spawn(run(raw, ours));
    Raw { early: Bytes::new(), io: Box::new(theirs) }
}

async fn run(raw: Raw, plain: DuplexStream) {
    let (mut from_client, mut to_client) = tokio::io::split(raw.io);
    let (mut from_inside, mut to_inside) = tokio::io::split(plain);
    let mut reader = Reader::default();
    let mut arrived = BytesMut::from(&raw.early[..]);
    let mut leaving = BytesMut::with_capacity(BUFFER);
    let mut client_ended = false;
    loop {
        match answer(&mut reader, &mut arrived, &mut to_inside, &mut to_client).await {
            Ok(false) => {}
            Ok(true) if !client_ended => {
                client_ended = true;
                let _ = to_inside.shutdown().await;
            }
            Ok(true) => {}
            Err(_) => break,
        }
        leaving.reserve(BUFFER);
        arrived.reserve(BUFFER);
        tokio::select! {
            read = from_client.read_buf(&mut arrived), if !client_ended => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            },
            read = from_inside.read_buf(&mut leaving) => match read {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    let message = frame::data(&leaving.split());
                    if send(&mut to_client, &message).await.is_err() {
                        return;
                    }
                }
            },
        }
    }
    let _ = send(&mut to_client, &frame::close()).await;
    let _ = to_client.shutdown().await;
}

/// Does what has arrived asks for; true: the client has closed.
async fn answer(
    reader: &mut Reader,
    arrived: &mut BytesMut,
    inside: &mut (impl AsyncWrite + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
) -> std::io::Result<bool> {
    loop {
        match reader.next(arrived) {
            Ok(None) => return Ok(false),
            Ok(Some(Sent::Data(data))) => inside.write_all(&data).await?,
            Ok(Some(Sent::Ping(payload))) => send(client, &frame::pong(&payload)).await?,
            Ok(Some(Sent::Close)) => return Ok(true),
            Err(frame::Broken) => return Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
}

async fn send(client: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> std::io::Result<()> {
    client.write_all(frame).await?;
    client.flush().await
}
