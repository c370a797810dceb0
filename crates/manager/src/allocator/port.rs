//! Which service holds which ingress port, and the next free one.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

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

/// Ingress ports by protocol and number, with the id and name of who holds them.
type Ports = BTreeMap<(i32, u32), (String, String)>;

/// The ingress ports that are held, looked up when the first is asked for: most services have none.
pub(super) struct Held<'a> {
    view: &'a View,
    ports: Option<Ports>,
}

impl<'a> Held<'a> {
    /// What the services of the view hold: those that are being removed too, until they are gone.
    pub(super) fn of(view: &'a View) -> Self {
        Held { view, ports: None }
    }

    /// The endpoint the service should have, its ports held from now on. A port that the service was given
    /// before stays the same; one it no longer asks for is free again.
    pub(super) fn endpoint(&mut self, service: &pb::Service) -> Result<pb::Endpoint, Conflict> {
        let spec = service.spec.as_ref().and_then(|spec| spec.endpoint.clone()).unwrap_or_default();
        let before = service.endpoint.clone().unwrap_or_default();
        if service.endpoint.is_some() && before.spec.as_ref() == Some(&spec) {
            return Ok(before);
        }
        if self.ports.is_none() && !spec.ports.iter().any(is_ingress) {
            return Ok(pb::Endpoint {
                ports: spec.ports.clone(),
                spec: Some(spec),
                ..pb::Endpoint::default()
            });
        }
        let held = self.ports.get_or_insert_with(|| held(self.view));
        let others = |held: &&(String, String)| held.0 != service.id;
        let mut ports = Vec::with_capacity(spec.ports.len());
        for wanted in &spec.ports {
            let mut port = wanted.clone();
            if wanted.publish_mode() == PublishMode::Ingress {
                if wanted.published_port == 0 {
                    port.published_port = choose(held, wanted, &before, &ports)?;
                }
                if let Some((_, name)) = held.get(&key(&port)).filter(others) {
                    return Err(Conflict::InUse { port: port.published_port, service: name.clone() });
                }
            }
            ports.push(port);
        }
        held.retain(|_, (holder, _)| *holder != service.id);
        hold(held, service, ports.iter());
        Ok(pb::Endpoint { spec: Some(spec), ports, ..pb::Endpoint::default() })
    }
}

fn held(view: &View) -> Ports {
    let mut held = Ports::new();
    for service in view.services() {
        hold(&mut held, service, service.endpoint.iter().flat_map(|endpoint| &endpoint.ports));
    }
    held
}

fn hold<'a>(held: &mut Ports, service: &pb::Service, ports: impl Iterator<Item = &'a pb::PortConfig>) {
    let name = service.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
    let holder = (service.id.clone(), name.map(|name| name.name.clone()).unwrap_or_default());
    for port in ports.filter(|port| is_ingress(port)) {
        held.insert(key(port), holder.clone());
    }
}

fn choose(
    held: &Ports,
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
    let free = |number: &u32| !held.contains_key(&(wanted.protocol, *number)) && !is_taken(*number);
    DYNAMIC.into_iter().find(free).ok_or(Conflict::Exhausted)
}

fn is_ingress(port: &pb::PortConfig) -> bool {
    port.publish_mode() == PublishMode::Ingress
}

fn key(port: &pb::PortConfig) -> (i32, u32) {
    (Protocol::into(port.protocol()), port.published_port)
}
