//! What is asked of networks: the bodies and parameters of their routes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EndpointConfig, Ipam};
use crate::{Filters, Unread};

/// The body of `POST /networks/create`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkCreateRequest {
    /// Name.
    pub name: String,
    /// Empty: `bridge`.
    pub driver: String,
    /// `local` or empty; networks of a swarm are not made here.
    pub scope: String,
    /// Nothing goes out.
    pub internal: bool,
    /// Only told on a network of one machine.
    pub attachable: bool,
    /// The swarm's routing mesh; not honoured yet.
    #[serde(skip_serializing)]
    pub ingress: Unread,
    /// Only a template for others; not honoured yet.
    #[serde(skip_serializing)]
    pub config_only: Unread,
    /// The template it is made from; not honoured yet.
    #[serde(skip_serializing)]
    pub config_from: Unread,
    /// Where addresses come from.
    #[serde(rename = "IPAM")]
    pub ipam: Option<Ipam>,
    /// Absent: yes.
    #[serde(rename = "EnableIPv4", skip_serializing_if = "Option::is_none")]
    pub enable_ipv4: Option<bool>,
    /// Absent: what the daemon says, which is no.
    #[serde(rename = "EnableIPv6", skip_serializing_if = "Option::is_none")]
    pub enable_ipv6: Option<bool>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
}

/// The answer to a create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkCreateResponse {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What a person should know.
    pub warning: String,
}

/// The body of `POST /networks/{id}/connect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkConnectRequest {
    /// Name or id.
    pub container: String,
    /// How it wants to be attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_config: Option<EndpointConfig>,
}

/// The body of `POST /networks/{id}/disconnect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkDisconnectRequest {
    /// Name or id.
    pub container: String,
    /// Also a container that is not there any more.
    pub force: bool,
}

/// The answer to `POST /networks/prune`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NetworkPruneResponse {
    /// Names of networks that are gone.
    pub networks_deleted: Option<Vec<String>>,
}

/// Parameters of `GET /networks`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkListQuery {
    /// `driver`, `id`, `name`, `scope`, `type`, `label`, `dangling`.
    pub filters: Filters,
}

/// Parameters of `GET /networks/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkInspectQuery {
    /// Services too; there are none on a local network.
    pub verbose: bool,
    /// Only in this scope.
    pub scope: String,
}
