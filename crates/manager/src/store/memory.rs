//! A store without a log, for tests of the loops: proposals are applied at once by the same [`apply`].

use super::published::Publisher;
use super::{Applied, ProposeError, Proposer, State, Store, apply};
use crate::clock::Clock;

/// Makes a store that applies every proposal as it comes. Must be called within a tokio runtime; ends with the last
/// clone of the proposer.
#[must_use]
pub fn in_memory(clock: Clock) -> (Store, Proposer) {
    let (proposer, mut proposals) = Proposer::new(clock);
    let mut state = State::default();
    let (publisher, store) = Publisher::new(state.clone());
    tokio::spawn(async move {
        while let Some(proposal) = proposals.recv().await {
            let index = state.index() + 1;
            let outcome = apply(&mut state, proposal.transaction, proposal.now_ns, index);
            let answer = outcome.map(|events| {
                publisher.publish(&state, events);
                Applied { index }
            });
            // Who proposed may have gone; the change stands.
            let _ = proposal.reply.send(answer.map_err(ProposeError::from));
        }
    });
    (store, proposer)
}
