//! A container comes to a network or leaves it, while it runs or before its next start.
//!
//! While it runs the kernel changes first, then the file beside the shim, then the record: an engine that dies in between
//! takes the kernel's change back when it opens, or finds it in the file.

use super::networks::{self, Found, conflict};
use super::places::Places;
use super::relink::read_hosts;
use super::task::{Phase, Task};
use crate::error::{Error, Result};
use crate::file::{self, ResolvConf};
use crate::network::dns;
use crate::plan;
use crate::record::Status;
use crate::spec::{EndpointSpec, NetworkMode};
use network::{Driver, Endpoint, NetworkRecord};

/// Docker's sentences.
const SHARED: &str = "container sharing network namespace with another container or host cannot be connected to any other network";
const HOST: &str = "container cannot be disconnected from host network or connected to host network";
const PRIVATE: &str =
    "container cannot be connected to multiple networks with one of the networks in private (none) mode";

impl Task {
    /// Puts it on a network.
    pub(super) async fn connect(&mut self, network: NetworkRecord, mut wanted: EndpointSpec) -> Result<()> {
        let plan = plan::endpoint(&network.name, &wanted)?;
        self.may_connect(&network)?;
        networks::may_choose(&network, &plan)?;
        wanted.network_id.clone_from(&network.id);
        if !matches!(self.phase, Phase::Running(_)) {
            let old = self.record.spec.networks.insert(network.name.clone(), wanted);
            let written = self.save_now().await;
            if written.is_err() {
                self.put_back(&network.name, old);
            }
            return written;
        }
        if self.record.spec.networks.contains_key(&network.name) && !network.driver.has_addresses() {
            let (container, network) = (self.record.name.clone(), network.name);
            return Err(network::Error::AlreadyAttached { container, network }.into());
        }
        let (name, id, driver) = (network.name.clone(), network.id.clone(), network.driver);
        let endpoints = if driver.has_addresses() {
            self.wire(&Found { network, plan }).await?
        } else {
            self.record.endpoints.clone()
        };
        let mut places = self.record.spec.networks.clone();
        places.insert(name.clone(), wanted);
        if let Err(error) = self.move_to(endpoints, places) {
            if let Err(error) = self.shared.network.disconnect(&self.record.id, &id).await {
                tracing::warn!(container = self.record.short_id(), %error, "half a connection stays until the next start");
            }
            return Err(error);
        }
        self.shared.publish_network(&self.record, &id, &name, driver, "connect");
        // Those that link to it may find it only now.
        self.tell_linking();
        Ok(())
    }

    /// Whether it can be on this network beside those it is on.
    fn may_connect(&self, network: &NetworkRecord) -> Result<()> {
        if matches!(self.record.state.status, Status::Removing | Status::Dead) {
            return Err(Error::Removing(self.record.id.clone()));
        }
        let on = &self.record.spec.networks;
        match &self.record.spec.host.network_mode {
            NetworkMode::Container(_) => return Err(conflict(SHARED)),
            NetworkMode::Host if network.driver != Driver::Host => return Err(conflict(SHARED)),
            NetworkMode::Host => {}
            _ if network.driver == Driver::Host => return Err(conflict(HOST)),
            _ => {}
        }
        let others = on.keys().filter(|name| **name != network.name);
        let is_private = |name: &String| name == "none";
        if others.clone().any(is_private) || (network.driver == Driver::Null && others.count() > 0) {
            return Err(conflict(PRIVATE));
        }
        Ok(())
    }

    /// Asks for a place on the network and wires it.
    async fn wire(&self, found: &Found) -> Result<Vec<Endpoint>> {
        let ports = plan::ports(&self.record.spec)?;
        let request = networks::request(&self.shared, &self.record, &ports, found);
        let network = &self.shared.network;
        let Some(endpoint) = network.allocate(vec![request]).await?.into_iter().next() else {
            return Err(Error::ShuttingDown);
        };
        let dns = networks::is_own(&found.network)
            .then(|| dns(&self.shared.config, &self.record.spec.host).resolver());
        match network.connect(&endpoint, self.record.state.pid, dns).await {
            Ok(endpoints) => Ok(endpoints),
            Err(error) => {
                // The place is given back; there is none if the room has done so itself.
                let _ = network.disconnect(&self.record.id, &endpoint.network_id).await;
                Err(error.into())
            }
        }
    }

