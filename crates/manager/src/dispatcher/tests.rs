//! The dispatcher: silent and departing nodes, one session per node, and the differences that are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action as ChangeAction;
use swarm_api::pb::{self, NodeState, PublishMode, TaskState};
use tokio_util::sync::CancellationToken;

use super::FlapConfig;
use super::due::{Due, difference};
use super::heartbeat::{Patience, judge, lost, lost_for_certain};
use super::orphan::Orphans;
use super::session::{Session, Sessions};
use crate::reconcile::Planner;
use crate::store::{Action, Object, State, Transaction, View, apply};

const PATIENCE: Patience<'_> = Patience {
    since_ns: 1000,
    loss_ns: 50,
    first_beat_ns: 150,
    goodbye_grace_ns: 600,
    mute: &BTreeSet::new(),
};

fn node(id: &str, state: NodeState) -> pb::Node {
    pb::Node {
        id: id.to_owned(),
        status: Some(pb::NodeStatus { state: state.into(), ..Default::default() }),
        ..Default::default()
    }
}

fn task(id: &str, node_id: &str, desired: TaskState, state: TaskState) -> pb::Task {
    let port = pb::PortConfig {
        published_port: 80,
        publish_mode: PublishMode::Ingress.into(),
        ..Default::default()
    };
    pb::Task {
        id: id.to_owned(),
        service_id: "s".to_owned(),
        node_id: node_id.to_owned(),
        desired_state: desired.into(),
        status: Some(pb::TaskStatus { state: state.into(), ..Default::default() }),
        endpoint: Some(pb::Endpoint { ports: vec![port], ..Default::default() }),
        ..Default::default()
    }
}

fn view(objects: Vec<Object>) -> View {
    let mut state = State::default();
    let all: Transaction = objects.into_iter().map(Action::Put).collect();
    apply(&mut state, all, 0, 1).unwrap();
    View::from(state)
}

fn opened(sessions: &mut Sessions, node_id: &str, now_ns: i64) -> Session {
    let term = CancellationToken::new();
    sessions.open(node_id, now_ns, &FlapConfig::default(), &term).ok().unwrap().session
}

fn down(view: &View, sessions: &Sessions, now_ns: i64) -> Vec<String> {
    lost(view, sessions, PATIENCE, now_ns).into_iter().map(|node| node.id).collect()
}

#[test]
fn a_silent_node_is_down_and_a_new_leader_waits_longer() {
    let view = view(vec![
        node("beats", NodeState::Ready).into(),
        node("silent", NodeState::Ready).into(),
        node("unheard", NodeState::Ready).into(),
        node("new", NodeState::Unknown).into(),
    ]);
    let mut sessions = Sessions::default();
    let session = opened(&mut sessions, "beats", 1000).id;
    let over = opened(&mut sessions, "silent", 1000).over;
    assert!(sessions.beat("beats", &session, 1100).is_some());
    assert!(sessions.beat("beats", "another", 1100).is_none());
    assert_eq!(down(&view, &sessions, 1050), Vec::<String>::new());
    assert_eq!(down(&view, &sessions, 1051), ["silent"]);
    assert_eq!(down(&view, &sessions, 1150), ["silent"]);
    assert_eq!(down(&view, &sessions, 1151), ["beats", "silent", "unheard"]);
    sessions.excuse(1151, 0);
    assert_eq!(down(&view, &sessions, 1200), ["unheard"]);
    sessions.close("silent");
    assert!(over.is_cancelled());
    assert_eq!(down(&view, &sessions, 1200), ["unheard"], "a connection that ended is no silence");
    assert_eq!(down(&view, &sessions, 1202), ["beats", "silent", "unheard"]);
}

#[test]
fn a_manager_that_is_silent_in_both_ways_is_not_waited_for_longer() {
    let manager = |id: &str, raft_id: u64| {
        let status = pb::ManagerStatus { raft_id, ..Default::default() };
        pb::Node { manager_status: Some(status), ..node(id, NodeState::Ready) }
    };
    let view = view(vec![manager("answers", 1).into(), manager("mute", 2).into()]);
    let patience = Patience { mute: &BTreeSet::from([2]), ..PATIENCE };
    let down = |sessions: &Sessions, now_ns: i64| -> Vec<String> {
        lost(&view, sessions, patience, now_ns).into_iter().map(|node| node.id).collect()
    };
    let mut sessions = Sessions::default();
    assert!(down(&sessions, 1050).is_empty());
    assert_eq!(down(&sessions, 1051), ["mute"]);
    opened(&mut sessions, "mute", 1040);
    assert!(down(&sessions, 1051).is_empty(), "its agent was heard");
}

