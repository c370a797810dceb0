//! A virtual machine with what this one may lack: cgroup v2 alone, systemd, and a kernel with modules.
//!
//! Its kernel is Debian's, its `/usr` is the host's, its root is memory. It boots in some seconds without any help of
//! the processor, so that it also runs where machines are virtual already. In: programs and test executables. Out: the
//! tests' verdict. Nothing of it touches the host but its directory under `target`.

mod initrd;
mod kernel;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::install::{self, Need};
use crate::process::target_dir;

/// Emulates the machine. Its package for x86-64 needs the firmware named beside it.
const QEMU: Need = Need { program: "qemu-system-x86_64", package: "qemu-system-x86" };
/// Reads the dependencies of kernel modules.
const MODPROBE: Need = Need { program: "modprobe", package: "kmod" };
/// Packs the first root.
const CPIO: Need = Need { program: "cpio", package: "cpio" };
/// The init of the virtual machine, from the host's `/usr`.
const SYSTEMD: Need = Need { program: "systemctl", package: "systemd" };
/// The bus that its units are made over.
const DBUS: Need = Need { program: "dbus-daemon", package: "dbus" };
/// Memory of the machine; half of it may hold files.
const MEMORY: &str = "3072";
/// How long boot and tests may take; without emulation's slowness they take a tenth.
const LIMIT: Duration = Duration::from_secs(900);
/// Time between two looks at the machine.
const POLL: Duration = Duration::from_millis(100);

/// One test executable, and the names of the tests to run in it.
pub(crate) struct Job {
    /// Under the directory that the machine sees as `/host`.
    pub(crate) executable: PathBuf,
    /// As on the command line of a test executable; none: all.
    pub(crate) filter: Vec<&'static str>,
}

/// Boots the machine, runs `jobs` in it with the programs in `host`, and fails if one of them does.
pub(crate) fn run(host: &Path, jobs: &[Job]) -> Result<()> {
    install::install(&[QEMU, MODPROBE, CPIO, SYSTEMD, DBUS])?;
    let dir = target_dir().join("vm");
    let kernel = kernel::fetch(&dir)?;
    let initrd = initrd::make(&dir, &kernel)?;
    let job = dir.join("job");
    fs::create_dir_all(&job)?;
    let verdict = job.join("verdict");
    if verdict.exists() {
        fs::remove_file(&verdict)?;
    }
    fs::write(job.join("run"), script(host, jobs)?)?;
    let mut machine = boot(&kernel, &initrd, host, &job)?;
    let ended = wait(&mut machine);
    if ended.is_err() {
        machine.kill().ok();
        machine.wait().ok();
    }
    ended?;
    let said = fs::read_to_string(&verdict).context("the virtual machine ended without a verdict")?;
    ensure!(said.trim() == "0", "tests failed in the virtual machine");
    Ok(())
}

/// What the machine runs. The verdict is the sum of all exit codes.
fn script(host: &Path, jobs: &[Job]) -> Result<String> {
    let mut script =
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root SHOAL_PROGRAMS=/host\n\
                      ip link set lo up\nverdict=0\n"
            .to_owned();
    for job in jobs {
        let path =
            job.executable.strip_prefix(host).context("a test executable outside the programs' directory")?;
        let filter = job.filter.join(" ");
        script +=
            &format!("/host/{} --test-threads=2 {filter} || verdict=$((verdict + $?))\n", path.display());
    }
    script += "echo $verdict > /job/verdict\n";
    Ok(script)
}

fn boot(kernel: &kernel::Kernel, initrd: &Path, host: &Path, job: &Path) -> Result<Child> {
    let mut qemu = Command::new(QEMU.program);
    qemu.args(["-machine", "q35", "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=512", "-smp", "2"]);
    qemu.args(["-m", MEMORY, "-nographic", "-no-reboot", "-nic", "none"]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initrd);
    qemu.args(["-append", "console=ttyS0 quiet panic=-1 mitigations=off systemd.show_status=false"]);
    for (tag, path, read_only) in [
        ("usr", Path::new("/usr"), true),
        ("modules", &kernel.modules, true),
        ("host", host, true),
        ("job", job, false),
    ] {
        let access = if read_only { ",readonly=on" } else { "" };
        let path = path.display();
        qemu.arg("-fsdev")
            .arg(format!("local,id={tag},path={path},security_model=none,multidevs=remap{access}"));
        qemu.arg("-device").arg(format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"));
    }
    eprintln!("+ {} ({})", QEMU.program, kernel.version);
    qemu.stdin(Stdio::null()).spawn().context("cannot start the virtual machine")
}

fn wait(machine: &mut Child) -> Result<()> {
    let began = Instant::now();
    loop {
        if let Some(status) = machine.try_wait()? {
            ensure!(status.success(), "the virtual machine ended with {status}");
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            bail!("the virtual machine did not end within {} s", LIMIT.as_secs());
        }
        std::thread::sleep(POLL);
    }
}
