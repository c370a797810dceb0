//! A container around busybox under a real `shoal-shim`; takes everything away when dropped.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use runtime::default;
use runtime::oci::{Linux, LinuxNamespace, LinuxNamespaceType, LinuxResources, Process, Spec};
use shim::{ExitStatus, LogFile, LogFormat, LogSpec, Request, Response, Rootfs, ShimSpec};

const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 16] = [
    "sh", "true", "cat", "ls", "echo", "id", "sleep", "stat", "head", "tail", "wc", "yes", "kill", "tty",
    "stty", "seq",
];
static NEXT: AtomicU32 = AtomicU32::new(0);

pub(crate) struct Container {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) id: String,
    pub(crate) config: Spec,
    pub(crate) spec: ShimSpec,
    shim: Option<Child>,
}

impl Container {
    /// A container that would run `args`, on an overlay of two layers.
    pub(crate) fn new(args: &[&str]) -> Container {
        assert!(nix::unistd::geteuid().is_root(), "this test needs root");
        assert!(Path::new(BUSYBOX).exists(), "this test needs busybox-static");
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let id = format!("s{}-{number}", std::process::id());
        let dir = tempfile::Builder::new().prefix("shoal-shim-").tempdir().unwrap();
        let [bin, etc, upper, work] = ["bin", "etc", "upper", "work"].map(|name| dir.path().join(name));
        fs::create_dir_all(bin.join("bin")).unwrap();
        fs::create_dir_all(etc.join("etc")).unwrap();
        fs::create_dir_all(&upper).unwrap();
        fs::create_dir_all(&work).unwrap();
        fs::copy(BUSYBOX, bin.join("bin/busybox")).unwrap();
        for applet in APPLETS {
            symlink("busybox", bin.join("bin").join(applet)).unwrap();
        }
        fs::write(etc.join("etc/passwd"), "www:x:33:34::/var/www:/bin/sh\n").unwrap();
        fs::DirBuilder::new().mode(0o700).create(dir.path().join("run")).unwrap();
        let spec = ShimSpec {
            restore: None,
            memory: Vec::new(),
            version: shim::VERSION,
            id: id.clone(),
            rootfs: Rootfs::Overlay { lowers: vec![etc, bin], upper, work },
            user: None,
            init: false,
            systemd_cgroup: false,
            tty: false,
            open_stdin: false,
            stdin_once: false,
            log: LogSpec {
                file: Some(LogFile {
                    format: LogFormat::Json,
                    path: dir.path().join("log"),
                    max_size_bytes: 0,
                    max_files: 3,
                    compress: false,
                    attrs: Default::default(),
                }),
                ..LogSpec::default()
            },
            health: None,
            foreign: None,
            console_size: None,
        };
        let config = config(&id, args);
        Container { dir, id, config, spec, shim: None }
    }

    pub(crate) fn shell(script: &str) -> Container {
        Container::new(&["sh", "-c", script])
    }

    /// The shim's directory.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    /// Spawns the shim; its first answer.
    pub(crate) fn create(&mut self) -> Response {
        self.create_by(Path::new(env!("CARGO_BIN_EXE_shoal-shim")))
    }

