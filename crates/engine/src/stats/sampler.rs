//! One sampler for each container that is watched, shared by all who watch it. It ends when nobody does.

use super::{Sample, sample};
use crate::record::Record;
use crate::shared::Shared;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// Between two looks; Docker's.
const PERIOD: Duration = Duration::from_secs(1);

/// The newest look; the outer `None` is before the first.
type Newest = Option<Option<Arc<Sample>>>;

/// The samplers at work, by container. The receiver kept here is no watcher.
#[derive(Debug, Default)]
pub(crate) struct Samplers {
    at_work: Mutex<HashMap<String, watch::Receiver<Newest>>>,
}

/// Looks at one container, once a second.
#[derive(Debug)]
pub struct Watch {
    snapshots: watch::Receiver<Arc<Record>>,
    samples: watch::Receiver<Newest>,
}

impl Watch {
    /// The next look, and the container at that time; no sample if it does not run. `None` once it is removed.
    pub async fn next(&mut self) -> Option<(Arc<Record>, Option<Arc<Sample>>)> {
        self.samples.changed().await.ok()?;
        let sample = self.samples.borrow_and_update().clone()?;
        Some((self.snapshots.borrow().clone(), sample))
    }
}

impl Samplers {
    /// Begins to watch a container, with a look that may be a second old.
    pub(crate) fn watch(&self, shared: &Arc<Shared>, snapshots: watch::Receiver<Arc<Record>>) -> Watch {
        let id = snapshots.borrow().id.clone();
        let mut at_work = self.at_work();
        let samples = at_work.get(&id).cloned().unwrap_or_else(|| {
            let (sender, receiver) = watch::channel(None);
            at_work.insert(id, receiver.clone());
            tokio::spawn(run(shared.clone(), snapshots.clone(), sender));
            receiver
        });
        Watch { snapshots, samples }
    }

    /// Whether the sampler goes on: somebody besides this list listens. If not, it is forgotten under the same lock, so that
    /// nobody begins to listen to it.
    fn goes_on(&self, id: &str, sender: &watch::Sender<Newest>, is_gone: bool) -> bool {
        let mut at_work = self.at_work();
        let wanted = sender.receiver_count() > 1 && !is_gone;
        if !wanted {
            at_work.remove(id);
        }
        wanted
    }

    fn at_work(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<Newest>>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(shared: Arc<Shared>, snapshots: watch::Receiver<Arc<Record>>, sender: watch::Sender<Newest>) {
    let id = snapshots.borrow().id.clone();
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // The task of a container that is removed closes the channel.
        let is_gone = snapshots.has_changed().is_err();
        if !shared.samplers.goes_on(&id, &sender, is_gone) {
            return;
        }
        let (surroundings, record) = (shared.clone(), snapshots.borrow().clone());
        let looked = tokio::task::spawn_blocking(move || sample(&surroundings, &record)).await;
        sender.send_replace(Some(looked.ok().flatten().map(Arc::new)));
    }
}
