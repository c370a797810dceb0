//! What front ends ask, in Docker's words.

use swarm_api::pb;
use tonic::Code;

use crate::bed::{Bed, create, get, spec};

#[tokio::test]
async fn a_service_lives() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let created = control.create_service(create("web")).await.expect("creates").into_inner();
    let version = created.meta.expect("stored").version;
    assert!(version > 0 && created.spec_version == version);
    for reference in ["web", created.id.as_str(), &created.id[..8]] {
        let found = control.get_service(get(reference)).await.expect("finds").into_inner();
        assert_eq!(found.id, created.id);
    }

    let status = control.create_service(create("web")).await.expect_err("the name is taken");
    assert_eq!(status.code(), Code::AlreadyExists);
    assert_eq!(status.message(), "name conflicts with an existing object: service web already exists");

    let mut update = pb::UpdateServiceRequest {
        reference: "web".into(),
        version,
        spec: Some(spec("web", "busybox:2")),
        ..Default::default()
    };
    let updated = control.update_service(update.clone()).await.expect("updates").into_inner();
    assert!(updated.spec_version > version && updated.previous_spec == created.spec);
    let status = control.update_service(update.clone()).await.expect_err("stale");
    assert_eq!((status.code(), status.message()), (Code::Aborted, "update out of sequence"));

    update.version =
        control.get_service(get("web")).await.expect("finds").into_inner().meta.expect("stored").version;
    update.rollback = true;
    let rolled_back = control.update_service(update).await.expect("rolls back").into_inner();
    assert_eq!(rolled_back.spec, created.spec);

    control.remove_service(get("web")).await.expect("removes");
    let status = control.get_service(get("web")).await.expect_err("gone");
    assert_eq!((status.code(), status.message()), (Code::NotFound, "service web not found"));
    control.create_service(create("web")).await.expect("the name is free at once");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn wrong_requests_are_refused_by_name() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let status = control.create_service(create("no spaces")).await.expect_err("refused");
    assert_eq!(
        (status.code(), status.message()),
        (Code::InvalidArgument, "name must be valid as a DNS name component")
    );
    let status = control.create_service(pb::CreateServiceRequest::default()).await.expect_err("refused");
    assert_eq!(status.code(), Code::InvalidArgument);
    let status = control.get_service(get("")).await.expect_err("refused");
    assert_eq!(status.code(), Code::NotFound);

    for name in ["a", "b"] {
        control.create_service(create(name)).await.expect("creates");
    }
    let services =
        control.list_services(pb::ListServicesRequest::default()).await.expect("lists").into_inner();
    assert_eq!(services.services.len(), 2);
    let filtered = pb::ListServicesRequest { names: vec!["a".into()], status: true, ..Default::default() };
    let filtered = control.list_services(filtered).await.expect("lists").into_inner();
    assert_eq!((filtered.services.len(), filtered.counts.len()), (1, 1));

    let nobodys = pb::ListTasksRequest { services: vec!["c".into()], ..Default::default() };
    let status = control.list_tasks(nobodys).await.expect_err("says that there is none of this name");
    assert_eq!((status.code(), status.message()), (Code::NotFound, "service c not found"));
    let status = control.create_service(create("A")).await.expect_err("taken, in other letters");
    assert_eq!(status.code(), Code::AlreadyExists);
    assert_eq!(control.get_service(get("A")).await.expect_err("is not its name").code(), Code::NotFound);
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_network_named_by_its_name_is_kept_by_its_id() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let annotations = Some(pb::Annotations { name: "inner".into(), ..Default::default() });
    let network = pb::NetworkSpec { annotations, driver: "overlay".into(), ..Default::default() };
    let request = pb::CreateNetworkRequest { spec: Some(network) };
    let network = control.create_network(request).await.expect("creates").into_inner();
    let mut spec = spec("web", "busybox");
    let named =
        |target: &str| pb::NetworkAttachmentConfig { target: target.to_owned(), ..Default::default() };
    spec.task.get_or_insert_default().networks = vec![named("inner"), named("host")];
    let request = pb::CreateServiceRequest { spec: Some(spec), ..Default::default() };
    let service = control.create_service(request).await.expect("creates").into_inner();
    let networks = service.spec.and_then(|spec| spec.task).expect("has one").networks;
    let targets: Vec<_> = networks.iter().map(|network| network.target.as_str()).collect();
    assert_eq!(targets, [network.id.as_str(), "host"]);
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn a_port_of_the_swarm_is_one_services_alone() {
    use pb::PublishMode::{Host, Ingress};
    let bed = Bed::new().await;
    let mut control = bed.control();
    let published = |name: &str, published_port: u32, mode: pb::PublishMode| {
        let mut spec = spec(name, "busybox");
        let mut port = pb::PortConfig { target_port: 80, published_port, ..Default::default() };
        port.set_publish_mode(mode);
        spec.endpoint = Some(pb::EndpointSpec { ports: vec![port], ..Default::default() });
        pb::CreateServiceRequest { spec: Some(spec), ..Default::default() }
    };
    let first =
        control.create_service(published("first", 8080, Ingress)).await.expect("creates").into_inner();
    for mode in [Ingress, Host] {
        let status = control.create_service(published("second", 8080, mode)).await.expect_err("is taken");
        let words =
            format!("port '8080' is already in use by service 'first' ({}) as an ingress port", first.id);
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, words.as_str()));
    }
    let of_hosts =
        control.create_service(published("hosts", 8081, Host)).await.expect("creates").into_inner();
    control.create_service(published("too", 8081, Host)).await.expect("may have it on other nodes");
    let status = control.create_service(published("third", 8081, Ingress)).await.expect_err("is taken");
    assert!(status.message().contains("as a host-published port"), "{}", status.message());
    // Whoever has a port may keep it.
    let version = of_hosts.meta.expect("stored").version;
    let request = pb::UpdateServiceRequest {
        reference: of_hosts.id,
        version,
        spec: of_hosts.spec,
        ..Default::default()
    };
    control.update_service(request).await.expect("updates");
    bed.manager.shutdown().await;
}

