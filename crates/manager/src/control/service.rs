//! Services: create, read, update, remove.

use std::collections::BTreeMap;
use std::sync::Arc;

use swarm_api::id::ServiceId;
use swarm_api::{default, pb, policy, validate};

use super::{Control, ControlError, count, credentials, file, filter, network, reference, version};
use crate::node;
use crate::store::{Kind, State, Transaction, View};

impl Control {
    pub(super) async fn create_service(
        &self,
        request: pb::CreateServiceRequest,
    ) -> Result<pb::Service, ControlError> {
        let mut spec = request.spec.ok_or(ControlError::NoSpec)?;
        validate::service(&spec)?;
        let view = self.reader.view().await?;
        if view.is_taken(Kind::Service, name(&spec)) {
            return Err(ControlError::Exists { kind: Kind::Service, name: name(&spec).to_owned() });
        }
        check_policy(&view, &spec)?;
        check_ports(&view, "", &spec)?;
        file::check_references(&view, &spec)?;
        network::settle(&view, &mut spec)?;
        let id = ServiceId::random();
        let mut service = pb::Service {
            id: id.to_string(),
            spec: Some(spec),
            registry_auth: request.registry_auth,
            ..Default::default()
        };
        begin_run(&view, &mut service, self.proposer.now_ns());
        let mut transaction = Transaction::default();
        transaction.put(service);
        // Two at once may have passed the checks; the name is checked again when it is applied.
        self.proposer.propose(transaction).await?;
        self.stored_service(&id)
    }

    pub(super) async fn get_service(&self, reference: &str) -> Result<pb::Service, ControlError> {
        let view = self.reader.view().await?;
        reference::service(&view, reference).map(|service| shown(service))
    }

    pub(super) async fn list_services(
        &self,
        request: &pb::ListServicesRequest,
    ) -> Result<pb::ListServicesResponse, ControlError> {
        let view = self.reader.view().await?;
        Ok(listed(&view, request))
    }

