//! Services, as they are told.

use serde::{Deserialize, Serialize};

use super::{EndpointPortConfig, EndpointSpec, ObjectVersion, ServiceSpec};
use crate::{Filters, Timestamp};

/// One service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Service {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// For updates.
    pub version: ObjectVersion,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// The user's wishes.
    pub spec: ServiceSpec,
    /// The wishes before the last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_spec: Option<ServiceSpec>,
    /// How it is reached.
    pub endpoint: ServiceEndpoint,
    /// How the last change goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_status: Option<UpdateStatus>,
    /// How many tasks run; only in lists, and only when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_status: Option<ServiceStatus>,
    /// Which run of a job this is; only of jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_status: Option<JobStatus>,
}

/// Which run of a job this is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct JobStatus {
    /// Grows with each run; the run's tasks carry it.
    pub job_iteration: ObjectVersion,
    /// When the run began.
    #[serde(skip_serializing_if = "Timestamp::is_never")]
    pub last_execution: Timestamp,
}

/// How a service is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceEndpoint {
    /// The wishes.
    #[serde(rename = "Spec")]
    pub spec: EndpointSpec,
    /// With the numbers that were chosen.
    #[serde(rename = "Ports", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<EndpointPortConfig>,
    /// Addresses on its networks.
    #[serde(rename = "VirtualIPs", skip_serializing_if = "Vec::is_empty")]
    pub virtual_ips: Vec<VirtualIp>,
}

/// An address of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VirtualIp {
    /// On this network.
    #[serde(rename = "NetworkID")]
    pub network_id: String,
    /// With its mask's length.
    #[serde(rename = "Addr")]
    pub addr: String,
}

/// How a change goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct UpdateStatus {
    /// `updating`, `paused`, `completed`…
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// When it began.
    #[serde(skip_serializing_if = "Timestamp::is_never")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Timestamp::is_never")]
    pub completed_at: Timestamp,
    /// For a person.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// How many tasks run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceStatus {
    /// Run.
    pub running_tasks: u64,
    /// Should.
    pub desired_tasks: u64,
    /// Ended well; only of jobs.
    pub completed_tasks: u64,
}

/// The answer to a create.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceCreateResponse {
    /// Its id.
    #[serde(rename = "ID")]
    pub id: String,
    /// What a person should know.
    #[serde(rename = "Warnings")]
    pub warnings: Option<Vec<String>>,
}

/// The answer to an update.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ServiceUpdateResponse {
    /// What a person should know.
    pub warnings: Option<Vec<String>>,
}

/// Parameters of `GET /services`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceListQuery {
    /// `id`, `label`, `mode`, `name`.
    #[serde(skip_serializing_if = "Filters::is_empty")]
    pub filters: Filters,
    /// Count tasks too.
    pub status: bool,
}

/// Parameters of `POST /services/create`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceCreateQuery {
    /// What nodes pull the image with, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}

/// Parameters of `GET /services/{id}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceInspectQuery {
    /// Fill in what was not said.
    pub insert_defaults: bool,
}

/// Parameters of `POST /services/{id}/update`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ServiceUpdateQuery {
    /// The version the update was made from.
    pub version: u64,
    /// `spec` or `previous-spec`: whose credentials stay when there are none here.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registry_auth_from: String,
    /// `previous`: go back to the wishes before.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub rollback: String,
    /// What nodes pull the image with, as base64url of JSON.
    #[serde(rename = "X-Registry-Auth", skip_serializing)]
    pub registry_auth: String,
}