#[tokio::test]
async fn nodes_and_cluster() {
    let bed = Bed::new().await;
    let mut control = bed.control();
    let own = bed.identity.get().node_id.to_string();
    let node = control.get_node(get(&own)).await.expect("finds").into_inner();
    let status = node.manager_status.clone().expect("a manager");
    assert!(status.leader && status.reachable && status.addr == "127.0.0.1:2377");

    let mut drained = node.spec.clone().expect("has one");
    drained.availability = pb::NodeAvailability::Drain.into();
    let mut update = pb::UpdateNodeRequest {
        reference: own.clone(),
        version: node.meta.expect("stored").version,
        spec: Some(drained),
    };
    let updated = control.update_node(update.clone()).await.expect("updates").into_inner();
    assert_eq!(updated.spec.as_ref().expect("has one").availability(), pb::NodeAvailability::Drain);
    assert_eq!(
        control.update_node(update.clone()).await.expect_err("stale").message(),
        "update out of sequence"
    );
    update.version = updated.meta.expect("stored").version;
    update.spec.get_or_insert_default().role = pb::NodeRole::Worker.into();
    let refused = control.update_node(update).await.expect_err("the last one");
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::FailedPrecondition, "attempting to demote the last manager of the swarm")
    );
    let removal = pb::RemoveNodeRequest { reference: own, force: true };
    assert_eq!(control.remove_node(removal).await.expect_err("a manager").code(), Code::FailedPrecondition);

    let cluster = control.get_cluster(pb::Empty {}).await.expect("answers").into_inner();
    assert!(cluster.root_ca.expect("has one").key_pem.is_empty());
    let before = cluster.join_tokens.expect("has some");
    let rotation = pb::UpdateClusterRequest {
        version: cluster.meta.expect("stored").version,
        rotate_worker_token: true,
        ..Default::default()
    };
    control.update_cluster(rotation).await.expect("rotates");
    let after = bed.tokens().await;
    assert!(after.worker != before.worker && after.manager == before.manager);
    bed.manager.shutdown().await;
}
