//! One replicated service: as many slots as it has replicas.
//!
//! The steps, each on the draft that the one before left: leave lost and drained nodes, restart what has
//! ended, make or give up replicas, roll a changed spec out.

use swarm_api::pb::TaskState;

use super::draft::Draft;
use super::{drain, scale, update, upkeep};
use crate::reconcile::Planned;
use crate::task::Place;

/// Decides about a service of so many replicas.
pub(super) fn plan(draft: &mut Draft<'_>, replicas: u64, planned: &mut Planned) {
    for place in draft.places() {
        upkeep::leave_lost(draft, &place);
        upkeep::drop_doubles(draft, &place);
        drain::leave_drained(draft, &place);
        upkeep::restart_ended(draft, &place);
    }
    scale_to(draft, replicas);
    update::plan(draft, planned);
}

fn scale_to(draft: &mut Draft<'_>, replicas: u64) {
    let wanted = usize::try_from(replicas).unwrap_or(usize::MAX);
    let taken = draft.slots.values().filter(|slot| slot.is_taken(draft.service)).count();
    for place in scale::victims(draft.service, &draft.slots, taken.saturating_sub(wanted)) {
        draft.set_desired(&place, TaskState::Remove, |_| true);
    }
    let mut missing = wanted.saturating_sub(taken);
    let mut number = 0;
    while missing > 0 {
        number += 1;
        let place = Place::Slot(number);
        if !draft.is_taken(&place) {
            draft.create(place, 0);
            missing -= 1;
        }
    }
}
