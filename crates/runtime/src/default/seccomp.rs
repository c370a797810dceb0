//! The default system call filter, as rules.

use crate::oci::{Capabilities, LinuxSeccomp};

/// The default profile for a container with these capabilities.
pub fn seccomp(_capabilities: &Capabilities) -> LinuxSeccomp {
    LinuxSeccomp::default()
}
