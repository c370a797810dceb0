//! How little the container of a task may do.

use serde::{Deserialize, Serialize};

/// How little a container may do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct Privileges {
    /// Only Windows has it: refused.
    pub credential_spec: Option<CredentialSpec>,
    /// SELinux' labels: refused.
    #[serde(rename = "SELinuxContext")]
    pub selinux_context: Option<SelinuxContext>,
    /// Which system calls it may make.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seccomp: Option<SeccompOptions>,
    /// AppArmor's profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_armor: Option<AppArmorOptions>,
    /// No program gives it more than it has.
    pub no_new_privileges: bool,
}

/// Where a managed service account is described.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct CredentialSpec {
    /// Id of a config of the swarm.
    pub config: String,
    /// A file of the node.
    pub file: String,
    /// A value of the node's registry.
    pub registry: String,
}

/// SELinux' labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SelinuxContext {
    /// No labels.
    pub disable: bool,
    /// Label of the user.
    pub user: String,
    /// Label of the role.
    pub role: String,
    /// Label of the type.
    #[serde(rename = "Type")]
    pub kind: String,
    /// Label of the level.
    pub level: String,
}

/// Which system calls a container may make.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct SeccompOptions {
    /// `default`, `unconfined`, `custom` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Of `custom`: the profile's JSON in base64.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
}

/// AppArmor's profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub struct AppArmorOptions {
    /// `default`, `disabled` or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mode: String,
}

impl SelinuxContext {
    /// Whether it asks for a label.
    #[must_use]
    pub fn has_label(&self) -> bool {
        [&self.user, &self.role, &self.kind, &self.level].iter().any(|label| !label.is_empty())
    }
}
