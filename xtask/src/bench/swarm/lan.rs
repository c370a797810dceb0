//! Machines on one bridge, each a network namespace with a daemon in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::bench::daemon::Daemon;
use crate::bench::network::{Namespace, inside};

/// Where the machines' default bridges are, which are not used here.
const BIP: &str = "172.30.0.1/16";

/// Ends the daemons first and removes the namespaces then.
pub(super) struct Lan {
    pub(super) machines: Vec<Machine>,
    _switch: Namespace,
}

pub(super) struct Machine {
    pub(super) daemon: Daemon,
    pub(super) address: String,
    is_crashed: bool,
    _own: Namespace,
}

impl Lan {
    pub(super) fn start(name: &'static str, program: &Path, machines: usize, base: &Path) -> Result<Lan> {
        let switch = Namespace::new(format!("{name}-switch-{}", std::process::id()))?;
        switch.ip(&["link", "add", "br0", "type", "bridge"])?;
        switch.ip(&["link", "set", "br0", "up"])?;
        let machines = (1..=machines).map(|number| {
            let own = Namespace::new(format!("{name}-{number}-{}", std::process::id()))?;
            let (port, address) = (format!("p{number}"), format!("10.77.0.{number}"));
            switch.ip(&["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &own.name])?;
            switch.ip(&["link", "set", &port, "master", "br0", "up"])?;
            own.ip(&["addr", "add", &format!("{address}/24"), "dev", "eth0"])?;
            own.ip(&["link", "set", "eth0", "up"])?;
            let directory: PathBuf = base.join(format!("{name}-{number}"));
            let daemon = Daemon::start_by(name, inside(&own.path(), program), &directory, BIP)?;
            Ok(Machine { daemon, address, is_crashed: false, _own: own })
        });
        Ok(Lan { machines: machines.collect::<Result<_>>()?, _switch: switch })
    }

    /// The managers that were not crashed, each with its index among the machines.
    pub(super) fn managers(&self) -> impl Iterator<Item = (usize, &Machine)> {
        let managers = self.machines[..super::MANAGERS].iter().enumerate();
        managers.filter(|(_, machine)| !machine.is_crashed)
    }

    /// The managers that were not crashed.
    pub(super) fn alive(&self) -> impl Iterator<Item = &Machine> {
        self.managers().map(|(_, machine)| machine)
    }

    /// Which manager leads.
    pub(super) fn leader(&self) -> Result<usize> {
        let asked = self.alive().next().context("a manager is left")?;
        let nodes = asked.daemon.call("GET", "/nodes", None)?;
        let leads = |node: &&serde_json::Value| node["ManagerStatus"]["Leader"] == true;
        let leader = nodes.as_array().and_then(|nodes| nodes.iter().find(leads)).context("nobody leads")?;
        for (index, machine) in self.managers() {
            if super::node_id(machine)? == leader["ID"] {
                return Ok(index);
            }
        }
        anyhow::bail!("the leader is none of the machines")
    }
}

impl Machine {
    pub(super) fn crash(&mut self) {
        self.daemon.crash();
        self.is_crashed = true;
    }
}