#[test]
fn a_young_manager_is_certain_of_the_leaders_it_has_followed_alone() {
    let mute = || BTreeMap::from([(1, true), (2, false)]);
    assert_eq!(lost_for_certain(mute(), true), BTreeSet::from([1]));
    assert_eq!(lost_for_certain(mute(), false), BTreeSet::from([1, 2]));
}

#[test]
fn a_node_may_sleep_as_long_as_it_was_told() {
    let view = view(vec![node("n", NodeState::Ready).into()]);
    let mut sessions = Sessions::default();
    opened(&mut sessions, "n", 1000);
    sessions.tell_period("n", 40);
    assert!(down(&view, &sessions, 1100).is_empty(), "the period was shortened while it slept");
    assert_eq!(down(&view, &sessions, 1101), ["n"]);
}

#[test]
fn a_node_whose_link_comes_and_goes_is_held_back() {
    let flap = FlapConfig { free: 1, ..FlapConfig::default() };
    let first_ns = i64::try_from(flap.first.as_nanos()).unwrap();
    let term = CancellationToken::new();
    let mut sessions = Sessions::default();
    let mut now_ns = PATIENCE.since_ns;
    let lose = |sessions: &mut Sessions, now_ns: i64| {
        let ready = view(vec![node("n", NodeState::Ready).into()]);
        let changed = judge(&ready, sessions, &flap, PATIENCE, now_ns);
        assert_eq!(changed.len(), 1, "{changed:?}");
        assert_eq!(crate::node::state(&changed[0]), NodeState::Down);
    };
    let known_down = view(vec![node("n", NodeState::Down).into()]);
    let back = |sessions: &mut Sessions, now_ns: i64| {
        let changed = judge(&known_down, sessions, &flap, PATIENCE, now_ns);
        changed.iter().map(crate::node::state).collect::<Vec<_>>()
    };

    sessions.open("n", now_ns, &flap, &term).unwrap();
    now_ns += PATIENCE.loss_ns + 1;
    lose(&mut sessions, now_ns);
    assert!(back(&mut sessions, now_ns).is_empty(), "it has no session");
    assert_eq!(sessions.open("n", now_ns, &flap, &term).unwrap().held, None, "the first time is free");
    now_ns += PATIENCE.loss_ns + 1;
    lose(&mut sessions, now_ns);

    let opened = sessions.open("n", now_ns, &flap, &term).unwrap();
    assert!(opened.held.unwrap().contains("lost 2 times"), "it is told why");
    assert!(back(&mut sessions, now_ns).is_empty(), "it is held back");
    let Session { id, over, .. } = opened.session;
    assert!(sessions.beat("n", &id, now_ns + first_ns).is_some(), "and heard meanwhile");
    assert_eq!(back(&mut sessions, now_ns + first_ns), [NodeState::Ready]);

    // A link that goes again while the node is held back must hold for all of the time.
    now_ns += first_ns + PATIENCE.loss_ns + 1;
    assert!(back(&mut sessions, now_ns).is_empty());
    assert!(over.is_cancelled(), "the silent session is over");
    assert!(sessions.open("n", now_ns, &flap, &term).unwrap().held.is_some());
    assert!(back(&mut sessions, now_ns).is_empty());
}

#[test]
fn a_thousand_sessions_of_one_node_are_one() {
    let flap = FlapConfig::default();
    let term = CancellationToken::new();
    let mut sessions = Sessions::default();
    let all: Vec<_> = (0..1000).map(|now_ns| sessions.open("n", now_ns, &flap, &term)).collect();
    let refused: Vec<_> = all.iter().filter_map(|opened| opened.as_ref().err()).collect();
    assert_eq!(refused.len(), 970);
    assert_eq!(refused.iter().filter(|refused| refused.is_new).count(), 1, "told once");
    let live = |opened: &&super::session::Opened| !opened.session.over.is_cancelled();
    assert_eq!(all.iter().flatten().filter(live).count(), 1);
    let later = sessions.open("n", 3_000_000_000, &flap, &term);
    assert!(later.is_ok(), "it is let in again after a while");
    assert!(sessions.open("other", 1, &flap, &term).is_ok(), "and others always are");
}

