//! Whether placement constraints can be read; what they mean is the scheduler's.

use super::{Invalid, Verdict};
use crate::pb;

const OPERATORS: [&str; 2] = ["==", "!="];
/// Attributes of nodes that tasks can be spread over.
const SPREAD_OVER: [&str; 6] =
    ["node.id", "node.hostname", "node.ip", "node.role", "node.platform.os", "node.platform.arch"];
/// So begin those that their owners name.
const LABELS: [&str; 2] = ["node.labels.", "engine.labels."];

/// What may stand in the value of a constraint besides letters, digits and spaces, as swarmkit has it: nothing that could be part of an
/// operator.
const VALUE: &str = ":-_ \t.*()?+[]\\^$|/";

pub(super) fn check(placement: &pb::Placement) -> Verdict {
    placement.constraints.iter().try_for_each(|constraint| check_one(constraint))?;
    placement.spread.iter().try_for_each(|key| spread(key))
}

/// Swarmkit takes any word and divides by none it does not know; here nothing is taken that is ignored.
fn spread(key: &str) -> Verdict {
    let lower = key.to_ascii_lowercase();
    let is_label = |prefix: &str| lower.strip_prefix(prefix).is_some_and(|name| !name.is_empty());
    if SPREAD_OVER.contains(&lower.as_str()) || LABELS.iter().any(|prefix| is_label(prefix)) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "invalid placement preference: spread over {key:?}: want {} or {}",
        SPREAD_OVER.join(", "),
        LABELS.map(|prefix| format!("{prefix}NAME")).join(", ")
    )))
}

fn check_one(constraint: &str) -> Verdict {
    let split = OPERATORS.iter().find_map(|operator| constraint.split_once(operator));
    let Some((key, value)) = split else {
        return Err(Invalid::new(format!("constraint expected one operator from {}", OPERATORS.join(", "))));
    };
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
        return Err(Invalid::new(format!("key '{key}' is invalid")));
    }
    if value.is_empty() || !value.chars().all(|c| c.is_ascii_alphanumeric() || VALUE.contains(c)) {
        return Err(Invalid::new(format!("value '{value}' is invalid")));
    }
    Ok(())
}
