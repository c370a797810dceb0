//! Who leads, as far as this member can tell.
//!
//! The library says who was elected last; that is not enough. A leader that a majority no longer answers, and a leader that
//! is no longer heard, lead nobody: who asks here must not be kept by them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use openraft::error::Fatal;
use openraft::{Instant as _, Raft, ServerState};
use tokio::sync::watch;
use tokio::time::Instant;

use super::machine::Machine;
use super::types::Types;

/// How often it is looked whether the leader is still one.
const LOOK: Duration = Duration::from_millis(100);
/// A leader leads no more when a majority has not answered it, or this member has not heard it, for so long. Longer than the
/// followers wait before they elect another, so that a leader that was only slow is not given up for nothing.
pub(super) const SILENCE: Duration = Duration::from_millis(1_200);
/// So many leaders are kept in mind: more than a group has members.
const LEADERS: usize = 64;

/// Whether this member leads, and since which term; who leads if it does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Leadership {
    /// The term in which this member leads.
    pub(crate) term: Option<u64>,
    /// The member that leads; none: nobody does.
    pub(crate) leader: Option<u64>,
}

/// When a leader was last heard, and who has led since this member started. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Heard(Arc<Mutex<Sounds>>);

#[derive(Debug)]
struct Sounds {
    last: Instant,
    leaders: BTreeSet<u64>,
}

impl Heard {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Sounds { last: Instant::now(), leaders: BTreeSet::new() })))
    }

    /// A leader was heard just now.
    pub(super) fn note(&self) {
        self.lock().last = Instant::now();
    }

    /// This member follows a leader, and has heard it just now.
    pub(super) fn note_leader(&self, raft_id: u64) {
        let mut sounds = self.lock();
        sounds.last = Instant::now();
        if sounds.leaders.len() < LEADERS {
            sounds.leaders.insert(raft_id);
        }
    }

    /// Whether this member has followed that one since it started.
    pub(super) fn has_led(&self, raft_id: u64) -> bool {
        self.lock().leaders.contains(&raft_id)
    }

    fn elapsed(&self) -> Duration {
        self.lock().last.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, Sounds> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What there is to judge by.
#[derive(Clone, Copy, Debug)]
struct Signs {
    leads: bool,
    term: u64,
    elected: Option<u64>,
    /// It is alone: nobody has to answer it.
    is_alone: bool,
    /// Since when no majority has answered; none: none has yet.
    unanswered: Option<Duration>,
    unheard: Duration,
}

/// Judges. Pure.
fn judge(raft_id: u64, signs: Signs) -> Leadership {
    if signs.leads {
        let answered = signs.is_alone || signs.unanswered.is_none_or(|silence| silence < SILENCE);
        return Leadership { term: answered.then_some(signs.term), leader: answered.then_some(raft_id) };
    }
    // Elected by name only: it is not in that state (any more).
    let other = signs.elected.filter(|leader| *leader != raft_id);
    Leadership { term: None, leader: other.filter(|_| signs.unheard < SILENCE) }
}

/// Tells who leads, as it changes; ends when raft does, with the reason.
pub(super) async fn follow(
    raft: &Raft<Types, Machine>,
    raft_id: u64,
    heard: &Heard,
    leadership: &watch::Sender<Leadership>,
) -> String {
    let mut changes = raft.server_metrics();
    let metrics = raft.metrics();
    loop {
        let signs = {
            let metrics = metrics.borrow_watched();
            Signs {
                leads: metrics.state == ServerState::Leader,
                term: metrics.vote.leader_id.term,
                elected: metrics.current_leader,
                is_alone: metrics.membership_config.voter_ids().count() == 1,
                unanswered: metrics.last_quorum_acked.map(|acked| acked.elapsed()),
                unheard: heard.elapsed(),
            }
        };
        let now = judge(raft_id, signs);
        leadership.send_if_modified(|known| std::mem::replace(known, now) != now);
        // Who is alone has nobody to wait for, and sleeps.
        let look = async {
            match signs.leads && signs.is_alone {
                true => std::future::pending().await,
                false => tokio::time::sleep(LOOK).await,
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() {
                let state = metrics.borrow_watched().running_state.clone();
                return state.err().unwrap_or(Fatal::Stopped).to_string();
            },
            () = look => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNS: Signs = Signs {
        leads: false,
        term: 4,
        elected: Some(2),
        is_alone: false,
        unanswered: None,
        unheard: Duration::ZERO,
    };

    #[test]
    fn a_leader_that_is_answered_leads() {
        let leads = Signs { leads: true, elected: Some(1), ..SIGNS };
        let yes = Leadership { term: Some(4), leader: Some(1) };
        assert_eq!(judge(1, leads), yes);
        assert_eq!(judge(1, Signs { unanswered: Some(SILENCE / 2), ..leads }), yes);
        assert_eq!(judge(1, Signs { unanswered: Some(SILENCE), ..leads }), Leadership::default());
        assert_eq!(judge(1, Signs { unanswered: Some(SILENCE), is_alone: true, ..leads }), yes);
    }

    #[test]
    fn a_leader_that_is_heard_leads() {
        assert_eq!(judge(1, SIGNS), Leadership { term: None, leader: Some(2) });
        assert_eq!(judge(1, Signs { unheard: SILENCE, ..SIGNS }), Leadership::default());
        assert_eq!(judge(2, SIGNS), Leadership::default(), "it was elected, and leads no more");
        assert_eq!(judge(1, Signs { elected: None, ..SIGNS }), Leadership::default());
    }
}