#[test]
fn a_stream_of_assignments_gives_way_to_the_next() {
    let mut sessions = Sessions::default();
    let session = opened(&mut sessions, "n", 0);
    let first = sessions.restream("n", &session.id).unwrap();
    let second = sessions.restream("n", &session.id).unwrap();
    assert!(first.is_cancelled() && !second.is_cancelled());
    assert!(sessions.restream("n", "another").is_none());
    sessions.close("n");
    assert!(second.is_cancelled());
}

#[test]
fn a_node_that_said_goodbye_has_its_grace() {
    let view = view(vec![node("away", NodeState::Disconnected).into()]);
    let mut sessions = Sessions::default();
    opened(&mut sessions, "away", 1000);
    sessions.goodbye("away", 1200);
    let ready = self::view(vec![node("away", NodeState::Ready).into()]);
    assert!(down(&ready, &sessions, 1800).is_empty(), "its word counts before it is committed");
    assert!(down(&view, &sessions, 1800).is_empty());
    assert_eq!(down(&view, &sessions, 1801), ["away"]);
    assert_eq!(down(&view, &Sessions::default(), 1601), ["away"], "a new leader counts from its beginning");
}

#[test]
fn a_new_session_ends_the_old_one() {
    let mut sessions = Sessions::default();
    let first = opened(&mut sessions, "n", 0);
    let second = opened(&mut sessions, "n", 0);
    assert!(first.over.is_cancelled());
    assert!(sessions.beat("n", &first.id, 1).is_none());
    sessions.close_if("n", &first.id);
    assert!(!second.over.is_cancelled(), "an old session does not end the new one");
}

#[test]
fn only_what_an_agent_does_not_know_is_sent() {
    let due = |tasks: Vec<pb::Task>| {
        let tasks = tasks.into_iter().map(Object::from).collect();
        Due::of(&view(tasks), "n")
    };
    let running = |id| task(id, "n", TaskState::Running, TaskState::Running);
    let before = due(vec![
        running("a"),
        task("b", "n", TaskState::Running, TaskState::Assigned),
        task("elsewhere", "m", TaskState::Running, TaskState::Running),
        task("given-up", "n", TaskState::Shutdown, TaskState::Orphaned),
    ]);
    assert_eq!(difference(&Due::default(), &before).len(), 3, "two tasks and a port");
    assert!(difference(&before, &before).is_empty());

    // b moved on by itself: only the port's backends are new.
    let after = due(vec![running("a"), running("b")]);
    let changes = difference(&before, &after);
    let [change] = changes.as_slice() else { panic!("{changes:?}") };
    let Some(Item::IngressPort(port)) = change.assignment.clone().unwrap().item else { panic!("{change:?}") };
    assert_eq!(port.task_ids, ["a", "b"]);

    let gone = difference(&after, &due(vec![task("a", "n", TaskState::Shutdown, TaskState::Running)]));
    let told: Vec<_> = gone.iter().map(|change| (change.action(), change.assignment.clone())).collect();
    assert_eq!(told.len(), 3, "a is to stop, b is gone, and so is the port: {told:?}");
    assert_eq!(told.iter().filter(|(action, _)| *action == ChangeAction::Remove).count(), 2);
}

#[test]
fn tasks_are_given_up_when_their_node_left_or_was_down_for_long() {
    let objects = vec![
        node("down", NodeState::Down).into(),
        node("up", NodeState::Ready).into(),
        task("a", "down", TaskState::Shutdown, TaskState::Running).into(),
        task("b", "left", TaskState::Running, TaskState::Running).into(),
        task("c", "up", TaskState::Running, TaskState::Running).into(),
        task("d", "left", TaskState::Shutdown, TaskState::Failed).into(),
    ];
    let view = view(objects);
    let orphans = Orphans { after_ns: 100 };
    let planned = |now_ns| {
        let planned = orphans.plan(&view, &orphans.everything(&view), now_ns);
        let ids = planned.actions.into_iter().map(|action| match action {
            Action::Put(Object::Task(task)) => {
                assert_eq!(crate::task::state(&task), TaskState::Orphaned);
                Arc::unwrap_or_clone(task).id
            }
            other => panic!("{other:?}"),
        });
        (ids.collect::<Vec<_>>(), planned.wakes)
    };
    assert_eq!(planned(99), (vec!["b".to_owned()], vec![(100, "down".to_owned())]));
    assert_eq!(planned(100), (vec!["a".to_owned(), "b".to_owned()], Vec::new()));
}