    pub(crate) fn create_by(&mut self, program: &Path) -> Response {
        let write = |name, bytes| fs::write(self.run_dir().join(name), bytes).unwrap();
        write(shim::CONFIG_FILE, serde_json::to_vec(&self.config).unwrap());
        write(shim::SPEC_FILE, serde_json::to_vec(&self.spec).unwrap());
        let mut child = Command::new(program)
            .arg(self.run_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answer = shim::read(child.stdout.as_mut().unwrap()).unwrap().expect("an answer");
        self.shim = Some(child);
        answer
    }

    /// Creates and starts; the first process.
    pub(crate) fn start(&mut self) -> i32 {
        let created = self.create();
        assert!(matches!(created, Response::Created { .. }), "{created:?}");
        match self.ask(&Request::Start) {
            Response::Started { pid } => pid,
            other => panic!("{other:?}"),
        }
    }

    /// Runs it to its end.
    pub(crate) fn run(&mut self) -> ExitStatus {
        self.start();
        self.wait()
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.run_dir().join(shim::SOCKET_FILE)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn ask(&self, request: &Request) -> Response {
        let mut stream = self.connect();
        shim::write(&mut stream, request).unwrap();
        shim::read(&mut stream).unwrap().expect("an answer")
    }

    pub(crate) fn attach(&self, stdin: bool) -> UnixStream {
        let mut stream = self.connect();
        shim::write(&mut stream, &Request::Attach { stdin, stdout: true, stderr: true }).unwrap();
        assert_eq!(shim::read(&mut stream).unwrap(), Some(Response::Ok));
        stream
    }

    /// How it ended: asked of the shim, or read where a shim that is gone has left it.
    pub(crate) fn wait(&self) -> ExitStatus {
        let asked =
            UnixStream::connect(self.run_dir().join(shim::SOCKET_FILE)).ok().and_then(|mut stream| {
                shim::write(&mut stream, &Request::Wait).ok()?;
                shim::read(&mut stream).ok()?
            });
        match asked {
            Some(Response::Exited(exit)) => exit,
            Some(other) => panic!("{other:?}"),
            None => {
                eventually("the end is written down", || self.run_dir().join(shim::EXIT_FILE).exists());
                let bytes = fs::read(self.run_dir().join(shim::EXIT_FILE)).unwrap();
                serde_json::from_slice(&bytes).unwrap()
            }
        }
    }

    /// The shim's own process.
    pub(crate) fn shim_pid(&self) -> i32 {
        self.shim.as_ref().unwrap().id() as i32
    }

    /// Kills the shim without a warning.
    pub(crate) fn kill_shim(&mut self) {
        let shim = self.shim.as_mut().unwrap();
        shim.kill().unwrap();
        shim.wait().unwrap();
    }

    /// Waits for the shim's own end.
    pub(crate) fn shim_ends(&mut self) {
        let shim = self.shim.as_mut().unwrap();
        eventually("the shim ends", || shim.try_wait().unwrap().is_some());
    }

    /// The log's file.
    pub(crate) fn log_file(&self) -> &LogFile {
        self.spec.log.file.as_ref().unwrap()
    }

    /// The texts of the log, rotated files first, and their streams.
    pub(crate) fn log(&self) -> Vec<(String, String)> {
        let path = |number: u32| match number {
            0 => self.log_file().path.clone(),
            number => PathBuf::from(format!("{}.{number}", self.log_file().path.display())),
        };
        (0..self.log_file().max_files)
            .rev()
            .filter_map(|number| fs::read_to_string(path(number)).ok())
            .flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>())
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                let text = |key: &str| line[key].as_str().unwrap().to_owned();
                (text("stream"), text("log"))
            })
            .collect()
    }

    /// All of standard output, from the log.
    pub(crate) fn stdout(&self) -> String {
        self.log().into_iter().filter(|(stream, _)| stream == "stdout").map(|(_, text)| text).collect()
    }

    pub(crate) fn linux(&mut self) -> &mut Linux {
        self.config.linux_mut().as_mut().unwrap()
    }

    pub(crate) fn cgroup(&self) -> runtime::cgroup::Cgroup {
        let path = PathBuf::from(format!("/shoal-shim-test-{}/c", self.id));
        runtime::cgroup::detect().unwrap().cgroup(&path).unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(mut shim) = self.shim.take() {
            let _ = shim.kill();
            let _ = shim.wait();
        }
        let _ = self.cgroup().kill();
        let parent = PathBuf::from(format!("/shoal-shim-test-{}", self.id));
        let _ = runtime::cgroup::detect()
            .and_then(|layout| layout.cgroup(&parent))
            .and_then(|cgroup| cgroup.remove());
    }
}

fn config(id: &str, args: &[&str]) -> Spec {
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
    ]
    .map(|typ| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(typ);
        namespace
    });
    let mut resources = LinuxResources::default();
    resources.set_devices(Some(default::device_rules()));
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces.to_vec()))
        .set_cgroups_path(Some(format!("/shoal-shim-test-{id}/c").into()))
        .set_resources(Some(resources))
        .set_devices(None)
        .set_masked_paths(Some(default::masked_paths()))
        .set_readonly_paths(Some(default::readonly_paths()))
        .set_seccomp(Some(default::seccomp(&capabilities)));
    let mut spec = Spec::default();
    spec.set_root(None)
        .set_process(Some(process))
        .set_mounts(Some(default::mounts(64 << 20)))
        .set_hostname(None)
        .set_linux(Some(linux));
    spec
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}
