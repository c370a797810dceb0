//! What a task may use, and what is kept for it.

use serde::{Deserialize, Serialize};

use crate::mount::is_zero;

/// What a task may use, and what is kept for it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceRequirements {
    /// At most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limit>,
    /// Kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reservations: Option<ResourceObject>,
    /// Swap besides the memory, in bytes; minus one: without limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_bytes: Option<i64>,
    /// 0 to 100; minus one: the kernel's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_swappiness: Option<i64>,
}

/// What a task may use at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Limit {
    /// A thousand million is one CPU.
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    /// Bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    /// Processes.
    #[serde(skip_serializing_if = "is_zero")]
    pub pids: i64,
}

/// What is kept for a task, or what a node has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct ResourceObject {
    /// A thousand million is one CPU.
    #[serde(rename = "NanoCPUs", skip_serializing_if = "is_zero")]
    pub nano_cpus: i64,
    /// Bytes.
    #[serde(skip_serializing_if = "is_zero")]
    pub memory_bytes: i64,
    /// What else the nodes say they have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub generic_resources: Vec<GenericResource>,
}

/// A thing of a name, or a number of them; one of both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct GenericResource {
    /// `GPU=UUID1`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_resource_spec: Option<NamedGenericResource>,
    /// `SSD=3`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discrete_resource_spec: Option<DiscreteGenericResource>,
}

/// A thing of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct NamedGenericResource {
    /// What.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// Which.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
}

/// A number of things.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct DiscreteGenericResource {
    /// What.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// How many.
    #[serde(skip_serializing_if = "is_zero")]
    pub value: i64,
}
