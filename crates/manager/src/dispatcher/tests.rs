//! The dispatcher: silent and departing nodes, one session per node, and the differences that are sent.

use std::sync::Arc;

use swarm_api::pb::assignment::Item;
use swarm_api::pb::assignment_change::Action as ChangeAction;
use swarm_api::pb::{self, NodeState, PublishMode, TaskState};
use tokio_util::sync::CancellationToken;

use super::assignment::{Due, difference};
use super::heartbeat::{Patience, lost};
use super::orphan::Orphans;
use super::session::Sessions;
use crate::reconcile::Planner;
use crate::store::{Action, Object, State, Transaction, View, apply};

const PATIENCE: Patience =
    Patience { since_ns: 1000, loss_ns: 50, first_beat_ns: 150, goodbye_grace_ns: 600 };

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
    let term = CancellationToken::new();
    let mut sessions = Sessions::default();
    let (session, _) = sessions.open("beats", 1000, &term);
    let (_, over) = sessions.open("silent", 1000, &term);
    assert!(sessions.beat("beats", &session, 1100).is_some());
    assert!(sessions.beat("beats", "another", 1100).is_none());
    assert_eq!(down(&view, &sessions, 1050), Vec::<String>::new());
    assert_eq!(down(&view, &sessions, 1051), ["silent"]);
    assert_eq!(down(&view, &sessions, 1150), ["silent"]);
    assert_eq!(down(&view, &sessions, 1151), ["beats", "silent", "unheard"]);
    sessions.excuse(1151);
    assert_eq!(down(&view, &sessions, 1200), ["unheard"]);
    sessions.close("silent");
    assert!(over.is_cancelled());
}

#[test]
fn a_node_that_said_goodbye_has_its_grace() {
    let view = view(vec![node("away", NodeState::Disconnected).into()]);
    let mut sessions = Sessions::default();
    sessions.open("away", 1000, &CancellationToken::new());
    sessions.goodbye("away", 1200);
    assert!(down(&view, &sessions, 1800).is_empty());
    assert_eq!(down(&view, &sessions, 1801), ["away"]);
    assert_eq!(down(&view, &Sessions::default(), 1601), ["away"], "a new leader counts from its beginning");
}

#[test]
fn a_new_session_ends_the_old_one() {
    let term = CancellationToken::new();
    let mut sessions = Sessions::default();
    let (first, over) = sessions.open("n", 0, &term);
    sessions.open("n", 0, &term);
    assert!(over.is_cancelled());
    assert!(sessions.beat("n", &first, 1).is_none());
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
