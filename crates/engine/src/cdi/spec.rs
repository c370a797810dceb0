//! One file of the container device interface, in JSON or YAML.

use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Specifications of real vendors have some ten thousand bytes.
pub(super) const FILE_MAX_BYTES: u64 = 4 << 20;

/// What stands in a file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct File {
    pub(super) cdi_version: String,
    /// `vendor.com/class`
    pub(super) kind: String,
    pub(super) devices: Vec<Device>,
    /// For whoever gets one of the devices.
    pub(super) container_edits: Edits,
}

/// One device.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Device {
    pub(super) name: String,
    pub(super) container_edits: Edits,
}

/// What is changed in the container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Edits {
    pub(super) env: Vec<String>,
    pub(super) device_nodes: Vec<Node>,
    pub(super) mounts: Vec<Mount>,
    pub(super) hooks: Vec<Hook>,
    pub(super) additional_gids: Vec<u32>,
    pub(super) intel_rdt: Option<serde::de::IgnoredAny>,
    pub(super) net_devices: Vec<serde::de::IgnoredAny>,
}

/// A device node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Node {
    pub(super) path: PathBuf,
    /// Where its numbers are looked up; empty: at `path`.
    pub(super) host_path: PathBuf,
    /// `c`, `u`, `b` or `p`; empty: as on the host.
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) major: i64,
    pub(super) minor: i64,
    pub(super) file_mode: Option<u32>,
    /// Of `rwm`.
    pub(super) permissions: String,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
}

/// A mount; without a type a bind.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Mount {
    pub(super) host_path: PathBuf,
    pub(super) container_path: PathBuf,
    pub(super) options: Vec<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// A hook of the runtime.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Hook {
    pub(super) hook_name: String,
    pub(super) path: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    /// Seconds.
    pub(super) timeout: Option<i64>,
}

impl File {
    /// Reads the text of a file; YAML by its name's end, else JSON.
    pub(super) fn parse(path: &Path, text: &str) -> Result<File, String> {
        let file: File = if path.extension().is_some_and(|end| end == "json") {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        } else {
            serde_saphyr::from_str(text).map_err(|error| error.to_string())?
        };
        file.check()?;
        Ok(file)
    }

    fn check(&self) -> Result<(), String> {
        if !self.cdi_version.starts_with("0.") && !self.cdi_version.starts_with("1.") {
            return Err(format!("invalid version {:?}", self.cdi_version));
        }
        let (vendor, class) = self.kind.split_once('/').unwrap_or_default();
        if !is_name(vendor, "_-.") || !is_name(class, "_-.") {
            return Err(format!("invalid kind {:?}, must be vendor/class", self.kind));
        }
        if self.devices.is_empty() {
            return Err("no devices".to_owned());
        }
        match self.devices.iter().find(|device| !is_name(&device.name, "_-.:")) {
            Some(device) => Err(format!("invalid device name {:?}", device.name)),
            None => Ok(()),
        }
    }
}

/// Letters and digits, and in between the `others`.
fn is_name(text: &str, others: &str) -> bool {
    let plain = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    plain(text.chars().next())
        && plain(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const YAML: &str = "cdiVersion: 0.6.0\nkind: acme.com/gpu\ndevices:\n- name: \"0\"\n  containerEdits:\n    \
        deviceNodes:\n    - path: /dev/null\n      permissions: rw\ncontainerEdits:\n  env: [A=1]\n";

    #[test]
    fn both_notations() {
        let yaml = File::parse(Path::new("a.yaml"), YAML).unwrap();
        assert_eq!(yaml.devices[0].container_edits.device_nodes[0].permissions, "rw");
        assert_eq!(yaml.container_edits.env, ["A=1"]);
        let json = r#"{"cdiVersion":"1.0.0","kind":"acme.com/gpu","devices":[{"name":"all"}]}"#;
        assert_eq!(File::parse(Path::new("a.json"), json).unwrap().devices[0].name, "all");
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, words) in [
            ("{", "EOF"),
            (r#"{"cdiVersion":"9","kind":"a/b"}"#, "invalid version"),
            (r#"{"cdiVersion":"0.5.0","kind":"ab"}"#, "invalid kind"),
            (r#"{"cdiVersion":"0.5.0","kind":"a/b"}"#, "no devices"),
            (r#"{"cdiVersion":"0.5.0","kind":"a/b","devices":[{"name":"x y"}]}"#, "invalid device name"),
        ] {
            let error = File::parse(Path::new("a.json"), json).unwrap_err();
            assert!(error.contains(words), "{json}: {error}");
        }
    }
}
