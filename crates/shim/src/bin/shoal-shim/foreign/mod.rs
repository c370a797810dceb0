//! A container made by another OCI runtime (runc, crun…), whose command line the shim drives.
//!
//! The shim goes into a mount namespace of its own and mounts the root there: nothing of it is seen on the host, and
//! whatever ends the shim ends the mount. It adopts the container's first process when the runtime's `create` has ended.
//!
//! - [`call`]: one call of the runtime, bounded in time · [`console`]: the terminal it hands over
//! - [`exec`]: additional processes, by the runtime's own `exec` · [`user`]: numbers for names · [`init`]: `--init`

mod call;
mod console;
mod exec;
mod init;
mod user;

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ::shim::{ForeignRuntime, ShimSpec};
use runtime::cgroup::Cgroup;
use runtime::cgroup::systemd::unit_of;
use runtime::oci::{Box as Size, BoxBuilder, Process, Spec};
use runtime::view::{Changes, View};
use runtime::{GROUPS_ANNOTATION, Rootfs, Stdio};

use crate::Failure;
use crate::create::directory;
use call::Call;
use console::Console;
pub(crate) use exec::Starting;
pub(crate) use init::{INIT, run as run_init};

/// Where the root is mounted, and the bundle that tells the runtime so, in the shim's directory.
const ROOT_DIR: &str = "rootfs";
const BUNDLE_DIR: &str = "bundle";
/// The runtime's own state, in the shim's directory.
const STATE_DIR: &str = "runtime";
const PID_FILE: &str = "pid";
/// The socket by which the first process's terminal comes, in the shim's directory.
const CONSOLE_SOCKET: &str = "console.sock";
/// Names the cgroup that crun makes below a scope of systemd's; empty: none.
const SUBGROUP_ANNOTATION: &str = "run.oci.systemd.subgroup";
/// How options of mounts begin that only our own runtime knows.
const OUR_OPTIONS: &str = "x-shoal.";

/// A container that exists by the word of another runtime.
pub(crate) struct Foreign {
    call: Call,
    id: String,
    /// Its root, with whose files users have their numbers.
    root: OwnedFd,
    /// Names of further groups.
    groups: Vec<String>,
    dir: PathBuf,
}

/// What came of a creation.
pub(crate) struct Made {
    pub(crate) foreign: Foreign,
    pub(crate) pid: i32,
    pub(crate) cgroup: Cgroup,
    pub(crate) console: Option<OwnedFd>,
}

/// Makes the container, its program not yet running.
pub(crate) fn create(
    shim: &ShimSpec,
    spec: Spec,
    runtime: ForeignRuntime,
    stdio: Stdio,
) -> Result<Made, Failure> {
    let failed = |what| move |error: io::Error| Failure::File(what, error);
    refuse(&spec)?;
    let dir = directory()?;
    for name in [ROOT_DIR, BUNDLE_DIR, STATE_DIR] {
        fault::point("foreign: make directory");
        fs::create_dir_all(dir.join(name)).map_err(failed("directory"))?;
    }
    let (root, path) = mount(shim, dir.join(ROOT_DIR))?;
    let cgroup = runtime::cgroup::detect()?.cgroup(&cgroup_path(&spec, shim)?)?;
    let groups = runtime::group_names(&spec);
    let spec = adapt(spec, shim, path, &root)?;
    let config = serde_json::to_vec(&spec).map_err(|error| Failure::File("config.json", error.into()))?;
    fault::point("foreign: write bundle");
    fs::write(dir.join(BUNDLE_DIR).join("config.json"), config).map_err(failed("config.json"))?;

    let call = Call::new(runtime, &dir, STATE_DIR, shim.systemd_cgroup);
    let foreign = Foreign { call, id: shim.id.clone(), root, groups, dir: dir.clone() };
    let bundle = dir.join(BUNDLE_DIR).display().to_string();
    let pid_file = dir.join(PID_FILE);
    let pid_path = pid_file.display().to_string();
    let mut arguments = vec!["create", "--bundle", &bundle, "--pid-file", &pid_path];
    fault::point("foreign: create");
    let console = match stdio {
        Stdio::Fds { stdin, stdout, stderr } => {
            arguments.push(&foreign.id);
            foreign.call.run(&arguments, Some([stdin, stdout, stderr]), None)?;
            None
        }
        Stdio::Console { size } => {
            let console = Console::listen(CONSOLE_SOCKET.to_owned()).map_err(failed("console"))?;
            let path = console.path();
            arguments.extend(["--console-socket", &path, &foreign.id]);
            foreign.call.run(&arguments, None, Some(&console))?;
            Some(console.take(size).map_err(failed("console"))?)
        }
    };
    Ok(Made { pid: pid_in(&pid_file)?, foreign, cgroup, console })
}

