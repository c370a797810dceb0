//! The swarm's networks, as they are on this machine: made when a task needs one, removed when none does any more.
//!
//! In: tasks with their places. Out: networks of the driver `overlay` on the engine, under the ids that the swarm gave them.
//! A daemon that dies in between leaves a network without containers, which the next sweep removes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use engine::Containers;
use engine::network::{NetworkRequest, Networks, SubnetRequest};
use engine::spec::{EndpointSpec, NetworkMode};
use network::Driver;
use swarm_api::{naming, pb};
use worker::ExecutorError;

use super::error;

/// The networks of this machine, and which of the swarm's are wanted by whom. Cheap to clone.
#[derive(Clone)]
pub(super) struct SwarmNetworks {
    networks: Networks,
    containers: Containers,
    /// Tasks by network, from before its network is made until its container is removed.
    wanted: Arc<Mutex<HashMap<String, HashSet<String>>>>,
}

impl SwarmNetworks {
    pub(super) fn new(networks: Networks, containers: Containers) -> Self {
        Self { networks, containers, wanted: Arc::default() }
    }

    /// Makes what the task needs and this machine does not have.
    pub(super) async fn ensure(&self, task: &pb::Task) -> Result<(), ExecutorError> {
        for network in task.networks.iter().filter_map(|place| place.network.as_ref()) {
            self.wanted().entry(network.id.clone()).or_default().insert(task.id.clone());
            if self.is_here(&network.id).await {
                continue;
            }
            let made = self.networks.create(request(network)).await;
            // Another task may have made it meanwhile.
            if let Err(error) = made
                && !self.is_here(&network.id).await
            {
                return Err(error::of_create(&error));
            }
        }
        Ok(())
    }

    /// The task needs nothing any more: the networks that nobody needs go.
    pub(super) async fn release(&self, task_id: &str) {
        self.wanted().retain(|_, tasks| {
            tasks.remove(task_id);
            !tasks.is_empty()
        });
        self.sweep().await;
    }

    /// Removes the swarm's networks that no task wants and no container names.
    pub(super) async fn sweep(&self) {
        for network in
            self.networks.list().await.into_iter().filter(|network| network.driver == Driver::Overlay)
        {
            let is_named =
                |name: &String, place: &EndpointSpec| *name == network.name || place.network_id == network.id;
            let is_used = self.wanted().contains_key(&network.id)
                || self
                    .containers
                    .list()
                    .iter()
                    .any(|record| record.spec.networks.iter().any(|(name, place)| is_named(name, place)));
            if is_used {
                continue;
            }
            match self.networks.remove(&network.id).await {
                Ok(_) => tracing::debug!(
                    network = network.name,
                    "network of the swarm is not needed here any more"
                ),
                // Somebody came onto it, or was faster.
                Err(error) => tracing::debug!(network = network.name, %error, "network of the swarm stays"),
            }
        }
    }

    /// By the whole id: what a user made under the same name is another one.
    async fn is_here(&self, id: &str) -> bool {
        self.networks.inspect(id).await.is_ok_and(|network| network.id == id)
    }