    pub(super) async fn update_service(
        &self,
        request: pb::UpdateServiceRequest,
    ) -> Result<pb::Service, ControlError> {
        let view = self.reader.view().await?;
        let id = reference::service(&view, &request.reference)?.id.clone();
        // Decided again when the loops have written in between; a change of the spec in between is refused.
        let decide = |view: &View| {
            let service = updated(view, &id, &request, self.proposer.now_ns())?;
            let mut transaction = Transaction::default();
            transaction.put(service);
            Ok::<_, ControlError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        self.stored_service(&id)
    }

    /// From here on the service is gone for everybody who asks; the loops stop its tasks and then delete it.
    pub(super) async fn remove_service(&self, reference: &str) -> Result<(), ControlError> {
        self.reader.view().await?;
        let decide = |view: &View| {
            let mut service = (**reference::service(view, reference)?).clone();
            service.removing = true;
            let mut transaction = Transaction::default();
            transaction.put(service);
            Ok::<_, ControlError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        Ok(())
    }

    fn stored_service(&self, id: &str) -> Result<pb::Service, ControlError> {
        let gone = || ControlError::NotFound { kind: Kind::Service, reference: id.to_owned() };
        self.store.view().service(id).map(|service| shown(service)).ok_or_else(gone)
    }
}

/// The services that are asked for, with what their tasks do where that is. Where ids are named, only theirs are read.
fn listed(state: &State, request: &pb::ListServicesRequest) -> pb::ListServicesResponse {
    let wanted = |service: &&Arc<pb::Service>| {
        let annotations = service.spec.as_ref().and_then(|spec| spec.annotations.as_ref());
        !service.removing
            && filter::begins(annotations.map_or("", |annotations| &annotations.name), &request.names)
            && annotations.map_or(request.labels.is_empty(), |annotations| {
                filter::labels(&annotations.labels, &request.labels)
            })
    };
    let candidates: Box<dyn Iterator<Item = &Arc<pb::Service>>> = if request.ids.is_empty() {
        Box::new(state.services())
    } else {
        // Two beginnings may mean the same service.
        let found = request.ids.iter().flat_map(|id| state.services_by_prefix(id));
        let found: BTreeMap<&str, _> = found.map(|service| (service.id.as_str(), service)).collect();
        Box::new(found.into_values())
    };
    let services: Vec<pb::Service> = candidates.filter(wanted).map(|service| shown(service)).collect();
    let counted = services.iter().filter(|_| request.status);
    let counts = counted.map(|service| (service.id.clone(), count::tasks(state, service))).collect();
    pb::ListServicesResponse { services, counts }
}

/// As it is told.
fn shown(service: &pb::Service) -> pb::Service {
    pb::Service { registry_auth: None, previous_registry_auth: None, ..service.clone() }
}

/// The service as the request wants it.
fn updated(
    view: &View,
    id: &str,
    request: &pb::UpdateServiceRequest,
    now_ns: i64,
) -> Result<pb::Service, ControlError> {
    let mut service = (**reference::service(view, id)?).clone();
    version::check(service.meta.as_ref(), request.version)?;
    let spec = if request.rollback {
        service.previous_spec.take().ok_or_else(|| ControlError::NoPreviousSpec(service.id.clone()))?
    } else {
        request.spec.clone().ok_or(ControlError::NoSpec)?
    };
    let old = service.spec.take().unwrap_or_default();
    let mut spec = if request.rollback { spec } else { with_extras(&old, spec) };
    validate::service(&spec)?;
    if name(&old) != name(&spec) {
        return Err(ControlError::Rename);
    }
    if std::mem::discriminant(&default::mode(&old)) != std::mem::discriminant(&default::mode(&spec)) {
        return Err(ControlError::ModeChange);
    }
    check_policy(view, &spec)?;
    check_ports(view, &service.id, &spec)?;
    file::check_references(view, &spec)?;
    credentials::update(&mut service, request);
    network::settle(view, &mut spec)?;
    service.previous_spec = Some(old);
    service.spec = Some(spec);
    // What is told of the update before is over. Jobs are not updated, they begin again.
    let is_rollback = request.rollback && !service.spec.as_ref().is_some_and(default::is_job);
    service.update_status = is_rollback.then(|| pb::UpdateStatus {
        state: pb::UpdateState::RollbackStarted.into(),
        started_at_ns: now_ns,
        completed_at_ns: 0,
        message: "manually requested rollback".to_owned(),
    });
    begin_run(view, &mut service, now_ns);
    Ok(service)
}

/// Every change of a job begins another run of it: not before all nodes were there that are, whatever the clocks say.
fn begin_run(view: &View, service: &mut pb::Service, now_ns: i64) {
    if service.spec.as_ref().is_some_and(default::is_job) {
        service.job_iteration += 1;
        service.job_started_at_ns = now_ns.max(node::youngest_ns(view));
    }
}

fn name(spec: &pb::ServiceSpec) -> &str {
    spec.annotations.as_ref().map_or("", |annotations| &annotations.name)
}

/// The spec with what goes beyond Docker's services as it was, if nothing is said of it: Docker's clients do not know it, and
/// must not take it away by changing something else.
fn with_extras(old: &pb::ServiceSpec, mut spec: pb::ServiceSpec) -> pb::ServiceSpec {
    let known = old.task.as_ref().and_then(|task| task.container.as_ref()?.shoal.clone());
    if let Some(container) = spec.task.as_mut().and_then(|task| task.container.as_mut())
        && container.shoal.is_none()
    {
        container.shoal = known;
    }
    spec
}

/// What goes beyond Docker's services must be allowed.
fn check_policy(state: &State, spec: &pb::ServiceSpec) -> Result<(), ControlError> {
    let cluster = state.cluster().and_then(|cluster| cluster.spec.clone()).unwrap_or_default();
    let container = spec.task.as_ref().and_then(|task| task.container.as_ref());
    container.map_or(Ok(()), |container| policy::check(container, &cluster))?;
    Ok(())
}

/// An ingress port belongs to one service of the swarm, on all nodes; those of hosts may be asked for by many, and it falls out on each
/// node who has them.
fn check_ports(state: &State, own_id: &str, spec: &pb::ServiceSpec) -> Result<(), ControlError> {
    for wanted in published(spec.endpoint.as_ref().map(|endpoint| &endpoint.ports[..])) {
        let others = state.services_of_port(wanted.protocol, wanted.port);
        for other in others.filter(|other| other.id != own_id) {
            let spec = other.spec.as_ref();
            let asked =
                published(spec.and_then(|spec| spec.endpoint.as_ref()).map(|endpoint| &endpoint.ports[..]));
            let given = published(other.endpoint.as_ref().map(|endpoint| &endpoint.ports[..]));
            if let Some(Published { port, mode, .. }) = asked.chain(given).find(|port| wanted.collides(port))
            {
                let name = spec.map_or("", name).to_owned();
                return Err(ControlError::PortInUse { port, name, id: other.id.clone(), mode });
            }
        }
    }
    Ok(())
}

/// A port that has a number.
struct Published {
    port: u32,
    protocol: i32,
    mode: pb::PublishMode,
}

impl Published {
    /// Whether two services cannot both have them.
    fn collides(&self, other: &Self) -> bool {
        let ingress = pb::PublishMode::Ingress;
        (self.port, self.protocol) == (other.port, other.protocol)
            && (self.mode == ingress || other.mode == ingress)
    }
}

fn published(ports: Option<&[pb::PortConfig]>) -> impl Iterator<Item = Published> {
    ports.unwrap_or_default().iter().filter(|port| port.published_port != 0).map(|port| Published {
        port: port.published_port,
        protocol: port.protocol,
        mode: port.publish_mode(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Action, apply, reads};

    const SERVICES: usize = 1_000;

    #[test]
    fn services_that_are_named_by_their_ids_are_found_without_reading_others() {
        let service = |number: usize| {
            let annotations = Some(pb::Annotations { name: format!("s{number}"), ..Default::default() });
            let spec = Some(pb::ServiceSpec { annotations, ..Default::default() });
            Action::put(pb::Service { id: format!("id{number:04}"), spec, ..Default::default() })
        };
        let mut state = State::default();
        apply(&mut state, (0..SERVICES).map(service).collect(), 0, 1).unwrap();
        let ids = ["id0500", "id050", "none"].map(str::to_owned).to_vec();
        let request = pb::ListServicesRequest { ids, ..Default::default() };
        let (read, found) = reads::during(|| listed(&state, &request));
        assert_eq!(found.services.len(), 10, "those of the shorter beginning, each once");
        assert!(read <= 11, "{read} objects were read");
        assert_eq!(listed(&state, &pb::ListServicesRequest::default()).services.len(), SERVICES);
    }
}
