//! What is said about networks between the rooms: plain data, stored by the engine, understood here.

mod endpoint;
mod info;
mod mac;
mod port;

pub use endpoint::{AttachRequest, Endpoint};
pub use info::NetworkInfo;
pub use mac::Mac;
pub use port::{BoundPort, HostPort, IngressPort, PortBinding, Protocol};
