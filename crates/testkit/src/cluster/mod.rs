//! A whole cluster in one process: the real manager with its log on disk, and workers with fake executors,
//! joined by token and speaking mutual TLS over loopback.
//!
//! A worker can vanish (its agent ends without a word, its containers go on) and come back; the manager can
//! stop and start again from its disk. Times are short: see [`LOSS`].

mod leader;
mod managers;
mod member;
pub mod spec;
mod wires;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use manager::store::{State, View};
use swarm_api::pb::control_client::ControlClient;
use swarm_api::pb::{self, NodeAvailability, TaskState};
use tonic::Code;
use tonic::transport::Channel;
use worker::agent::ALONE_AFTER;
use worker::fake::FakeExecutor;

use self::leader::Leader;
pub use self::managers::Managers;
pub use self::member::Member;

/// How long a cluster may take to get where a test wants it.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long a node must be silent to be down: a busy machine must not bring that about by itself.
pub const LOSS: Duration = Duration::from_millis(1500);
/// Between two looks.
const POLL: Duration = Duration::from_millis(5);

/// A leader and its workers.
pub struct Cluster {
    leader: Leader,
    /// The workers, in the order they were added.
    pub members: Vec<Member>,
    directory: tempfile::TempDir,
    alone_after: Duration,
}

impl Cluster {
    /// A cluster of so many workers, all of them ready.
    pub async fn start(workers: usize) -> anyhow::Result<Cluster> {
        Cluster::start_patient(workers, ALONE_AFTER).await
    }

    /// A cluster whose workers restart failed tasks by themselves when they had no session for so long.
    pub async fn start_patient(workers: usize, alone_after: Duration) -> anyhow::Result<Cluster> {
        let directory = tempfile::tempdir().context("make a temporary directory")?;
        let leader = Leader::found(directory.path().join("manager")).await?;
        let mut cluster = Cluster { leader, members: Vec::new(), directory, alone_after };
        for _ in 0..workers {
            cluster.add_worker().await?;
        }
        cluster.all_ready().await?;
        Ok(cluster)
    }

    /// Adds a worker and starts its agent. Its host name is `w` and its number, from 0.
    pub async fn add_worker(&mut self) -> anyhow::Result<&Member> {
        let number = self.members.len();
        let executor = FakeExecutor::new(&format!("w{number}"));
        self.add_worker_with(executor).await
    }

    /// Adds a worker that runs its tasks on `executor`.
    pub async fn add_worker_with(&mut self, executor: FakeExecutor) -> anyhow::Result<&Member> {
        let number = self.members.len();
        let identity = self.leader.join().await.context("join the swarm")?;
        let state_dir = self.directory.path().join(format!("w{number}"));
        let mut member = Member::new(identity, executor, state_dir, self.alone_after);
        member.come_back(&self.leader).await?;
        self.members.push(member);
        self.members.last().context("a member was just added")
    }

    /// The agent of the worker ends without a word; its containers go on.
    pub fn vanish(&mut self, number: usize) {
        self.members[number].vanish();
    }

    /// The agent of the worker ends and announces its absence.
    pub async fn say_goodbye(&mut self, number: usize) {
        self.members[number].say_goodbye().await;
    }

    /// The agent of the worker starts again, on its old journal and containers.
    pub async fn come_back(&mut self, number: usize) -> anyhow::Result<()> {
        self.members[number].come_back(&self.leader).await
    }

    /// The manager stops.
    pub async fn stop_manager(&mut self) {
        self.leader.stop().await;
    }

    /// The manager starts again, from what is on its disk.
    pub async fn start_manager(&mut self) -> anyhow::Result<()> {
        self.leader.start().await
    }

    /// The replicated state.
    pub fn view(&self) -> View {
        self.leader.view()
    }

    /// What a front end asks.
    pub fn control(&self) -> anyhow::Result<ControlClient<Channel>> {
        self.leader.control()
    }

    /// Creates a service; its id.
    pub async fn create(&self, spec: pb::ServiceSpec) -> anyhow::Result<String> {
        let request = pb::CreateServiceRequest { spec: Some(spec), ..Default::default() };
        Ok(self.leader.control()?.create_service(request).await?.into_inner().id)
    }

    /// Changes the spec of a service; again, when somebody else changed the service meanwhile.
    pub async fn update(
        &self,
        service_id: &str,
        change: impl Fn(&mut pb::ServiceSpec),
    ) -> anyhow::Result<()> {
        let mut control = self.leader.control()?;
        loop {
            let reference = service_id.to_owned();
            let service =
                control.get_service(pb::GetRequest { reference: reference.clone() }).await?.into_inner();
            let version = service.meta.unwrap_or_default().version;
            let mut spec = service.spec.unwrap_or_default();
            change(&mut spec);
            let request =
                pb::UpdateServiceRequest { reference, version, spec: Some(spec), ..Default::default() };
            match control.update_service(request).await {
                Ok(_) => return Ok(()),
                Err(status) if status.code() == Code::Aborted => {}
                Err(status) => return Err(status.into()),
            }
        }
    }

    /// Sets the number of replicas.
    pub async fn scale(&self, service_id: &str, replicas: u64) -> anyhow::Result<()> {
        self.update(service_id, |spec| spec.mode = swarm_api::default::replicated(replicas)).await
    }

