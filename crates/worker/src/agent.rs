//! The agent: one loop that owns what is assigned to this node, and the handle on it.
//!
//! In: news of the session, statuses of the drivers, the ends of drivers, a timer. Out: journal entries,
//! goals of drivers, the node's ingress backends. It journals first and acts then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use swarm_api::pb::{self, TaskState};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::assignment::AssignmentSet;
use crate::clock::now_ns;
use crate::driver::{Shared, StatusUpdate};
use crate::error::AgentError;
use crate::executor::Executor;
use crate::ingress::{Ingress, backends};
use crate::journal::{Entry, Journal, Recalled, RecalledTask};
use crate::link::{Connect, Link};
use crate::renewal;
use crate::reporter::{Live, report};
use crate::roster::{Known, Roster, lost};
use crate::session::{Applied, News};
use crate::solitude::alone;
use crate::step::Goal;
use crate::stock::Stock;

/// Messages that may wait for the loop, and statuses on their way.
const QUEUE: usize = 1024;
/// How often what could not be done is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long a farewell may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// Addresses of managers kept.
const MANAGERS: usize = 32;
/// Containers of forgotten tasks that are removed at once after a complete assignment.
const REMOVALS: usize = 8;
/// How long no manager must have been heard of before the node restarts failed tasks by itself: longer than the managers take
/// to find a new leader, and to replace the tasks of a node that only its own link has cut off.
pub const ALONE_AFTER: Duration = Duration::from_secs(10);

/// What an agent is made from.
#[derive(Clone)]
pub struct AgentConfig {
    /// Where the journal lives; made with mode 0700 if it is missing.
    pub state_dir: PathBuf,
    /// Makes channels to managers.
    pub connect: Arc<dyn Connect>,
    /// Managers to try first, always; those the journal remembers or a manager tells come after.
    pub managers: Vec<String>,
    /// Runs the containers.
    pub executor: Arc<dyn Executor>,
    /// How long there must be no session before the node restarts failed tasks by itself: [`ALONE_AFTER`].
    pub alone_after: Duration,
}

/// What an agent that ends says to the managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Farewell {
    /// Nothing: to them it falls silent.
    Silent,
    /// That it comes back: they leave the node's tasks alone for a grace period.
    Absent,
    /// That it does not come back: its tasks are replaced at once.
    Leaves,
}

/// How the agent stands with the managers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AgentStatus {
    /// Whether a session is open.
    pub connected: bool,
    /// The node's record as a manager last sent it.
    pub node: Option<pb::Node>,
    /// Addresses of managers, in the order they are tried.
    pub managers: Vec<String>,
    /// The managers as a manager last told them.
    pub told: Vec<pb::ManagerAddress>,
    /// The authority that this node's certificate is to be of, as a manager last told.
    pub authority: Option<pb::Authority>,
    /// The ids of the secrets and configs that this node holds, and of the services whose registry credentials it holds.
    pub stock: Vec<String>,
    /// Why there is no session.
    pub last_error: Option<String>,
}

/// A running agent. Dropping it ends it at once; containers go on either way.
pub struct Agent {
    parts: JoinSet<()>,
    live: watch::Receiver<Option<Live>>,
    status: watch::Receiver<AgentStatus>,
}

