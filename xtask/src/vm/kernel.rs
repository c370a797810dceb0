//! Debian's kernel, unpacked and not installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{as_root, find, output, run};

/// The package that depends on Debian's present kernel.
const PACKAGE: &str = "linux-image-amd64";

/// An unpacked kernel.
pub(crate) struct Kernel {
    /// As `uname -r` tells it.
    pub(crate) version: String,
    /// The compressed image.
    pub(crate) image: PathBuf,
    /// What belongs at `/lib/modules`.
    pub(crate) modules: PathBuf,
}

/// Downloads and unpacks the kernel under `dir`, once.
pub(crate) fn fetch(dir: &Path) -> Result<Kernel> {
    let root = dir.join("kernel");
    if !root.exists() {
        let part = dir.join("kernel.part");
        if part.exists() {
            fs::remove_dir_all(&part)?;
        }
        fs::create_dir_all(&part)?;
        let package = match package() {
            Ok(package) => package,
            Err(_) => {
                run(as_root("apt-get").args(["update", "-q"]))?;
                package()?
            }
        };
        run(Command::new("apt-get").args(["download", "-q", &package]).current_dir(&part))?;
        let archive =
            entries(&part)?.into_iter().next().context("the kernel's package was not downloaded")?;
        run(Command::new("dpkg").arg("-x").arg(&archive).arg(part.join("root")))?;
        fs::remove_file(archive)?;
        let version = version(&part.join("root"))?;
        run(Command::new(find("depmod").context("no depmod")?)
            .arg("-b")
            .arg(part.join("root"))
            .arg(version))?;
        fs::rename(part.join("root"), &root)?;
    }
    let version = version(&root)?;
    let image = root.join("boot").join(format!("vmlinuz-{version}"));
    Ok(Kernel { image, modules: root.join("lib/modules"), version })
}

/// The name of the package with the kernel itself.
fn package() -> Result<String> {
    let said = output(Command::new("apt-cache").args(["depends", "--important", PACKAGE]))?;
    let name = said.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    Ok(name.with_context(|| format!("{PACKAGE} depends on no kernel"))?.to_owned())
}

fn version(root: &Path) -> Result<String> {
    let dir =
        entries(&root.join("lib/modules"))?.into_iter().next().context("the kernel brings no modules")?;
    Ok(dir.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    Ok(listed.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}
