//! The root is rotated while services run: agents renew by themselves, nothing stops, and who slept through it comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use manager::store::State;
use swarm_api::channel::{self, Tcp};
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::dispatcher_client::DispatcherClient;
use swarm_api::pb::{self, NodeRole, NodeState};
use testkit::cluster::spec::service;
use testkit::cluster::{Cluster, Managers};
use tokio::time::timeout;
use tonic::Code;

type Outcome = anyhow::Result<()>;

fn trusted(view: &State) -> String {
    view.cluster()
        .and_then(|cluster| cluster.root_ca.as_ref())
        .map(|root| root.digest.clone())
        .unwrap_or_default()
}

fn state(view: &State, node_id: &str) -> NodeState {
    view.node(node_id).and_then(|node| node.status.as_ref().map(|status| status.state())).unwrap_or_default()
}

/// Whether the worker trusts the root there is, and has a session.
fn has_moved(cluster: &Cluster, view: &State, number: usize) -> bool {
    let member = &cluster.members[number];
    member.identity().authority().trust_digest == trusted(view)
        && state(view, &member.node_id) == NodeState::Ready
}

#[tokio::test]
async fn every_worker_moves_to_the_new_root_and_no_task_is_touched() -> Outcome {
    let cluster = Cluster::start(3).await?;
    let web = cluster.create(service("web", "web", 6)).await?;
    cluster.settled(&web, 6).await?;
    let before: BTreeSet<String> = cluster.running(&web).into_keys().collect();
    for _ in 0..2 {
        let old = trusted(&cluster.view());
        cluster.rotate_root().await?;
        assert_ne!(trusted(&cluster.view()), old);
        cluster
            .eventually("all have moved", |view| (0..3).all(|number| has_moved(&cluster, view, number)))
            .await?;
    }
    cluster.settled(&web, 6).await?;
    assert_eq!(cluster.running(&web).into_keys().collect::<BTreeSet<_>>(), before, "nothing was replaced");
    let starts: u64 = cluster.members.iter().map(|member| member.executor.starts()).sum();
    assert_eq!(starts, 6, "nothing was restarted");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_slept_through_rotations_comes_back_by_its_key() -> Outcome {
    let mut cluster = Cluster::start(2).await?;
    cluster.vanish(0);
    let late = cluster.members[0].node_id.clone();
    cluster.eventually("it is down", |view| state(view, &late) == NodeState::Down).await?;
    cluster.rotate_root().await?;
    cluster.rotate_root().await?;
    cluster.come_back(0).await?;
    cluster.eventually("it is back", |view| has_moved(&cluster, view, 0)).await?;
    Ok(())
}

/// How soon a demoted manager must be cut off.
const CUT_OFF: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_demoted_manager_is_cut_off_with_the_certificate_it_has() -> Outcome {
    let managers = Managers::form(3).await?;
    let leader = managers.leader().expect("one leads");
    let (by, demoted) = ((leader + 1) % 3, (leader + 2) % 3);
    let identity = managers.identity(demoted);
    let dial = |number: usize| channel::connect(managers.addr(number), &identity, Arc::new(Tcp));
    let mut session =
        DispatcherClient::new(dial(leader)?).session(pb::SessionRequest::default()).await?.into_inner();
    session.message().await?.expect("a first message");
    ControlClient::new(dial(leader)?).list_nodes(pb::ListNodesRequest::default()).await?;

    managers.set_role(by, demoted, NodeRole::Worker).await?;
    timeout(CUT_OFF, async { while let Ok(Some(_)) = session.message().await {} }).await?;
    for number in [leader, by] {
        let mut control = ControlClient::new(dial(number)?);
        let refused = timeout(CUT_OFF, async {
            loop {
                match control.list_nodes(pb::ListNodesRequest::default()).await {
                    Err(status) if status.code() == Code::PermissionDenied => return status,
                    _ => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        let status = refused.await?;
        assert!(status.message().contains("this call is not for a node of role worker"), "{status:?}");
    }
    // It is still a node, and may say so.
    let mut session =
        DispatcherClient::new(dial(leader)?).session(pb::SessionRequest::default()).await?.into_inner();
    session.message().await?.expect("a first message");
    Ok(())
}
