//! Which service holds which ingress port, and the next free one.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use swarm_api::pb::{self, Protocol, PublishMode};
use thiserror::Error;

use crate::store::View;

/// Where published ports are chosen from when the spec names none, as swarmkit does.
const DYNAMIC: RangeInclusive<u32> = 30_000..=32_767;

/// Why a service cannot have its ports now.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Conflict {
    /// Another service has it.
    #[error("port {port} is already in use by service {service} (ingress)")]
    InUse {
        /// The published port.
        port: u32,
        /// The holder's name.
        service: String,
    },
    /// All ports of the range are held.
    #[error("no free port is left between {} and {} (ingress)", DYNAMIC.start(), DYNAMIC.end())]
    Exhausted,
}

/// The ingress ports that are held: those of the view, and on top of them what this pass has given.
pub(super) struct Held<'a> {
    view: &'a View,
    /// Services that this pass has looked at: what the view says of their ports no longer counts.
    settled: BTreeSet<String>,
    /// What they have, by protocol and number, with the name of who has it.
    given: BTreeMap<(i32, u32), String>,
}

impl<'a> Held<'a> {
    /// What the services of the view hold: those that are being removed too, until they are gone.
    pub(super) fn of(view: &'a View) -> Self {
        Held { view, settled: BTreeSet::new(), given: BTreeMap::new() }
    }

    /// The endpoint the service should have, its ports held from now on. A port that the service was given
    /// before stays the same; one it no longer asks for is free again.
    pub(super) fn endpoint(&mut self, service: &pb::Service) -> Result<pb::Endpoint, Conflict> {
        let spec = service.spec.as_ref().and_then(|spec| spec.endpoint.clone()).unwrap_or_default();
        let before = service.endpoint.clone().unwrap_or_default();
        if service.endpoint.is_some() && before.spec.as_ref() == Some(&spec) {
            return Ok(before);
        }
        let mut ports = Vec::with_capacity(spec.ports.len());
        for wanted in &spec.ports {
            let mut port = wanted.clone();
            if is_ingress(wanted) {
                if wanted.published_port == 0 {
                    port.published_port = self.choose(service, wanted, &before, &ports)?;
                }
                if let Some(holder) = self.holder(key(&port), &service.id) {
                    return Err(Conflict::InUse { port: port.published_port, service: holder.to_owned() });
                }
            }
            ports.push(port);
        }
        self.settled.insert(service.id.clone());
        let given = ports.iter().filter(|port| is_ingress(port));
        self.given.extend(given.map(|port| (key(port), name(service).to_owned())));
        Ok(pb::Endpoint { spec: Some(spec), ports, ..pb::Endpoint::default() })
    }

    /// The name of the service, other than the one of this id, that has the port.
    fn holder(&self, port: (i32, u32), own_id: &str) -> Option<&str> {
        if let Some(name) = self.given.get(&port) {
            return Some(name);
        }
        let has = |service: &&Arc<pb::Service>| {
            let is_other = service.id != own_id && !self.settled.contains(&service.id);
            is_other && ingress(service).any(|its| its == port)
        };
        self.view.services_of_port(port.0, port.1).find(has).map(|service| name(service))
    }

    fn choose(
        &self,
        service: &pb::Service,
        wanted: &pb::PortConfig,
        before: &pb::Endpoint,
        taken: &[pb::PortConfig],
    ) -> Result<u32, Conflict> {
        let is_taken = |number: u32| {
            taken.iter().any(|port| port.protocol == wanted.protocol && port.published_port == number)
        };
        let same = |port: &&pb::PortConfig| {
            port.target_port == wanted.target_port
                && port.protocol == wanted.protocol
                && port.publish_mode == wanted.publish_mode
                && DYNAMIC.contains(&port.published_port)
        };
        let kept = before.ports.iter().find(same).map(|port| port.published_port);
        if let Some(kept) = kept.filter(|kept| !is_taken(*kept)) {
            return Ok(kept);
        }
        // Nor for another port of its own what one of them had before.
        let is_held = |number: u32| {
            let port = (wanted.protocol, number);
            self.holder(port, &service.id).is_some() || ingress(service).any(|own| own == port)
        };
        let free = |number: &u32| !is_taken(*number) && !is_held(*number);
        DYNAMIC.into_iter().find(free).ok_or(Conflict::Exhausted)
    }
}

/// Whether a service has given up an ingress port, by a change or because it is gone.
pub(super) fn frees(old: &pb::Service, new: Option<&pb::Service>) -> bool {
    ingress(old).any(|port| !new.is_some_and(|new| ingress(new).any(|its| its == port)))
}

/// The ingress ports that a service has.
fn ingress(service: &pb::Service) -> impl Iterator<Item = (i32, u32)> {
    let ports = service.endpoint.iter().flat_map(|endpoint| &endpoint.ports);
    ports.filter(|port| is_ingress(port)).map(key)
}

fn name(service: &pb::Service) -> &str {
    let annotations = service.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
    annotations.map_or("", |annotations| &annotations.name)
}

fn is_ingress(port: &pb::PortConfig) -> bool {
    port.publish_mode() == PublishMode::Ingress
}

fn key(port: &pb::PortConfig) -> (i32, u32) {
    (Protocol::into(port.protocol()), port.published_port)
}
