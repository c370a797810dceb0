//! Faults of a swarm with one manager: it may be away, but it never forgets, and its workers never stop.

use std::cell::Cell;

use serde_json::Value;
use testkit::eventually;

use super::nodes::Nodes;

#[test]
fn one_manager_may_be_killed_hung_and_cut_off_and_forgets_nothing() {
    let mut nodes = Nodes::form(1, 2);
    nodes.serve("web", 3);
    let workload = nodes.workload();
    nodes.go_on(&workload, &[0]);

    for _ in 0..2 {
        nodes.daemons[0].kill();
        nodes.daemons[0].restart();
        nodes.go_on(&workload, &[0]);
    }
    nodes.daemons[0].pause();
    let heard = workload.acknowledged();
    eventually("the clients wait", || match workload.complaints() {
        complaints if complaints.contains("0:") => Ok(()),
        complaints => Err(complaints),
    });
    nodes.daemons[0].resume();
    nodes.go_on(&workload, &[0]);
    assert!(workload.acknowledged() > heard);
    nodes.lan.unplug(0);
    nodes.go_on(&workload, &[0]);
    nodes.lan.heal();
    nodes.daemons[0].slow_disk(30);
    nodes.go_on(&workload, &[0]);
    nodes.daemons[0].slow_disk(0);

    nodes.all_ready();
    nodes.runs_exactly("web", 3);
    assert!(workload.judge() > 50, "the clients were at work");
}

#[test]
fn a_full_disk_takes_no_change_and_loses_none() {
    let mut nodes = Nodes::form_on_small_disks(1, 0);
    let workload = nodes.workload();
    nodes.go_on(&workload, &[0]);
    nodes.daemons[0].fill_disk();
    eventually("the clients hear of no success", || {
        let before = workload.acknowledged();
        let complaints = workload.complaints();
        let is_stuck = complaints.contains("0:") && workload.acknowledged() == before;
        if is_stuck { Ok(()) } else { Err(complaints) }
    });
    nodes.daemons[0].empty_disk();
    nodes.supervise(&workload, 0);
    workload.judge();
}

#[test]
fn workers_restart_what_fails_while_no_manager_answers() {
    let mut nodes = Nodes::form(1, 1);
    nodes.daemons[0].shoal(&["node", "update", "--availability", "drain", &nodes.ids[0]]).ok();
    nodes.serve("web", 2);
    nodes.daemons[0].kill();
    let before = nodes.containers("web", 1);
    nodes.daemons[1].shoal(&["kill", &before[0]]).ok();
    let restarted = |nodes: &Nodes, before: &[String]| {
        eventually("it is started again, as a new container", || {
            let now = nodes.containers("web", 1);
            let is_new = now.len() == 2 && now.contains(&before[1]) && !now.contains(&before[0]);
            if is_new { Ok(now) } else { Err(format!("{now:?}")) }
        })
    };
    let now = restarted(&nodes, &before);

    // The daemon of the worker too: it comes back without a manager, with everything, and goes on so.
    nodes.daemons[1].kill();
    nodes.daemons[1].restart();
    assert_eq!(nodes.containers("web", 1), now, "taken over as they were");
    let ended =
        if now[0] == before[1] { [now[1].clone(), now[0].clone()] } else { [now[0].clone(), now[1].clone()] };
    nodes.daemons[1].shoal(&["kill", &ended[0]]).ok();
    let now = restarted(&nodes, &ended);

    nodes.daemons[0].restart();
    nodes.all_ready();
    assert_eq!(nodes.runs_exactly("web", 2), now, "the manager takes them as they are");
    let tasks = nodes.daemons[0].shoal(&["service", "ps", "-q", "web"]).ok();
    assert_eq!(tasks.lines().count(), 2, "each is the task it was: {tasks}");
}

#[test]
fn everything_lost_at_once_comes_back_from_its_disks() {
    let mut nodes = Nodes::form(1, 2);
    nodes.serve("web", 3);
    let workload = nodes.workload();
    nodes.go_on(&workload, &[0]);
    nodes.lose_everything();
    nodes.all_ready();
    nodes.go_on(&workload, &[0]);
    nodes.runs_exactly("web", 3);
    workload.judge();
}

#[test]
fn an_upgrade_of_every_daemon_moves_nothing() {
    let mut nodes = Nodes::form(1, 2);
    nodes.serve("web", 3);
    let before = nodes.runs_exactly("web", 3);
    for index in (0..nodes.daemons.len()).rev() {
        assert_eq!(nodes.daemons[index].stop(), 0);
        nodes.daemons[index].restart();
        nodes.all_ready();
    }
    assert_eq!(nodes.runs_exactly("web", 3), before, "the same containers");
}

