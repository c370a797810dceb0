//! `cargo xtask demo`: from nothing to a service of three replicas that heals itself, on this machine.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::install::{IP, install};
use crate::process::{as_root, is_root, output, run as execute};
use crate::{build, pack};

/// How many replicas the demo runs.
const REPLICAS: usize = 3;
/// Longest wait for any step.
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(50);
/// One fetch of the page.
const FETCH_TIMEOUT: Duration = Duration::from_secs(2);
/// The service's name.
const SERVICE: &str = "hello";

/// A daemon of the demo's own, with everything under one directory.
struct Demo {
    programs: PathBuf,
    dir: PathBuf,
    daemon: Option<Child>,
}

/// Runs the demo; with `keep` it is left running.
pub(crate) fn run(keep: bool) -> Result<()> {
    install(&[IP])?;
    let programs = build::release()?;
    if !is_root() {
        // The rest starts containers: once more, as root, with everything built.
        let mut again = as_root(std::env::current_exe()?);
        again.arg("demo").args(keep.then_some("--keep"));
        return execute(&mut again);
    }
    let dir = std::env::temp_dir().join(format!("shoal-demo.{}", std::process::id()));
    let mut demo = Demo::start(programs, dir)?;
    let outcome = demo.play();
    if keep && outcome.is_ok() {
        println!(
            "\nThe demo keeps running. Talk to it with\n  export DOCKER_HOST=unix://{}",
            demo.socket().display()
        );
        println!("and end it with\n  kill {}", demo.daemon.take().map_or(0, |child| child.id()));
        return Ok(());
    }
    let ended = demo.end();
    outcome.and(ended)?;
    println!("\nThe demo has cleaned up after itself.");
    Ok(())
}

impl Demo {
    fn start(programs: PathBuf, dir: PathBuf) -> Result<Self> {
        fs::create_dir_all(&dir)?;
        let log = File::create(dir.join("shoald.log"))?;
        let socket = dir.join("shoal.sock");
        let child = Command::new(programs.join("shoald"))
            .arg("--data-root")
            .arg(dir.join("data"))
            .arg("--exec-root")
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("shoald.pid"))
            .arg("-H")
            .arg(format!("unix://{}", socket.display()))
            .args(["--bip", "172.29.0.1/16", "--config-file", "/dev/null"])
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("cannot start shoald")?;
        let demo = Self { programs, dir, daemon: Some(child) };
        eventually("shoald answers", || Ok(demo.shoal(&["version"]).is_ok()))
            .with_context(|| format!("see {}", demo.dir.join("shoald.log").display()))?;
        Ok(demo)
    }

    fn socket(&self) -> PathBuf {
        self.dir.join("shoal.sock")
    }

    /// Runs the client and returns what it printed.
    fn shoal(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new(self.programs.join("shoal"));
        output(command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(args))
    }

    /// The same, shown as a person would type it.
    fn show(&self, args: &[&str]) -> Result<String> {
        println!("\n$ shoal {}", args.join(" "));
        let said = self.shoal(args)?;
        print!("{said}");
        Ok(said)
    }

    fn play(&self) -> Result<()> {
        let image = self.programs.join("hello-http.tar");
        self.show(&["load", "-i", &image.display().to_string()])?;
        // Swarm traffic of the demo stays on loopback, on a port of its own.
        let listen = format!("127.0.0.1:{}", free_port()?);
        self.show(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", &listen])?;
        let replicas = REPLICAS.to_string();
        self.show(&[
            "service",
            "create",
            "--name",
            SERVICE,
            "--replicas",
            &replicas,
            "--publish",
            "published=0,target=80",
            "--restart-delay",
            "0s",
            pack::IMAGE,
        ])?;
        self.show(&["service", "ps", SERVICE])?;
        let port = self.shoal(&[
            "service",
            "inspect",
            "--format",
            "{{(index .Endpoint.Ports 0).PublishedPort}}",
            SERVICE,
        ])?;
        let port: u16 = port.trim().parse().context("the service has no published port")?;
        let before = fetch_all(port)?;

        let victim =
            self.shoal(&["ps", "-q", "--filter", &format!("label=com.docker.swarm.service.name={SERVICE}")])?;
        let victim = victim.lines().next().context("no container of the service is listed")?.to_owned();
        self.show(&["kill", &victim])?;
        eventually("a replacement runs", || {
            let ids = self.shoal(&[
                "ps",
                "-q",
                "--filter",
                &format!("label=com.docker.swarm.service.name={SERVICE}"),
            ])?;
            Ok(ids.lines().count() == REPLICAS && !ids.contains(&victim))
        })?;
        self.show(&["service", "ps", SERVICE])?;
        let after = fetch_all(port)?;
        ensure!(after != before, "the same replicas answer as before the kill");
        Ok(())
    }

    /// Ends the service, the swarm and the daemon, and removes every trace.
    fn end(mut self) -> Result<()> {
        let removed = self.shoal(&["service", "rm", SERVICE]).and_then(|_| {
            eventually("the service's containers are gone", || {
                Ok(self.shoal(&["ps", "-aq"])?.trim().is_empty())
            })
        });
        let left = self.shoal(&["swarm", "leave", "--force"]).map(|_| ());
        let ended = self.daemon.take().map_or(Ok(()), end_daemon);
        if removed.is_ok() && left.is_ok() && ended.is_ok() {
            fs::remove_dir_all(&self.dir)?;
        } else {
            println!("what is left is under {}", self.dir.display());
        }
        removed.and(left).and(ended)
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Asks the daemon to end and waits for it.
fn end_daemon(mut child: Child) -> Result<()> {
    execute(Command::new("kill").arg(child.id().to_string()))?;
    eventually("shoald ends", || Ok(child.try_wait()?.is_some()))?;
    let status = child.wait()?;
    ensure!(status.success(), "shoald ended with {status}");
    Ok(())
}

/// Fetches the page until every replica has answered; returns the host names.
fn fetch_all(port: u16) -> Result<BTreeSet<String>> {
    println!("\n$ curl http://127.0.0.1:{port}/   # until all have answered");
    let mut hosts = BTreeSet::new();
    eventually("all replicas answer", || {
        if let Ok(host) = fetch(port)
            && hosts.insert(host.clone())
        {
            println!("{host}");
        }
        Ok(hosts.len() >= REPLICAS)
    })?;
    Ok(hosts)
}

fn fetch(port: u16) -> Result<String> {
    let address = ([127, 0, 0, 1], port).into();
    let mut stream = TcpStream::connect_timeout(&address, FETCH_TIMEOUT)?;
    stream.set_read_timeout(Some(FETCH_TIMEOUT))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    ensure!(head.contains(" 200 "), "{head}");
    Ok(body.trim().to_owned())
}

/// Waits until `holds` says so.
fn eventually(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    loop {
        let last = holds();
        if matches!(last, Ok(true)) {
            return Ok(());
        }
        if began.elapsed() > STEP_TIMEOUT {
            last?;
            bail!("not within {} s: {what}", STEP_TIMEOUT.as_secs());
        }
        std::thread::sleep(POLL);
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
