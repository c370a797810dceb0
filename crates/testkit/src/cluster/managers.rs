//! Several managers in one process, each with its log on disk and an address on loopback, which can be stopped, dropped
//! without a word, started again and cut off from each other.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use manager::clock::Clock;
use manager::dispatcher::DispatcherConfig;
use manager::store::View;
use manager::{BootstrapConfig, Manager, ManagerConfig};
use swarm_api::channel::Tcp;
use swarm_api::join::join;
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::{self, NodeAvailability, NodeRole};
use swarm_api::tls::{NodeKey, SharedIdentity};
use tokio::time::Instant;
use tonic::Code;
use tonic::transport::Channel;

use super::wires::Wires;
use super::{PATIENCE, POLL};

/// The managers of a swarm.
pub struct Managers {
    all: Vec<One>,
    wires: Wires,
    directory: tempfile::TempDir,
}

struct One {
    addr: String,
    state_dir: PathBuf,
    identity: SharedIdentity,
    /// Whom it asks at first.
    managers: Vec<String>,
    manager: Option<Manager>,
}

impl Managers {
    /// A swarm of so many managers, all with a vote.
    pub async fn form(count: usize) -> anyhow::Result<Managers> {
        let directory = tempfile::tempdir().context("make a temporary directory")?;
        let mut managers = Managers { all: Vec::new(), wires: Wires::default(), directory };
        managers.found().await?;
        for _ in 1..count {
            managers.join().await?;
        }
        managers.eventually("all have a vote", |all| all.voters() == count).await?;
        Ok(managers)
    }

