//! One connection to the daemon: unix socket, TCP, TLS over TCP, or the streams of an `ssh`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::ssh::Tunnel;
use super::{Host, TlsFiles, ssh, tls};
use crate::error::Error;

/// How long a daemon may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// An open connection.
pub(crate) enum Connection {
    Unix(UnixStream),
    Tcp(TcpStream),
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
    Ssh(Box<Tunnel>),
}

/// Connects.
pub(super) async fn connect(host: &Host, files: Option<&TlsFiles>) -> Result<Connection, Error> {
    let opened = match tokio::time::timeout(CONNECT_TIMEOUT, open(host)).await {
        Ok(opened) => opened,
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    };
    let stream = opened.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied => Error::Permission { host: host.to_string() },
        _ => Error::Connect { host: host.to_string(), source },
    })?;
    match (stream, host, files) {
        (Connection::Tcp(tcp), Host::Tcp { name, .. }, Some(files)) => {
            let stream = tls::handshake(tcp, name, files).await;
            stream
                .map(|stream| Connection::Tls(Box::new(stream)))
                .map_err(|reason| Error::Tls { host: host.to_string(), reason })
        }
        (stream, _, _) => Ok(stream),
    }
}

async fn open(host: &Host) -> io::Result<Connection> {
    match host {
        Host::Unix(path) => UnixStream::connect(path).await.map(Connection::Unix),
        Host::Ssh { .. } => ssh::open(host).map(|tunnel| Connection::Ssh(Box::new(tunnel))),
        Host::Tcp { name, port } => {
            let tcp = TcpStream::connect((name.as_str(), *port)).await?;
            tcp.set_nodelay(true)?;
            Ok(Connection::Tcp(tcp))
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Ssh(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Ssh(stream) => Pin::new(&mut **stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Ssh(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Ssh(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
