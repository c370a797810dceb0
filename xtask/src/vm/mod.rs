//! A virtual machine with what this one may lack: cgroup v2 alone, systemd, and a kernel with modules.
//!
//! Its kernel is Debian's, its `/usr` is the host's, its root is memory. It boots in some seconds without any help of
//! the processor, so that it also runs where machines are virtual already. In: programs and test executables. Out: the
//! tests' verdict. Nothing of it touches the host but its directory under `target`.

mod emulator;
mod initrd;
mod job;
mod kernel;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use self::emulator::{Access, Boot, MKFS, QEMU};
use self::job::End;

pub(crate) use self::job::{DISK, Job};
use crate::install::{self, Need};
use crate::process::target_dir;
use crate::python::Parts;

/// Reads the dependencies of kernel modules.
const MODPROBE: Need = Need { program: "modprobe", package: "kmod" };
/// Packs the first root.
const CPIO: Need = Need { program: "cpio", package: "cpio" };
/// The init of the virtual machine, from the host's `/usr`.
const SYSTEMD: Need = Need { program: "systemctl", package: "systemd" };
/// The bus that its units are made over.
const DBUS: Need = Need { program: "dbus-daemon", package: "dbus" };
/// One virtual machine. It has one processor: an emulated machine with two is slower than two machines.
pub(crate) struct Machine {
    /// Tells it from others that run at the same time.
    pub(crate) name: &'static str,
    /// What it runs, one after the other, each time it is started. From one start to the next it keeps its disk and
    /// nothing else, and its power is cut.
    pub(crate) starts: Vec<Vec<Job>>,
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
    let disk = emulator::disk(&job.with_extension("disk"))?;
    let verdict = job.join("verdict");
    for (number, jobs) in machine.starts.iter().enumerate() {
        if verdict.exists() {
            fs::remove_file(&verdict)?;
        }
        let end = if number + 1 == machine.starts.len() { End::PowerOff } else { End::PowerCut };
        fs::write(job.join("run"), job::script(&shared.host, &shared.python.interpreter, jobs, end)?)?;
        let directories = [
            ("usr", Path::new("/usr"), Access::Read),
            ("modules", &kernel.modules, Access::Read),
            ("host", &shared.host, Access::Read),
            ("python", &shared.python.interpreter, Access::Read),
            ("packages", &shared.python.packages, Access::Read),
            ("job", &job, Access::Write),
        ];
        Boot { kernel, initrd, disk: &disk, directories: &directories }
            .run(machine.name, job::limit(jobs))?;
        let said = fs::read_to_string(&verdict).context("it ended without a verdict")?;
        ensure!(said.trim() == "0", "tests failed");
    }
    Ok(())
}
