//! The container device interface: devices that a vendor describes in files, as `vendor.com/class=name`.
//!
//! Inputs: the directories of specifications, and what a container asks for. Output: edits of its OCI configuration.
//! The files belong to the machine's administrator; they are bounded and checked all the same. Source of the format:
//! the specification of the container device interface, 1.0.
//!
//! - [`spec`]: one file · [`registry`]: all of them · [`select`]: which devices are meant · [`edit`]: what they change

mod edit;
mod registry;
mod select;
mod spec;

use crate::error::Result;
use crate::spec::{DeviceRequest, Invalid};
use registry::Registry;
use runtime::oci::Spec;
use std::path::PathBuf;

/// The full names of all devices, sorted. Reads files.
pub fn names(dirs: &[PathBuf]) -> Vec<String> {
    Registry::read(dirs).names().map(str::to_owned).collect()
}

/// Adds the devices of `requests` to a configuration. Reads files.
///
/// # Errors
/// In Docker's words, if a device is unknown or cannot be added.
pub(crate) fn inject(requests: &[DeviceRequest], dirs: &[PathBuf], spec: &mut Spec) -> Result<()> {
    if requests.is_empty() {
        return Ok(());
    }
    let registry = Registry::read(dirs);
    let names = select::devices(requests, &registry)?;
    let mut files = Vec::new();
    let mut unknown = Vec::new();
    for name in &names {
        match registry.find(name) {
            Some(found) => {
                if !files.contains(&found.file) {
                    files.push(found.file);
                    edit::apply(&registry.of_file(found.file).container_edits, spec)?;
                }
                edit::apply(&found.device.container_edits, spec)?;
            }
            None => unknown.push(name.as_str()),
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let mut reason = format!("unresolvable CDI devices {}", unknown.join(", "));
    for problem in registry.problems() {
        reason.push_str("; ");
        reason.push_str(problem);
    }
    Err(Invalid::Cdi(reason).into())
}
