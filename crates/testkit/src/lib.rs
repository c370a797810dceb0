//! What tests are made of: a daemon under test, machines in namespaces, images, and waiting.
//!
//! Imported only by tests.
#![forbid(unsafe_code)]

pub mod api;
pub mod cluster;
mod daemon;
mod disk;
pub mod eventually;
pub mod http;
pub mod image;
mod lack;
pub mod linear;
pub mod namespace;
mod pair;
pub mod program;
pub mod proxy;
pub mod registry;
pub mod sctp;
mod sweep;
mod trace;

pub use daemon::Daemon;
pub use eventually::eventually;
pub use lack::not_tested;
pub use namespace::{Lan, Namespace};
pub use pair::Pair;
pub use program::Said;
