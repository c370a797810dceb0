//! Devices of the host, and limits of their throughput.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A device of the host in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceMapping {
    /// Path on the host.
    pub path_on_host: String,
    /// Path in the container.
    pub path_in_container: String,
    /// `rwm`.
    pub cgroup_permissions: String,
}

/// Devices by driver: `--gpus`, and `--device vendor/class=name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DeviceRequest {
    /// `cdi`, `nvidia`, or empty for whichever has the capabilities.
    pub driver: String,
    /// How many; minus one: all.
    pub count: i64,
    /// Which.
    #[serde(rename = "DeviceIDs")]
    pub device_ids: Vec<String>,
    /// Any of these sets.
    pub capabilities: Vec<Vec<String>>,
    /// Options of the driver.
    pub options: BTreeMap<String, String>,
}

/// The weight of one block device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct WeightDevice {
    /// Path of the device on the host.
    pub path: String,
    /// 10 to 1000.
    pub weight: u16,
}

/// The limit of one block device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ThrottleDevice {
    /// Path of the device on the host.
    pub path: String,
    /// Bytes or operations in a second.
    pub rate: u64,
}
