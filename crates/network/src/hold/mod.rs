//! Holding published ports: what the daemon and its `shoal-net` say to each other, and the daemon's side of it.

mod client;
mod frame;
mod message;
mod names;

pub(crate) use client::Keeper;
pub use frame::{read_message, read_with_files, take_message, write_message, write_with_files};
pub use message::{Answer, Hold, HoldKey, Refusal, Request, SOCKET_NAME};

/// What came of an attempt to hold: it worked, or this port could not be held, and why.
pub(crate) type Held<T> = Result<T, (HoldKey, Refusal)>;
