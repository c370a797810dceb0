//! The embedded DNS of containers on user-defined networks: what `shoal-net` is told of them.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fs::File;
use std::thread;

use nix::sched::{CloneFlags, setns};

use super::attach::STACK_SIZE;
use super::{Event, Owner};
use crate::dns::{Asker, Joined, Named};
use crate::resolver::Sockets;
use crate::{Endpoint, Error, Resolver, Result};

/// So many threads at most make sockets anew; each waits for the kernel most of the time.
const VISITORS: usize = 8;

/// A container that has a DNS.
pub(super) struct Served {
    resolver: Resolver,
    /// Its network namespace, for other sockets should `shoal-net` end; `None` if they cannot be made anew.
    namespace: Option<File>,
    /// A thread is about to make them: a second one would take the rules from the first one's.
    is_visited: bool,
}

impl Served {
    /// A container that was served before we came, by what its process knows of its namespace.
    pub(super) fn adopt(resolver: Resolver, pid: u32) -> Served {
        let namespace = File::open(format!("/proc/{pid}/ns/net")).ok();
        Served { resolver, namespace, is_visited: false }
    }
}

/// By container.
pub(super) type AllServed = BTreeMap<String, Served>;

impl Owner {
    /// Makes a container, which has been wired, known to others, and answers it.
    pub(super) fn start_dns(
        &mut self,
        container_id: &str,
        resolver: Resolver,
        sockets: &Sockets,
    ) -> Result<()> {
        let container = self.containers.get(container_id);
        let endpoints = container.map(|container| container.endpoints.clone()).unwrap_or_default();
        let asker = self.asker(container_id, &endpoints, &resolver);
        let namespace = sockets.namespace.try_clone().ok();
        self.served.insert(container_id.to_owned(), Served { resolver, namespace, is_visited: false });
        self.keeper.set_names(self.names(&endpoints)).map_err(Error::Keeper)?;
        self.keeper.admit(asker, Some(sockets)).map_err(Error::Keeper)
    }

    /// A container's endpoints, or their names, are other ones now.
    pub(super) fn refresh_dns(&mut self, container_id: &str) -> Result<()> {
        let container = self.containers.get(container_id);
        let endpoints = container.map(|container| container.endpoints.clone()).unwrap_or_default();
        let names = self.names(&endpoints);
        let mut gone = self.keeper.names_of(container_id);
        gone.retain(|key| !names.iter().any(|named| named.key() == *key));
        self.keeper.remove_names(&gone).map_err(Error::Keeper)?;
        self.keeper.set_names(names).map_err(Error::Keeper)?;
        let Some(served) = self.served.get(container_id) else { return Ok(()) };
        let asker = self.asker(container_id, &endpoints, &served.resolver.clone());
        self.keeper.admit(asker, None).map_err(Error::Keeper)?;
        self.visit_deaf();
        Ok(())
    }

    /// Whether a container has a DNS.
    pub(super) fn is_served(&self, container_id: &str) -> bool {
        self.served.contains_key(container_id)
    }

    /// Forgets a container's names, and lets go of its network namespace.
    pub(super) fn stop_dns(&mut self, container_id: &str) -> Result<()> {
        self.served.remove(container_id);
        let names = self.keeper.names_of(container_id);
        let removed = self.keeper.remove_names(&names);
        let dismissed = self.keeper.dismiss(container_id);
        removed.and(dismissed).map_err(Error::Keeper)
    }

    /// Tells a `shoal-net` that was there before us what is so now.
    pub(super) fn adopt_dns(&mut self) -> Result<()> {
        for container_id in self.keeper.known_containers() {
            if !self.containers.contains_key(&container_id) {
                self.stop_dns(&container_id)?;
            }
        }
        let container_ids: Vec<String> = self.containers.keys().cloned().collect();
        for container_id in container_ids {
            self.refresh_dns(&container_id)?;
        }
        Ok(())
    }

