//! Whatever happens: random specs, failures, changes of nodes and of leaders, and what must hold all the same. [`Whole`] checks
//! at each step that nothing is stopped without a cause, and that no node has more tasks than it may.

use std::collections::BTreeSet;

use proptest::prelude::*;
use swarm_api::default;
use swarm_api::pb::service_spec::Mode;
use swarm_api::pb::{
    self, FailureAction, NodeAvailability, NodeState, RestartCondition, TaskState, UpdateOrder,
};

use super::whole::Whole;
use super::world::*;
use crate::task;

const NODES: usize = 3;

#[derive(Clone, Debug)]
enum Blow {
    Scale(u64),
    Image(u8),
    Label(u8),
    End(usize, TaskState),
    Node(usize, NodeState, NodeAvailability),
    Plan,
    Place,
    Obey(u64),
    /// So many tenths of a second.
    Time(i64),
    /// Another leader, whose clock is so many tenths of a second behind.
    Leader(i64),
}

fn step() -> impl Strategy<Value = Blow> {
    prop_oneof![
        3 => Just(Blow::Plan),
        2 => Just(Blow::Place),
        4 => any::<u64>().prop_map(Blow::Obey),
        2 => (1..40_i64).prop_map(Blow::Time),
        1 => (0..5_i64).prop_map(Blow::Leader),
    ]
}

fn blow() -> impl Strategy<Value = Blow> {
    let node_state = prop_oneof![Just(NodeState::Ready), Just(NodeState::Down)];
    let availability = prop_oneof![
        Just(NodeAvailability::Active),
        Just(NodeAvailability::Drain),
        Just(NodeAvailability::Pause)
    ];
    let end = prop_oneof![Just(TaskState::Failed), Just(TaskState::Rejected), Just(TaskState::Complete)];
    prop_oneof![
        12 => step(),
        1 => (0..6_u64).prop_map(Blow::Scale),
        1 => any::<u8>().prop_map(Blow::Image),
        1 => any::<u8>().prop_map(Blow::Label),
        2 => (any::<usize>(), end).prop_map(|(which, how)| Blow::End(which, how)),
        2 => (0..NODES, node_state, availability).prop_map(|(n, state, a)| Blow::Node(n, state, a)),
    ]
}

fn config() -> impl Strategy<Value = pb::UpdateConfig> {
    let order = prop_oneof![Just(UpdateOrder::StopFirst), Just(UpdateOrder::StartFirst)];
    let action =
        prop_oneof![Just(FailureAction::Pause), Just(FailureAction::Continue), Just(FailureAction::Rollback)];
    (0..4_u64, 0..3_i64, 0..6_i64, 0..3_u8, order, action).prop_map(
        |(parallelism, delay, monitor, ratio, order, action)| pb::UpdateConfig {
            parallelism,
            delay_ns: delay * SECOND,
            monitor_ns: monitor * SECOND,
            max_failure_ratio: f32::from(ratio) / 4.0,
            order: order.into(),
            failure_action: action.into(),
        },
    )
}

prop_compose! {
    /// A service of this mode, whatever else it wants.
    fn wish(mode: Mode)(
        update in config(), rollback in config(), max_replicas in 0..3_u64, is_balanced in any::<bool>(),
        drain_time in prop::option::of(0..3_i64), delay in 0..3_i64, condition in 0..3_i32, attempts in 0..3_u64,
    ) -> pb::ServiceSpec {
        let mut wish = pb::ServiceSpec { mode: Some(mode), ..spec(0) };
        let port = pb::PortConfig { target_port: 80, published_port: 8080, ..Default::default() };
        wish.endpoint = is_balanced.then(|| pb::EndpointSpec { ports: vec![port], ..Default::default() });
        wish.drain_time_ns = drain_time.map(|seconds| seconds * SECOND);
        if !default::is_job(&wish) {
            (wish.update, wish.rollback) = (Some(update), Some(rollback));
            let placed = pb::Placement { max_replicas, ..Default::default() };
            wish.task.as_mut().unwrap().placement = matches!(mode, Mode::Replicated(_)).then_some(placed);
        }
        *policy(&mut wish) = pb::RestartPolicy {
            condition, delay_ns: Some(delay * SECOND), max_attempts: attempts, window_ns: 0,
        };
        wish
    }
}