impl Agent {
    /// Opens the journal and takes up every task in it, then looks for a manager in the background.
    pub async fn start(config: AgentConfig) -> Result<Agent, AgentError> {
        let (journal, recalled) = Journal::open(config.state_dir).await?;
        let configured = config.managers;
        let mut managers = configured.clone();
        for known in &recalled.managers {
            if !managers.contains(&known.addr) {
                managers.push(known.addr.clone());
            }
        }
        let (news_sender, news) = mpsc::channel(QUEUE);
        let (status_sender, statuses) = mpsc::channel(QUEUE);
        let (report_sender, reports) = mpsc::channel(QUEUE);
        let (live_sender, live) = watch::channel(None);
        let (applied_sender, applied) = watch::channel(Applied::default());
        let (agent_status, status) =
            watch::channel(AgentStatus { managers, told: recalled.managers.clone(), ..Default::default() });
        let pending = recalled
            .tasks
            .iter()
            .filter_map(|recalled| Some((recalled.task.id.clone(), recalled.status.clone()?)))
            .collect::<BTreeMap<_, _>>();
        let (company, solitude) = alone(config.alone_after);
        let renewal = renewal::run(Arc::clone(&config.connect), status.clone());
        let link = Link {
            connect: config.connect,
            executor: Arc::clone(&config.executor),
            news: news_sender,
            applied,
            live: live_sender,
            status: agent_status.clone(),
            company,
        };
        let executor = Arc::clone(&config.executor);
        let (stock, taken) = watch::channel(Stock::default());
        let shared = Shared::new(executor, status_sender, journal.clone(), solitude, taken);
        let mut agent_loop = Loop {
            journal: journal.clone(),
            ingress: Ingress::new(Arc::clone(&config.executor)),
            executor: config.executor,
            set: AssignmentSet::default(),
            stock,
            roster: Roster::new(shared),
            running: BTreeSet::new(),
            attempts: BTreeMap::new(),
            configured,
            reports: report_sender,
            status: agent_status,
            unsettled: true,
            seen: Applied::default(),
            rebalances: false,
            applied: applied_sender,
        };
        agent_loop.take_up(recalled).await;
        let mut parts = JoinSet::new();
        parts.spawn(agent_loop.run(news, statuses));
        parts.spawn(report(journal, reports, live.clone(), pending));
        parts.spawn(link.run());
        parts.spawn(renewal);
        Ok(Agent { parts, live, status })
    }

    /// How the agent stands with the managers, now and as it changes.
    pub fn status(&self) -> watch::Receiver<AgentStatus> {
        self.status.clone()
    }

    /// Waits until a part of the agent has ended by a defect: the daemon should end then. Never otherwise.
    pub async fn broken(&mut self) {
        if self.parts.join_next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Ends the agent, and tells the managers what they are to think of that.
    pub async fn stop(mut self, farewell: Farewell) {
        match timeout(GOODBYE, say(&mut self.live, farewell)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "managers did not hear the farewell"),
            Err(_) => tracing::warn!("managers did not hear the farewell in time"),
        }
        self.parts.shutdown().await;
    }
}

/// Says farewell over the session. Who leaves for good waits for one, and for the next if that does not take it: there is none for a
/// moment while the node's certificate is replaced, or the managers elect.
async fn say(live: &mut watch::Receiver<Option<Live>>, farewell: Farewell) -> Result<(), tonic::Status> {
    let leaves = farewell == Farewell::Leaves;
    loop {
        let session = match farewell {
            Farewell::Silent => None,
            Farewell::Absent => live.borrow_and_update().clone(),
            Farewell::Leaves => live.wait_for(Option::is_some).await.ok().and_then(|live| live.clone()),
        };
        let Some(Live { mut client, session_id }) = session else { return Ok(()) };
        match client.goodbye(pb::GoodbyeRequest { session_id, leaves }).await {
            Err(error) if !leaves || live.changed().await.is_err() => return Err(error),
            Err(_) => {}
            Ok(_) => return Ok(()),
        }
    }
}

enum Event {
    News(News),
    Status(StatusUpdate),
    DriverEnded {
        task_id: String,
        removed: bool,
    },
    Retry,
    /// The link is gone: the agent ends.
    Closed,
}

