//! A container made by another OCI runtime (runc, crun…), whose command line the shim drives.
//!
//! The shim goes into a mount namespace of its own and mounts the root there: nothing of it is seen on the host, and
//! whatever ends the shim ends the mount. It adopts the container's first process when the runtime's `create` has ended.
//!
//! - [`call`]: one call of the runtime, bounded in time · [`console`]: the terminal it hands over

mod call;
mod console;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use ::shim::{ForeignRuntime, ShimSpec};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use runtime::cgroup::Cgroup;
use runtime::oci::{Spec, User, UserBuilder};
use runtime::view::{Changes, View};
use runtime::{GROUPS_ANNOTATION, Rootfs, Stdio};

use crate::Failure;
use crate::create::directory;
use call::Call;
use console::Console;

/// Where the root is mounted, and the bundle that tells the runtime so, in the shim's directory.
const ROOT_DIR: &str = "rootfs";
const BUNDLE_DIR: &str = "bundle";
/// The runtime's own state, in the shim's directory.
const STATE_DIR: &str = "runtime";
const PID_FILE: &str = "pid";
/// A larger file of users or groups is not read.
const MAX_USERS_BYTES: u64 = 1 << 20;

/// A container that exists by the word of another runtime.
pub(crate) struct Foreign {
    call: Call,
    id: String,
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
    refuse(shim, &spec)?;
    let dir = directory()?;
    for name in [ROOT_DIR, BUNDLE_DIR, STATE_DIR] {
        fault::point("foreign: make directory");
        fs::create_dir_all(dir.join(name)).map_err(failed("directory"))?;
    }
    let root = mount(shim, dir.join(ROOT_DIR))?;
    let cgroup_path = spec.linux().as_ref().and_then(|linux| linux.cgroups_path().clone());
    let cgroup = runtime::cgroup::detect()?.cgroup(&cgroup_path.unwrap_or_default())?;
    let spec = adapt(spec, shim, root.1, root.0.as_ref())?;
    let config = serde_json::to_vec(&spec).map_err(|error| Failure::File("config.json", error.into()))?;
    fault::point("foreign: write bundle");
    fs::write(dir.join(BUNDLE_DIR).join("config.json"), config).map_err(failed("config.json"))?;

    let call = Call::new(runtime, &dir, STATE_DIR);
    let foreign = Foreign { call, id: shim.id.clone() };
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
            let console = Console::listen().map_err(failed("console"))?;
            let path = console.path();
            arguments.extend(["--console-socket", &path, &foreign.id]);
            foreign.call.run(&arguments, None, Some(&console))?;
            Some(console.take(size).map_err(failed("console"))?)
        }
    };
    let pid = fs::read_to_string(pid_file).map_err(failed("pid file of the runtime"))?;
    let pid = pid.trim().parse().ok().filter(|pid| *pid > 1);
    let pid =
        pid.ok_or_else(|| Failure::File("pid file of the runtime", io::ErrorKind::InvalidData.into()))?;
    Ok(Made { foreign, pid, cgroup, console })
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
fn refuse(shim: &ShimSpec, spec: &Spec) -> Result<(), Failure> {
    let refused = |what: &str| {
        let message = format!("{what} is not implemented with a runtime other than the built-in one");
        Err(Failure::Foreign { message, exit_code: runtime::EXIT_FAILED })
    };
    let mapped = spec.linux().as_ref().is_some_and(|linux| linux.uid_mappings().is_some());
    match shim {
        _ if mapped => refused("userns-remap"),
        ShimSpec { init: true, .. } => refused("--init"),
        ShimSpec { systemd_cgroup: true, .. } => refused("the cgroup driver systemd"),
        _ => Ok(()),
    }
}

/// Mounts the root where only we and our children see it.
fn mount(shim: &ShimSpec, place: PathBuf) -> Result<(Option<OwnedFd>, PathBuf), Failure> {
    match &shim.rootfs {
        Rootfs::Path(path) => Ok((None, path.clone())),
        Rootfs::Overlay { lowers, upper, work } => {
            let changes = Changes::Kept { upper: upper.clone(), work: work.clone() };
            let view = View { lowers: lowers.clone(), changes, binds: Vec::new(), place: place.clone() };
            Ok((Some(view.enter()?), place))
        }
    }
}

/// The configuration as any runtime takes it: with the root's path, and numbers for users.
fn adapt(mut spec: Spec, shim: &ShimSpec, path: PathBuf, root: Option<&OwnedFd>) -> Result<Spec, Failure> {
    let mut settings = spec.root().clone().unwrap_or_default();
    settings.set_path(path);
    spec.set_root(Some(settings));
    let mut annotations = spec.annotations().clone().unwrap_or_default();
    let groups = annotations.remove(GROUPS_ANNOTATION).unwrap_or_default();
    spec.set_annotations(Some(annotations));
    let Some(mut process) = spec.process().clone() else { return Ok(spec) };
    let group = root.map(|root| read(root, "etc/group")).unwrap_or_default();
    if let Some(user) = &shim.user {
        let passwd = root.map(|root| read(root, "etc/passwd")).unwrap_or_default();
        let user = runtime::user::resolve(user, &passwd, &group).map_err(unknown)?;
        let further = process.user().additional_gids().clone().unwrap_or_default();
        process.set_user(numbers(user.uid, user.gid, [user.groups, further].concat())?);
    }
    if !groups.is_empty() {
        let named = groups.split(',').map(|name| runtime::user::further_group(name, &group));
        let mut all = process.user().additional_gids().clone().unwrap_or_default();
        all.extend(named.collect::<Result<Vec<u32>, _>>().map_err(unknown)?);
        process.set_user(numbers(process.user().uid(), process.user().gid(), all)?);
    }
    spec.set_process(Some(process));
    Ok(spec)
}

fn numbers(uid: u32, gid: u32, groups: Vec<u32>) -> Result<User, Failure> {
    let user = UserBuilder::default().uid(uid).gid(gid).additional_gids(groups).build();
    user.map_err(|error| Failure::File("config.json", io::Error::other(error)))
}

fn unknown(error: runtime::user::UserError) -> Failure {
    Failure::Foreign { message: error.to_string(), exit_code: runtime::EXIT_NOT_EXECUTABLE }
}

/// A file of the container's own root, which may be laid out to lead elsewhere: it does not get out. Missing: empty.
fn read(root: &OwnedFd, path: &str) -> Vec<u8> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let mut bytes = Vec::new();
    if let Ok(file) = openat2(root.as_fd(), path, how).map(File::from)
        && file.metadata().is_ok_and(|metadata| metadata.is_file())
    {
        let _ = file.take(MAX_USERS_BYTES).read_to_end(&mut bytes);
    }
    bytes
}
