//! Devices of the host, and limits of their throughput.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One device of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The path on the host.
    pub path_on_host: String,
    /// The path in the container; empty means the same.
    pub path_in_container: String,
    /// Any of `rwm`; empty means all.
    pub cgroup_permissions: String,
}

/// Devices that a driver chooses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequest {
    /// `cdi`, a name of a driver, or empty for whichever has the capabilities.
    pub driver: String,
    /// How many; -1 means all.
    pub count: i64,
    /// Which, by name.
    pub device_ids: Vec<String>,
    /// One of these sets must be had.
    pub capabilities: Vec<Vec<String>>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// The block IO weight of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceWeight {
    /// The path on the host.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// A limit of one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// The path on the host.
    pub path: String,
    /// Bytes or operations in a second.
    pub rate: u64,
}
