//! Names on a network of a user's, with and without the daemon.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use testkit::program::run;
use testkit::{Daemon, Lan, eventually};

/// How long the daemon is away.
const ABSENCE: Duration = Duration::from_secs(30);

/// What `name` is for a container, by its process: no daemon is needed. Empty if there is no such name.
fn lookup(pid: &str, name: &str) -> String {
    let asked =
        run(Command::new("nsenter").args(["-t", pid, "-n", "busybox", "nslookup", name, "127.0.0.11"]));
    let addresses = asked.out.lines().filter_map(|line| line.strip_prefix("Address: "));
    addresses.map(str::trim).collect::<Vec<_>>().join(" ")
}

fn is(pid: &str, name: &str, address: &str) {
    eventually(&format!("{name} is {address:?}"), || {
        let found = lookup(pid, name);
        if found == address { Ok(()) } else { Err(found) }
    });
}

fn inspect(daemon: &Daemon, container: &str, what: &str) -> String {
    daemon.docker(&["inspect", "-f", what, container]).ok()
}

/// A server of the outside that says one address of every name.
fn serve(socket: UdpSocket, address: Ipv4Addr) {
    thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((len, client)) = socket.recv_from(&mut bytes) {
            let mut answer = bytes[..len].to_vec();
            let is_v4 = answer[len - 4..len] == [0, 1, 0, 1];
            answer[2] |= 0x80;
            answer[7] = u8::from(is_v4);
            if is_v4 {
                answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                answer.extend(address.octets());
            }
            // The test may be over.
            let _ = socket.send_to(&answer, client);
        }
    });
}

#[test]
fn names_follow_containers_and_resolve_while_nobody_manages_them() {
    let lan = Lan::new(2);
    let socket = lan.hosts[1].inside(|| UdpSocket::bind("0.0.0.0:53")).unwrap();
    serve(socket, Ipv4Addr::new(192, 0, 2, 7));
    let mut daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["network", "create", "inner"]).ok();
    daemon.docker(&["network", "create", "other"]).ok();
    let start = |name: &str, network: &str, more: &[&str]| {
        let args = [&["run", "-d", "--name", name, "--network", network], more, &["busybox", "sleep", "600"]];
        daemon.docker(&args.concat()).ok();
        inspect(&daemon, name, "{{.State.Pid}}")
    };
    let asker = start("asker", "inner", &["--dns", &Lan::address(1)]);
    start("web", "inner", &["--network-alias", "site"]);
    start("stranger", "other", &[]);
    let web = inspect(&daemon, "web", "{{.NetworkSettings.Networks.inner.IPAddress}}");
    for name in ["web", "site", "WEB.inner", &inspect(&daemon, "web", "{{slice .Id 0 12}}")] {
        is(&asker, name, &web);
    }
    // The outside knows every name; a container of another network is one of them.
    is(&asker, "a.example", "192.0.2.7");
    is(&asker, "stranger", "192.0.2.7");

    daemon.kill();
    let begun = Instant::now();
    eventually("the daemon is away for long enough", || {
        is(&asker, "web", &web);
        is(&asker, &format!("n{}.example", begun.elapsed().as_millis()), "192.0.2.7");
        if begun.elapsed() < ABSENCE { Err("not yet") } else { Ok(()) }
    });
    daemon.restart();
    is(&asker, "site", &web);
    daemon.docker(&["rm", "-f", "web"]).ok();
    is(&asker, "web", "192.0.2.7");

    let holder = daemon.processes().into_iter().find(|pid| {
        std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path.ends_with("shoal-net"))
    });
    let holder = holder.expect("shoal-net runs");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(holder), nix::sys::signal::Signal::SIGKILL).unwrap();
    is(&asker, "asker", &inspect(&daemon, "asker", "{{.NetworkSettings.Networks.inner.IPAddress}}"));
    is(&asker, "b.example", "192.0.2.7");
}
