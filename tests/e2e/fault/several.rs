//! Faults of a swarm with five managers and five workers: as long as most managers hear each other, it goes on.

use std::time::{Duration, Instant};

use testkit::{Said, eventually};

use super::nodes::Nodes;
use super::workload::Workload;

const MANAGERS: [usize; 5] = [0, 1, 2, 3, 4];
/// How often a random fault is made in the long version, unless this many faults take longer than [`SOAK`].
const ROUNDS: usize = 100;
/// How long the long version takes at most.
const SOAK: Duration = Duration::from_secs(20 * 60);

/// How far a clock is set.
const HOUR_S: i64 = 3600;

/// After so many changes a log on a full disk counts as one that uses again what it has freed, and needs no room. It takes some forty
/// to need some soon after its beginning.
const REUSED: u64 = 200;

/// A fault, from its beginning to the time when it is over.
type Fault = fn(&mut Nodes, &Workload, usize);

/// Every shape of fault; the last number picks whom it concerns, and how: these once each, and any in the long version.
const FAULTS: [(&str, Fault, &[usize]); 12] = [
    ("kill the leader", kill_leader, &[0]),
    ("hang the leader", hang_leader, &[0]),
    ("cut off the leader at the switch", unplug_leader, &[0]),
    ("deafen the leader", deafen_leader, &[0]),
    ("cut the managers in two and three", divide, &[0]),
    ("a ring in which each hears three", ring, &[0]),
    ("slow down a disk", slow_disk, &[0]),
    ("fill a disk", fill_disk, &[0, 1]),
    ("set a clock", set_clock, &[0, 3]),
    ("kill a worker", kill_worker, &[2]),
    ("lose the quorum and regain it", lose_quorum, &[3]),
    ("lose everything at once", lose_everything, &[0]),
];

#[test]
fn five_managers_and_five_workers_stand_every_fault() {
    let mut nodes = Nodes::form_on_small_disks(5, 5);
    nodes.serve("web", 5);
    let workload = nodes.workload();
    nodes.go_on(&workload, &MANAGERS);
    let begun = Instant::now();
    for (what, fault, picks) in FAULTS {
        for pick in picks {
            attempt(&mut nodes, &workload, (what, fault), *pick, begun);
        }
    }
    rolling_restart(&mut nodes, &workload);
    if std::env::var_os("SHOAL_SOAK").is_some() {
        let mut dice = Dice(0x5eed);
        for _ in 0..ROUNDS {
            if begun.elapsed() > SOAK {
                break;
            }
            let (what, fault, _) = FAULTS[dice.next(FAULTS.len())];
            attempt(&mut nodes, &workload, (what, fault), dice.next(1000), begun);
        }
    }
    nodes.all_ready();
    nodes.runs_exactly("web", 5);
    let operations = workload.judge();
    eprintln!("{:6.1} s: {operations} operations judged", begun.elapsed().as_secs_f32());
    assert!(operations > 500, "the clients were at work: {operations} operations");
}

fn attempt(
    nodes: &mut Nodes,
    workload: &Workload,
    (what, fault): (&str, Fault),
    pick: usize,
    begun: Instant,
) {
    eprintln!("{:6.1} s: {what} ({pick})", begun.elapsed().as_secs_f32());
    fault(nodes, workload, pick);
    nodes.go_on(workload, &MANAGERS);
}

fn others(than: usize) -> Vec<usize> {
    MANAGERS.into_iter().filter(|index| *index != than).collect()
}

/// How many were acknowledged so far, by all managers together.
fn changes(workload: &Workload) -> u64 {
    workload.acknowledged().iter().sum()
}

/// Who leads, or one that does not: every other time each.
fn leader_or_follower(nodes: &Nodes, pick: usize) -> usize {
    let leader = nodes.leader();
    let followers = others(leader);
    if pick.is_multiple_of(2) { leader } else { followers[pick / 2 % followers.len()] }
}

