//! A `shoald` under test: private roots in a temporary directory, optionally in a network namespace of its own.
//!
//! Dropping it removes its containers, ends it, and removes every trace of it, also when the test failed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::eventually::eventually;
use crate::namespace::Namespace;
use crate::program::{Said, need_root, programs, run};

/// Names the file that counts crash points; the crate `fault` reads it in programs that are built for it.
const CRASH_FILE: &str = "SHOAL_CRASH_FILE";
/// Names what stands in for the kernel's boot id, likewise.
const BOOT_ID_FILE: &str = "SHOAL_BOOT_ID_FILE";
/// Names the file that says by how much each write of the log is slowed down, likewise.
const SLOW_FILE: &str = "SHOAL_SLOW_FILE";
/// Names the file that says by how much its clock is fast, likewise.
const CLOCK_FILE: &str = "SHOAL_CLOCK_FILE";

/// A daemon and its directory.
#[derive(Debug)]
pub struct Daemon {
    dir: TempDir,
    namespace: Option<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
    child: Option<Child>,
}

impl Daemon {
    /// Starts a daemon in the namespace of the test.
    ///
    /// # Panics
    /// Without root, without the programs, or when it does not answer.
    pub fn start(args: &[&str]) -> Self {
        Self::make(None, args, &[])
    }

