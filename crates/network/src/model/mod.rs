//! What is said about networks between the rooms: plain data, stored by the engine, understood here.

mod driver;
mod endpoint;
mod live;
mod mac;
mod port;
mod record;
mod report;
mod request;

pub use driver::{Driver, LOCAL_SCOPE, SWARM_SCOPE};
pub use endpoint::{AttachRequest, Endpoint, Place};
pub use live::{Live, Resolver};
pub use mac::Mac;
pub use port::{BoundPort, HostPort, IngressPort, PortBinding, Protocol};
pub use record::{NetworkRecord, Subnet};
pub use report::{FirewallReport, ForeignChain, ReportedPort};
pub use request::{NetworkRequest, SubnetRequest};