fn kill_leader(nodes: &mut Nodes, workload: &Workload, _: usize) {
    let leader = nodes.leader();
    nodes.daemons[leader].kill();
    nodes.go_on(workload, &others(leader));
    nodes.daemons[leader].restart();
}

fn hang_leader(nodes: &mut Nodes, workload: &Workload, _: usize) {
    let leader = nodes.leader();
    nodes.daemons[leader].pause();
    nodes.go_on(workload, &others(leader));
    nodes.daemons[leader].resume();
}

fn unplug_leader(nodes: &mut Nodes, workload: &Workload, _: usize) {
    let leader = nodes.leader();
    nodes.lan.unplug(leader);
    nodes.go_on(workload, &others(leader));
    nodes.lan.heal();
}

/// It is heard, but hears nobody.
fn deafen_leader(nodes: &mut Nodes, workload: &Workload, _: usize) {
    let leader = nodes.leader();
    others(leader).into_iter().for_each(|other| nodes.lan.deafen(leader, other));
    nodes.go_on(workload, &others(leader));
    nodes.lan.heal();
}

fn divide(nodes: &mut Nodes, workload: &Workload, _: usize) {
    let leader = nodes.leader();
    let few = [leader, (leader + 1) % MANAGERS.len()];
    let most: Vec<usize> = MANAGERS.into_iter().filter(|index| !few.contains(index)).collect();
    nodes.lan.divide(&few, &most);
    nodes.go_on(workload, &most);
    let before = workload.acknowledged();
    nodes.go_on(workload, &most);
    let after = workload.acknowledged();
    assert!(few.iter().all(|index| after[*index] == before[*index]), "the few changed nothing");
    nodes.lan.heal();
}

/// Nobody is cut off from most of the others, but no two neighbours' neighbours hear each other.
fn ring(nodes: &mut Nodes, workload: &Workload, _: usize) {
    for index in MANAGERS {
        nodes.lan.divide(&[index], &[(index + 2) % MANAGERS.len()]);
    }
    // Whoever leads reaches a majority: itself and its two neighbours.
    let before = changes(workload);
    eventually("changes go on somewhere", || {
        if changes(workload) > before + 3 { Ok(()) } else { Err(workload.complaints()) }
    });
    nodes.lan.heal();
}

fn slow_disk(nodes: &mut Nodes, workload: &Workload, pick: usize) {
    let slow = leader_or_follower(nodes, pick);
    nodes.daemons[slow].slow_disk(50);
    nodes.go_on(workload, &MANAGERS);
    nodes.daemons[slow].slow_disk(0);
}

/// It stops only the manager that it is of, until there is room again.
fn fill_disk(nodes: &mut Nodes, workload: &Workload, pick: usize) {
    let full = leader_or_follower(nodes, pick);
    nodes.daemons[full].fill_disk();
    let before = changes(workload);
    eventually("it ends, or needs no room", || {
        let is_over = nodes.daemons[full].has_ended() || changes(workload) >= before + REUSED;
        if is_over { Ok(()) } else { Err(workload.complaints()) }
    });
    nodes.go_on(workload, &others(full));
    nodes.daemons[full].empty_disk();
    nodes.supervise(workload, full);
}

/// An hour fast and then slow, or the other way round, and right again: nothing moves.
fn set_clock(nodes: &mut Nodes, workload: &Workload, pick: usize) {
    let set = leader_or_follower(nodes, pick);
    let wrong = if (pick / 2).is_multiple_of(2) { HOUR_S } else { -HOUR_S };
    nodes.all_ready();
    let before = nodes.runs_exactly("web", 5);
    let mut leaders = vec![nodes.leader()];
    for seconds in [wrong, -wrong] {
        nodes.daemons[set].set_clock(seconds);
        nodes.go_on(workload, &MANAGERS);
        leaders.push(nodes.leader_of_the_whole());
    }
    nodes.daemons[set].set_clock(0);
    leaders.push(nodes.leader_of_the_whole());
    leaders.dedup();
    assert!(leaders.len() <= 2, "leadership moves once at most: {leaders:?}");
    assert_eq!(nodes.runs_exactly("web", 5), before, "the same containers");
}

