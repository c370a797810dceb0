//! The other containers a container leans on: whose namespaces it shares, and to which it links.

use crate::error::{Error, Result};
use crate::plan::{ExtraHost, HostAddress, Linked, Plan, Share};
use crate::record::Record;
use crate::shared::Shared;
use crate::spec::{ContainerSpec, Invalid, NamespaceMode, NetworkMode};
use network::Endpoint;
use std::net::IpAddr;
use std::sync::Arc;

/// What is known of those containers when this one starts.
#[derive(Debug, Default)]
pub(super) struct Joined {
    /// Whose network is shared.
    pub(super) network_of: Option<Arc<Record>>,
    /// The first process of the container whose process tree is shared.
    pub(super) pids_of: Option<u32>,
    /// The same of its message queues and shared memory.
    pub(super) ipc_of: Option<u32>,
    /// Lines of the hosts file.
    pub(super) linked_hosts: Vec<ExtraHost>,
    /// Variables of the first process.
    pub(super) linked_env: Vec<String>,
}

/// Whether the others exist. They need not run yet.
///
/// # Errors
/// Not as "not found": clients take that for the image's absence, pull it, and try again.
pub(super) fn check(shared: &Shared, spec: &ContainerSpec, plan: &Plan) -> Result<()> {
    let exists = |name: &str| match shared.index().find(name) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::from(Invalid::NoSuchTarget(name.to_owned()))),
    };
    if let NetworkMode::Container(name) = &spec.host.network_mode {
        exists(name)?;
    }
    for share in [&plan.namespaces.pid, &plan.namespaces.ipc] {
        if let Share::Container(name) = share {
            exists(name)?;
        }
    }
    for link in &plan.links {
        exists(&link.target).map_err(|_| Invalid::LinkTarget(link.target.clone()))?;
    }
    Ok(())
}

/// Finds the others, which must run now.
pub(super) fn find(shared: &Shared, record: &Record, plan: &Plan) -> Result<Joined> {
    let running = |what: &'static str, name: &str| {
        let target = shared.index().find(name)?.snapshots.borrow().clone();
        match target.state.pid {
            0 => Err(Error::JoinNotRunning { what, id: target.id.clone() }),
            _ => Ok(target),
        }
    };
    let mut joined = Joined::default();
    if let NetworkMode::Container(name) = &record.spec.host.network_mode {
        joined.network_of = Some(running("network namespace", name)?);
    }
    if let Share::Container(name) = &plan.namespaces.pid {
        joined.pids_of = Some(running("PID namespace", name)?.state.pid);
    }
    if let Share::Container(name) = &plan.namespaces.ipc {
        let target = running("IPC", name)?;
        if !matches!(target.spec.host.ipc_mode, NamespaceMode::Shareable | NamespaceMode::Host) {
            return Err(Invalid::NotShareable(target.id.clone()).into());
        }
        joined.ipc_of = Some(target.state.pid);
    }
    for link in &plan.links {
        let target = shared.index().find(&link.target)?.snapshots.borrow().clone();
        let (owner, alias) = (record.name.as_str(), link.alias.as_str());
        if target.state.pid == 0 {
            let (target, alias) = (format!("/{}", target.name), format!("/{owner}/{alias}"));
            return Err(Invalid::LinkNotRunning { target, alias }.into());
        }
        let Some(address) = on_bridge(&target).and_then(Endpoint::address_v4) else {
            return Err(Invalid::LinkNetwork(target.name.clone()).into());
        };
        let names = link_names(alias, &target);
        joined.linked_hosts.push(ExtraHost { name: names, address: HostAddress::Ip(IpAddr::V4(address)) });
        let config = &target.spec.config;
        let ports: Vec<_> = config.exposed_ports.iter().copied().collect();
        let linked = Linked { owner, alias, address, ports: &ports, env: &config.env };
        joined.linked_env.extend(linked.variables());
    }
    Ok(joined)
}

/// Its place on the default bridge, the one network that such links are for.
pub(super) fn on_bridge(target: &Record) -> Option<&Endpoint> {
    target.endpoints.iter().find(|endpoint| endpoint.network_name == "bridge")
}

/// By which names the target of a link is found.
pub(super) fn link_names(alias: &str, target: &Record) -> String {
    format!("{alias} {} {}", target.short_id(), target.name)
}