    /// Starts a daemon with these variables in its environment.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn start_with(args: &[&str], env: &[(&str, &str)]) -> Self {
        Self::make(None, args, env)
    }

    /// Starts a daemon on a machine of its own.
    ///
    /// # Panics
    /// As [`Daemon::start`].
    pub fn start_in(namespace: &Namespace, args: &[&str]) -> Self {
        Self::make(Some(namespace.name.clone()), args, &[])
    }

    /// Starts a daemon on a machine of its own whose disk holds so many megabytes.
    ///
    /// # Panics
    /// As [`Daemon::start`], or without the disk.
    pub fn start_on_small_disk(namespace: &Namespace, megabytes: u32) -> Self {
        let mut daemon = Self::lay(Some(namespace.name.clone()), &[], &[]);
        daemon.mount_disk(megabytes);
        daemon.restart();
        daemon
    }

    fn make(namespace: Option<String>, args: &[&str], env: &[(&str, &str)]) -> Self {
        let mut daemon = Self::lay(namespace, args, env);
        daemon.restart();
        daemon
    }

    /// All but the start.
    fn lay(namespace: Option<String>, args: &[&str], env: &[(&str, &str)]) -> Self {
        need_root();
        crate::sweep::once();
        let prefix = crate::sweep::prefix();
        let dir = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary directory");
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let daemon = Self { dir, namespace, args, env, child: None };
        fs::write(daemon.path("boot-id"), "1\n").expect("the boot id");
        daemon
    }

    /// Starts it (again) on the same roots and waits until it answers.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn restart(&mut self) {
        self.spawn();
        self.await_answer();
    }

    /// Waits until it answers, having been started without that.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn await_answer(&mut self) {
        eventually("shoald answers", || self.answers());
    }

    /// Starts it without waiting.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(&mut self) {
        let program = programs().join("shoald");
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/run/netns/{name}")).arg("--").arg(program);
                command
            }
        };
        let log = File::options().append(true).create(true).open(self.path("log")).expect("the daemon's log");
        let path = |name: &str| self.path(name).display().to_string();
        let has_config = self.args.iter().any(|arg| arg == "--config-file");
        let config: &[&str] = if has_config { &[] } else { &["--config-file", "/dev/null"] };
        command
            .args(config)
            .arg("--debug")
            .args(["--data-root", &path("data"), "--exec-root", &path("exec"), "--pidfile", &path("pid")])
            .args(["-H", &self.host()])
            .args(&self.args)
            .envs(self.env.iter().cloned())
            .env(CRASH_FILE, self.path("crash"))
            .env(BOOT_ID_FILE, self.path("boot-id"))
            .env(SLOW_FILE, self.path("slow"))
            .env(CLOCK_FILE, self.path("clock"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the daemon's log"))
            .stderr(log)
            // A group of its own: a Ctrl-C for the tests is not one for the daemon.
            .process_group(0);
        self.child = Some(command.spawn().expect("shoald can be started"));
    }

    fn answers(&mut self) -> Result<(), String> {
        if let Some(status) = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
            panic!("shoald ended with {status}: {}", self.log());
        }
        match self.exchange("GET", "/_ping", b"") {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}\n{}", self.log())),
        }
    }

    /// A path under the daemon's directory: `data`, `exec`, `log`, `pid`, `sock`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What to give to `-H`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.path("sock").display())
    }

    /// What the daemon logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it is not running.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the daemon runs").id()
    }

    /// A `shoal` command against this daemon, to be run by the caller.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(programs().join("shoal"));
        command.env_remove("DOCKER_HOST").args(["-H", &self.host()]).args(args);
        command
    }

    /// Runs `shoal`.
    pub fn shoal(&self, args: &[&str]) -> Said {
        run(&mut self.command(args))
    }

    /// Runs the unmodified `docker` client.
    pub fn docker(&self, args: &[&str]) -> Said {
        run(Command::new("docker").env_remove("DOCKER_HOST").args(["-H", &self.host()]).args(args))
    }

    /// Lets the process of this daemon that passes the crash point with this number, counted from 1 and from now, die
    /// there.
    ///
    /// # Panics
    /// When the count cannot be written.
    pub fn crash_at(&self, point: u64) {
        // In one step: a process must not read half a number.
        let draft = self.path("crash.new");
        fs::write(&draft, format!("{point}\n")).expect("the count of crash points");
        fs::rename(draft, self.path("crash")).expect("the count of crash points");
    }

    /// Ends the counting. The names of the points that were passed; the last of them was deadly to its process if the
    /// second part says so, and then a daemon that was that process is reaped.
    pub fn crash_over(&mut self) -> (Vec<String>, bool) {
        let said = crate::trace::take_count(&self.path("crash"));
        let mut lines = said.lines();
        let deadly = lines.next() == Some("0");
        let points: Vec<_> = lines.filter_map(|line| line.split_once(' ')).collect();
        let last = points.last().and_then(|(pid, _)| pid.parse().ok());
        if deadly && last == self.child.as_ref().map(Child::id) {
            self.kill();
        }
        (points.iter().map(|(_, what)| (*what).to_owned()).collect(), deadly)
    }

    /// Whether the last crash point has been passed.
    pub fn has_crashed(&self) -> bool {
        fs::read_to_string(self.path("crash")).is_ok_and(|said| said.starts_with("0\n"))
    }

    /// Whether it was started and not ended since, by us or by a crash that [`Daemon::crash_over`] saw.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Everything of this daemon that can be seen from outside it: files, mounts, cgroups, links, rules, processes.
    pub fn traces(&self) -> BTreeSet<String> {
        crate::trace::all(self.dir.path(), self.namespace.as_deref())
    }

    /// Kills it as a power cut would; its containers go on.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL ends a paused process too.
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// Stops its process where it stands, as a machine that has hung would; its containers go on.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets a process that was paused go on.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill(Pid::from_raw(child.id().cast_signed()), signal).ok();
        }
    }

    /// Sets the clock of its machine, so many seconds fast or (below zero) slow.
    ///
    /// # Panics
    /// When that cannot be said.
    pub fn set_clock(&self, seconds: i64) {
        let draft = self.path("clock.new");
        fs::write(&draft, format!("{seconds}\n")).expect("how wrong the clock is");
        fs::rename(draft, self.path("clock")).expect("how wrong the clock is");
    }

    /// Whether its process has ended, by itself too; it is reaped then.
    pub fn has_ended(&mut self) -> bool {
        let is_over = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
        self.child.take_if(is_over);
        self.child.is_none()
    }

    /// Ends it in order and returns its exit code.
    ///
    /// # Panics
    /// When it does not end.
    pub fn stop(&mut self) -> i32 {
        let mut child = self.child.take().expect("the daemon runs");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).ok();
        let status = eventually("shoald ends", || child.try_wait().ok().flatten().ok_or("still running"));
        status.code().unwrap_or(-1)
    }

    /// Loads the images tests use: `busybox` from the machine's static busybox, and `shoal/hello-http`.
    ///
    /// # Panics
    /// When an image cannot be loaded.
    pub fn load_images(&self) {
        crate::image::import_busybox(self);
        let hello = programs().join("hello-http.tar");
        self.shoal(&["load", "-i", &hello.display().to_string()]).ok();
    }

    /// The processes that name this daemon's directory on their command line: itself, shims, `shoal-net`.
    pub fn processes(&self) -> Vec<i32> {
        crate::trace::processes(self.dir.path()).into_iter().map(|(pid, _)| pid).collect()
    }

    /// Kills the daemon and all its containers, as the loss of the machine would.
    pub fn crash(&mut self) {
        self.kill();
        crate::trace::kill_processes(self.dir.path());
    }

    /// Loses the machine as a power cut would, and lets it have started again: no process, no exec root, nothing in the
    /// kernel, another boot id. The daemon is not started.
    ///
    /// # Panics
    /// When something of it cannot be removed.
    pub fn lose_machine(&mut self) {
        self.crash();
        eventually("nothing of it is left in the kernel", || {
            crate::trace::remove_but_disk(self.dir.path());
            if let Some(namespace) = &self.namespace {
                crate::trace::strip(namespace);
            }
            let mut left = self.traces();
            left.retain(|trace| !trace.starts_with("file"));
            for link in crate::trace::OWN_LINKS {
                left.remove(&format!("link {link}"));
            }
            if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
        });
        fs::remove_dir_all(self.path("exec")).expect("the exec root can be removed");
        let boots = fs::read_to_string(self.path("boot-id")).expect("the boot id");
        fs::write(self.path("boot-id"), format!("{boots}1\n")).expect("the boot id");
    }

    fn clean(&mut self) -> Result<(), String> {
        if self.child.is_none() {
            self.restart();
        }
        self.shoal(&["swarm", "leave", "--force"]);
        let ids = self.shoal(&["ps", "-aq", "--no-trunc"]).out;
        let ids: Vec<&str> = ids.split_whitespace().collect();
        if ids.is_empty() {
            return Ok(());
        }
        let said = self.shoal(&[&["rm", "-f"], ids.as_slice()].concat());
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of shoald ---\n{}", tail(&self.log()));
            // The test failed already: end it without asking the daemon, which may be what is broken.
            self.crash();
        } else {
            if let Err(error) = self.clean() {
                eprintln!("cleaning up: {error}");
            }
            if self.child.is_some() {
                self.stop();
            }
        }
        self.crash();
        crate::trace::remove(self.dir.path());
    }
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    const LINES: usize = 80;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