struct Loop {
    journal: Journal,
    executor: Arc<dyn Executor>,
    ingress: Ingress,
    set: AssignmentSet,
    stock: watch::Sender<Stock>,
    roster: Roster,
    /// Tasks whose newest status is RUNNING and that are not told to stop.
    running: BTreeSet<String>,
    /// The attempts of tasks that this node has run again by itself.
    attempts: BTreeMap<String, u64>,
    configured: Vec<String>,
    reports: mpsc::Sender<StatusUpdate>,
    status: watch::Sender<AgentStatus>,
    /// Something could not be done and is tried again on the timer.
    unsettled: bool,
    /// The assignments that were heard last.
    seen: Applied,
    /// They change what the node balances to, and the managers do not know yet that it does.
    rebalances: bool,
    /// Those that the node balances by.
    applied: watch::Sender<Applied>,
}

impl Loop {
    async fn run(mut self, mut news: mpsc::Receiver<News>, mut statuses: mpsc::Receiver<StatusUpdate>) {
        loop {
            let event = tokio::select! {
                received = news.recv() => received.map_or(Event::Closed, Event::News),
                // A sender lives in the roster: there is always one.
                Some(update) = statuses.recv() => Event::Status(update),
                (task_id, removed) = self.roster.ended() => Event::DriverEnded { task_id, removed },
                () = tokio::time::sleep(RETRY), if self.unsettled => Event::Retry,
            };
            match event {
                Event::News(News::Assignments(session_id, message)) => {
                    self.seen = Applied { session_id, sequence: message.sequence };
                    self.assign(message).await;
                }
                Event::News(News::Session(message)) => self.note_managers(*message).await,
                Event::Status(update) => self.note_status(update).await,
                Event::DriverEnded { task_id, removed } => self.driver_ended(task_id, removed).await,
                Event::Retry => self.settle().await,
                Event::Closed => return,
            }
        }
    }

    /// Goes on where an earlier life of the daemon stopped, before any manager is heard.
    async fn take_up(&mut self, recalled: Recalled) {
        let mut assigned = Vec::new();
        for RecalledTask { task, status, attempts, withdrawn } in recalled.tasks {
            let goal = if withdrawn {
                Goal::Absent
            } else {
                assigned.push(task.clone());
                Goal::of(task.desired_state())
            };
            let runs = status.as_ref().is_some_and(|status| status.state() == TaskState::Running);
            if runs && !goal.is_stop() {
                self.running.insert(task.id.clone());
            }
            self.note_attempt(&task.id, status.as_ref().map_or(0, |status| status.attempt));
            self.roster.assign(task, Known { status, attempts }, goal);
        }
        self.set = AssignmentSet::restore(assigned, recalled.ports);
        self.settle().await;
    }

    async fn assign(&mut self, message: pb::AssignmentsMessage) {
        let complete = message.r#type() == pb::assignments_message::Type::Complete;
        self.restock(&message);
        let difference = self.set.apply(message);
        let mut entries: Vec<Entry> =
            difference.updated.iter().cloned().map(Box::new).map(Entry::Task).collect();
        entries.extend(difference.removed.iter().map(|id| Entry::Withdraw(id.clone())));
        if difference.ports_changed {
            entries.push(Entry::Ports(self.set.ports().cloned().collect()));
        }
        self.rebalances |= complete || difference.ports_changed;
        self.write(entries).await;
        for task in difference.updated.iter().filter(|task| Goal::of(task.desired_state()).is_stop()) {
            self.running.remove(&task.id);
        }
        for id in &difference.removed {
            self.running.remove(id);
        }
        // Out of the balancing first, stopped then.
        self.settle().await;
        for task in difference.updated {
            let goal = Goal::of(task.desired_state());
            self.roster.assign(task, Known::default(), goal);
        }
        for id in &difference.removed {
            self.roster.withdraw(id);
        }
        if complete {
            self.remove_unknown().await;
        }
    }

    /// What the node holds for its tasks is there before they are told anything.
    fn restock(&self, message: &pb::AssignmentsMessage) {
        self.stock.send_if_modified(|stock| {
            let mut next = stock.clone();
            next.apply(message);
            let is_new = next != *stock;
            *stock = next;
            is_new
        });
        let ids = self.stock.borrow().ids();
        self.status.send_if_modified(|status| {
            let is_new = status.stock != ids;
            status.stock = ids;
            is_new
        });
    }

