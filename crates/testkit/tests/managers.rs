//! Several managers that agree, in one process: who leads, what survives, and who refuses.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use manager::store::View;
use swarm_api::channel::{self, BoxStream, Dial, Tcp};
use swarm_api::join::join;
use swarm_api::pb::raft_client::RaftClient;
use swarm_api::pb::snapshot_piece::Piece;
use swarm_api::pb::{self, NodeAvailability, NodeRole};
use swarm_api::tls::NodeKey;
use testkit::cluster::Managers;
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use tonic::codegen::tokio_stream;
use tonic::{Code, Status};

type Outcome = anyhow::Result<()>;

const NO_LEADER: &str = "The swarm does not have a leader. It's possible that too few managers are online. Make sure more than half of the managers are online.";
/// How long writes may stand still when the leader goes, on a machine that does other things as well.
const FAILOVER: Duration = Duration::from_secs(5);

fn status(outcome: Outcome) -> Status {
    let error = outcome.expect_err("refused");
    error.downcast::<Status>().expect("a status")
}

#[tokio::test]
async fn three_managers_agree_and_each_serves() -> Outcome {
    let managers = Managers::form(3).await?;
    for number in 0..3 {
        managers.create(number, &format!("by-{number}")).await?;
    }
    for number in 0..3 {
        managers.all_have(&format!("by-{number}")).await?;
        // What was acknowledged is read at once, by whomever.
        let services = managers.control(number)?.list_services(pb::ListServicesRequest::default()).await?;
        assert_eq!(services.into_inner().services.len(), 3);
        let nodes = managers.control(number)?.list_nodes(pb::ListNodesRequest::default()).await?;
        let states: Vec<_> =
            nodes.into_inner().nodes.into_iter().filter_map(|node| node.manager_status).collect();
        assert_eq!(states.len(), 3);
        assert!(states.iter().all(|state| state.reachable && !state.addr.is_empty()), "{states:?}");
        assert_eq!(states.iter().filter(|state| state.leader).count(), 1);
    }
    Ok(())
}

#[tokio::test]
async fn the_leader_is_lost_and_nothing_else() -> Outcome {
    let mut managers = Managers::form(3).await?;
    managers.create(0, "before").await?;
    let former = managers.leader().expect("one leads");
    managers.drop(former);
    let begun = Instant::now();
    let by = managers.running()[0];
    managers.create_at_last(by, "after").await?;
    let took = begun.elapsed();
    eprintln!("leader lost to next accepted write: {took:?}");
    assert!(took < FAILOVER, "{took:?}");
    for number in managers.running() {
        managers.create(number, &format!("by-{number}")).await?;
    }
    managers.start(former).await?;
    managers.all_have("after").await?;
    managers.all_have(&format!("by-{by}")).await?;
    managers.create(former, "by-the-former").await?;
    managers.all_have("by-the-former").await
}

#[tokio::test]
async fn a_leader_that_stops_in_order_hands_over() -> Outcome {
    let mut managers = Managers::form(3).await?;
    let former = managers.leader().expect("one leads");
    let begun = Instant::now();
    managers.stop(former).await;
    let next = managers.another_leads(former).await?;
    managers.create_at_last(next, "after").await?;
    let took = begun.elapsed();
    eprintln!("leader stopped to next accepted write: {took:?}");
    assert!(took < FAILOVER, "{took:?}");
    Ok(())
}

#[tokio::test]
async fn a_minority_refuses_and_the_majority_goes_on() -> Outcome {
    let managers = Managers::form(3).await?;
    let former = managers.leader().expect("one leads");
    managers.isolate(former);
    let next = managers.another_leads(former).await?;
    managers.create(next, "by-the-majority").await?;
    let refusal = status(managers.create(former, "by-the-minority").await);
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal}");
    let read = managers.control(former)?.list_services(pb::ListServicesRequest::default()).await;
    assert_eq!(read.expect_err("stale reads are none").message(), NO_LEADER);
    managers.mend();
    managers.all_have("by-the-majority").await?;
    managers.create(former, "after").await?;
    managers.all_have("after").await
}

#[tokio::test]
async fn a_follower_that_is_cut_off_and_returns_disturbs_nobody() -> Outcome {
    let managers = Managers::form(3).await?;
    let leader = managers.leader().expect("one leads");
    let lonely = (leader + 1) % 3;
    managers.isolate(lonely);
    let refusal = status(managers.create(lonely, "alone").await);
    assert_eq!((refusal.code(), refusal.message()), (Code::Unavailable, NO_LEADER));
    managers.create(leader, "meanwhile").await?;
    managers.mend();
    managers.all_have("meanwhile").await?;
    managers.create(lonely, "again").await?;
    assert_eq!(managers.leader(), Some(leader), "nobody was elected for its sake");
    Ok(())
}

