//! Every point of every verb at which the daemon, or a shim, may die.
//!
//! A verb is run again and again, and dies at its first, second, third … crash point, until it comes through. After
//! each death the daemon is started anew, and what the verb concerned is removed by ordinary requests. Then the disk and
//! the kernel's tables must be exactly as they were before the verb was ever run.
//!
//! Verbs are requests, not commands: where the machine is emulated, starting a client costs more than all the rest.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use testkit::program::run as run_program;
use testkit::{Daemon, Lan, eventually};

use crate::checkpoint::criu_works;

/// More points than any verb has: a verb that passes so many goes round in circles.
const MOST_POINTS: u64 = 400;
/// Names the points to die at, as `FIRST/STEP`, where not all of them can be walked: `3/8` is 3, 11, 19 …
const SAMPLE: &str = "SHOAL_POINTS";

/// One request to the daemon.
struct Ask {
    method: &'static str,
    path: Cow<'static, str>,
    body: Cow<'static, [u8]>,
}

impl Ask {
    const fn new(method: &'static str, path: &'static str) -> Ask {
        Ask::with(method, path, "")
    }

    const fn with(method: &'static str, path: &'static str, body: &'static str) -> Ask {
        Ask { method, path: Cow::Borrowed(path), body: Cow::Borrowed(body.as_bytes()) }
    }

    /// With the contents of an archive.
    fn sending(method: &'static str, path: &'static str, file: &std::path::Path) -> Ask {
        Ask::owned(method, path.to_owned(), std::fs::read(file).expect("the archive"))
    }

    fn owned(method: &'static str, path: String, body: Vec<u8>) -> Ask {
        Ask { method, path: Cow::Owned(path), body: Cow::Owned(body) }
    }

    /// The status of the answer and what it says; no answer when the daemon dies of it.
    fn of(&self, daemon: &Daemon) -> Result<(u16, String), std::io::Error> {
        daemon.exchange(self.method, &self.path, &self.body)
    }

    /// Must do what it says.
    fn ok(&self, daemon: &Daemon) {
        let (status, said) = self.of(daemon).expect("the daemon answers");
        assert!(status < 400, "{} {}: {status} {said}", self.method, self.path);
    }
}

/// The first point to die at, and how many further each next one lies.
fn sample() -> (u64, usize) {
    let Ok(text) = std::env::var(SAMPLE) else { return (1, 1) };
    let parts =
        text.split_once('/').and_then(|(first, step)| Some((first.parse().ok()?, step.parse().ok()?)));
    parts.filter(|(first, step)| *first > 0 && *step > 0).expect("SHOAL_POINTS is FIRST/STEP, from 1")
}

/// A daemon on a machine of its own, with a container that must not notice anything.
struct Bench {
    daemon: Daemon,
    kept: String,
    before: BTreeSet<String>,
    lan: Lan,
}

impl Bench {
    fn new() -> Bench {
        let lan = Lan::new(1);
        let daemon = Daemon::start_in(&lan.hosts[0], &[]);
        let hello = testkit::program::programs().join("hello-http.tar");
        Ask::sending("POST", "/images/load", &hello).ok(&daemon);
        KEPT.iter().for_each(|ask| ask.ok(&daemon));
        let mut bench = Bench { daemon, kept: String::new(), before: BTreeSet::new(), lan };
        // The record of the start is on the disk when the daemon has ended: what is read after a death is what was told.
        bench.daemon.stop();
        bench.daemon.restart();
        bench.kept = bench.process();
        bench.before = bench.settled();
        bench
    }

    fn process(&self) -> String {
        let state = &self.daemon.get("/containers/kept/json")["State"];
        format!("{} {} {}", state["Pid"], state["StartedAt"], state["Status"])
    }

    /// What is there once nothing changes any more.
    fn settled(&self) -> BTreeSet<String> {
        let mut last = self.daemon.traces();
        eventually("the daemon comes to rest", || {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let now = self.daemon.traces();
            let same = now == last;
            last = now;
            if same { Ok(()) } else { Err("it still changes something") }
        });
        last
    }

