//! The edge to the network: how a byte stream to an address comes about. The fake of it lives in the simulation.

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream in both directions.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Any byte stream.
pub type BoxStream = Box<dyn Stream>;

/// Opens byte streams to addresses.
pub trait Dial: Send + Sync + 'static {
    /// Opens a stream to `host:port`. The caller bounds the time it takes.
    fn dial(&self, addr: &str) -> Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send>>;
}

/// Plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial(&self, addr: &str) -> Pin<Box<dyn Future<Output = io::Result<BoxStream>> + Send>> {
        let addr = addr.to_owned();
        Box::pin(async move {
            let stream = TcpStream::connect(addr).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as BoxStream)
        })
    }
}