    /// Asks for the removal of a service.
    pub async fn remove(&self, service_id: &str) -> anyhow::Result<()> {
        let request = pb::GetRequest { reference: service_id.to_owned() };
        self.leader.control()?.remove_service(request).await?;
        Ok(())
    }

    /// Rotates the root, and waits until every worker that is there has moved.
    pub async fn rotate_root(&self) -> anyhow::Result<()> {
        let mut control = self.leader.control()?;
        let cluster = control.get_cluster(pb::Empty {}).await?.into_inner();
        let version = cluster.meta.unwrap_or_default().version;
        let mut spec = cluster.spec.unwrap_or_default();
        spec.force_rotate += 1;
        let request = pb::UpdateClusterRequest { version, spec: Some(spec), ..Default::default() };
        control.update_cluster(request).await?;
        self.leader.renew().await?;
        self.eventually("the rotation is over", |view| {
            let root = view.cluster().and_then(|cluster| cluster.root_ca.as_ref());
            root.is_some_and(|root| root.rotation.is_none())
        })
        .await?;
        self.leader.renew().await
    }

    /// Sets what the administrator lets a worker do.
    pub async fn set_availability(
        &self,
        number: usize,
        availability: NodeAvailability,
    ) -> anyhow::Result<()> {
        let reference = self.members[number].node_id.clone();
        change_node(self.leader.control()?, reference, |spec| spec.set_availability(availability)).await
    }

    /// The tasks of the service that are meant to run and do, by id.
    pub fn running(&self, service_id: &str) -> BTreeMap<String, Arc<pb::Task>> {
        running(&self.view(), service_id)
    }

    /// How many containers run on all workers together.
    pub fn containers(&self) -> usize {
        self.members.iter().map(|member| member.executor.running()).sum()
    }

    /// Waits until `reached` says so of the state; fails with all tasks listed when it takes too long.
    pub async fn eventually(&self, what: &str, reached: impl Fn(&State) -> bool) -> anyhow::Result<()> {
        let begun = tokio::time::Instant::now();
        while !reached(&self.view()) {
            if begun.elapsed() > PATIENCE {
                bail!("{what}: not so after {PATIENCE:?}\n{}", describe(&self.view()));
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// Waits until exactly so many tasks of the service run, each in a container, and none is left to stop.
    pub async fn settled(&self, service_id: &str, replicas: usize) -> anyhow::Result<()> {
        let what = format!("{replicas} replicas run");
        self.eventually(&what, |view| {
            let live =
                view.tasks_of_service(service_id).filter(|task| task.desired_state() <= TaskState::Running);
            running(view, service_id).len() == replicas && live.count() == replicas
        })
        .await?;
        self.eventually("their containers run", |view| {
            let running = running(view, service_id);
            self.members.iter().all(|member| {
                let here = running.values().filter(|task| task.node_id == member.node_id).count();
                !member.is_present() || member.executor.running() >= here
            })
        })
        .await
    }

    async fn all_ready(&self) -> anyhow::Result<()> {
        let ready = |node: &pb::Node| {
            node.status.as_ref().is_some_and(|status| status.state() == pb::NodeState::Ready)
        };
        let workers = self.members.len();
        self.eventually("all workers are ready", |view| {
            view.nodes().filter(|node| ready(node)).count() == workers
        })
        .await
    }
}

fn running(view: &State, service_id: &str) -> BTreeMap<String, Arc<pb::Task>> {
    let tasks = view.tasks_of_service(service_id).filter(|task| {
        let observed = task.status.as_ref().map(pb::TaskStatus::state);
        task.desired_state() == TaskState::Running && observed == Some(TaskState::Running)
    });
    tasks.map(|task| (task.id.clone(), Arc::clone(task))).collect()
}

/// Changes a node's spec as it is by then.
async fn change_node(
    mut control: ControlClient<Channel>,
    reference: String,
    change: impl Fn(&mut pb::NodeSpec),
) -> anyhow::Result<()> {
    loop {
        let node = control.get_node(pb::GetRequest { reference: reference.clone() }).await?.into_inner();
        let mut spec = node.spec.unwrap_or_default();
        change(&mut spec);
        let version = node.meta.unwrap_or_default().version;
        let request = pb::UpdateNodeRequest { reference: reference.clone(), version, spec: Some(spec) };
        match control.update_node(request).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Aborted => {}
            Err(status) => return Err(status.into()),
        }
    }
}

/// The state as a person reads it.
fn describe(view: &State) -> String {
    let nodes = view.nodes().map(|node| {
        let status = node.status.clone().unwrap_or_default();
        format!("node {} {:?} {}", node.id, status.state(), status.message)
    });
    let services = view.services().map(|service| {
        let update = service.update_status.clone().unwrap_or_default();
        format!(
            "service {} removing={} update={:?} {}",
            service.id,
            service.removing,
            update.state(),
            update.message
        )
    });
    let tasks = view.tasks().map(|task| {
        let status = task.status.clone().unwrap_or_default();
        let desired = task.desired_state();
        let (state, message, err) = (status.state(), status.message, status.err);
        format!(
            "task {} slot {} on {:?}: {desired:?} {state:?} {message} {err}",
            task.id, task.slot, task.node_id
        )
    });
    nodes.chain(services).chain(tasks).collect::<Vec<_>>().join("\n")
}
