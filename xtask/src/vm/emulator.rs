//! One start of an emulated machine, from power on to power off.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::kernel::Kernel;
use crate::install::Need;
use crate::process::{find, run};

/// Emulates the machine. Its package for x86-64 needs the firmware named beside it.
pub(super) const QEMU: Need = Need { program: "qemu-system-x86_64", package: "qemu-system-x86" };
/// Makes its disk.
pub(super) const MKFS: Need = Need { program: "mkfs.ext4", package: "e2fsprogs" };
/// Memory of each machine in MiB; three quarters of it may hold files.
const MEMORY: &str = "2560";
/// Size of its disk; what is never written takes no space.
const DISK_BYTES: u64 = 1 << 30;
/// What its kernel is told. Code that lies elsewhere in each process would be translated for each anew, several times
/// slower: no random maps. And a timer that this machine has no time to let tick is no broken one: no check of it.
const WORDS: &str =
    "console=ttyS0 quiet panic=-1 mitigations=off norandmaps no_timer_check systemd.show_status=false";
/// Time between two looks at the machine.
const POLL: Duration = Duration::from_millis(100);

/// What the machine may do in a directory of this one.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What the machine is started with.
pub(super) struct Boot<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) initrd: &'a Path,
    pub(super) disk: &'a Path,
    /// Directories of this machine, and the names by which its `init` mounts them.
    pub(super) directories: &'a [(&'static str, &'a Path, Access)],
}

/// Makes an empty disk.
pub(super) fn disk(path: &Path) -> Result<PathBuf> {
    if path.exists() {
        fs::remove_file(path)?;
    }
    File::create(path)?.set_len(DISK_BYTES)?;
    run(Command::new(find(MKFS.program).context("no mkfs.ext4")?).args(["-q", "-F"]).arg(path))?;
    Ok(path.to_owned())
}

impl Boot<'_> {
    /// Runs it until it ends by itself, and shows its console; fails when it does not end within `limit`.
    pub(super) fn run(&self, name: &str, limit: Duration) -> Result<()> {
        let mut qemu = self.command().spawn().context("cannot start it")?;
        eprintln!("+ {} ({}) {name}", QEMU.program, self.kernel.version);
        let console = qemu.stdout.take().context("it has no console")?;
        std::thread::scope(|scope| {
            scope.spawn(|| show(name, console));
            let ended = wait(&mut qemu, limit);
            if ended.is_err() {
                qemu.kill().ok();
                qemu.wait().ok();
            }
            ended
        })
    }

    fn command(&self) -> Command {
        let mut qemu = Command::new(QEMU.program);
        qemu.args(["-machine", "q35", "-cpu", "max", "-accel", "tcg,tb-size=512", "-smp", "1"]);
        qemu.args(["-m", MEMORY, "-nographic", "-no-reboot", "-nic", "none"]);
        qemu.arg("-kernel").arg(&self.kernel.image).arg("-initrd").arg(self.initrd);
        qemu.args(["-append", WORDS]);
        // What the machine has flushed need not outlive this one.
        qemu.arg("-drive").arg(format!("file={},format=raw,if=virtio,cache=unsafe", self.disk.display()));
        for (tag, path, access) in self.directories {
            let access = if *access == Access::Read { ",readonly=on" } else { "" };
            let path = path.display();
            qemu.arg("-fsdev")
                .arg(format!("local,id={tag},path={path},security_model=none,multidevs=remap{access}"));
            qemu.arg("-device").arg(format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"));
        }
        qemu.stdin(Stdio::null()).stdout(Stdio::piped());
        qemu
    }
}

/// Shows what the machine says, each line with its name.
fn show(name: &str, console: impl Read) {
    for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
        eprintln!("{name}| {}", String::from_utf8_lossy(&line).trim_end());
    }
}

fn wait(machine: &mut Child, limit: Duration) -> Result<()> {
    let began = Instant::now();
    loop {
        if let Some(status) = machine.try_wait()? {
            ensure!(status.success(), "it ended with {status}");
            return Ok(());
        }
        if began.elapsed() > limit {
            bail!("it did not end within {} s", limit.as_secs());
        }
        std::thread::sleep(POLL);
    }
}
