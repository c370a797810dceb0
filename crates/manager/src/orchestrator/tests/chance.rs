//! Whatever happens: random blows, and what must hold all the same.

use proptest::prelude::*;
use swarm_api::default;
use swarm_api::pb::{NodeAvailability, NodeState, TaskState};

use super::world::*;

#[derive(Clone, Debug)]
enum Blow {
    Scale(u64),
    Image(u8),
    Fail(usize),
    Node(usize, NodeState, NodeAvailability),
    Plan,
    Obey,
}

fn blow() -> impl Strategy<Value = Blow> {
    let node_state = prop_oneof![Just(NodeState::Ready), Just(NodeState::Down)];
    let availability = prop_oneof![Just(NodeAvailability::Active), Just(NodeAvailability::Drain)];
    prop_oneof![
        (0..6_u64).prop_map(Blow::Scale),
        any::<u8>().prop_map(Blow::Image),
        any::<usize>().prop_map(Blow::Fail),
        (0..3_usize, node_state, availability).prop_map(|(n, state, a)| Blow::Node(n, state, a)),
        Just(Blow::Plan),
        Just(Blow::Obey),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_replicas_come_back(blows in proptest::collection::vec(blow(), 0..40)) {
        let mut start = spec(3);
        policy(&mut start).delay_ns = Some(SECOND);
        let mut world = World::new(3, start);
        for blow in blows {
            match blow {
                Blow::Scale(replicas) => {
                    world.update(|spec| spec.mode = default::replicated(replicas));
                }
                Blow::Image(number) => world.update(|spec| set_image(spec, &format!("web:{number}"))),
                Blow::Fail(which) => {
                    let running = world.running();
                    if let Some(task) = running.get(which % running.len().max(1)) {
                        world.end(task, TaskState::Failed);
                    }
                }
                Blow::Node(number, state, availability) => world.set_node(number, state, availability),
                Blow::Plan => drop(world.plan()),
                Blow::Obey => drop(world.obey()),
            }
        }
        for number in 0..3 {
            world.set_node(number, NodeState::Ready, NodeAvailability::Active);
        }
        // A last change of mind, so that no pause of an earlier update stays.
        world.update(|spec| set_image(spec, "web:last"));
        world.settle();
        let replicas = default::replicas(world.service().spec.as_ref().unwrap());
        prop_assert_eq!(world.running().len() as u64, replicas);
        prop_assert_eq!(world.live() as u64, replicas);
        let version = world.service().spec_version;
        prop_assert!(world.running().iter().all(|task| task.spec_version == version));
    }
}