    fn wanted(&self) -> std::sync::MutexGuard<'_, HashMap<String, HashSet<String>>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is asked of this machine's engine for a network of the swarm.
fn request(network: &pb::Network) -> NetworkRequest {
    let spec = network.spec.clone().unwrap_or_default();
    let annotations = spec.annotations.unwrap_or_default();
    let subnet = |subnet: &pb::Subnet| SubnetRequest {
        subnet: subnet.subnet.clone(),
        ip_range: subnet.range.clone(),
        gateway: subnet.gateway.clone(),
        aux_addresses: BTreeMap::new(),
    };
    NetworkRequest {
        id: Some(network.id.clone()),
        name: annotations.name,
        driver: Driver::Overlay.to_string(),
        enable_ipv6: Some(spec.enable_ipv6),
        internal: spec.internal,
        attachable: spec.attachable,
        subnets: network.subnets.iter().map(subnet).collect(),
        labels: annotations.labels.into_iter().collect(),
        ..NetworkRequest::default()
    }
}

/// How the task's container is attached: to the swarm's networks under the addresses it was given, else to the one network
/// of the node's own that it names, else to the default bridge.
pub(super) fn places(task: &pb::Task) -> Result<(NetworkMode, BTreeMap<String, EndpointSpec>), String> {
    let targets = task.spec.as_ref().map_or(&[][..], |spec| &spec.networks);
    let mut places = BTreeMap::new();
    let mut first = None;
    for attachment in &task.networks {
        let network = attachment.network.as_ref().ok_or("a place on a network without the network")?;
        let annotations = network.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
        let name = annotations.map(|annotations| annotations.name.clone()).unwrap_or_default();
        first.get_or_insert_with(|| name.clone());
        places.insert(name, place(task, &network.id, attachment)?);
    }
    let mode = match (first, targets) {
        (Some(name), _) if places.len() == targets.len() => NetworkMode::Named(name),
        (None, []) => NetworkMode::Default,
        (None, [one]) if naming::is_network_of_nodes(&one.target) => one.target.parse().unwrap_or_default(),
        _ => return Err("a task is on networks of the swarm, or on one of the nodes' own".to_owned()),
    };
    Ok((mode, places))
}

fn place(
    task: &pb::Task,
    network_id: &str,
    attachment: &pb::NetworkAttachment,
) -> Result<EndpointSpec, String> {
    let mut spec = EndpointSpec { network_id: network_id.to_owned(), ..EndpointSpec::default() };
    for text in &attachment.addresses {
        let address = text.split('/').next().unwrap_or_default();
        match address.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => spec.ipv4_address = address.to_owned(),
            Ok(IpAddr::V6(_)) => spec.ipv6_address = address.to_owned(),
            Err(_) => return Err(format!("{text:?} is no address on a network")),
        }
    }
    // What others find it by: all tasks of the service share these names, and the answer has the addresses of all of them.
    spec.aliases = vec![task.service_name.clone(), format!("tasks.{}", task.service_name)];
    spec.aliases.extend(attachment.aliases.iter().cloned());
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(id: &str, name: &str, addresses: &[&str]) -> pb::NetworkAttachment {
        let annotations = Some(pb::Annotations { name: name.to_owned(), ..Default::default() });
        let spec = Some(pb::NetworkSpec { annotations, ..Default::default() });
        pb::NetworkAttachment {
            network: Some(pb::Network { id: id.to_owned(), spec, ..Default::default() }),
            addresses: addresses.iter().map(|text| (*text).to_owned()).collect(),
            aliases: vec!["db".to_owned()],
        }
    }

    fn task(targets: &[&str], networks: Vec<pb::NetworkAttachment>) -> pb::Task {
        let target =
            |text: &&str| pb::NetworkAttachmentConfig { target: (*text).to_owned(), ..Default::default() };
        let spec = pb::TaskSpec { networks: targets.iter().map(target).collect(), ..Default::default() };
        pb::Task { service_name: "web".to_owned(), spec: Some(spec), networks, ..Default::default() }
    }

    #[test]
    fn a_task_has_the_addresses_it_was_given_and_its_services_names() {
        let places_of = attachment("n1", "front", &["10.0.0.2/24", "fd00::2/64"]);
        let (mode, places) = places(&task(&["n1"], vec![places_of])).unwrap();
        assert_eq!(mode, NetworkMode::Named("front".to_owned()));
        let front = &places["front"];
        assert_eq!((front.ipv4_address.as_str(), front.ipv6_address.as_str()), ("10.0.0.2", "fd00::2"));
        assert_eq!(
            (front.network_id.as_str(), front.aliases.clone()),
            ("n1", ["web", "tasks.web", "db"].map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn a_nodes_own_network_is_named_alone() {
        assert_eq!(places(&task(&[], vec![])).unwrap().0, NetworkMode::Default);
        assert_eq!(places(&task(&["host"], vec![])).unwrap().0, NetworkMode::Host);
        assert!(places(&task(&["host", "none"], vec![])).is_err());
        assert!(places(&task(&["n1"], vec![])).is_err());
        assert!(places(&task(&["host", "n1"], vec![attachment("n1", "front", &["10.0.0.2/24"])])).is_err());
        assert!(places(&task(&["n1"], vec![attachment("n1", "front", &["x"])])).is_err());
    }
}
