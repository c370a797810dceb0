//! Resource limits of a process.

use std::io;

use crate::plan::Rlimit;
use crate::sys::process;
use crate::{Error, Result};

impl Rlimit {
    /// Sets it for a process; 0: this one. A limit above the hard one that may not be raised becomes the hard one: an
    /// environment without CAP_SYS_RESOURCE is no reason to refuse a container.
    pub(crate) fn set_of(&self, pid: i32) -> Result<()> {
        let failed = |error: io::Error| Error::host("set a resource limit")(error);
        let resource = self.resource;
        match process::set_limit_of(pid, resource, self.soft, self.hard) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let hard = process::hard_limit_of(pid, resource).map_err(failed)?;
                let hard = self.hard.min(hard);
                process::set_limit_of(pid, resource, self.soft.min(hard), hard).map_err(failed)
            }
            other => other.map_err(failed),
        }
    }
}
