//! The client of the daemon's API: HTTP/1.1 over a unix socket, TCP or TLS.
//!
//! In: requests. Out: answers, streams of JSON, hijacked connections. One connection per request: on a unix socket that
//! costs less than keeping a pool. Prints nothing and knows no verb.

mod answer;
mod connect;
mod frame;
mod host;
mod query;
mod request;
mod send;
mod ssh;
mod tls;

pub(crate) use answer::{Answer, Lines, without_nulls};
pub(crate) use frame::{BadFrame, Channel, Demux};
pub(crate) use host::{DEFAULT_HOST, Host, HostError};
pub(crate) use query::{encode, encode_path};
pub(crate) use request::{Request, StreamBody};
pub(crate) use send::{Client, Hijacked};
pub(crate) use tls::TlsFiles;