#[tokio::test]
async fn five_managers_survive_two_and_no_third() -> Outcome {
    let mut managers = Managers::form(5).await?;
    let first = managers.leader().expect("one leads");
    managers.drop(first);
    let second = managers.another_leads(first).await?;
    managers.drop(second);
    let by = managers.running()[0];
    managers.create_at_last(by, "with-three").await?;
    let third = managers.leader().unwrap_or(by);
    managers.drop(third);
    let by = managers.running()[0];
    let refusal = status(managers.create(by, "with-two").await);
    assert_eq!(refusal.code(), Code::Unavailable, "{refusal}");
    managers.start(first).await?;
    managers.eventually("one leads again", |all| all.leader().is_some()).await?;
    managers.create_at_last(by, "with-three-again").await?;
    managers.all_have("with-three-again").await?;
    managers.all_have("with-three").await
}

#[tokio::test]
async fn one_that_was_away_for_long_gets_a_snapshot() -> Outcome {
    /// More than are kept for followers that are a little behind, and than are written before a snapshot.
    const WRITES: usize = 6_000;
    const WRITERS: usize = 100;
    let mut managers = Managers::form(3).await?;
    let leader = managers.leader().expect("one leads");
    let away = (leader + 1) % 3;
    managers.stop(away).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let mut control = managers.control(leader)?;
        writers.spawn(async move {
            for number in 0..WRITES / WRITERS {
                let spec = testkit::cluster::spec::service(&format!("s-{writer}-{number}"), "image", 0);
                control
                    .create_service(pb::CreateServiceRequest { spec: Some(spec), ..Default::default() })
                    .await?;
            }
            Ok::<_, Status>(())
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    managers.start(away).await?;
    managers.eventually("it has all of it", |all| all.view(away).counts().1 == WRITES).await?;
    managers.create(away, "after").await?;
    managers.all_have("after").await
}

#[tokio::test]
async fn a_demoted_leader_hands_over_and_is_out() -> Outcome {
    let managers = Managers::form(3).await?;
    let former = managers.leader().expect("one leads");
    managers.set_role((former + 1) % 3, former, NodeRole::Worker).await?;
    let next = managers.another_leads(former).await?;
    let node_id = managers.node_id(former);
    managers
        .eventually("it is no member any more", |all| {
            let view = all.view(next);
            let node = view.node(&node_id).expect("still a node");
            all.voters() == 2 && node.manager_status.is_none()
        })
        .await?;
    managers.create(next, "after").await
}

#[tokio::test]
async fn a_manager_that_was_demoted_for_a_moment_is_one_again() -> Outcome {
    let managers = Managers::form(3).await?;
    let leader = managers.leader().expect("one leads");
    let (other, node_id) = ((leader + 1) % 3, managers.node_id((leader + 1) % 3));
    managers.set_role(leader, other, NodeRole::Worker).await?;
    managers
        .eventually("it is no member any more", |all| {
            let has_member =
                |view: &View| view.node(&node_id).is_some_and(|node| node.manager_status.is_some());
            all.voters() == 2 && !has_member(&all.view(leader))
        })
        .await?;
    // It has not ended: its node has heard of neither.
    managers.set_role(leader, other, NodeRole::Manager).await?;
    managers.announce(other);
    managers.eventually("it has a vote again", |all| all.voters() == 3).await?;
    managers.create(other, "after").await?;
    managers.all_have("after").await
}

#[tokio::test]
async fn a_demotion_that_would_lose_the_quorum_is_refused() -> Outcome {
    let mut managers = Managers::form(3).await?;
    let leader = managers.leader().expect("one leads");
    let (lost, other) = ((leader + 1) % 3, (leader + 2) % 3);
    managers.drop(lost);
    let lost_id = managers.node_id(lost);
    let begun = Instant::now();
    loop {
        let nodes = managers.control(leader)?.list_nodes(pb::ListNodesRequest::default()).await?.into_inner();
        let is_lost = |node: &pb::Node| {
            node.id == lost_id && node.manager_status.as_ref().is_some_and(|status| !status.reachable)
        };
        if nodes.nodes.iter().any(is_lost) {
            break;
        }
        anyhow::ensure!(begun.elapsed() < Duration::from_secs(20), "the lost one counts as reachable");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let refusal = status(managers.set_role(leader, other, NodeRole::Worker).await);
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains("loss of quorum"), "{refusal}");
    assert!(refusal.message().contains(&lost_id), "{refusal}");
    managers.set_role(leader, lost, NodeRole::Worker).await?;
    managers.eventually("the lost one is out", |all| all.voters() == 2).await?;
    let refusal = status(
        async {
            managers.set_role(leader, other, NodeRole::Worker).await?;
            managers.eventually("one is left", |all| all.voters() == 1).await?;
            managers.set_role(leader, leader, NodeRole::Worker).await
        }
        .await,
    );
    assert_eq!(refusal.message(), "attempting to demote the last manager of the swarm");
    Ok(())
}

#[tokio::test]
async fn members_answer_only_who_they_should() -> Outcome {
    let managers = Managers::form(2).await?;
    let raft_id = |number: usize| {
        let view = managers.view(0);
        view.node(&managers.node_id(number))
            .and_then(|node| node.manager_status.clone())
            .expect("a member")
            .raft_id
    };
    let channel = channel::connect(managers.addr(0), &managers.identity(1), Arc::new(Tcp))?;
    let mut client = RaftClient::new(channel);
    let ask = |to, from| pb::VoteRequest {
        to,
        vote: Some(pb::RaftVote { term: 1, raft_id: from, committed: false }),
        ..Default::default()
    };
    let refusal = client.pre_vote(ask(raft_id(1), raft_id(1))).await.expect_err("meant for another");
    assert_eq!(refusal.code(), Code::NotFound);
    let refusal = client.vote(ask(raft_id(0), raft_id(0))).await.expect_err("speaks for another");
    assert_eq!(refusal.code(), Code::PermissionDenied);
    let refusal =
        client.vote(pb::VoteRequest { to: raft_id(0), ..Default::default() }).await.expect_err("rubbish");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    let answer = client.pre_vote(ask(raft_id(0), raft_id(1))).await?.into_inner();
    assert!(!answer.granted, "a term of the past");

    let head = |vote| pb::SnapshotHead { to: raft_id(0), vote };
    let vote = Some(pb::RaftVote { term: 1, raft_id: raft_id(1), committed: true });
    let tail = pb::SnapshotTail { bytes: 4, sha256: vec![0; 32] };
    for pieces in [
        vec![],
        vec![Piece::Data(b"rubbish".to_vec())],
        vec![Piece::Head(head(None)), Piece::Tail(tail.clone())],
        vec![Piece::Head(head(vote)), Piece::Data(vec![0xff; 64 * 1024])],
        vec![Piece::Head(head(vote)), Piece::Data(vec![2, 0, 0]), Piece::Tail(tail)],
        vec![Piece::Head(head(vote))],
    ] {
        let pieces = pieces.into_iter().map(|piece| pb::SnapshotPiece { piece: Some(piece) });
        let refusal = client.snapshot(tokio_stream::iter(pieces.collect::<Vec<_>>())).await;
        assert_eq!(refusal.expect_err("no snapshot").code(), Code::InvalidArgument);
    }
    managers.create(1, "after").await?;
    managers.all_have("after").await
}

/// Calls from this address of the machine's loopback.
struct From(Ipv4Addr);

impl Dial for From {
    fn dial(&self, addr: &str) -> Pin<Box<dyn Future<Output = std::io::Result<BoxStream>> + Send>> {
        let (own, addr) = (self.0, addr.parse());
        Box::pin(async move {
            let socket = TcpSocket::new_v4()?;
            socket.bind((own, 0).into())?;
            let stream = socket.connect(addr.map_err(std::io::Error::other)?).await?;
            Ok(Box::new(stream) as BoxStream)
        })
    }
}

#[tokio::test]
async fn who_guesses_tokens_by_way_of_a_follower_is_told_apart_from_others_there() -> Outcome {
    /// More than are heard in a row, however slow they are.
    const GUESSES: usize = 500;
    let managers = Managers::form(2).await?;
    let leader = managers.leader().expect("one leads");
    let follower = managers.addr(1 - leader);
    let cluster = managers.control(leader)?.get_cluster(pb::Empty {}).await?.into_inner();
    let token = cluster.join_tokens.unwrap_or_default().worker;
    let (digest, _) = token.rsplit_once('-').expect("a token");
    let wrong = format!("{digest}-{}", swarm_api::id::NodeId::random());
    let key = NodeKey::generate()?;
    let guesser = Arc::new(From(Ipv4Addr::new(127, 0, 0, 2)));
    let mut last = String::new();
    for _ in 0..GUESSES {
        let refused = join(guesser.clone(), follower, &wrong, &key, NodeAvailability::Active).await;
        last = refused.expect_err("a guess").to_string();
        if last.contains("too many requests") {
            break;
        }
    }
    assert!(last.contains("too many requests"), "{last}");
    let other = Arc::new(From(Ipv4Addr::new(127, 0, 0, 3)));
    join(other, follower, &token, &key, NodeAvailability::Active).await?;
    Ok(())
}