fn kill_worker(nodes: &mut Nodes, _: &Workload, pick: usize) {
    let worker = MANAGERS.len() + pick % (nodes.daemons.len() - MANAGERS.len());
    nodes.daemons[worker].crash();
    let replaced = || {
        let rest = (0..nodes.daemons.len()).filter(|index| *index != worker);
        rest.map(|index| nodes.containers("web", index).len()).sum::<usize>()
    };
    eventually("its tasks run elsewhere", || match replaced() {
        5 => Ok(()),
        count => Err(count.to_string()),
    });
    nodes.daemons[worker].restart();
    nodes.runs_exactly("web", 5);
}

fn lose_quorum(nodes: &mut Nodes, workload: &Workload, pick: usize) {
    let lost = [pick % 5, (pick + 1) % 5, (pick + 2) % 5];
    lost.iter().for_each(|index| nodes.daemons[*index].kill());
    let left = (pick + 3) % 5;
    eventually("a manager that is left says why it refuses", || {
        let said: Said = nodes.daemons[left].shoal(&["node", "ls"]);
        if said.code != 0 && said.err.contains("does not have a leader") {
            Ok(())
        } else {
            Err(said.out + &said.err)
        }
    });
    lost.iter().for_each(|index| nodes.daemons[*index].restart());
    nodes.go_on(workload, &MANAGERS);
}

fn lose_everything(nodes: &mut Nodes, workload: &Workload, _: usize) {
    nodes.lose_everything();
    nodes.go_on(workload, &MANAGERS);
    nodes.all_ready();
    nodes.runs_exactly("web", 5);
}

/// Every daemon in turn, workers too: nothing moves.
fn rolling_restart(nodes: &mut Nodes, workload: &Workload) {
    nodes.all_ready();
    let before = nodes.runs_exactly("web", 5);
    for index in 0..nodes.daemons.len() {
        assert_eq!(nodes.daemons[index].stop(), 0);
        nodes.daemons[index].restart();
        if index < MANAGERS.len() {
            nodes.go_on(workload, &MANAGERS);
        }
    }
    nodes.all_ready();
    assert_eq!(nodes.runs_exactly("web", 5), before, "the same containers");
}

/// Numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        // Knuth's multiplier; the upper bits are the better ones.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % below
    }
}

#[test]
fn a_quorum_that_is_lost_for_good_is_given_up_for_a_new_cluster() {
    let mut nodes = Nodes::form(3, 1);
    nodes.serve("web", 4);
    let kept = nodes.containers("web", 3);
    // One manager is left, which was no leader before; its worker goes on.
    let left = (nodes.leader() + 1) % 3;
    let lost: Vec<usize> = (0..3).filter(|index| *index != left).collect();
    lost.iter().for_each(|index| nodes.daemons[*index].crash());
    let address = testkit::Lan::address(left);
    nodes.daemons[left].shoal(&["swarm", "init", "--force-new-cluster", "--advertise-addr", &address]).ok();
    eventually("all runs on what is left", || {
        let (here, there) = (nodes.containers("web", left), nodes.containers("web", 3));
        let is_whole = here.len() + there.len() == 4 && kept.iter().all(|id| there.contains(id));
        if is_whole { Ok(()) } else { Err(format!("{here:?} {there:?}")) }
    });
    let said =
        nodes.daemons[left].shoal(&["node", "ls", "--format", "{{.ID}} {{.Status}} {{.ManagerStatus}}"]).ok();
    assert!(said.contains(&format!("{} Ready Leader", nodes.ids[left])), "{said}");
    assert!(said.contains(&format!("{} Ready", nodes.ids[3])), "{said}");
}