fn any_wish() -> impl Strategy<Value = pb::ServiceSpec> {
    prop_oneof![
        (0..6_u64).prop_flat_map(|replicas| wish(default::replicated(replicas).unwrap())),
        wish(Mode::Global(pb::GlobalService {})),
        wish(Mode::GlobalJob(pb::GlobalJob {})),
        (1..4_u64, 0..7_u64).prop_flat_map(|(max_concurrent, total_completions)| {
            wish(Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions }))
        }),
    ]
}

fn strike(whole: &mut Whole, blow: Blow) {
    match blow {
        Blow::Scale(count) => whole.world.update(|spec| match &mut spec.mode {
            Some(Mode::Replicated(mode)) => mode.replicas = count,
            Some(Mode::ReplicatedJob(job)) => job.total_completions = count,
            _ => {}
        }),
        Blow::Image(number) => whole.world.update(|spec| set_image(spec, &format!("web:{number}"))),
        Blow::Label(number) => whole.world.update(|spec| {
            let labels = &mut spec.annotations.get_or_insert_default().labels;
            labels.insert("a".to_owned(), number.to_string());
        }),
        Blow::End(which, how) => {
            let running = whole.world.running();
            if let Some(task) = running.get(which % running.len().max(1)) {
                whole.world.end(task, how);
            }
        }
        Blow::Node(number, state, availability) => whole.world.set_node(number, state, availability),
        Blow::Plan => drop(whole.plan()),
        Blow::Place => drop(whole.place()),
        Blow::Obey(turn) => drop(whole.obey(turn, 2)),
        Blow::Time(tenths) => whole.world.now_ns += tenths * SECOND / 10,
        Blow::Leader(tenths) => whole.world.now_ns -= tenths * SECOND / 10,
    }
}

fn calm(whole: &mut Whole) {
    for number in 0..NODES {
        whole.world.set_node(number, NodeState::Ready, NodeAvailability::Active);
    }
}