    /// Takes it off the network of this name; `network` is absent if that is gone.
    pub(super) async fn disconnect(&mut self, name: &str, network: Option<NetworkRecord>) -> Result<()> {
        let driver = network.as_ref().map(|network| network.driver);
        let runs = matches!(self.phase, Phase::Running(_));
        if driver == Some(Driver::Host) && runs && self.record.spec.host.network_mode == NetworkMode::Host {
            return Err(conflict(HOST));
        }
        if !self.record.spec.networks.contains_key(name) {
            let (container, network) = (self.record.id.clone(), name.to_owned());
            return Err(network::Error::NotAttached { container, network }.into());
        }
        if runs {
            let wired = self.record.endpoints.iter().find(|endpoint| endpoint.network_name == name);
            let endpoints = match wired.map(|endpoint| endpoint.network_id.clone()) {
                Some(id) => self.shared.network.disconnect(&self.record.id, &id).await?,
                None => self.record.endpoints.clone(),
            };
            let mut places = self.record.spec.networks.clone();
            places.remove(name);
            // If this fails the kernel is ahead of the file; the next start wires the place again.
            self.move_to(endpoints, places)?;
        } else {
            let old = self.record.spec.networks.remove(name);
            let written = self.save_now().await;
            if written.is_err() {
                self.put_back(name, old);
                return written;
            }
        }
        if let Some(network) = network {
            self.shared.publish_network(&self.record, &network.id, name, network.driver, "disconnect");
        }
        Ok(())
    }

    fn put_back(&mut self, name: &str, old: Option<EndpointSpec>) {
        match old {
            Some(old) => drop(self.record.spec.networks.insert(name.to_owned(), old)),
            None => drop(self.record.spec.networks.remove(name)),
        }
        self.publish();
    }

    /// From now on the running container has these places: in the file, in its own files, in the record.
    pub(super) fn move_to(
        &mut self,
        endpoints: Vec<Endpoint>,
        networks: std::collections::BTreeMap<String, EndpointSpec>,
    ) -> Result<()> {
        let places = Places { endpoints, networks: Some(networks) };
        places.write(&self.shared.exec_dir(&self.record.id))?;
        if let Err(error) = self.rewrite_files(&places.endpoints) {
            tracing::warn!(container = self.record.short_id(), %error, "its own files do not tell its networks");
        }
        self.record.endpoints = places.endpoints;
        self.record.spec.networks = places.networks.unwrap_or_default();
        drop(self.save());
        Ok(())
    }

    /// Other addresses in its hosts file, and the embedded server once it is on a network that has one. What the container
    /// has written there itself stays.
    fn rewrite_files(&self, endpoints: &[Endpoint]) -> Result<()> {
        let paths = self.shared.paths(&self.record.id);
        let config = &self.record.spec.config;
        let hostname =
            if config.hostname.is_empty() { self.record.short_id() } else { config.hostname.as_str() };
        let names = file::own_names(hostname, &config.domainname);
        let (old, new) = (networks::addresses(&self.record.endpoints), networks::addresses(endpoints));
        if let Some(text) = read_hosts(&paths.hosts)?.filter(|_| old != new) {
            file::write(&paths.hosts, &file::readdress(&text, &old, &new, &names))?;
        }
        let embedded = endpoints.iter().any(|endpoint| !endpoint.dns_names.is_empty());
        let dns = dns(&self.shared.config, &self.record.spec.host);
        let untouched = || {
            let text = std::fs::read_to_string(&paths.resolv_conf).unwrap_or_default();
            text == dns.resolv_conf(ResolvConf::Own)
        };
        if embedded && untouched() {
            file::write(&paths.resolv_conf, &dns.resolv_conf(ResolvConf::Embedded))?;
        }
        Ok(())
    }

    /// Others on its networks find it by its new name from now on.
    pub(super) async fn rename_places(&mut self) {
        let places = &self.record.spec.networks;
        let names =
            self.record.endpoints.iter().filter(|endpoint| !endpoint.dns_names.is_empty()).map(|endpoint| {
                let aliases = places.get(&endpoint.network_name).map(|place| place.aliases.as_slice());
                (endpoint.network_id.clone(), networks::dns_names(&self.record, aliases.unwrap_or_default()))
            });
        let names = names.collect();
        let container = self.record.short_id().to_owned();
        let renamed = self.shared.network.rename(&self.record.id, &self.record.name, names).await;
        let moved = match renamed {
            Ok(endpoints) => self.move_to(endpoints, self.record.spec.networks.clone()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = moved {
            tracing::warn!(%container, %error, "its networks know it by its old name");
        }
    }
}
