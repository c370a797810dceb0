//! Networks, and a container's place on them.
//!
//! - [`create`]: what is asked · [`network`]: what is told · [`endpoint`]: a container's place

mod create;
mod endpoint;
#[expect(clippy::module_inception, reason = "the model has the name of the API's own")]
mod network;

pub use create::{
    NetworkConnectRequest, NetworkCreateRequest, NetworkCreateResponse, NetworkDisconnectRequest,
    NetworkInspectQuery, NetworkListQuery, NetworkPruneResponse,
};
pub use endpoint::{EndpointConfig, EndpointIpamConfig, EndpointSettings, NetworkSettings, NetworkingConfig};
pub use network::{
    ConfigReference, EndpointResource, Ipam, IpamConfig, IpamStatus, Network, NetworkStatus, SubnetStatus,
};