/// Runs a job to its end: what runs completes, as long as something does.
fn finish(whole: &mut Whole) {
    for _ in 0..60 {
        whole.settle();
        let running = whole.world.running();
        if running.is_empty() {
            return;
        }
        running.iter().for_each(|task| whole.world.end(task, TaskState::Complete));
    }
    panic!("the job has no end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_tasks_come_back(
        wish in any_wish(), blows in proptest::collection::vec(blow(), 0..80),
    ) {
        let mut whole = Whole::new(NODES, wish);
        blows.into_iter().for_each(|blow| strike(&mut whole, blow));
        calm(&mut whole);
        // A last change of mind, so that no pause of an earlier update, nor the end of all attempts, stays.
        whole.world.update(|spec| {
            set_image(spec, "web:last");
            policy(spec).set_condition(RestartCondition::OnFailure);
            // What starts first has no room where every node has as many tasks as it may.
            spec.update.iter_mut().for_each(|update| update.set_order(UpdateOrder::StopFirst));
        });
        whole.settle();
        let service = whole.world.service();
        let running = whole.world.running();
        let room = match whole.max_per_node() {
            0 => u64::MAX,
            max => max * NODES as u64,
        };
        match default::mode(service.spec.as_ref().unwrap()) {
            Mode::Replicated(mode) => {
                prop_assert_eq!(running.len() as u64, mode.replicas.min(room), "{}", whole.describe());
            }
            Mode::Global(_) | Mode::GlobalJob(_) => prop_assert_eq!(running.len(), NODES),
            Mode::ReplicatedJob(job) => {
                prop_assert_eq!(running.len() as u64, job.max_concurrent.min(job.total_completions));
            }
        }
        // One that has no room waits for ever, and holds up the update that it is part of.
        let has_room = default::replicas(service.spec.as_ref().unwrap()) <= room;
        prop_assert!(!has_room || running.iter().all(|task| task.spec_version == service.spec_version));
    }

    #[test]
    fn a_job_completes_exactly_so_often(
        job in (1..4_u64, 0..7_u64).prop_flat_map(|(max_concurrent, total_completions)| {
            wish(Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions }))
        }),
        blows in proptest::collection::vec(blow(), 0..80),
    ) {
        let mut whole = Whole::new(NODES, job);
        // Failures are made good, however many there are.
        whole.world.update(|spec| {
            let delay_ns = Some(0);
            *policy(spec) =
                pb::RestartPolicy { condition: RestartCondition::Any.into(), delay_ns, ..Default::default() };
        });
        let is_change = |blow: &Blow| matches!(blow, Blow::Scale(_) | Blow::Image(_) | Blow::Label(_));
        for blow in blows.into_iter().filter(|blow| !is_change(blow)) {
            strike(&mut whole, blow);
        }
        calm(&mut whole);
        finish(&mut whole);
        let service = whole.world.service();
        let Mode::ReplicatedJob(job) = default::mode(service.spec.as_ref().unwrap()) else { unreachable!() };
        let tasks = whole.world.state.tasks_of_service("s");
        let done = tasks.filter(|task| {
            task.job_iteration == service.job_iteration && task::state(task) == TaskState::Complete
        });
        let slots: BTreeSet<u64> = done.map(|task| task.slot).collect();
        prop_assert_eq!(slots.into_iter().collect::<Vec<_>>(), (0..job.total_completions).collect::<Vec<_>>());
    }

    #[test]
    fn an_update_takes_no_more_away_than_it_may(
        wish in (1..7_u64).prop_flat_map(|replicas| wish(default::replicated(replicas).unwrap())),
        blows in proptest::collection::vec(prop_oneof![9 => step(), 1 => any::<u8>().prop_map(Blow::Image)], 0..160),
    ) {
        let mut whole = Whole::new(NODES, wish);
        whole.world.update(|spec| spec.task.as_mut().unwrap().placement = None);
        whole.settle();
        let spec = whole.world.service().spec.clone().unwrap();
        let update = spec.update.unwrap();
        let replicas = default::replicas(&spec);
        let floor = match (update.order(), update.parallelism) {
            (UpdateOrder::StartFirst, _) => replicas,
            (UpdateOrder::StopFirst, 0) => 0,
            (UpdateOrder::StopFirst, parallelism) => replicas.saturating_sub(parallelism),
        };
        for blow in blows {
            strike(&mut whole, blow.clone());
            let serving = whole.serving();
            prop_assert!(serving >= floor, "{serving} of {replicas} serve, after {blow:?}");
        }
    }

    #[test]
    fn a_drain_takes_nothing_away(
        wish in (1..7_u64).prop_flat_map(|replicas| wish(default::replicated(replicas).unwrap())),
        drained in 0..NODES,
        blows in proptest::collection::vec(step(), 0..120),
    ) {
        let mut whole = Whole::new(NODES, wish);
        whole.world.update(|spec| spec.task.as_mut().unwrap().placement = None);
        whole.settle();
        let replicas = whole.serving();
        whole.world.set_node(drained, NodeState::Ready, NodeAvailability::Drain);
        let begun_ns = whole.world.now_ns;
        for blow in blows {
            strike(&mut whole, blow);
            // Later it is left all the same.
            if whole.world.now_ns < begun_ns + 60 * SECOND {
                prop_assert!(whole.serving() >= replicas, "{} of {replicas} serve", whole.serving());
            }
        }
        whole.settle();
        let node_id = format!("n{drained}");
        prop_assert!(whole.world.running().iter().all(|task| task.node_id != node_id));
        prop_assert_eq!(whole.serving(), replicas);
    }

    #[test]
    fn without_a_cause_nothing_is_replaced(
        wish in any_wish(), blows in proptest::collection::vec(step(), 0..80),
    ) {
        let mut whole = Whole::new(NODES, wish);
        whole.settle();
        let made = |whole: &Whole| -> BTreeSet<String> {
            whole.world.state.tasks().map(|task| task.id.clone()).collect()
        };
        let before = made(&whole);
        blows.into_iter().for_each(|blow| strike(&mut whole, blow));
        whole.settle();
        prop_assert_eq!(made(&whole), before);
    }
}