    /// Makes sockets anew for containers whose sockets went with a `shoal-net`. [`Event::Heard`] follows for each.
    pub(super) fn visit_deaf(&mut self) {
        let mut visits = Vec::new();
        for asker in self.keeper.deaf() {
            let Some(served) = self.served.get_mut(&asker.container_id).filter(|served| !served.is_visited)
            else {
                continue;
            };
            if let Some(Ok(namespace)) = served.namespace.as_ref().map(File::try_clone) {
                served.is_visited = true;
                visits.push((asker.container_id, namespace));
            }
        }
        let share = visits.len().div_ceil(VISITORS).max(1);
        while !visits.is_empty() {
            let own: Vec<(String, File)> = visits.split_off(visits.len().saturating_sub(share));
            let containers: Vec<String> = own.iter().map(|(container_id, _)| container_id.clone()).collect();
            let events = self.sender.clone();
            let visit = move || {
                for (container_id, namespace) in own {
                    // An owner that is gone needs no answer.
                    let _ = events.send(Event::Heard(container_id, open_in(&namespace)));
                }
            };
            let visitor = thread::Builder::new().name("network-dns".to_owned()).stack_size(STACK_SIZE);
            if let Err(error) = visitor.spawn(visit) {
                tracing::error!(%error, "no thread can be started to restore the DNS of containers");
                for container_id in containers {
                    if let Some(served) = self.served.get_mut(&container_id) {
                        served.is_visited = false;
                    }
                }
            }
        }
    }

    /// A container's sockets have been made anew, or not.
    pub(super) fn hear(&mut self, container_id: &str, sockets: Result<Sockets>) {
        let Some(served) = self.served.get_mut(container_id) else { return };
        served.is_visited = false;
        // Given sockets in the meantime, by a start of its own.
        let Some(asker) = self.keeper.deaf().into_iter().find(|asker| asker.container_id == container_id)
        else {
            return;
        };
        let admitted =
            sockets.and_then(|sockets| self.keeper.admit(asker, Some(&sockets)).map_err(Error::Keeper));
        match admitted {
            Ok(()) => tracing::info!(container = container_id, "container's DNS is restored"),
            Err(error) => {
                tracing::warn!(container = container_id, %error, "container's DNS cannot be restored, trying again later");
            }
        }
    }

    fn names(&self, endpoints: &[Endpoint]) -> Vec<Named> {
        let on_users_network = |endpoint: &&Endpoint| !self.network_kind(&endpoint.network_id).0;
        let named = |endpoint: &Endpoint| Named {
            network_id: endpoint.network_id.clone(),
            network_name: endpoint.network_name.clone(),
            container_id: endpoint.container_id.clone(),
            names: endpoint.dns_names.clone(),
            addresses: endpoint.addresses().collect(),
        };
        endpoints.iter().filter(on_users_network).map(named).collect()
    }

    fn asker(&self, container_id: &str, endpoints: &[Endpoint], resolver: &Resolver) -> Asker {
        let mut networks: Vec<(&Endpoint, bool)> = Vec::new();
        let mut leads_out = false;
        for endpoint in endpoints {
            let (is_predefined, is_internal) = self.network_kind(&endpoint.network_id);
            leads_out |= !is_internal;
            if !is_predefined {
                networks.push((endpoint, is_internal));
            }
        }
        networks.sort_by_key(|(endpoint, is_internal)| {
            (Reverse(endpoint.gw_priority), *is_internal, endpoint.network_name.clone())
        });
        let joined = |(endpoint, _): (&Endpoint, bool)| Joined {
            network_id: endpoint.network_id.clone(),
            links: endpoint.links.clone(),
        };
        Asker {
            container_id: container_id.to_owned(),
            networks: networks.into_iter().map(joined).collect(),
            // From an internal network nothing leads out, nor do questions by way of the host. What is asked from the
            // container's own network goes where its packets may go.
            servers: if leads_out || !resolver.from_host { resolver.servers.clone() } else { Vec::new() },
            from_host: resolver.from_host,
            search: resolver.search.clone(),
            options: resolver.options.clone(),
        }
    }

    /// Whether a network is predefined, where nobody has a name, and whether it is internal.
    fn network_kind(&self, id: &str) -> (bool, bool) {
        self.find(id).map_or((false, false), |network| (network.predefined, network.internal))
    }
}

/// Opens a container's sockets. The calling thread ends up in its network namespace.
fn open_in(namespace: &File) -> Result<Sockets> {
    setns(namespace, CloneFlags::CLONE_NEWNET)
        .map_err(|errno| Error::kernel("enter the container's network namespace")(errno.into()))?;
    Sockets::open()
}
