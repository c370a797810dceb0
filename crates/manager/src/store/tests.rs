//! Applying: the same transactions give the same state everywhere, versions are held, and nothing happens by halves.

use proptest::prelude::*;
use swarm_api::pb::{self, TaskState};

use super::*;
use crate::clock::Clock;
use crate::task::{is_live, is_over, reserved};

fn service(id: &str, name: &str) -> pb::Service {
    let annotations = Some(pb::Annotations { name: name.into(), ..Default::default() });
    let spec = Some(pb::ServiceSpec { annotations, ..Default::default() });
    pb::Service { id: id.into(), spec, ..Default::default() }
}

fn task(id: u8, service: u8, slot: u8, node: u8) -> pb::Task {
    pb::Task {
        id: format!("t{id}"),
        service_id: format!("s{service}"),
        slot: slot.into(),
        node_id: format!("n{node}"),
        ..Default::default()
    }
}

fn applied(state: &mut State, transaction: Transaction) -> Result<Vec<Event>, Refused> {
    let index = state.index() + 1;
    apply(state, transaction, i64::try_from(index).unwrap_or(0), index)
}

fn put(object: impl Into<Object>) -> Transaction {
    Transaction::one(Action::put(object))
}

#[test]
fn the_version_read_must_be_the_version_stored() {
    let mut state = State::default();
    applied(&mut state, put(service("a", "web"))).expect("creates");
    let read = (**state.service("a").expect("is there")).clone();
    assert_eq!(
        read.meta.map(|meta| (meta.version, meta.intent_version, meta.created_at_ns)),
        Some((1, 1, 1))
    );
    let again = applied(&mut state, put(service("a", "web"))).expect_err("exists");
    assert!(matches!(again, Refused::Exists { .. }));
    applied(&mut state, put(read.clone())).expect("updates");
    let stale = applied(&mut state, put(read.clone())).expect_err("stale");
    assert_eq!(stale.to_string(), "update out of sequence");
    assert!(applied(&mut state, Transaction::one(Action::delete(read))).is_err());
    let current = state.service("a").expect("is there").clone();
    applied(&mut state, Transaction::one(Action::delete(current.clone()))).expect("deletes");
    let gone = applied(&mut state, put(current)).expect_err("gone");
    assert!(matches!(gone, Refused::NotFound { .. }));
}

#[test]
fn a_name_is_taken_within_its_kind_alone() {
    let spec = |name: &str| {
        let annotations = Some(pb::Annotations { name: name.into(), ..Default::default() });
        Some(pb::FileSpec { annotations, ..Default::default() })
    };
    let secret = |id: &str| pb::Secret { id: id.into(), spec: spec("key"), ..Default::default() };
    let mut state = State::default();
    applied(&mut state, put(secret("a"))).expect("creates");
    let config = pb::Config { id: "a".into(), spec: spec("key"), ..Default::default() };
    applied(&mut state, put(config)).expect("is of another kind");
    let taken = applied(&mut state, put(secret("b"))).expect_err("taken");
    assert_eq!(taken.to_string(), "name conflicts with an existing object: secret key already exists");
    let capitals = pb::Secret { id: "c".into(), spec: spec("Key"), ..Default::default() };
    let taken = applied(&mut state, put(capitals)).expect_err("taken, in other letters");
    assert_eq!(taken.to_string(), "name conflicts with an existing object: secret Key already exists");
    assert!(state.is_taken(Kind::Secret, "KEY") && state.secret_by_name("KEY").is_none());
    let stored = state.secret_by_name("key").expect("is there").clone();
    applied(&mut state, Transaction::one(Action::delete(stored))).expect("deletes");
    applied(&mut state, put(secret("b"))).expect("the name is free");
    assert_eq!((state.secrets().count(), state.configs().count()), (1, 1));
    assert_eq!(state.objects().count(), 2);
}

#[test]
fn a_name_is_one_services_until_that_is_being_removed() {
    let mut state = State::default();
    applied(&mut state, put(service("a", "web"))).expect("creates");
    let taken = applied(&mut state, put(service("b", "web"))).expect_err("taken");
    assert_eq!(taken.to_string(), "name conflicts with an existing object: service web already exists");
    let mut leaving = (**state.service("a").expect("is there")).clone();
    leaving.removing = true;
    applied(&mut state, put(leaving)).expect("marks");
    assert!(state.service_by_name("web").is_none());
    applied(&mut state, put(service("b", "web"))).expect("the name is free");
    let leaving = state.service("a").expect("still there").clone();
    applied(&mut state, Transaction::one(Action::delete(leaving))).expect("deletes");
    assert_eq!(state.service_by_name("web").map(|service| service.id.as_str()), Some("b"));
}

