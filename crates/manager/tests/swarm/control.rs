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

    let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
    let published = |name: &str| {
        let mut spec = spec(name, "busybox");
        spec.endpoint = Some(pb::EndpointSpec { ports: vec![port.clone()], ..Default::default() });
        pb::CreateServiceRequest { spec: Some(spec), ..Default::default() }
    };
    let first = control.create_service(published("first")).await.expect("creates").into_inner();
    let status = control.create_service(published("second")).await.expect_err("the port is taken");
    assert_eq!(status.message(), format!("port '8080' is already in use by service 'first' ({})", first.id));
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