impl Foreign {
    /// Runs the program.
    pub(crate) fn start(&self) -> Result<(), Failure> {
        fault::point("foreign: start");
        self.call.run(&["start", &self.id], None, None)
    }

    /// Sends a signal to the first process.
    pub(crate) fn kill(&self, signal: i32) -> Result<(), Failure> {
        self.call.run(&["kill", &self.id, &signal.to_string()], None, None)
    }

    /// Takes back what the runtime has made. It may have gone already.
    pub(crate) fn delete(&self) {
        fault::point("foreign: delete");
        let _ = self.call.run(&["delete", "--force", &self.id], None, None);
    }
}

/// What only our own runtime does.
fn refuse(spec: &Spec) -> Result<(), Failure> {
    let mapped = spec.linux().as_ref().is_some_and(|linux| linux.uid_mappings().is_some());
    let ours = |option: &String| option.starts_with(OUR_OPTIONS);
    let mut mounts = spec.mounts().iter().flatten();
    if mounts.any(|mount| mount.options().iter().flatten().any(ours)) {
        let what = "a mount of a part of a volume, a device, a server, an image or shared memory";
        return Err(not_implemented(what));
    }
    if mapped { Err(not_implemented("userns-remap")) } else { Ok(()) }
}

fn not_implemented(what: &str) -> Failure {
    let message = format!("{what} is not implemented with a runtime other than the built-in one");
    Failure::Foreign { message, exit_code: runtime::EXIT_FAILED }
}

/// Where the runtime makes the container's cgroup.
fn cgroup_path(spec: &Spec, shim: &ShimSpec) -> Result<PathBuf, Failure> {
    let mut placed = spec.clone();
    if shim.systemd_cgroup {
        unit_of(&mut placed, &shim.id)?;
    }
    Ok(placed.linux().as_ref().and_then(|linux| linux.cgroups_path().clone()).unwrap_or_default())
}

/// Mounts the root where only we and our children see it.
fn mount(shim: &ShimSpec, place: PathBuf) -> Result<(OwnedFd, PathBuf), Failure> {
    match &shim.rootfs {
        Rootfs::Path(path) => {
            let root = File::options().read(true).custom_flags(libc::O_PATH | libc::O_DIRECTORY).open(path);
            Ok((root.map_err(|error| Failure::File("root", error))?.into(), path.clone()))
        }
        Rootfs::Overlay { lowers, upper, work } => {
            let changes = Changes::Kept { upper: upper.clone(), work: work.clone() };
            let view = View { lowers: lowers.clone(), changes, binds: Vec::new(), place: place.clone() };
            Ok((view.enter()?, place))
        }
    }
}

/// The configuration as any runtime takes it: with the root's path, and numbers for users.
fn adapt(mut spec: Spec, shim: &ShimSpec, path: PathBuf, root: &OwnedFd) -> Result<Spec, Failure> {
    let mut settings = spec.root().clone().unwrap_or_default();
    settings.set_path(path);
    spec.set_root(Some(settings));
    let groups = runtime::group_names(&spec);
    let mut annotations = spec.annotations().clone().unwrap_or_default();
    annotations.remove(GROUPS_ANNOTATION);
    if shim.systemd_cgroup {
        // Else crun makes one below the scope, and the container would not be where it is looked for.
        annotations.insert(SUBGROUP_ANNOTATION.to_owned(), String::new());
    }
    spec.set_annotations(Some(annotations));
    if let Some(mut process) = spec.process().clone() {
        user::number(&mut process, shim.user.as_deref(), &groups, root)?;
        settle(&mut process, shim.console_size.filter(|_| shim.tty));
        spec.set_process(Some(process));
    }
    if shim.init { init::beneath(spec) } else { Ok(spec) }
}

/// What another runtime must be told of a process beside its user: how large its terminal is when the program looks at it, and
/// no capability that cannot be had.
fn settle(process: &mut Process, size: Option<(u16, u16)>) {
    let sized = |(rows, cols): (u16, u16)| -> Option<Size> {
        BoxBuilder::default().height(u64::from(rows)).width(u64::from(cols)).build().ok()
    };
    process.set_console_size(size.and_then(sized));
    let capabilities = process.capabilities().clone().map(runtime::available_capabilities);
    process.set_capabilities(capabilities);
}

/// The number in a file that the runtime has written.
fn pid_in(file: &Path) -> Result<i32, Failure> {
    let failed = |error: io::Error| Failure::File("pid file of the runtime", error);
    let pid = fs::read_to_string(file).map_err(failed)?;
    let pid = pid.trim().parse().ok().filter(|pid| *pid > 1);
    pid.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))
}
