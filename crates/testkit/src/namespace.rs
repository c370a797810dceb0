//! Machines made of network namespaces: each a namespace with one link into a common bridge.
//!
//! Everything is removed on drop. Names carry the test's process id, so that tests run beside each other.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::program::run;

/// The table that cuts a machine off, beside all others.
const CUT: &str = "cut";

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    /// Its name, as `ip netns` knows it.
    pub name: String,
}

impl Namespace {
    /// Makes a namespace with its loopback up.
    ///
    /// # Panics
    /// Without root, or without iproute2.
    pub fn new() -> Self {
        crate::sweep::once();
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sh{}-{count}", std::process::id());
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Runs `ip` inside.
    pub fn ip(&self, args: &[&str]) {
        ip(&[&["-n", self.name.as_str()], args].concat());
    }

    /// A command that runs inside, with the machine's own view of everything else.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command
    }
}

impl Namespace {
    /// Runs `work` on a thread inside, where sockets are this machine's.
    ///
    /// # Panics
    /// When the namespace is gone, or `work` panics.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        inside(&self.name, work)
    }
}

/// Runs `work` on a thread in the network namespace of this process, as a container has one.
///
/// # Panics
/// When the process is gone, or `work` panics.
pub fn inside_process<T: Send>(pid: &str, work: impl FnOnce() -> T + Send) -> T {
    enter(&format!("/proc/{pid}/ns/net"), work)
}

/// Runs `work` on a thread in the namespace of this name.
pub(crate) fn inside<T: Send>(name: &str, work: impl FnOnce() -> T + Send) -> T {
    enter(&format!("/run/netns/{name}"), work)
}

fn enter<T: Send>(path: &str, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let inside = scope.spawn(|| {
            let namespace = std::fs::File::open(path).expect("the namespace");
            nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            work()
        });
        inside.join().expect("the work inside")
    })
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        run(Command::new("ip").args(["netns", "del", &self.name]));
    }
}

/// A network of machines `10.88.0.1`, `10.88.0.2`, … on one bridge, in namespaces of their own.
#[derive(Debug)]
pub struct Lan {
    /// The machines, in the order of their addresses.
    pub hosts: Vec<Namespace>,
    switch: Namespace,
}

impl Lan {
    /// Makes `count` machines.
    ///
    /// # Panics
    /// Without root, or without iproute2.
    pub fn new(count: usize) -> Self {
        let switch = Namespace::new();
        switch.ip(&["link", "add", "br0", "type", "bridge"]);
        switch.ip(&["link", "set", "br0", "up"]);
        let hosts = (1..=count).map(|number| {
            let host = Namespace::new();
            let port = format!("p{number}");
            switch.ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &host.name]);
            switch.ip(&["link", "set", &port, "master", "br0", "up"]);
            host.ip(&["addr", "add", &format!("{}/24", Self::address(number - 1)), "dev", "eth0"]);
            host.ip(&["link", "set", "eth0", "up"]);
            host
        });
        let hosts = hosts.collect();
        Self { hosts, switch }
    }

    /// Pulls the machine's cable at the switch.
    pub fn unplug(&self, index: usize) {
        self.switch.ip(&["link", "set", &format!("p{}", index + 1), "down"]);
    }

    /// Puts it back.
    pub fn plug(&self, index: usize) {
        self.switch.ip(&["link", "set", &format!("p{}", index + 1), "up"]);
    }

    /// The machine `to` hears nothing of the machine `from` any more; the other way round all is as before.
    ///
    /// # Panics
    /// When the rule cannot be made.
    pub fn deafen(&self, to: usize, from: usize) {
        let rules = format!(
            "add table ip {CUT}\n\
             add chain ip {CUT} in {{ type filter hook prerouting priority -400; }}\n\
             add rule ip {CUT} in ip saddr {} drop\n",
            Self::address(from)
        );
        self.nft(to, &rules).expect("the rule is made");
    }

    /// Cuts the machines in two groups: nobody of one hears anybody of the other.
    pub fn divide(&self, one: &[usize], other: &[usize]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            self.deafen(a, b);
            self.deafen(b, a);
        }
    }

    /// Takes back what [`Lan::unplug`], [`Lan::deafen`] and [`Lan::divide`] did.
    pub fn heal(&self) {
        for index in 0..self.hosts.len() {
            self.plug(index);
            // Most have none.
            let _ = self.nft(index, &format!("delete table ip {CUT}\n"));
        }
    }

    fn nft(&self, index: usize, rules: &str) -> Result<(), String> {
        let mut command = self.hosts[index].command("nft");
        let said = run(command.arg(rules));
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    }

    /// The address of the machine with this index.
    pub fn address(index: usize) -> String {
        format!("10.88.0.{}", index + 1)
    }
}

fn ip(args: &[&str]) {
    let said = run(Command::new("ip").args(args));
    assert_eq!(said.code, 0, "ip {}: {} (network namespaces need root)", args.join(" "), said.err.trim());
}