#[test]
fn the_spec_version_moves_with_the_task_and_the_ports_only() {
    let mut state = State::default();
    applied(&mut state, put(service("a", "web"))).expect("creates");
    let change = |state: &mut State, change: &dyn Fn(&mut pb::Service)| {
        let mut service = (**state.service("a").expect("is there")).clone();
        change(&mut service);
        applied(state, put(service)).expect("updates");
        let service = state.service("a").expect("is there");
        (service.spec_version, service.meta.expect("stored").intent_version)
    };
    assert_eq!(change(&mut state, &|service| service.endpoint = Some(pb::Endpoint::default())), (1, 1));
    let scale = |service: &mut pb::Service| {
        service.spec.get_or_insert_default().mode = swarm_api::default::replicated(9);
    };
    assert_eq!(change(&mut state, &scale), (1, 3));
    let retask =
        |service: &mut pb::Service| service.spec.get_or_insert_default().task = Some(pb::TaskSpec::default());
    assert_eq!(change(&mut state, &retask), (4, 4));
}

#[test]
fn tasks_are_found_by_service_slot_and_node() {
    let mut state = State::default();
    let tasks: Transaction =
        [task(1, 1, 2, 1), task(2, 1, 1, 2), task(3, 2, 1, 1)].into_iter().map(Action::put).collect();
    applied(&mut state, tasks).expect("creates");
    let ids =
        |tasks: Vec<&std::sync::Arc<pb::Task>>| tasks.iter().map(|task| task.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(state.tasks_of_service("s1").collect()), ["t2", "t1"]);
    assert_eq!(ids(state.tasks_of_slot("s1", 2).collect()), ["t1"]);
    assert_eq!(ids(state.tasks_of_node("n1").collect()), ["t1", "t3"]);
    let mut moved = (**state.task("t3").expect("is there")).clone();
    moved.node_id = "n2".into();
    applied(&mut state, put(moved)).expect("updates");
    assert_eq!(ids(state.tasks_of_node("n2").collect()), ["t2", "t3"]);
    assert_eq!(ids(state.tasks_of_node("n1").collect()), ["t1"]);
    assert_eq!(ids(state.tasks_by_prefix("t").collect()), ["t1", "t2", "t3"]);
}

#[test]
fn a_service_is_found_by_the_ports_it_asks_for_and_those_it_has() {
    let port = |published_port| pb::PortConfig { published_port, ..Default::default() };
    let asking = |ports: Vec<pb::PortConfig>| {
        let mut service = service("a", "web");
        service.spec.get_or_insert_default().endpoint =
            Some(pb::EndpointSpec { ports, ..Default::default() });
        service
    };
    let mut state = State::default();
    applied(&mut state, put(asking(vec![port(80), port(0)]))).expect("creates");
    let mut given = (**state.service("a").expect("is there")).clone();
    given.endpoint = Some(pb::Endpoint { ports: vec![port(80), port(30_000)], ..Default::default() });
    applied(&mut state, put(given)).expect("updates");
    let of = |state: &State, number| state.services_of_port(0, number).count();
    assert_eq!([80, 30_000, 0, 81].map(|number| of(&state, number)), [1, 1, 0, 0]);
    assert_eq!(state.services_of_port(1, 80).count(), 0, "of another protocol");
    let stored = state.service("a").expect("is there").clone();
    applied(&mut state, Transaction::one(Action::delete(stored))).expect("deletes");
    assert_eq!(of(&state, 80) + of(&state, 30_000), 0);
}

/// The task with what it takes of its node, of all kinds: in one slot of four it is over, in another told to stop.
fn weighty(id: u8, task: pb::Task) -> pb::Task {
    let (state, desired) = match task.slot {
        3 => (TaskState::Failed, TaskState::Running),
        2 => (TaskState::Running, TaskState::Shutdown),
        _ => (TaskState::Running, TaskState::Running),
    };
    let reservations = pb::Resources { nano_cpus: i64::from(id), memory_bytes: i64::MAX, pids: 0 };
    let resources = pb::ResourceRequirements { reservations: Some(reservations), ..Default::default() };
    let on = |network: &str| pb::NetworkAttachment {
        network: Some(pb::Network { id: network.into(), ..Default::default() }),
        ..Default::default()
    };
    let own = pb::GenericResource { kind: "gpu".into(), value: format!("g{id}"), count: 0 };
    pb::Task {
        desired_state: desired.into(),
        status: Some(pb::TaskStatus { state: state.into(), ..Default::default() }),
        spec: Some(pb::TaskSpec { resources: Some(resources), ..Default::default() }),
        networks: if id.is_multiple_of(3) { vec![on("net1"), on("net2")] } else { Vec::new() },
        assigned_generic: if id.is_multiple_of(4) { vec![own] } else { Vec::new() },
        ..task
    }
}

