//! Two machines on one network: the first has a swarm of its own, the other may join it.

use crate::daemon::Daemon;
use crate::eventually::eventually;
use crate::namespace::Lan;

/// Two daemons, each on a machine of its own, with the images of the tests.
#[derive(Debug)]
pub struct Pair {
    // Dropped in this order: daemons before their machines.
    /// On the first machine; manages the swarm.
    pub manager: Daemon,
    /// On the second machine.
    pub worker: Daemon,
    /// The machines.
    pub lan: Lan,
}

impl Pair {
    /// A swarm on the first machine; the second has not joined.
    ///
    /// # Panics
    /// As [`Daemon::start`], or when no swarm begins.
    pub fn apart() -> Self {
        let lan = Lan::new(2);
        let start = |index: usize| {
            let daemon = Daemon::start_in(&lan.hosts[index], &[]);
            daemon.load_images();
            daemon
        };
        let (manager, worker) = (start(0), start(1));
        manager.shoal(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
        Self { manager, worker, lan }
    }

    /// A swarm of both.
    ///
    /// # Panics
    /// As [`Pair::apart`] and [`Pair::join`].
    pub fn joined() -> Self {
        let pair = Self::apart();
        pair.join("worker");
        pair
    }

    /// Lets the second machine join in this role, waits until both are ready, and gives its id.
    ///
    /// # Panics
    /// When it cannot.
    pub fn join(&self, role: &str) -> String {
        let token = self.manager.docker(&["swarm", "join-token", "-q", role]).ok();
        self.worker.docker(&["swarm", "join", "--token", &token, &Self::manager_address()]).ok();
        eventually("two nodes are ready", || {
            let said = self.manager.docker(&["node", "ls", "--format", "{{.Status}}"]).ok();
            if said.matches("Ready").count() == 2 { Ok(()) } else { Err(said) }
        });
        self.worker.docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok()
    }

    /// Where the manager can be joined.
    pub fn manager_address() -> String {
        format!("{}:2377", Lan::address(0))
    }
}
