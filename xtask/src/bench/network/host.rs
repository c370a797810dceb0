//! A daemon in a network namespace of its own, with a neighbour on its only wire.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::bench::daemon::Daemon;
use crate::process::output;

/// The addresses of the daemon's machine on the wire, with the lengths of their prefixes.
const OWN: [&str; 2] = ["192.0.2.1/24", "2001:db8::1/64"];
/// The neighbour's.
const NEIGHBOUR: [&str; 2] = ["192.0.2.2/24", "2001:db8::2/64"];
/// Where the default bridge is, which is not used here.
const BIP: &str = "172.30.0.1/16";

/// Ends the daemon first and removes the namespaces then.
pub(super) struct Host {
    pub(super) daemon: Daemon,
    pub(super) own: Namespace,
    pub(super) neighbour: Namespace,
}

impl Host {
    pub(super) fn start(name: &'static str, program: &Path, args: &[&str], base: &Path) -> Result<Host> {
        let namespace = |part| Namespace::new(format!("{name}-{part}-{}", std::process::id()));
        let (own, neighbour) = (namespace("own")?, namespace("neighbour")?);
        own.ip(&["link", "add", "lan", "type", "veth", "peer", "name", "lan", "netns", &neighbour.name])?;
        for (side, addresses) in [(&own, OWN), (&neighbour, NEIGHBOUR)] {
            side.ip(&["link", "set", "lan", "up"])?;
            side.ip(&["addr", "add", addresses[0], "dev", "lan"])?;
            side.ip(&["addr", "add", addresses[1], "dev", "lan", "nodad"])?;
        }
        let mut command = inside(&own.path(), program);
        command.args(args);
        Ok(Host { daemon: Daemon::start_by(name, command, base, BIP)?, own, neighbour })
    }
}

/// A network namespace with its loopback up, removed on drop.
pub(in crate::bench) struct Namespace {
    pub(in crate::bench) name: String,
}

impl Namespace {
    pub(in crate::bench) fn new(name: String) -> Result<Namespace> {
        output(Command::new("ip").args(["netns", "add", &name]))?;
        let namespace = Namespace { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// The file that stands for it.
    pub(in crate::bench) fn path(&self) -> String {
        format!("/run/netns/{}", self.name)
    }

    pub(in crate::bench) fn ip(&self, args: &[&str]) -> Result<()> {
        output(Command::new("ip").args(["-n", &self.name]).args(args)).map(|_| ())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        Command::new("ip").args(["netns", "del", &self.name]).status().ok();
    }
}

/// A command in a network namespace, with the machine's own view of everything else.
pub(in crate::bench) fn inside(namespace: &str, program: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={namespace}")).arg("--").arg(program);
    command
}