    async fn found(&mut self) -> anyhow::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?.to_string();
        let state_dir = self.directory.path().join("0");
        std::fs::create_dir_all(&state_dir)?;
        let config = BootstrapConfig {
            state_dir: state_dir.clone(),
            advertise_addr: addr.clone(),
            availability: NodeAvailability::Drain,
            spec: None,
            root: None,
            clock: Clock::system(),
        };
        let identity = SharedIdentity::new(manager::bootstrap(config).await.context("found a swarm")?);
        self.all.push(One { addr, state_dir, identity, managers: Vec::new(), manager: None });
        self.run(0, listener).await?;
        self.eventually("it leads", |all| all.leader().is_some()).await
    }

    /// Adds a manager, as a machine with the managers' token does; it need not have a vote yet. Its number.
    pub async fn join(&mut self) -> anyhow::Result<usize> {
        let number = self.all.len();
        let by = self.leader().context("nobody leads")?;
        let cluster = self.control(by)?.get_cluster(pb::Empty {}).await?.into_inner();
        let token = cluster.join_tokens.unwrap_or_default().manager;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let addr = listener.local_addr()?.to_string();
        let state_dir = self.directory.path().join(number.to_string());
        std::fs::create_dir_all(&state_dir)?;
        let key = NodeKey::generate()?;
        let managers = vec![self.all[by].addr.clone()];
        let identity = join(Arc::new(Tcp), &managers[0], &token, &key, NodeAvailability::Drain).await?;
        manager::prepare(&state_dir, &identity, &addr)?;
        let identity = SharedIdentity::new(identity);
        self.all.push(One { addr, state_dir, identity, managers, manager: None });
        self.run(number, listener).await?;
        Ok(number)
    }

    async fn run(&mut self, number: usize, listener: TcpListener) -> anyhow::Result<()> {
        let one = &mut self.all[number];
        let config = ManagerConfig {
            state_dir: one.state_dir.clone(),
            identity: one.identity.clone(),
            clock: Clock::system(),
            dispatcher: DispatcherConfig::default(),
            dialer: self.wires.dialer(number),
            advertise_addr: one.addr.clone(),
            managers: one.managers.clone(),
            unlock_key: None,
        };
        let begun = Instant::now();
        let manager = loop {
            match manager::start(config.clone()).await {
                Ok(manager) => break manager,
                // The files of one that was dropped are let go of a moment later.
                Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(POLL).await,
                Err(error) => return Err(error).context("start a manager"),
            }
        };
        manager.listen(listener)?;
        one.manager = Some(manager);
        Ok(())
    }

    /// Starts a manager again, where it was.
    pub async fn start(&mut self, number: usize) -> anyhow::Result<()> {
        ensure!(self.all[number].manager.is_none(), "manager {number} runs");
        let begun = Instant::now();
        let listener = loop {
            match TcpListener::bind(&self.all[number].addr) {
                Ok(listener) => break listener,
                // The socket of one that was dropped goes a moment later.
                Err(_) if begun.elapsed() < PATIENCE => tokio::time::sleep(POLL).await,
                Err(error) => return Err(error).context("bind the address again"),
            }
        };
        self.run(number, listener).await
    }

    /// Stops a manager in order.
    pub async fn stop(&mut self, number: usize) {
        if let Some(manager) = self.all[number].manager.take() {
            manager.shutdown().await;
        }
    }

    /// Ends a manager without a word to the others.
    pub fn drop(&mut self, number: usize) {
        self.all[number].manager = None;
    }

    /// Cuts a manager off from all others, in both directions.
    pub fn isolate(&self, number: usize) {
        for (other, one) in self.all.iter().enumerate().filter(|(other, _)| *other != number) {
            self.wires.cut(number, &one.addr);
            self.wires.cut(other, &self.all[number].addr);
        }
    }

    /// Lets no connection from the one to the other through any more.
    pub fn cut(&self, from: usize, to: usize) {
        self.wires.cut(from, &self.all[to].addr);
    }

    /// All reach all again.
    pub fn mend(&self) {
        self.wires.mend_all();
    }

    /// How many there are, running or not.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|number| self.all[*number].manager.is_some()).collect()
    }

    /// The node of a manager.
    pub fn node_id(&self, number: usize) -> String {
        self.all[number].identity.get().node_id.to_string()
    }

    /// Where a manager listens.
    pub fn addr(&self, number: usize) -> &str {
        &self.all[number].addr
    }

    /// The identity of a manager.
    pub fn identity(&self, number: usize) -> SharedIdentity {
        self.all[number].identity.clone()
    }

    /// Who leads, if just one says that it does.
    pub fn leader(&self) -> Option<usize> {
        let leads = |number: &usize| self.all[*number].manager.as_ref().is_some_and(Manager::leads);
        let leaders: Vec<usize> = (0..self.all.len()).filter(leads).collect();
        match leaders[..] {
            [leader] => Some(leader),
            _ => None,
        }
    }

    /// Waits until one leads that is not `former`.
    pub async fn another_leads(&self, former: usize) -> anyhow::Result<usize> {
        let other = |all: &Managers| {
            let leads = |number: &usize| {
                *number != former && all.all[*number].manager.as_ref().is_some_and(Manager::leads)
            };
            (0..all.all.len()).find(leads)
        };
        self.eventually("another leads", |all| other(all).is_some()).await?;
        other(self).context("it leads no more")
    }

    /// How many have a vote, as the leader knows; none without one, or while that changes.
    pub fn voters(&self) -> usize {
        let leader = self.leader().and_then(|leader| self.all[leader].manager.as_ref());
        leader.and_then(Manager::voters).unwrap_or(0)
    }

    /// The replicated state as one of them has it.
    pub fn view(&self, number: usize) -> View {
        self.all[number].manager.as_ref().map(|manager| manager.store().view()).unwrap_or_default()
    }

    /// A client of one of them.
    pub fn control(&self, number: usize) -> anyhow::Result<ControlClient<Channel>> {
        Ok(self.all[number].manager.as_ref().context("the manager is stopped")?.control())
    }

    /// Creates a service without tasks by way of one of them.
    pub async fn create(&self, by: usize, name: &str) -> anyhow::Result<()> {
        let spec = super::spec::service(name, "image", 0);
        self.control(by)?
            .create_service(pb::CreateServiceRequest { spec: Some(spec), ..Default::default() })
            .await?;
        Ok(())
    }

    /// The same, again and again while the outcome is unknown or nobody leads, as a client does.
    pub async fn create_at_last(&self, by: usize, name: &str) -> anyhow::Result<()> {
        let begun = Instant::now();
        loop {
            let spec = super::spec::service(name, "image", 0);
            match self
                .control(by)?
                .create_service(pb::CreateServiceRequest { spec: Some(spec), ..Default::default() })
                .await
            {
                Err(status) if status.code() == Code::Unavailable && begun.elapsed() < PATIENCE => {}
                // An attempt before this one was accepted.
                Err(status) if status.code() == Code::AlreadyExists => return Ok(()),
                outcome => return Ok(outcome.map(|_| ())?),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Sets the role of a manager's node by way of another.
    pub async fn set_role(&self, by: usize, number: usize, role: NodeRole) -> anyhow::Result<()> {
        super::change_node(self.control(by)?, self.node_id(number), |spec| spec.set_role(role)).await
    }

    /// Has a manager say once more which member it is, as its node does when the record says nothing of it.
    pub fn announce(&self, number: usize) {
        self.all[number].manager.iter().for_each(Manager::announce);
    }

    /// Waits until `reached` says so.
    pub async fn eventually(&self, what: &str, reached: impl Fn(&Managers) -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !reached(self) {
            if begun.elapsed() > PATIENCE {
                let leads: Vec<_> =
                    self.all.iter().map(|one| one.manager.as_ref().map(Manager::leads)).collect();
                bail!("{what}: not so after {PATIENCE:?}; leads: {leads:?}, voters: {}", self.voters());
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until all that run have this service.
    pub async fn all_have(&self, name: &str) -> anyhow::Result<()> {
        self.eventually(&format!("all have {name}"), |all| {
            all.running().iter().all(|number| all.view(*number).service_by_name(name).is_some())
        })
        .await
    }
}
