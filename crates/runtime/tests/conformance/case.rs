//! A runtime under test, and a bundle for it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 14] = [
    "sh", "true", "cat", "echo", "id", "sleep", "ls", "grep", "readlink", "pwd", "stat", "hostname", "env",
    "touch",
];
const PATIENCE: Duration = Duration::from_secs(20);
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Why a rule is broken.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

/// The rule is broken unless `condition` holds.
pub(crate) fn ensure(condition: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if condition { Ok(()) } else { Err(Failed(what())) }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) -> Result<(), Failed> {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        ensure(Instant::now() < deadline, || format!("never: {what}"))?;
        std::thread::yield_now();
    }
    Ok(())
}

/// crun refuses a machine where an empty version 2 tree is mounted beside version 1: not where it looks, then.
const WITHOUT_UNIFIED: &str = "umount /sys/fs/cgroup/unified; exec \"$0\" \"$@\"";

/// An OCI runtime's command line.
pub(crate) struct Runtime {
    name: &'static str,
    /// The program, and what comes before all arguments.
    words: Vec<OsString>,
}

impl Runtime {
    pub(crate) fn ours() -> Runtime {
        let program = crate::bundle::program().into_os_string();
        Runtime { name: "shoal-runtime", words: vec![program] }
    }

    /// One of the machine's, if it can run anything here.
    pub(crate) fn installed(name: &'static str) -> Option<Runtime> {
        let is_hybrid = Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists();
        let words = if name == "crun" && is_hybrid {
            ["unshare", "--mount", "sh", "-c", WITHOUT_UNIFIED, name].map(OsString::from).to_vec()
        } else {
            vec![name.into()]
        };
        let runtime = Runtime { name, words };
        let works = Case::new(&runtime, "true").run().is_some_and(|said| said.code == 0);
        works.then_some(runtime)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        command
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(command: &mut Command) -> Option<Said> {
        let output = command.stdin(Stdio::null()).output().ok()?;
        Some(Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    pub(crate) fn ok(&self) -> bool {
        self.code == 0
    }
}

/// A bundle around busybox, and the container that is made of it; gone when dropped.
pub(crate) struct Case<'a> {
    runtime: &'a Runtime,
    dir: tempfile::TempDir,
    pub(crate) id: String,
    /// To be changed before [`Self::create`].
    pub(crate) config: Value,
}

impl<'a> Case<'a> {
    /// A container that runs `script` by the shell.
    pub(crate) fn new(runtime: &'a Runtime, script: &str) -> Case<'a> {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        assert!(Path::new(BUSYBOX).exists(), "this test needs busybox-static");
        let dir = tempfile::Builder::new().prefix("shoal-conformance-").tempdir().unwrap();
        let rootfs = dir.path().join("rootfs");
        for name in ["bin", "tmp", "proc", "dev", "sys"] {
            fs::create_dir_all(rootfs.join(name)).unwrap();
        }
        fs::copy(BUSYBOX, rootfs.join("bin/busybox")).unwrap();
        APPLETS.iter().for_each(|name| symlink("busybox", rootfs.join("bin").join(name)).unwrap());
        let id = format!("c{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let config = config(&id, script);
        Case { runtime, dir, id, config }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file of the container.
    pub(crate) fn inside(&self, name: &str) -> PathBuf {
        self.path("rootfs").join(name.trim_start_matches('/'))
    }

    /// Calls a command with these arguments.
    pub(crate) fn call(&self, args: &[&str]) -> Said {
        Said::of(self.command().args(args)).expect("the runtime can be called")
    }

    fn command(&self) -> Command {
        let mut command = self.runtime.command();
        command.arg("--root").arg(self.path("state"));
        command
    }

    /// `create`; what the container writes goes to the file `out`, of which nobody waits for the end.
    pub(crate) fn create(&self) -> Said {
        fs::write(self.path("config.json"), self.config.to_string()).unwrap();
        let file = |name: &str| File::create(self.path(name)).unwrap();
        let mut command = self.command();
        command.args(["create", "--bundle"]).arg(self.dir.path()).arg(&self.id);
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        let code = command.status().unwrap().code().unwrap_or(-1);
        Said { code, out: self.output(), err: fs::read_to_string(self.path("err")).unwrap() }
    }

    /// What the container has written so far.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.path("out")).unwrap_or_default()
    }

    /// `run` in the foreground.
    pub(crate) fn run(&self) -> Option<Said> {
        fs::write(self.path("config.json"), self.config.to_string()).unwrap();
        Said::of(self.command().args(["run", "--bundle"]).arg(self.dir.path()).arg(&self.id))
    }

    /// What the container writes, run to its good end.
    pub(crate) fn said(&self) -> Result<String, Failed> {
        let said = self.run().ok_or_else(|| Failed("it cannot be called".to_owned()))?;
        ensure(said.ok(), || format!("{said:?}"))?;
        Ok(said.out.trim().to_owned())
    }

    /// Neither `create` nor anything of a container comes of it.
    pub(crate) fn is_refused(&self) -> Result<(), Failed> {
        let said = self.create();
        ensure(!said.ok(), || "it was created".to_owned())?;
        ensure(self.state().is_none(), || "a container is left".to_owned())
    }

    pub(crate) fn state(&self) -> Option<Value> {
        let said = self.call(&["state", &self.id]);
        serde_json::from_str(&said.out).ok().filter(|_| said.ok())
    }

    pub(crate) fn status(&self) -> Option<String> {
        Some(self.state()?["status"].as_str()?.to_owned())
    }

    /// Calls a command about this container that must succeed.
    pub(crate) fn must(&self, args: &[&str]) -> Result<Said, Failed> {
        let said = self.call(args);
        ensure(said.ok(), || format!("{args:?}: {said:?}"))?;
        Ok(said)
    }

    pub(crate) fn must_create(&self) -> Result<(), Failed> {
        let said = self.create();
        ensure(said.ok(), || format!("create: {said:?}"))
    }

    pub(crate) fn wait_until(&self, status: &str) -> Result<(), Failed> {
        eventually(status, || self.status().as_deref() == Some(status))
    }
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        let _ = Said::of(self.command().args(["delete", "--force", &self.id]));
        let layout = runtime::cgroup::detect();
        let path = PathBuf::from(format!("/shoal-test-{}", self.id));
        let _ = layout.and_then(|layout| layout.cgroup(&path)).and_then(|cgroup| cgroup.remove());
    }
}

fn config(id: &str, script: &str) -> Value {
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/bin/sh", "-c", script],
            "env": ["PATH=/bin"],
            "cwd": "/",
        },
        "root": {"path": "rootfs"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]},
        ],
        "linux": {
            "cgroupsPath": format!("/shoal-test-{id}/c"),
            "namespaces": [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "network"}],
            "resources": {"devices": [{"allow": false, "access": "rwm"}]},
        },
    })
}