    /// Dies at the points of `verb`, which `prepare` makes possible; `undo` are the requests that remove what came of
    /// it, of which some may find nothing to remove.
    fn walk(&mut self, name: &str, prepare: &[&Ask], verb: &[&Ask], undo: &[&Ask]) {
        let (first, step) = sample();
        for (walked, point) in (first..=MOST_POINTS).step_by(step).enumerate() {
            prepare.iter().for_each(|ask| ask.ok(&self.daemon));
            self.daemon.crash_at(point);
            let said = verb.iter().try_for_each(|ask| match ask.of(&self.daemon) {
                Ok((status, _)) if status < 400 => Ok(()),
                refused => Err(format!("{} {}: {refused:?}", ask.method, ask.path)),
            });
            if !self.daemon.has_crashed() {
                // Some of it goes on behind the answer.
                self.settled();
            }
            let (passed, deadly) = self.daemon.crash_over();
            let place = format!("{name} died at point {point}, {:?}", passed.last());
            if !self.daemon.is_running() {
                self.daemon.restart();
            }
            assert_eq!(self.process(), self.kept, "{place}: another container noticed");
            for ask in undo {
                let (status, said) = ask.of(&self.daemon).expect("the daemon answers");
                assert!(status < 400 || status == 404, "{place}: {} {}: {said}", ask.method, ask.path);
            }
            self.is_as_before(&place);
            if !deadly {
                assert_eq!(said, Ok(()), "{name} came through and failed");
                assert!(!passed.is_empty(), "{name} passes no crash point: are the programs built for it?");
                eprintln!("{name}: died at {walked} points of {}", passed.len());
                return;
            }
        }
        panic!("{name} passes more than {MOST_POINTS} points");
    }

    fn is_as_before(&self, place: &str) {
        eventually(&format!("{place}: everything is as before"), || {
            let now = self.daemon.traces();
            let left: Vec<_> = now.difference(&self.before).collect();
            let gone: Vec<_> = self.before.difference(&now).collect();
            if left.is_empty() && gone.is_empty() {
                Ok(())
            } else {
                Err(format!("left {left:#?}, gone {gone:#?}"))
            }
        });
    }
}

const KEPT: [Ask; 2] = [
    Ask::with(
        "POST",
        "/containers/create?name=kept",
        r#"{"Image": "shoal/hello-http", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "7000"}]}}}"#,
    ),
    Ask::new("POST", "/containers/kept/start"),
];
const CREATE: &Ask = &Ask::with(
    "POST",
    "/containers/create?name=victim",
    r#"{"Image": "shoal/hello-http", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "7001"}]}}}"#,
);
const START: &Ask = &Ask::new("POST", "/containers/victim/start");
const PAUSE: &Ask = &Ask::new("POST", "/containers/victim/pause");
const REMOVE: &Ask = &Ask::new("DELETE", "/containers/victim?force=1");

#[test]
fn create_and_remove() {
    let mut bench = Bench::new();
    bench.walk("create", &[], &[CREATE], &[REMOVE]);
    bench.walk("rm", &[CREATE], &[&Ask::new("DELETE", "/containers/victim")], &[REMOVE]);
}

#[test]
fn run() {
    Bench::new().walk("run -d", &[], &[CREATE, START], &[REMOVE]);
}

#[test]
fn stop_and_start() {
    let mut bench = Bench::new();
    bench.walk("stop", &[CREATE, START], &[&Ask::new("POST", "/containers/victim/stop")], &[REMOVE]);
    let restart = Ask::new("POST", "/containers/victim/restart?t=0");
    bench.walk("restart", &[CREATE, START], &[&restart], &[REMOVE]);
}

#[test]
fn remove_by_force() {
    Bench::new().walk("rm -f", &[CREATE, START], &[REMOVE], &[REMOVE]);
}

