//! One daemon under measurement: started on a private socket and roots, spoken to over HTTP, ended on drop.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// How long a daemon may take until it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one API call may take.
const CALL_TIMEOUT: Duration = Duration::from_secs(180);
/// How long a daemon may take to end in order.
const END_TIMEOUT: Duration = Duration::from_secs(30);
/// Time between two looks at something that is awaited.
const POLL: Duration = Duration::from_millis(5);

/// An empty JSON object in base64: a push must say that it has no credentials.
const NO_CREDENTIALS: &str = "e30=";

pub(super) struct Daemon {
    pub(super) name: &'static str,
    child: Child,
    dir: PathBuf,
    socket: PathBuf,
}

impl Daemon {
    /// Starts `program` and waits until it answers.
    pub(super) fn start(name: &'static str, program: &Path, base: &Path, bip: &str) -> Result<Self> {
        Self::start_by(name, Command::new(program), base, bip)
    }

    /// The same with a command that becomes the daemon, whose arguments are still to come.
    pub(super) fn start_by(name: &'static str, mut command: Command, base: &Path, bip: &str) -> Result<Self> {
        let dir = base.join(name);
        fs::create_dir_all(&dir)?;
        let socket = dir.join("api.sock");
        let log = File::create(dir.join("log"))?;
        let child = command
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"))
            .args(["-H", &address(&socket)])
            .args(["--bip", bip])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let daemon = Self { name, child, dir, socket };
        let began = Instant::now();
        while daemon.request("GET", "/_ping", "", b"").is_err() {
            if began.elapsed() > READY_TIMEOUT {
                bail!("{name} does not answer; see {}", daemon.dir.join("log").display());
            }
            std::thread::sleep(POLL);
        }
        Ok(daemon)
    }

    /// Where clients find it.
    pub(super) fn host(&self) -> String {
        address(&self.socket)
    }

    /// One call with a JSON body (or none) that must succeed.
    pub(super) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send(method, path, "application/json", body.as_bytes())
    }

    /// What a path answers, as it comes.
    pub(super) fn read(&self, path: &str) -> Result<Vec<u8>> {
        let (status, answer) = self.request("GET", path, "", b"")?;
        if status >= 400 {
            bail!("{}: GET {path}: {status} {}", self.name, String::from_utf8_lossy(&answer));
        }
        Ok(answer)
    }

    /// One call with any body that must succeed.
    pub(super) fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Value> {
        let (status, answer) = self.request(method, path, kind, body)?;
        if status >= 400 {
            bail!("{}: {method} {path}: {status} {}", self.name, String::from_utf8_lossy(&answer));
        }
        Ok(serde_json::from_slice(&answer).unwrap_or(Value::Null))
    }

    /// One call that answers with lines of progress, among which a failure may hide behind a good status.
    pub(super) fn stream(&self, method: &str, path: &str, body: &[u8]) -> Result<()> {
        let (status, answer) = self.request(method, path, "application/x-tar", body)?;
        let answer = String::from_utf8_lossy(&answer);
        if status >= 400 || answer.contains("\"errorDetail\"") {
            bail!("{}: {method} {path}: {status} {answer}", self.name);
        }
        Ok(())
    }

    /// HTTP/1.0 keeps this small: the answer ends where the connection does.
    fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(CALL_TIMEOUT))?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             X-Registry-Auth: {NO_CREDENTIALS}\r\n\r\n"
        )?;
        // Who refuses a body does not read it to its end; the answer tells why.
        let sent = stream.write_all(body);
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        if answer.is_empty() {
            sent?;
        }
        let split =
            answer.windows(4).position(|four| four == b"\r\n\r\n").context("the answer has no head")?;
        let head = String::from_utf8_lossy(&answer[..split]).into_owned();
        let status =
            head.split(' ').nth(1).and_then(|code| code.parse().ok()).context("the answer has no status")?;
        Ok((status, answer.split_off(split + 4)))
    }

    /// Loses the machine as far as processes go: the daemon, all that names its directory, and all below those.
    pub(super) fn crash(&mut self) {
        let mut doomed = self.processes();
        loop {
            let below: Vec<u32> = parents()
                .into_iter()
                .filter(|(pid, parent)| doomed.contains(parent) && !doomed.contains(pid))
                .map(|(pid, _)| pid)
                .collect();
            if below.is_empty() {
                break;
            }
            doomed.extend(below);
        }
        let words = doomed.iter().map(u32::to_string);
        // Some have gone by themselves meanwhile.
        Command::new("kill").arg("-9").args(words).stderr(Stdio::null()).status().ok();
        self.child.wait().ok();
    }

    /// The daemon and every process whose command line names its directory.
    fn processes(&self) -> Vec<u32> {
        let name = self.dir.display().to_string();
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = pids.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
        let ours = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            *pid == self.child.id() || String::from_utf8_lossy(&line).contains(&name)
        };
        pids.filter(ours).collect()
    }

    /// Memory of the daemon, its children and every process whose command line names its directory, in
    /// megabytes, shared pages divided among their users (PSS, proc_pid_smaps(5)).
    pub(super) fn memory_mb(&self) -> f64 {
        let rollups = self.processes().into_iter().map(|pid| {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            pss.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        });
        let total_kb: u64 = rollups.sum();
        total_kb as f64 / 1024.0
    }
}

fn address(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

/// Every process with its parent.
fn parents() -> Vec<(u32, u32)> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in brackets may hold anything.
        let rest = stat.rsplit_once(") ")?.1;
        Some((pid, rest.split(' ').nth(1)?.parse().ok()?))
    };
    pids.filter_map(parent).collect()
}

impl Drop for Daemon {
    fn drop(&mut self) {
        Command::new("kill").arg(self.child.id().to_string()).stderr(Stdio::null()).status().ok();
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) {
            if began.elapsed() > END_TIMEOUT {
                self.child.kill().ok();
            }
            std::thread::sleep(POLL);
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let below = mounts
            .lines()
            .filter_map(|line| line.split(' ').nth(1))
            .filter(|path| Path::new(path).starts_with(&self.dir));
        for path in below.collect::<Vec<_>>().into_iter().rev() {
            Command::new("umount").args(["-l", path]).status().ok();
        }
    }
}
