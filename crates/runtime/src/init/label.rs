//! Labels of the kernel's security modules: AppArmor's profile, SELinux's context.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};

use crate::plan::{Labels, UNCONFINED};
use crate::{Error, Result};

/// Drops what comes to nothing, and refuses what this kernel cannot do. Before anything exists that would have to be undone.
pub(crate) fn check(labels: &mut Labels) -> Result<()> {
    let has_apparmor = || {
        let path = "/sys/module/apparmor/parameters/enabled";
        fs::read_to_string(path).is_ok_and(|text| text.starts_with('Y'))
    };
    let has_selinux = || Path::new("/sys/fs/selinux/enforce").exists();
    match labels.apparmor.as_deref() {
        None => {}
        Some(_) if has_apparmor() => {}
        Some(UNCONFINED) => labels.apparmor = None,
        Some(_) => return Err(Error::NoSecurityModule("process.apparmorProfile", "AppArmor")),
    }
    if labels.selinux.is_some() && !has_selinux() {
        return Err(Error::NoSecurityModule("process.selinuxLabel", "SELinux"));
    }
    if labels.mounts.is_some() && !has_selinux() {
        return Err(Error::NoSecurityModule("linux.mountLabel", "SELinux"));
    }
    Ok(())
}

/// Labels on their way: the kernel's files are open, on the machine's own procfs, before anything of an image is there
/// that could stand in for them (CVE-2019-16884, CVE-2025-52881).
pub(super) struct Pending(Vec<(File, String)>);

impl Pending {
    /// Opens what this process' labels are written to. They are for its next program.
    pub(super) fn open(labels: &Labels) -> Result<Pending> {
        let mut pending = Vec::new();
        if let Some(profile) = &labels.apparmor {
            // The file of its own is there since Linux 5.8; the shared one belongs to whichever module came first.
            let file = attribute("apparmor/exec").or_else(|_| attribute("exec"))?;
            pending.push((file, format!("exec {profile}")));
        }
        if let Some(context) = &labels.selinux {
            pending.push((attribute("exec")?, context.clone()));
        }
        Ok(Pending(pending))
    }

    /// Sets them.
    pub(super) fn set(self) -> Result<()> {
        self.0.into_iter().try_for_each(|(mut file, label)| {
            file.write_all(label.as_bytes()).map_err(Error::host("set a security label"))
        })
    }
}

fn attribute(name: &str) -> Result<File> {
    let path = format!("/proc/thread-self/attr/{name}");
    let open = || -> io::Result<File> {
        let file = File::options().write(true).open(&path)?;
        if fstatfs(file.as_fd())?.filesystem_type() != PROC_SUPER_MAGIC {
            return Err(io::Error::other("it is not on a procfs"));
        }
        Ok(file)
    };
    open().map_err(Error::path("open label", &path))
}