/// A step of the property tests: what to do with a task, and whether with the version that it has.
type Step = (u8, u8, u8, u8, u8, bool);

fn transaction(state: &State, steps: &[Step]) -> Transaction {
    let mut transaction = Transaction::default();
    for (kind, id, service, slot, node, fresh) in steps {
        let mut wanted = weighty(*id, task(*id, *service, *slot, *node));
        let stored = state.task(&wanted.id);
        let known = stored.and_then(|stored| stored.meta);
        wanted.meta = known.filter(|_| *fresh);
        match kind % 3 {
            0 => drop(transaction.delete(wanted)),
            _ => drop(transaction.put(wanted)),
        }
    }
    transaction
}

proptest! {
    #[test]
    fn the_same_log_gives_the_same_state(
        log in prop::collection::vec(prop::collection::vec(any::<Step>().prop_map(|(k, i, s, l, n, f)| (k, i % 12, s % 3, l % 4, n % 3, f)), 1..4), 0..60)
    ) {
        let (mut one, mut other) = (State::default(), State::default());
        for steps in log {
            let transaction = transaction(&one, &steps);
            let before: Vec<Object> = one.objects().collect();
            // Over the wire and back, as another manager gets it.
            let (copy, now_ns) = encode::from_message(encode::to_message(&transaction, 5)).expect("own message");
            let index = one.index() + 1;
            let outcome = apply(&mut one, transaction, 5, index);
            prop_assert_eq!(&outcome, &apply(&mut other, copy, now_ns, index));
            if outcome.is_err() {
                prop_assert!(one.objects().eq(before), "a refused transaction changed something");
            }
        }
        prop_assert!(one.objects().eq(other.objects()));
        // The derived maps say the same as the objects.
        let mut restored = State::at(one.index());
        one.objects().for_each(|object| restore(&mut restored, object));
        for service in ["s0", "s1", "s2"] {
            prop_assert!(one.tasks_of_service(service).eq(restored.tasks_of_service(service)));
            prop_assert!(one.tasks_of_service(service).all(|task| task.service_id == service));
        }
        let attached = one.tasks().filter(|task| !task.networks.is_empty() && !is_over(task));
        prop_assert!(one.tasks_of_network("net2").eq(attached));
        for node in ["n0", "n1", "n2"] {
            prop_assert!(one.tasks_of_node(node).eq(restored.tasks_of_node(node)));
            prop_assert_eq!(one.load_of_node(node), restored.load_of_node(node));
            let here: Vec<_> = one.tasks_of_node(node).filter(|task| !is_over(task)).collect();
            let live = here.iter().filter(|task| is_live(task)).count();
            let memory = if here.is_empty() { 0 } else { i64::MAX };
            let load = one.load_of_node(node);
            prop_assert_eq!((load.live, load.memory_bytes()), (live, memory));
            prop_assert_eq!(load.nano_cpus(), here.iter().map(|task| reserved(task).nano_cpus).sum::<i64>());
            let holders = here.into_iter().filter(|task| !task.assigned_generic.is_empty());
            prop_assert!(one.holders_on_node(node).eq(holders));
        }
    }
}

#[tokio::test]
async fn a_subscriber_that_lags_is_told_to_look_again() {
    let (store, proposer) = in_memory(Clock::system());
    let mut lagging = store.subscribe();
    let mut following = store.subscribe();
    for number in 0..300 {
        proposer.propose(put(service(&format!("s{number}"), &format!("n{number}")))).await.expect("applies");
        let Notice::Changed(change) = following.next().await else { panic!("follows") };
        assert!(store.view().index() >= change.index && change.events.len() == 1);
    }
    assert!(matches!(lagging.next().await, Notice::Rescan));
    assert!(matches!(lagging.next().await, Notice::Changed(_)));
    drop(proposer);
    while !matches!(following.next().await, Notice::Closed) {}
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_proposed() {
    let (_store, proposer) = in_memory(Clock::system());
    let many: Transaction =
        (0..=MAX_ACTIONS).map(|number| Action::put(service(&number.to_string(), ""))).collect();
    assert!(matches!(proposer.propose(many).await, Err(ProposeError::TooLarge { .. })));
    let long = put(service("a", &"x".repeat(MAX_TRANSACTION_BYTES)));
    assert!(matches!(proposer.propose(long).await, Err(ProposeError::TooLarge { .. })));
}
