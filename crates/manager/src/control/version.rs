//! Whether who updates has seen what there is to see.

use swarm_api::pb;

use super::ControlError;

/// Lets an update pass that names the version in which the spec last changed, or one after it. What the loops write into an
/// object in the meantime (an address, a status) is nothing a user could have overlooked.
pub(super) fn check(meta: Option<&pb::Meta>, named: u64) -> Result<(), ControlError> {
    match meta {
        Some(meta) if (meta.intent_version..=meta.version).contains(&named) => Ok(()),
        Some(_) | None => Err(ControlError::OutOfSequence),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_the_last_change_of_the_spec_and_now() {
        let meta = pb::Meta { version: 9, intent_version: 5, ..Default::default() };
        let passes = |named| check(Some(&meta), named).is_ok();
        assert!(!passes(4) && passes(5) && passes(7) && passes(9) && !passes(10) && !passes(0));
        assert!(check(None, 0).is_err());
    }
}