    /// Removes the containers of tasks that neither the managers nor the journal know.
    async fn remove_unknown(&mut self) {
        let listed = match self.executor.list().await {
            Ok(listed) => listed,
            Err(error) => return tracing::warn!(%error, "containers of unknown tasks stay for now"),
        };
        let known = self.roster.tasks();
        let unknown: Vec<String> = listed.into_iter().filter(|id| !known.contains(id)).collect();
        if unknown.is_empty() {
            return;
        }
        tracing::info!(count = unknown.len(), "removes containers of unknown tasks");
        let executor = Arc::clone(&self.executor);
        // Nobody waits for it: what is left over is found at the next complete assignment.
        tokio::spawn(remove_all(executor, unknown));
    }

    async fn note_managers(&mut self, message: pb::SessionMessage) {
        let heard = message.managers.iter().map(|manager| &manager.addr);
        let before = self.status.borrow().managers.clone();
        let mut managers = Vec::new();
        // What was heard before stays as a last resort.
        for addr in self.configured.iter().chain(heard).chain(&before) {
            if !managers.contains(addr) && managers.len() < MANAGERS {
                managers.push(addr.clone());
            }
        }
        let is_new = managers != before;
        self.status.send_modify(|status| {
            status.managers = managers;
            status.told.clone_from(&message.managers);
            status.node = message.node.or(status.node.take());
            status.authority = message.authority.or(status.authority.take());
        });
        if is_new {
            self.write(vec![Entry::Managers(message.managers)]).await;
        }
    }

    async fn note_status(&mut self, update: StatusUpdate) {
        let runs = update.status.state() == TaskState::Running && self.set.contains(&update.task_id);
        let changed = if runs {
            self.running.insert(update.task_id.clone())
        } else {
            self.running.remove(&update.task_id)
        };
        if changed {
            self.settle().await;
        }
        self.note_attempt(&update.task_id, update.status.attempt);
        // The reporter goes only when the agent ends.
        let _ = self.reports.send(update).await;
    }

    fn note_attempt(&mut self, task_id: &str, attempt: u64) {
        if attempt > 0 {
            self.attempts.insert(task_id.to_owned(), attempt);
        }
    }

    async fn driver_ended(&mut self, task_id: String, removed: bool) {
        let attempt = self.attempts.remove(&task_id).unwrap_or(0);
        if removed {
            return self.write(vec![Entry::Forget(task_id)]).await;
        }
        tracing::error!(%task_id, "driver of a task was lost");
        tokio::spawn(remove_all(Arc::clone(&self.executor), vec![task_id.clone()]));
        let status = lost(now_ns(), attempt);
        self.note_status(StatusUpdate { task_id, status }).await;
    }

    async fn settle(&mut self) {
        let wanted = backends(self.set.ports(), &self.running);
        self.unsettled = !self.ingress.apply(wanted).await;
        if !self.unsettled {
            // Without an answer in a hurry: the next beat tells.
            let is_urgent = std::mem::take(&mut self.rebalances);
            self.applied.send_if_modified(|applied| {
                applied.clone_from(&self.seen);
                is_urgent
            });
        }
    }

    async fn write(&self, entries: Vec<Entry>) {
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.journal.write(entries).await {
            // The managers send all again after a restart: the work goes on.
            tracing::error!(%error, "assignments are not journalled");
        }
    }
}

async fn remove_all(executor: Arc<dyn Executor>, task_ids: Vec<String>) {
    let removals = task_ids.into_iter().map(|id| {
        let executor = Arc::clone(&executor);
        async move {
            if let Err(error) = executor.remove(&id).await {
                tracing::warn!(task_id = %id, %error, "container of an unknown task stays for now");
            }
        }
    });
    futures_util::stream::iter(removals).buffer_unordered(REMOVALS).collect::<()>().await;
}
