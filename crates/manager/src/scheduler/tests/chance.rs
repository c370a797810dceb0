//! Whatever is asked for: never over what a node has, never more than allowed on one, as even as can be.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const GIGABYTE: i64 = 1 << 30;

prop_compose! {
    fn any_node()(cpus in 0..5i64, memory in 0..4i64, gpus in 0..4usize, ssds in 0..4i64, rack in 0..3u8, state in 0..6u8) -> pb::Node {
        let mut node = labelled("", &rack.to_string());
        let gpu = |n: usize| pb::GenericResource { kind: "gpu".into(), value: format!("g{n}"), count: 0 };
        let ssd = pb::GenericResource { kind: "ssd".into(), count: ssds, ..Default::default() };
        let described = node.description.get_or_insert_default();
        described.nano_cpus = cpus * 1_000_000_000;
        described.memory_bytes = memory * GIGABYTE;
        described.generic_resources = (0..gpus).map(gpu).chain([ssd]).collect();
        if state == 0 {
            node.status.get_or_insert_default().set_state(NodeState::Down);
        }
        node
    }
}

prop_compose! {
    fn any_spec()(cpus in 0..3i64, memory in 0..2i64, gpus in 0..2i64, ssds in 0..2i64, max_replicas in 0..3u64,
        rack in prop::option::of(0..3u8), is_spread in any::<bool>()) -> pb::TaskSpec {
        let some = |kind: &str, count| pb::GenericResource { kind: kind.into(), count, ..Default::default() };
        let reservations = pb::Resources { nano_cpus: cpus * 1_000_000_000, memory_bytes: memory * GIGABYTE, pids: 0 };
        pb::TaskSpec {
            resources: Some(pb::ResourceRequirements {
                reservations: Some(reservations),
                generic_reservations: [some("gpu", gpus), some("ssd", ssds)].into_iter().filter(|some| some.count > 0).collect(),
                ..Default::default()
            }),
            placement: Some(pb::Placement {
                max_replicas,
                constraints: rack.map(|rack| format!("node.labels.rack=={rack}")).into_iter().collect(),
                spread: if is_spread { vec!["node.labels.rack".to_owned()] } else { Vec::new() },
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}

/// The nodes with ids, and each service's tasks, after one pass.
fn after_a_pass(nodes: Vec<pb::Node>, services: &[(pb::TaskSpec, usize)]) -> View {
    let mut state = State::default();
    let nodes = nodes.into_iter().enumerate().map(|(n, node)| pb::Node { id: format!("n{n}"), ..node });
    let tasks = services.iter().enumerate().flat_map(|(s, (spec, count))| {
        let of = move |t| pb::Task {
            service_id: format!("s{s}"),
            spec_version: 1,
            ..pending(&format!("t{s}-{t}"), spec.clone())
        };
        (0..*count).map(of)
    });
    apply(&mut state, nodes.map(Action::put).chain(tasks.map(Action::put)).collect(), 0, 1).unwrap();
    let view = View::from(state.clone());
    let planned = Scheduler.plan(&view, &Scheduler.everything(&view), 10);
    apply(&mut state, Transaction { actions: planned.actions }, 10, 2).unwrap();
    View::from(state)
}

fn check_node(view: &View, node: &pb::Node) -> Result<(), TestCaseError> {
    let described = node.description.clone().unwrap_or_default();
    let (mut cpus, mut memory) = (0, 0);
    let mut given: Vec<String> = Vec::new();
    let mut ssds = 0;
    let mut of_service: BTreeMap<String, u64> = BTreeMap::new();
    for task in view.tasks_of_node(&node.id) {
        let reserved = task::reserved(task);
        cpus += reserved.nano_cpus;
        memory += reserved.memory_bytes;
        given.extend(
            task.assigned_generic.iter().filter(|own| !own.value.is_empty()).map(|own| own.value.clone()),
        );
        ssds += task.assigned_generic.iter().map(|own| own.count).sum::<i64>();
        let placement = task.spec.as_ref().and_then(|spec| spec.placement.clone()).unwrap_or_default();
        let there = of_service.entry(task.service_id.clone()).or_default();
        *there += 1;
        prop_assert!(placement.max_replicas == 0 || *there <= placement.max_replicas, "too many on a node");
        let read: Vec<_> =
            placement.constraints.iter().map(|text| constraint::Constraint::parse(text)).collect();
        prop_assert!(constraint::are_met(&read, node), "a constraint is broken");
    }
    let total = given.len();
    given.sort();
    given.dedup();
    prop_assert_eq!(given.len(), total, "a named thing was given twice");
    prop_assert!(cpus <= described.nano_cpus && memory <= described.memory_bytes, "over what the node has");
    let has = |kind: &'static str| described.generic_resources.iter().filter(move |told| told.kind == kind);
    prop_assert!(total <= has("gpu").count() && ssds <= has("ssd").map(|told| told.count).sum::<i64>());
    let is_ready = node.status.as_ref().is_some_and(|status| status.state() == NodeState::Ready);
    prop_assert!(is_ready || view.tasks_of_node(&node.id).count() == 0, "a task on a node that is down");
    Ok(())
}

proptest! {
    #[test]
    fn no_node_is_given_more_than_it_has(
        nodes in prop::collection::vec(any_node(), 0..6),
        services in prop::collection::vec((any_spec(), 0..8usize), 1..5),
    ) {
        let view = after_a_pass(nodes, &services);
        for node in view.nodes() {
            check_node(&view, node)?;
        }
        // Who has no node knows why.
        for task in view.tasks_of_node("") {
            let err = task.status.as_ref().map_or("", |status| &status.err);
            prop_assert!(err.starts_with("no suitable node"), "{err}");
        }
    }

    #[test]
    fn what_may_go_anywhere_is_spread_within_one(nodes in 1..8usize, tasks in 0..40usize) {
        let nodes = (0..nodes).map(|n| labelled("", &(n % 3).to_string())).collect();
        let view = after_a_pass(nodes, &[(pb::TaskSpec::default(), tasks)]);
        let counts: Vec<usize> = view.nodes().map(|node| view.tasks_of_node(&node.id).count()).collect();
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        prop_assert!(most - least <= 1, "{counts:?}");
    }

    #[test]
    fn branches_are_filled_within_one(nodes in 1..10usize, tasks in 0..40usize, racks in 1..4usize) {
        let nodes: Vec<_> = (0..nodes).map(|n| labelled("", &(n % racks).to_string())).collect();
        let spread = vec!["node.labels.rack".to_owned()];
        let view = after_a_pass(nodes, &[(placed(pb::Placement { spread, ..Default::default() }), tasks)]);
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for node in view.nodes() {
            *counts.entry(attribute::of("node.labels.rack", node).unwrap()).or_default() += view.tasks_of_node(&node.id).count();
        }
        let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        prop_assert!(most - least <= 1, "{counts:?}");
    }
}
