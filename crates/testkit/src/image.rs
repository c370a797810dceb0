//! Images for tests, made from what is on the machine: no registry is needed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::daemon::Daemon;
use crate::program::run;

/// Makes a tar of a root directory with the machine's static busybox under all its names.
///
/// # Panics
/// When busybox is not installed or not static.
pub fn busybox_tar(dir: &Path) -> PathBuf {
    let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).is_file());
    let busybox = busybox.expect("busybox is not installed: run `cargo xtask test`, which installs it");
    let root = dir.join("busybox-root");
    for name in ["bin", "tmp", "etc", "root", "www"] {
        fs::create_dir_all(root.join(name)).expect("a directory");
    }
    fs::copy(busybox, root.join("bin/busybox")).expect("a copy of busybox");
    let names = run(Command::new(busybox).arg("--list")).ok();
    for name in names.lines().filter(|name| *name != "busybox") {
        std::os::unix::fs::symlink("busybox", root.join("bin").join(name)).ok();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/tmp:/bin/sh\n")
        .expect("a passwd file");
    fs::write(root.join("etc/group"), "root:x:0:\nnobody:x:65534:\n").expect("a group file");
    let archive = dir.join("busybox.tar");
    run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".")).ok();
    fs::remove_dir_all(&root).expect("the directory can be removed");
    archive
}

/// Imports busybox as `busybox:latest` with `sh` as its command.
///
/// # Panics
/// When the import fails.
pub fn import_busybox(daemon: &Daemon) {
    let archive = busybox_tar(&daemon.path(""));
    let archive = archive.display().to_string();
    daemon.shoal(&["import", "--change", r#"CMD ["sh"]"#, &archive, "busybox:latest"]).ok();
}
