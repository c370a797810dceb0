//! Whether placement constraints can be read; what they mean is the scheduler's.

use super::{Invalid, Verdict};
use crate::pb;

const OPERATORS: [&str; 2] = ["==", "!="];

pub(super) fn check(placement: &pb::Placement) -> Verdict {
    placement.constraints.iter().try_for_each(|constraint| check_one(constraint))
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
    if value.is_empty() {
        return Err(Invalid::new(format!("value '{value}' is invalid")));
    }
    Ok(())
}