#[test]
fn a_vanished_worker_is_noticed_within_six_seconds_and_sooner_where_asked() {
    let mut nodes = Nodes::form(1, 1);
    let worker = nodes.ids[1].clone();
    let status = |nodes: &Nodes| {
        nodes.daemons[0].shoal(&["node", "inspect", "--format", "{{json .Status}}", &worker]).ok()
    };
    let noticed_within = |nodes: &mut Nodes, limit_s: u64| {
        nodes.daemons[1].kill();
        let killed = std::time::Instant::now();
        eventually("it is down", || match status(nodes) {
            said if said.contains("\"down\"") && said.contains("heartbeat failure") => Ok(()),
            said => Err(said),
        });
        let took = killed.elapsed();
        nodes.daemons[1].restart();
        nodes.all_ready();
        assert!(took.as_secs() < limit_s, "{took:?}");
    };
    noticed_within(&mut nodes, 6);
    nodes.daemons[0].shoal(&["swarm", "update", "--dispatcher-heartbeat", "1s"]).ok();
    // The worker learns of it with its next heartbeat: a new session begins with one.
    nodes.daemons[1].stop();
    nodes.daemons[1].restart();
    nodes.all_ready();
    noticed_within(&mut nodes, 4);
}

#[test]
fn an_announced_absence_is_waited_for_as_long_as_was_asked() {
    let mut nodes = Nodes::form(1, 1);
    nodes.daemons[0].shoal(&["swarm", "update", "--absence-grace", "3s"]).ok();
    // A client that knows nothing of it leaves it as it was.
    nodes.daemons[0].docker(&["swarm", "update", "--task-history-limit", "4"]).ok();
    let worker = nodes.ids[1].clone();
    nodes.daemons[1].stop();
    let left = std::time::Instant::now();
    let mut states = Vec::new();
    eventually("it did not come back in time", || {
        let said = nodes.daemons[0].shoal(&["node", "inspect", "--format", "{{json .Status}}", &worker]).ok();
        let is_down = said.contains("did not come back in time");
        if !states.contains(&said) {
            states.push(said.clone());
        }
        if is_down { Ok(()) } else { Err(said) }
    });
    assert!(states[0].contains("announced its absence"), "{states:?}");
    assert!((3..10).contains(&left.elapsed().as_secs()), "{:?}", left.elapsed());
    nodes.daemons[1].restart();
    nodes.all_ready();
}

/// A worker stands still that may still be sending requests to its task: the task is told to stop only when the worker has lost its
/// lease. The other worker, which has acknowledged, is not held up by it.
#[test]
fn a_task_is_told_to_stop_when_its_stopped_node_has_lost_its_lease() {
    const STOPPED: usize = 1;
    const OTHER: usize = 2;
    let nodes = Nodes::form(1, 2);
    nodes.daemons[0].shoal(&["node", "update", "--availability", "drain", &nodes.ids[0]]).ok();
    let balanced =
        "--replicas 2 --publish published=8080,target=80 --drain-time 200ms --stop-grace-period 1s";
    let words = format!("service create --name web {balanced} shoal/hello-http");
    nodes.daemons[0].shoal(&words.split(' ').collect::<Vec<_>>()).ok();
    assert_eq!([STOPPED, OTHER].map(|index| nodes.containers("web", index).len()), [1, 1]);

    nodes.daemons[STOPPED].pause();
    nodes.daemons[0].shoal(&["service", "scale", "--detach", "web=0"]).ok();
    let held = Cell::new(0);
    eventually("its task is told to stop", || {
        let tasks = nodes.daemons[0].get("/tasks");
        let node = nodes.daemons[0].get(&format!("/nodes/{}", nodes.ids[STOPPED]));
        let is_held = |task: &Value| {
            task["NodeID"] == nodes.ids[STOPPED].as_str() && task["DesiredState"] == "shutdown"
        };
        if tasks.as_array().expect("a list").iter().any(is_held) {
            let is_elsewhere_over = nodes.containers("web", OTHER).is_empty();
            held.set(held.get() + usize::from(is_elsewhere_over));
            return Err(format!("{tasks:#}"));
        }
        // The node was looked at after its task.
        assert_eq!(node["Status"]["State"], "down", "too early: {tasks:#}");
        Ok(())
    });
    assert!(held.get() > 0, "it was still held when the other had stopped");
    nodes.daemons[STOPPED].resume();
    nodes.all_ready();
    nodes.runs_exactly("web", 0);
}
