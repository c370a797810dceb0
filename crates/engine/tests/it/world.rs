//! An engine under test: roots of its own, in network and mount namespaces of its own, that go with it.

use engine::spec::{ContainerSpec, NetworkMode};
use engine::{Containers, Engine, EngineConfig, Record, RemoveOptions, WaitCondition};
use futures_util::{Stream, StreamExt};
use image::{Images, ImagesConfig, ImportOptions};
use network::NetworkConfig;
use nix::sched::{CloneFlags, unshare};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long a step may take before a test fails; generous, because machines are busy.
const STEP: Duration = Duration::from_secs(60);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(10);

/// One engine and its surroundings.
pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) config: EngineConfig,
    /// The engine's, which dies with it in a crash.
    runtime: Option<Runtime>,
    engine: Option<Engine>,
}

impl World {
    /// An engine with the image `busybox:latest`.
    pub(crate) fn new() -> World {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test starts containers and needs root: run it as root"
        );
        isolate();
        let dir = tempfile::Builder::new().prefix("engine").tempdir().expect("a directory");
        let name =
            dir.path().file_name().expect("a name").to_string_lossy().to_ascii_lowercase().replace('.', "");
        let config = EngineConfig {
            name,
            data_root: dir.path().join("data"),
            exec_root: dir.path().join("exec"),
            libexec: programs(),
            ..EngineConfig::default()
        };
        let mut world = World { dir, config, runtime: None, engine: None };
        world.open();
        world.import_busybox();
        world
    }

    pub(crate) fn containers(&self) -> Containers {
        self.engine().containers.clone()
    }

    pub(crate) fn engine(&self) -> &Engine {
        self.engine.as_ref().expect("the engine is open")
    }

    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = self.runtime.as_ref().expect("the engine is open");
        runtime.block_on(async { tokio::time::timeout(STEP, future).await.expect("an answer in time") })
    }

    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.as_ref().expect("the engine is open").spawn(future)
    }

    /// Ends the engine as SIGKILL would: no task gets to say anything.
    pub(crate) fn crash(&mut self) {
        self.engine = None;
        self.runtime.take().expect("the engine is open").shutdown_timeout(STEP);
    }

    /// Opens the engine on what is there. The former one's threads let go of its files shortly after their end.
    pub(crate) fn open(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let (config, name) = (self.config.clone(), self.config.name.clone());
        let engine = eventually("the engine opens", || {
            let network = NetworkConfig::new(&name, config.exec_root.clone(), config.libexec.clone());
            let images = ImagesConfig { root: config.data_root.join("image"), ..ImagesConfig::default() };
            runtime.block_on(async {
                let images = Images::open(images).await.map_err(|error| error.to_string())?;
                engine::open(config.clone(), images, network).await.map_err(|error| error.to_string())
            })
        });
        self.engine = Some(engine);
        self.runtime = Some(runtime);
    }

    /// Creates a container without a network.
    pub(crate) fn create(&self, name: &str, script: &str) -> String {
        self.create_with(name, script, |_| {})
    }

    pub(crate) fn create_with(
        &self,
        name: &str,
        script: &str,
        change: impl FnOnce(&mut ContainerSpec),
    ) -> String {
        let mut spec = spec(name, script);
        change(&mut spec);
        self.wait(self.containers().create(spec)).expect("a container").id
    }

    pub(crate) fn start(&self, name: &str) {
        self.wait(self.containers().start(name)).expect("it starts");
    }

    pub(crate) fn exit_code(&self, name: &str) -> i32 {
        let waiting = self.containers().wait(name, WaitCondition::NotRunning).expect("it exists");
        self.wait(waiting).code
    }

    pub(crate) fn inspect(&self, name: &str) -> Arc<Record> {
        self.containers().inspect(name).expect("it exists")
    }

    /// Standard output and standard error so far.
    pub(crate) fn logs(&self, name: &str) -> String {
        let options = engine::LogOptions { stdout: true, stderr: true, ..Default::default() };
        let stream = self.wait(self.containers().logs(name, options)).expect("a log");
        text(&self.wait(collect(stream)))
    }

    /// The cgroup directories of this engine's containers, over all hierarchies.
    pub(crate) fn cgroups(&self) -> Vec<String> {
        let layout = runtime::cgroup::detect().expect("cgroups");
        layout.children(Path::new(&format!("/{}", self.config.name))).unwrap_or_default()
    }

    pub(crate) fn lasting_dirs(&self) -> Vec<PathBuf> {
        entries(&self.config.data_root.join("containers"))
    }

    pub(crate) fn exec_dirs(&self) -> Vec<PathBuf> {
        entries(&self.config.exec_root.join("containers"))
    }

    /// Removal goes on behind the answer: waits until no container's directory is left.
    pub(crate) fn nothing_is_left(&self) {
        eventually("no directory is left", || {
            let left = [self.lasting_dirs(), self.exec_dirs()].concat();
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
        assert_eq!(self.cgroups(), Vec::<String>::new());
    }

    fn import_busybox(&self) {
        let archive = testkit::image::busybox_tar(self.dir.path());
        self.wait(async {
            let file = tokio::fs::File::open(archive).await.expect("the archive");
            let reference = Some("busybox:latest".to_owned());
            let changes = vec![r#"CMD ["sh"]"#.to_owned(), "ENV FROM_IMAGE=yes".to_owned()];
            let options = ImportOptions { reference, changes, ..ImportOptions::default() };
            let (progress, _) = tokio::sync::mpsc::channel(1);
            self.engine().images.import(file, options, progress).await.expect("an image");
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let (Some(engine), Some(runtime)) = (self.engine.take(), self.runtime.take()) {
            runtime.block_on(async {
                for record in engine.containers.list() {
                    let options = RemoveOptions { force: true, volumes: false };
                    let _ = engine.containers.remove(&record.id, options).await;
                }
            });
            drop(engine);
            runtime.shutdown_timeout(STEP);
        }
        end_neighbours();
        if let Ok(layout) = runtime::cgroup::detect()
            && let Ok(cgroup) = layout.cgroup(Path::new(&format!("/{}", self.config.name)))
        {
            let _ = cgroup.kill();
            let _ = cgroup.remove();
        }
    }
}

/// `sh -c SCRIPT` in busybox, without a network.
pub(crate) fn spec(name: &str, script: &str) -> ContainerSpec {
    let mut spec =
        ContainerSpec { name: Some(name.to_owned()), image: "busybox".to_owned(), ..Default::default() };
    spec.config.cmd = Some(["sh", "-c", script].map(String::from).to_vec());
    spec.host.network_mode = NetworkMode::None;
    spec
}

/// Looks until there is something to see.
pub(crate) fn eventually<T, E: std::fmt::Display>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let began = Instant::now();
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(reason) => assert!(began.elapsed() < STEP, "{what}: {reason}"),
        }
        std::thread::sleep(POLL);
    }
}

/// Everything a stream gives until it ends.
pub(crate) async fn collect(mut stream: impl Stream<Item = engine::Result<bytes::Bytes>> + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(chunk) = stream.next().await {
        all.extend_from_slice(&chunk.expect("a chunk"));
    }
    all
}

/// The payloads of Docker's frames, both streams together.
pub(crate) fn text(mut frames: &[u8]) -> String {
    let mut payload = Vec::new();
    while let Some((header, rest)) = frames.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        payload.extend_from_slice(&rest[..length]);
        frames = &rest[length..];
    }
    String::from_utf8(payload).expect("text")
}

pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).map(|list| list.flatten().map(|entry| entry.path()).collect()).unwrap_or_default()
}

/// Puts this thread, and all it starts, in namespaces of its own: links, rules and mounts go with the test.
fn isolate() {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).expect("namespaces of its own");
    let private = nix::mount::MsFlags::MS_REC | nix::mount::MsFlags::MS_PRIVATE;
    nix::mount::mount(None::<&str>, "/", None::<&str>, private, None::<&str>).expect("private mounts");
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    assert!(up.is_ok_and(|status| status.success()), "the loopback interface comes up");
}

/// Ends the processes that outlive an engine: shims, and the keeper of its ports.
fn end_neighbours() {
    let here = fs::metadata("/proc/thread-self/ns/net").map(|metadata| metadata.ino()).unwrap_or(0);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let there = fs::metadata(format!("/proc/{pid}/ns/net")).map(|metadata| metadata.ino());
        if pid != std::process::id() && there.is_ok_and(|there| there == here) {
            let pid = nix::unistd::Pid::from_raw(pid as i32);
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        }
    }
}

/// Where the small programs are: named by `SHOAL_LIBEXEC`, else beside this test.
fn programs() -> PathBuf {
    let beside = || {
        let exe = std::env::current_exe().expect("a test knows its own path");
        exe.parent().and_then(Path::parent).expect("a test lies in target/<profile>/deps").to_path_buf()
    };
    let dir = std::env::var_os("SHOAL_LIBEXEC").map_or_else(beside, PathBuf::from);
    for program in ["shoal-shim", "shoal-net"] {
        let missing = format!("{program} is not in {}: run `cargo build -p shim -p network`", dir.display());
        assert!(dir.join(program).is_file(), "{missing}");
    }
    dir
}
