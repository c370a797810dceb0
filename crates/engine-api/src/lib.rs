//! The models of the Docker Engine API, as clients and the daemon both use them, and how a request becomes one.
//!
//! Inputs: JSON bodies and query strings. Outputs: typed models, or an error that names the field.
//! May not touch: anything but memory; no IO, no clock, no other room.
//!
//! The models are the list of what is honoured. A field of the API that shoal does not honour yet has the type [`Unread`]:
//! the decoder of requests refuses it by name when it is set, and [`shape`] tells the coverage test that it is not read.
#![forbid(unsafe_code)]

pub mod auth;
pub mod container;
pub mod decode;
pub mod event;
pub mod filter;
pub mod firewall;
pub mod image;
pub mod mount;
pub mod network;
pub mod registry;
pub mod shape;
pub mod swarm;
pub mod system;
pub mod time;
pub mod unread;
pub mod usage;
pub mod volume;

pub use decode::DecodeError;
pub use filter::Filters;
pub use time::Timestamp;
pub use unread::Unread;

/// The newest version of the API that is spoken, as `1.MINOR`.
pub const MAX_MINOR: u16 = 56;
/// The oldest version spoken unless the daemon is told otherwise.
pub const MIN_MINOR: u16 = 40;
/// The oldest version the daemon can be told to speak.
pub const FLOOR_MINOR: u16 = 24;

/// The body of every answer that is an error.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ErrorResponse {
    /// One sentence for a person; clients match parts of it.
    pub message: String,
}
