//! Labels of security modules that a configuration asks for.

use super::invalid;
use crate::Result;
use crate::oci::{self, Linux};

/// AppArmor's word for no profile, which a kernel without AppArmor gives to every program.
pub(crate) const UNCONFINED: &str = "unconfined";

/// By default none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// The profile of the program.
    pub(crate) apparmor: Option<String>,
    /// The context of the program.
    pub(crate) selinux: Option<String>,
    /// The context of everything that is mounted anew.
    pub(crate) mounts: Option<String>,
}

impl Labels {
    /// Of the program.
    pub(super) fn of_process(process: &oci::Process) -> Result<Labels> {
        Ok(Labels {
            apparmor: label(process.apparmor_profile())?,
            selinux: label(process.selinux_label())?,
            mounts: None,
        })
    }

    /// Also of its mounts.
    pub(super) fn add_mounts(&mut self, linux: &Linux) -> Result<()> {
        self.mounts = label(linux.mount_label())?;
        Ok(())
    }
}

fn label(text: &Option<String>) -> Result<Option<String>> {
    match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) if text.contains(['\0', '\n']) => {
            Err(invalid("a security label holds a control character"))
        }
        Some(text) => Ok(Some(text.to_owned())),
    }
}
