//! Whenever this member leads: its loops, for as long as that lasts.
//!
//! In: who leads, as raft knows. Out: the loops of [`crate::leader`], one life of them for each time of leadership.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::dispatcher::Dispatcher;
use crate::error::ManagerError;
use crate::leader::{self, Ended, Handles};
use crate::raft::{Leadership, Reader, Roster};

/// Pause before a leader that could not read tries again.
const LEAD_RETRY: Duration = Duration::from_millis(100);

/// What a leader leads with.
pub(crate) struct Leader {
    pub(crate) reader: Reader,
    pub(crate) handles: Handles,
    pub(crate) roster: Roster,
    pub(crate) dispatcher: Dispatcher,
}

/// Runs the leader's loops whenever this member leads and its view has all that was committed before.
pub(crate) async fn lead(
    mut leadership: watch::Receiver<Leadership>,
    leader: Leader,
    stop: CancellationToken,
) -> Result<(), ManagerError> {
    loop {
        let led = tokio::select! {
            // Who stops leads until it has stopped, and does not begin again.
            biased;
            () = stop.cancelled() => return Ok(()),
            led = leadership.wait_for(|leadership| leadership.term.is_some()) => led.map(|led| *led),
        };
        let Ok(term) = led else { return Err(ManagerError::Ended("raft thread")) };
        let ended = match leader.reader.view().await {
            Ok(_) => leader.lead(&mut leadership, term, &stop).await?,
            // Lost again before it began, or no majority answers.
            Err(_) => Ended::Lost,
        };
        if ended == Ended::Lost {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LEAD_RETRY) => {}
            }
        }
    }
}

impl Leader {
    /// Runs the loops for one time of leadership.
    async fn lead(
        &self,
        leadership: &mut watch::Receiver<Leadership>,
        term: Leadership,
        stop: &CancellationToken,
    ) -> Result<Ended, ManagerError> {
        tracing::info!(term = term.term, "this manager leads");
        let until = stop.child_token();
        let (handles, roster) = (self.handles.clone(), self.roster.clone());
        let loops = leader::run(handles, roster, self.dispatcher.clone(), until.clone());
        tokio::pin!(loops);
        let lost = async { leadership.wait_for(|now| *now != term).await.map(|_| ()) };
        let ended = tokio::select! {
            ended = &mut loops => ended?,
            _ = lost => {
                until.cancel();
                loops.await?
            }
        };
        tracing::info!("this manager leads no more");
        Ok(ended)
    }
}
