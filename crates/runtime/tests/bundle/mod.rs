//! An OCI bundle around busybox, run by the real `shoal-runtime`; takes everything away when dropped.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use runtime::default;
use runtime::oci::{
    Capabilities, Linux, LinuxNamespace, LinuxNamespaceType, LinuxResources, Process, Root, Spec,
};

const BUSYBOX: &str = "/bin/busybox";
const APPLETS: &str = "sh true false cat ls echo id grep sleep stat mount mknod hostname head dd tail wc ip printf touch \
                       tty cut chrt ionice nice readlink uname env mkdir ln rm kill test";
static NEXT: AtomicU32 = AtomicU32::new(0);

/// The program under test: among those that are named by `SHOAL_PROGRAMS`, or what cargo has built with this test.
pub(crate) fn program() -> PathBuf {
    let built = || env!("CARGO_BIN_EXE_shoal-runtime").into();
    std::env::var_os("SHOAL_PROGRAMS").map_or_else(built, |dir| Path::new(&dir).join("shoal-runtime"))
}

pub(crate) struct Bundle {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) id: String,
    pub(crate) spec: Spec,
    pub(crate) capabilities: Capabilities,
}

impl Bundle {
    /// A bundle that runs `args` as Docker would by default.
    pub(crate) fn new(args: &[&str]) -> Bundle {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        assert!(Path::new(BUSYBOX).exists(), "this test needs busybox-static");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("t{}-{number}", std::process::id());
        let dir = tempfile::Builder::new().prefix("shoal-runtime-").tempdir().unwrap();
        let rootfs = dir.path().join("rootfs");
        for path in ["bin", "etc", "tmp"] {
            fs::create_dir_all(rootfs.join(path)).unwrap();
        }
        fs::copy(BUSYBOX, rootfs.join("bin/busybox")).unwrap();
        for applet in APPLETS.split_ascii_whitespace() {
            symlink("busybox", rootfs.join("bin").join(applet)).unwrap();
        }
        fs::write(rootfs.join("etc/passwd"), "root:x:0:0::/root:/bin/sh\nwww:x:33:34::/tmp:/bin/sh\n")
            .unwrap();
        let spec = spec(&id, args);
        Bundle { dir, id, spec, capabilities: default::capabilities() }
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    pub(crate) fn linux(&mut self) -> &mut Linux {
        self.spec.linux_mut().as_mut().unwrap()
    }

    pub(crate) fn process(&mut self) -> &mut Process {
        self.spec.process_mut().as_mut().unwrap()
    }

    /// Removes the namespace of this type: the container uses the host's.
    pub(crate) fn share(&mut self, typ: LinuxNamespaceType) {
        let namespaces = self.linux().namespaces_mut().as_mut().unwrap();
        namespaces.retain(|namespace| namespace.typ() != typ);
    }

    /// Gives it a new namespace of this type, or another's.
    pub(crate) fn own(&mut self, typ: LinuxNamespaceType, path: Option<&Path>) {
        self.share(typ);
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(typ).set_path(path.map(Path::to_owned));
        self.linux().namespaces_mut().as_mut().unwrap().push(namespace);
    }

    /// Gives the root and all in it to one user and group.
    pub(crate) fn own_root(&self, owner: u32) {
        give(&self.rootfs(), owner);
    }

    /// The first process of the created container.
    pub(crate) fn pid(&self) -> i64 {
        let state = self.command("state").output().unwrap();
        let state: serde_json::Value = serde_json::from_slice(&state.stdout).unwrap();
        state["pid"].as_i64().unwrap()
    }

    pub(crate) fn command(&self, verb: &str) -> Command {
        let config = serde_json::to_vec(&self.spec).unwrap();
        fs::write(self.dir.path().join("config.json"), config).unwrap();
        let mut command = Command::new(program());
        command.arg("--root").arg(self.dir.path().join("state"));
        command.arg(verb);
        if matches!(verb, "create" | "run") {
            command.arg("--bundle").arg(self.dir.path());
        }
        command.arg(&self.id);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self) -> Output {
        self.command("run").output().unwrap()
    }

    /// Runs it to a good end; its output.
    pub(crate) fn succeed(&self) -> String {
        let output = self.run();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn parent_cgroup(&self) -> PathBuf {
        PathBuf::from(format!("/shoal-test-{}", self.id))
    }

    pub(crate) fn cgroup(&self) -> runtime::cgroup::Cgroup {
        let path = self.parent_cgroup().join("c");
        runtime::cgroup::detect().unwrap().cgroup(&path).unwrap()
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = self.command("delete").arg("--force").output();
        let _ = self.cgroup().kill();
        let parent = runtime::cgroup::detect().and_then(|layout| layout.cgroup(&self.parent_cgroup()));
        let _ = parent.and_then(|parent| parent.remove());
    }
}

fn give(path: &Path, owner: u32) {
    lchown(path, Some(owner), Some(owner)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path(), owner));
    }
}

fn spec(id: &str, args: &[&str]) -> Spec {
    let capabilities = default::capabilities();
    let mut process = Process::default();
    process
        .set_args(Some(args.iter().map(|arg| (*arg).to_owned()).collect()))
        .set_env(Some(vec!["PATH=/bin".to_owned()]))
        .set_no_new_privileges(Some(false))
        .set_rlimits(None)
        .set_capabilities(Some(default::capability_sets(&capabilities)));
    let namespaces = [
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Network,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Cgroup,
    ];
    let namespaces = namespaces.map(|typ| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(typ);
        namespace
    });
    let mut resources = LinuxResources::default();
    resources.set_devices(Some(default::device_rules()));
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces.to_vec()))
        .set_cgroups_path(Some(format!("/shoal-test-{id}/c").into()))
        .set_resources(Some(resources))
        .set_devices(None)
        .set_masked_paths(Some(default::masked_paths()))
        .set_readonly_paths(Some(default::readonly_paths()))
        .set_seccomp(Some(default::seccomp(&capabilities)));
    let mut root = Root::default();
    root.set_path("rootfs".into()).set_readonly(Some(false));
    let mut spec = Spec::default();
    spec.set_root(Some(root))
        .set_process(Some(process))
        .set_mounts(Some(default::mounts(64 << 20)))
        .set_hostname(Some("inside".to_owned()))
        .set_linux(Some(linux));
    spec
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}
