//! A virtual machine with what this one may lack: cgroup v2 alone, systemd, and a kernel with modules.
//!
//! Its kernel is Debian's, its `/usr` is the host's, its root is memory. It boots in some seconds without any help of
//! the processor, so that it also runs where machines are virtual already. In: programs and test executables. Out: the
//! tests' verdict. Nothing of it touches the host but its directory under `target`.

mod initrd;
mod job;
mod kernel;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

pub(crate) use self::job::{DISK, Job};
use crate::install::{self, Need};
use crate::process::target_dir;
use crate::python::Parts;

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
/// Makes a disk in the machine.
const MKFS: Need = Need { program: "mkfs.ext4", package: "e2fsprogs" };
/// Memory of each machine in MiB; three quarters of it may hold files.
const MEMORY: &str = "2560";
/// Time between two looks at the machine.
const POLL: Duration = Duration::from_millis(100);

/// One virtual machine. It has one processor: an emulated machine with two is slower than two machines.
pub(crate) struct Machine {
    /// Tells it from others that run at the same time.
    pub(crate) name: &'static str,
    /// What it runs, one after the other.
    pub(crate) jobs: Vec<Job>,
}

/// The directories of this machine that the others see.
pub(crate) struct Shared {
    /// The programs and test executables.
    pub(crate) host: PathBuf,
    /// The Python with the clients.
    pub(crate) python: Parts,
}

/// Boots the machines side by side, lets each run its jobs, and fails if one job of one of them does.
pub(crate) fn run(shared: &Shared, machines: &[Machine]) -> Result<()> {
    install::install(&[QEMU, MODPROBE, CPIO, SYSTEMD, DBUS, MKFS])?;
    let dir = target_dir().join("vm");
    let kernel = kernel::fetch(&dir)?;
    let initrd = initrd::make(&dir, &kernel)?;
    let ends: Vec<Result<()>> = std::thread::scope(|scope| {
        let (dir, kernel, initrd) = (&dir, &kernel, &initrd);
        let run = |machine| {
            let ended = move || run_one(dir, kernel, initrd, shared, machine);
            scope.spawn(move || ended().with_context(|| format!("the virtual machine {}", machine.name)))
        };
        let runs: Vec<_> = machines.iter().map(run).collect();
        let panicked = |_| Err(anyhow::anyhow!("the thread of a virtual machine panicked"));
        runs.into_iter().map(|run| run.join().unwrap_or_else(panicked)).collect()
    });
    // All are told, not only the first.
    let failed: Vec<String> =
        ends.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("; "));
    Ok(())
}

fn run_one(
    dir: &Path,
    kernel: &kernel::Kernel,
    initrd: &Path,
    shared: &Shared,
    machine: &Machine,
) -> Result<()> {
    let job = dir.join("job").join(machine.name);
    fs::create_dir_all(&job)?;
    let verdict = job.join("verdict");
    if verdict.exists() {
        fs::remove_file(&verdict)?;
    }
    fs::write(job.join("run"), job::script(&shared.host, &machine.jobs)?)?;
    let mut emulator = boot(kernel, initrd, shared, &job)?;
    let console = emulator.stdout.take().context("the virtual machine has no console")?;
    let ended = std::thread::scope(|scope| {
        scope.spawn(|| show(machine.name, console));
        let ended = wait(&mut emulator, job::limit(&machine.jobs));
        if ended.is_err() {
            emulator.kill().ok();
            emulator.wait().ok();
        }
        ended
    });
    ended?;
    let said = fs::read_to_string(&verdict).context("it ended without a verdict")?;
    ensure!(said.trim() == "0", "tests failed");
    Ok(())
}

/// Shows what the machine says, each line with its name.
fn show(name: &str, console: impl Read) {
    for line in BufReader::new(console).split(b'\n').map_while(Result::ok) {
        eprintln!("{name}| {}", String::from_utf8_lossy(&line).trim_end());
    }
}

fn boot(kernel: &kernel::Kernel, initrd: &Path, shared: &Shared, job: &Path) -> Result<Child> {
    let mut qemu = Command::new(QEMU.program);
    qemu.args(["-machine", "q35", "-cpu", "max", "-accel", "tcg,tb-size=512", "-smp", "1"]);
    qemu.args(["-m", MEMORY, "-nographic", "-no-reboot", "-nic", "none"]);
    qemu.arg("-kernel").arg(&kernel.image).arg("-initrd").arg(initrd);
    // Code that lies elsewhere in each process would be translated for each anew: several times slower.
    let words = "console=ttyS0 quiet panic=-1 mitigations=off norandmaps systemd.show_status=false";
    qemu.args(["-append", words]);
    for (tag, path, read_only) in [
        ("usr", Path::new("/usr"), true),
        ("modules", &kernel.modules, true),
        ("host", &shared.host, true),
        ("python", &shared.python.interpreter, true),
        ("packages", &shared.python.packages, true),
        ("job", job, false),
    ] {
        let access = if read_only { ",readonly=on" } else { "" };
        let path = path.display();
        qemu.arg("-fsdev")
            .arg(format!("local,id={tag},path={path},security_model=none,multidevs=remap{access}"));
        qemu.arg("-device").arg(format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}"));
    }
    eprintln!("+ {} ({})", QEMU.program, kernel.version);
    qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().context("cannot start it")
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