#[test]
fn changes_of_what_runs() {
    let mut bench = Bench::new();
    bench.walk("pause", &[CREATE, START], &[PAUSE], &[REMOVE]);
    let unpause = Ask::new("POST", "/containers/victim/unpause");
    bench.walk("unpause", &[CREATE, START, PAUSE], &[&unpause], &[REMOVE]);
    let limits = r#"{"Memory": 67108864, "RestartPolicy": {"Name": "always"}}"#;
    let update = Ask::with("POST", "/containers/victim/update", limits);
    bench.walk("update", &[CREATE, START], &[&update], &[REMOVE]);
}

#[test]
fn changes_of_what_is_made() {
    let mut bench = Bench::new();
    let rename = Ask::new("POST", "/containers/victim/rename?name=other");
    let renamed = Ask::new("DELETE", "/containers/other?force=1");
    bench.walk("rename", &[CREATE], &[&rename], &[REMOVE, &renamed]);
    bench.walk("container prune", &[CREATE], &[&Ask::new("POST", "/containers/prune")], &[REMOVE]);
}

#[test]
fn run_and_forget() {
    let mut bench = Bench::new();
    testkit::image::import_busybox(&bench.daemon);
    bench.before = bench.settled();
    let create = Ask::with(
        "POST",
        "/containers/create?name=victim",
        r#"{"Image": "busybox", "Cmd": ["true"], "HostConfig": {"AutoRemove": true}}"#,
    );
    let wait = Ask::new("POST", "/containers/victim/wait?condition=removed");
    // Told at any time after its start, a container that is gone was there.
    bench.walk("run --rm", &[], &[&create, START, &wait], &[REMOVE]);
}

#[test]
fn images() {
    let mut bench = Bench::new();
    let hello = testkit::program::programs().join("hello-http.tar");
    let tag = Ask::new("POST", "/images/shoal/hello-http/tag?repo=other&tag=1");
    let untag = Ask::new("DELETE", "/images/other:1");
    bench.walk("tag", &[], &[&tag], &[&untag]);
    bench.walk("rmi", &[&tag], &[&untag], &[&untag]);
    bench.walk("load", &[], &[&Ask::sending("POST", "/images/load", &hello)], &[]);
    // Few entries, since each is a point.
    let import = "/images/create?fromSrc=-&repo=other&tag=2&message=another";
    let import = Ask::sending("POST", import, &small_archive(&bench.daemon));
    let remove = Ask::new("DELETE", "/images/other:2");
    bench.walk("import", &[], &[&import], &[&remove]);
    // What the garbage collector does, too.
    let prune = Ask::new("POST", "/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D");
    bench.walk("image prune", &[&import], &[&prune], &[&remove]);
    bench.walk("rmi of the last name", &[&import], &[&remove], &[&remove]);
}

/// Debian's registry on the loopback of the daemon's machine.
struct Inside {
    child: std::process::Child,
    _data: tempfile::TempDir,
}

