//! The virtual machine's first root: a busybox, the modules that reach its disks, `tests/vm/init` and `tests/vm/etc`.

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::kernel::Kernel;
use crate::process::{find, output, root, run};

/// Modules without which no file of the host can be seen. All others are loaded when they are needed.
const MODULES: [&str; 4] = ["virtio_pci", "9p", "9pnet_virtio", "overlay"];
/// Units of the host's `/usr` that have no business in a machine that lives for a minute.
const MASKED: [&str; 14] = [
    "containerd.service",
    "docker.service",
    "docker.socket",
    "getty.target",
    "ldconfig.service",
    "serial-getty@ttyS0.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-random-seed.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-setup.service",
    "systemd-udev-trigger.service",
    "systemd-update-done.service",
];

/// Packs it under `dir`.
pub(crate) fn make(dir: &Path, kernel: &Kernel) -> Result<PathBuf> {
    let tree = dir.join("initrd");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    for name in ["bin", "proc", "sys", "dev", "root", "modules"] {
        fs::create_dir_all(tree.join(name))?;
    }
    fs::copy(find("busybox").context("no busybox")?, tree.join("bin/busybox"))?;
    let source = root().join("tests/vm");
    fs::copy(source.join("init"), tree.join("init"))?;
    fs::set_permissions(tree.join("init"), fs::Permissions::from_mode(0o755))?;
    run(Command::new("cp").arg("-r").arg(source.join("etc")).arg(&tree))?;
    units(&tree.join("etc/systemd/system"))?;
    modules(&tree.join("modules"), kernel)?;
    pack(&tree, &dir.join("initrd.cpio"))
}

/// What is started, and what is not.
fn units(dir: &Path) -> Result<()> {
    for unit in MASKED {
        symlink("/dev/null", dir.join(unit))?;
    }
    symlink("/usr/lib/systemd/system/multi-user.target", dir.join("default.target"))?;
    fs::create_dir(dir.join("multi-user.target.wants"))?;
    symlink("../job.service", dir.join("multi-user.target.wants/job.service"))?;
    Ok(())
}

/// Copies the modules and lists them in the order in which they are to be loaded.
fn modules(dir: &Path, kernel: &Kernel) -> Result<()> {
    let base = kernel.modules.parent().and_then(Path::parent).context("modules lie in no root")?;
    let mut order: Vec<String> = Vec::new();
    for module in MODULES {
        let mut modprobe = Command::new(find("modprobe").context("no modprobe")?);
        modprobe.arg("-d").arg(base).args(["-S", &kernel.version, "--show-depends", module]);
        for line in output(&mut modprobe)?.lines() {
            // "builtin NAME" needs no loading.
            let Some(path) = line.trim().strip_prefix("insmod ") else { continue };
            let path = Path::new(path.trim());
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !order.contains(&name) {
                fs::copy(path, dir.join(&name))?;
                order.push(name);
            }
        }
    }
    Ok(fs::write(dir.join("order"), order.join("\n"))?)
}

fn pack(tree: &Path, archive: &Path) -> Result<PathBuf> {
    let mut list = Command::new("find");
    let mut list =
        list.arg(".").current_dir(tree).stdout(Stdio::piped()).spawn().context("cannot run find")?;
    let names = list.stdout.take().context("find has no output")?;
    let mut cpio = Command::new("cpio");
    cpio.args(["--create", "--quiet", "--format=newc"]).current_dir(tree);
    let packed = cpio.stdin(names).stdout(File::create(archive)?).status().context("cannot run cpio")?;
    ensure!(packed.success() && list.wait()?.success(), "the first root cannot be packed");
    Ok(archive.to_owned())
}
