//! Where a task may run: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;

use crate::failure::Failure;

/// The model's → the proto; none where nothing is asked for.
pub(super) fn spec(asked: api::Placement) -> Result<Option<pb::Placement>, Failure> {
    if asked == api::Placement::default() {
        return Ok(None);
    }
    let spread = asked.preferences.into_iter().enumerate().map(|(index, preference)| {
        preference.spread.map(|over| over.spread_descriptor).ok_or_else(|| {
            Failure::invalid(format!("invalid Placement.Preferences[{index}]: Spread is missing"))
        })
    });
    let platforms = asked.platforms.into_iter();
    Ok(Some(pb::Placement {
        constraints: asked.constraints,
        max_replicas: asked.max_replicas,
        spread: spread.collect::<Result<_, _>>()?,
        platforms: platforms.map(|one| pb::Platform { architecture: one.architecture, os: one.os }).collect(),
    }))
}

/// The proto → the model's.
pub(super) fn told(placement: pb::Placement) -> api::Placement {
    let spread = placement.spread.into_iter().map(|spread_descriptor| api::PlacementPreference {
        spread: Some(api::SpreadOver { spread_descriptor }),
    });
    let platforms = placement.platforms.into_iter();
    api::Placement {
        constraints: placement.constraints,
        preferences: spread.collect(),
        max_replicas: placement.max_replicas,
        platforms: platforms
            .map(|one| api::Platform { architecture: one.architecture, os: one.os })
            .collect(),
    }
}
