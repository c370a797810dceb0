//! A swarm of machines in namespaces: managers first, then workers, each a real daemon.

use std::path::PathBuf;

use testkit::{Daemon, Lan, Namespace, eventually};

use super::workload::Workload;

/// What the small disk of a manager holds, in megabytes: the images and ten thousand entries of the log, with room to spare.
const SMALL_DISK_MB: u32 = 64;
/// Changes that a manager must take before it counts as going on.
const FURTHER: u64 = 3;

/// Daemons, and the network between them.
pub(crate) struct Nodes {
    // Dropped in this order: daemons before their machines.
    pub(crate) daemons: Vec<Daemon>,
    pub(crate) lan: Lan,
    pub(crate) managers: usize,
    /// The nodes' ids.
    pub(crate) ids: Vec<String>,
}

impl Nodes {
    /// Forms a swarm.
    pub(crate) fn form(managers: usize, workers: usize) -> Nodes {
        Nodes::form_on(Lan::new(managers + workers), managers, workers)
    }

    /// Forms a swarm of the first machines of a network; others are left alone.
    pub(crate) fn form_on(lan: Lan, managers: usize, workers: usize) -> Nodes {
        Nodes::join(lan, managers, workers, |host| Daemon::start_in(host, &[]))
    }

    /// Forms a swarm whose managers have disks that can be filled.
    pub(super) fn form_on_small_disks(managers: usize, workers: usize) -> Nodes {
        let manager = |host: &Namespace| Daemon::start_on_small_disk(host, SMALL_DISK_MB);
        Nodes::join(Lan::new(managers + workers), managers, workers, manager)
    }

    fn join(lan: Lan, managers: usize, workers: usize, manager: fn(&Namespace) -> Daemon) -> Nodes {
        let (first, others) = lan.hosts.split_at(managers);
        let others = others.iter().take(workers).map(|host| Daemon::start_in(host, &[]));
        let daemons = first.iter().map(manager).chain(others).collect();
        let mut nodes = Nodes { daemons, lan, managers, ids: Vec::new() };
        let first = &nodes.daemons[0];
        first.shoal(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
        for (index, daemon) in nodes.daemons.iter().enumerate() {
            daemon.load_images();
            if index > 0 {
                let role = if index < managers { "manager" } else { "worker" };
                let token = first.shoal(&["swarm", "join-token", "-q", role]).ok();
                let address = Lan::address(index);
                let to = format!("{}:2377", Lan::address(0));
                daemon.shoal(&["swarm", "join", "--advertise-addr", &address, "--token", &token, &to]).ok();
            }
        }
        let id = |daemon: &Daemon| daemon.shoal(&["info", "--format", "{{.Swarm.NodeID}}"]).ok();
        nodes.ids = nodes.daemons.iter().map(id).collect();
        nodes.all_ready();
        nodes
    }

    /// Starts clients on all managers.
    pub(super) fn workload(&self) -> Workload {
        let sockets: Vec<PathBuf> =
            self.daemons[..self.managers].iter().map(|daemon| daemon.path("sock")).collect();
        Workload::start(sockets, 3)
    }

    /// Creates a service of so many replicas and waits for them.
    pub(crate) fn serve(&self, name: &str, replicas: usize) {
        let count = replicas.to_string();
        let words = ["service", "create", "--detach", "--name", name, "--replicas", &count];
        let settings = ["--restart-delay", "0s", "--stop-grace-period", "1s", "shoal/hello-http"];
        self.daemons[0].shoal(&[&words[..], &settings[..]].concat()).ok();
        self.runs_exactly(name, replicas);
    }

    /// Waits until every node is ready, as each manager sees it.
    pub(crate) fn all_ready(&self) {
        for daemon in &self.daemons[..self.managers] {
            eventually("all nodes are ready", || {
                let said = daemon.shoal(&["node", "ls", "--format", "{{.Status}}"]);
                let ready = said.out.lines().filter(|line| line.trim() == "Ready").count();
                if ready == self.daemons.len() { Ok(()) } else { Err(format!("{}{}", said.out, said.err)) }
            });
        }
    }

    /// The containers of a service that run on a node.
    pub(crate) fn containers(&self, name: &str, index: usize) -> Vec<String> {
        let filter = format!("label=com.docker.swarm.service.name={name}");
        let said = self.daemons[index].shoal(&["ps", "-q", "--no-trunc", "--filter", &filter]).ok();
        said.lines().map(str::to_owned).collect()
    }

    /// Waits until the service has exactly so many containers on all nodes together.
    pub(crate) fn runs_exactly(&self, name: &str, replicas: usize) -> Vec<String> {
        eventually(&format!("{replicas} containers of {name} run, and no other"), || {
            let nodes = 0..self.daemons.len();
            let all: Vec<String> = nodes.flat_map(|index| self.containers(name, index)).collect();
            if all.len() == replicas {
                return Ok(all);
            }
            let leader = &self.daemons[0];
            let said = leader.shoal(&["service", "ps", "--no-trunc", name]);
            Err(format!("{} run\n{}{}", all.len(), said.out, said.err))
        })
    }

    /// The manager that leads, as those that answer see it.
    pub(crate) fn leader(&self) -> usize {
        eventually("one manager leads", || {
            let mut last = String::new();
            for daemon in &self.daemons[..self.managers] {
                let said = daemon.shoal(&["node", "ls", "--format", "{{.ID}} {{.ManagerStatus}}"]);
                let id = said.out.lines().find_map(|line| line.strip_suffix(" Leader")).map(str::to_owned);
                if let Some(index) = id.and_then(|id| self.ids.iter().position(|known| *known == id)) {
                    return Ok(index);
                }
                last = said.out + &said.err;
            }
            Err(last)
        })
    }

    /// The manager that leads, for which all nodes must be ready now.
    pub(super) fn leader_of_the_whole(&self) -> usize {
        let leader = self.leader();
        let said = self.daemons[leader].shoal(&["node", "ls", "--format", "{{.Status}}"]).ok();
        assert!(said.lines().all(|status| status.trim() == "Ready"), "{said}");
        leader
    }

    /// Waits until each of these managers has taken further changes.
    pub(super) fn go_on(&self, workload: &Workload, managers: &[usize]) {
        let before = workload.acknowledged();
        eventually("changes go on through each manager", || {
            let now = workload.acknowledged();
            let behind: Vec<_> =
                managers.iter().filter(|index| now[**index] < before[**index] + FURTHER).collect();
            if behind.is_empty() { Ok(()) } else { Err(format!("not {behind:?}: {}", workload.complaints())) }
        });
    }
    /// Loses all machines as a power cut would, and lets them start again at the same time.
    pub(super) fn lose_everything(&mut self) {
        self.daemons.iter_mut().for_each(Daemon::lose_machine);
        self.daemons.iter_mut().for_each(Daemon::spawn);
        self.daemons.iter_mut().for_each(Daemon::await_answer);
    }

    /// Waits until a manager has taken further changes. One that could not write its log ends, and says why: it is started again,
    /// as whoever supervises it does.
    pub(super) fn supervise(&mut self, workload: &Workload, index: usize) {
        let before = workload.acknowledged()[index];
        eventually("it goes on, or ends and is started again", || {
            if self.daemons[index].has_ended() {
                self.daemons[index].spawn();
            }
            let now = workload.acknowledged()[index];
            if now >= before + FURTHER { Ok(()) } else { Err(workload.complaints()) }
        });
    }
}