impl Inside {
    fn start(bench: &Bench) -> Inside {
        let data = tempfile::Builder::new().prefix("shoal-test.").tempdir().expect("a directory");
        let config = data.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:5000\n",
            data.path().join("data").display()
        );
        std::fs::write(&config, text).expect("the registry's configuration");
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", bench.lan.hosts[0].name)).arg("--");
        command.args(["docker-registry", "serve"]).arg(config);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Inside { child: command.spawn().expect("docker-registry"), _data: data }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn images_of_a_registry() {
    let mut bench = Bench::new();
    let _registry = Inside::start(&bench);
    let import = "/images/create?fromSrc=-&repo=127.0.0.1:5000/small&tag=1";
    let import = Ask::sending("POST", import, &small_archive(&bench.daemon));
    let push = Ask::new("POST", "/images/127.0.0.1:5000/small/push?tag=1");
    let pull = Ask::new("POST", "/images/create?fromImage=127.0.0.1:5000/small&tag=1");
    let remove = Ask::new("DELETE", "/images/127.0.0.1:5000/small:1?force=1");
    import.ok(&bench.daemon);
    eventually("the registry takes an image", || match push.of(&bench.daemon) {
        Ok((200, said)) if !said.contains("errorDetail") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    remove.ok(&bench.daemon);
    bench.is_as_before("before all");
    bench.walk("pull", &[], &[&pull], &[&remove]);
    bench.walk("push", &[&import], &[&push], &[&remove]);
}

/// A directory with one file.
fn small_archive(daemon: &Daemon) -> std::path::PathBuf {
    let (archive, root) = (daemon.path("small.tar"), daemon.path("small"));
    std::fs::create_dir_all(root.join("a")).unwrap();
    std::fs::write(root.join("a/file"), "small").unwrap();
    run_program(Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg("a")).ok();
    archive
}

#[test]
fn volumes_are_made_and_removed() {
    let mut bench = Bench::new();
    let create = &Ask::with(
        "POST",
        "/containers/create?name=victim",
        r#"{"Image": "shoal/hello-http", "Volumes": {"/own": {}},
            "HostConfig": {"Binds": ["data:/data"], "PortBindings": {"80/tcp": [{"HostPort": "7001"}]}}}"#,
    );
    let remove = &Ask::new("DELETE", "/containers/victim?force=1&v=1");
    let remove_volume = &Ask::new("DELETE", "/volumes/data?force=1");
    let volume = &Ask::with("POST", "/volumes/create", r#"{"Name": "data"}"#);
    bench.walk("create -v", &[], &[create], &[remove, remove_volume]);
    bench.walk("rm -v", &[create], &[remove], &[remove, remove_volume]);
    bench.walk("volume create", &[], &[volume], &[remove_volume]);
    bench.walk("volume rm", &[volume], &[&Ask::new("DELETE", "/volumes/data")], &[remove_volume]);
}

#[test]
fn volumes_are_imported() {
    let mut bench = Bench::new();
    let archive = small_archive(&bench.daemon);
    let import = &Ask::sending("PUT", "/shoal/volumes/data/archive", &archive);
    let remove = &Ask::new("DELETE", "/volumes/data?force=1");
    let volume = &Ask::with("POST", "/volumes/create", r#"{"Name": "data"}"#);
    bench.walk("volume import", &[], &[import], &[remove]);
    bench.walk("volume import into one that is there", &[volume], &[import], &[remove]);
    // Where there are no quotas it fails, whole.
    let memory = &Ask::with(
        "POST",
        "/volumes/create",
        r#"{"Name": "data", "DriverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}"#,
    );
    let run = &Ask::with(
        "POST",
        "/containers/create?name=victim",
        r#"{"Image": "shoal/hello-http", "HostConfig": {"Binds": ["data:/data"], "Mounts": [
            {"Type": "image", "Source": "shoal/hello-http", "Target": "/image"}]}}"#,
    );
    bench.walk("run with an image and memory mounted", &[memory], &[run, START], &[REMOVE, remove]);
    bench.walk("rm of one with an image mounted", &[memory, run], &[REMOVE], &[REMOVE, remove]);
}

#[test]
fn commit() {
    let mut bench = Bench::new();
    let commit = Ask::new("POST", "/commit?container=victim&repo=made");
    let made = Ask::new("DELETE", "/images/made");
    bench.walk("commit", &[CREATE, START], &[&commit], &[REMOVE, &made]);
}

#[test]
fn a_copy_into_a_stopped_container() {
    let mut bench = Bench::new();
    let archive = small_archive(&bench.daemon);
    let copy = Ask::sending("PUT", "/containers/victim/archive?path=/", &archive);
    bench.walk("cp", &[CREATE], &[&copy], &[REMOVE]);
}

/// A checkpoint in the container's own directory goes with the container; of one elsewhere, whole or half, nothing but we
/// ourselves may be left to find.
#[test]
fn checkpoints() {
    let mut bench = Bench::new();
    let elsewhere = bench.daemon.path("data/elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    bench.before = bench.settled();
    let elsewhere = elsewhere.display();
    let freeze = |exit: bool, dir: &str| {
        let body = format!(r#"{{"CheckpointID": "cold", "CheckpointDir": "{dir}", "Exit": {exit}}}"#);
        Ask::owned("POST", "/containers/victim/checkpoints".to_owned(), body.into_bytes())
    };
    let (stop, go_on, away) = (freeze(true, ""), freeze(false, ""), freeze(true, &elsewhere.to_string()));
    let thaw = Ask::new("POST", "/containers/victim/start?checkpoint=cold");
    if !criu_works() {
        eprintln!("checkpoints: only their refusal is seen, criu cannot work here");
        return are_refused(&bench, &go_on, &thaw);
    }
    let remove = Ask::new("DELETE", "/containers/victim/checkpoints/cold");
    let remove_away = format!("/containers/victim/checkpoints/cold?dir={elsewhere}");
    let remove_away = Ask::owned("DELETE", remove_away, Vec::new());
    // Until its shim is gone a container may still be writing.
    let kill = Ask::new("POST", "/containers/victim/stop?t=0");
    bench.walk("checkpoint create", &[CREATE, START], &[&stop], &[REMOVE]);
    bench.walk("checkpoint create --leave-running", &[CREATE, START], &[&go_on], &[REMOVE]);
    let undo: &[&Ask] = &[&kill, &remove_away, REMOVE];
    bench.walk("checkpoint create --checkpoint-dir", &[CREATE, START], &[&away], undo);
    bench.walk("start --checkpoint", &[CREATE, START, &stop], &[&thaw], &[REMOVE]);
    bench.walk("checkpoint rm", &[CREATE, START, &stop], &[&remove], &[REMOVE]);
    bench.walk("checkpoint rm --checkpoint-dir", &[CREATE, START, &away], &[&remove_away], undo);
}

/// With the reason, and without a trace.
fn are_refused(bench: &Bench, freeze: &Ask, thaw: &Ask) {
    CREATE.ok(&bench.daemon);
    START.ok(&bench.daemon);
    let (status, said) = freeze.of(&bench.daemon).expect("the daemon answers");
    assert!(status == 501 && said.contains("checkpoints are not available: criu"), "{status} {said}");
    let (status, said) = thaw.of(&bench.daemon).expect("the daemon answers");
    assert!(status == 404 && said.contains("checkpoint cold does not exist"), "{status} {said}");
    REMOVE.ok(&bench.daemon);
    bench.is_as_before("refused");
}

#[test]
fn networks() {
    let mut bench = Bench::new();
    let create = &Ask::with(
        "POST",
        "/networks/create",
        r#"{"Name": "own", "IPAM": {"Config": [{"Subnet": "10.211.0.0/24"}]}, "Labels": {"a": "b"}}"#,
    );
    let remove_network = &Ask::new("DELETE", "/networks/own");
    let connect = &Ask::with("POST", "/networks/own/connect", r#"{"Container": "victim"}"#);
    let disconnect = &Ask::with("POST", "/networks/own/disconnect", r#"{"Container": "victim"}"#);
    let on_own = &Ask::with(
        "POST",
        "/containers/create?name=victim",
        r#"{"Image": "shoal/hello-http", "HostConfig": {"NetworkMode": "own", "PortBindings": {"80/tcp": [{"HostPort": "7001"}]}}}"#,
    );
    bench.walk("network create", &[], &[create], &[remove_network]);
    bench.walk("network rm", &[create], &[remove_network], &[remove_network]);
    bench.walk("run on a network", &[create], &[on_own, START], &[REMOVE, remove_network]);
    bench.walk("network connect", &[create, CREATE, START], &[connect], &[REMOVE, remove_network]);
    bench.walk(
        "network disconnect",
        &[create, CREATE, START, connect],
        &[disconnect],
        &[REMOVE, remove_network],
    );
    bench.walk("network connect of what is made", &[create, CREATE], &[connect], &[REMOVE, remove_network]);
}
