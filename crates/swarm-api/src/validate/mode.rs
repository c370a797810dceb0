//! How many tasks a service asks for.

use super::{Invalid, Verdict};
use crate::pb::service_spec::Mode;
use crate::{default, pb};

/// Most tasks of one service: each is a record of some kilobytes in every manager's memory, so that a slip of the finger
/// must not fill it.
pub const MAX_TASKS: u64 = 100_000;

pub(super) fn check(spec: &pb::ServiceSpec) -> Verdict {
    let (count, what) = match default::mode(spec) {
        Mode::Replicated(mode) => (mode.replicas, "Number of replicas"),
        Mode::ReplicatedJob(job) if job.max_concurrent > MAX_TASKS => {
            (job.max_concurrent, "Maximum concurrent jobs")
        }
        Mode::ReplicatedJob(job) => (job.total_completions, "Total completed jobs"),
        Mode::Global(_) | Mode::GlobalJob(_) => return Ok(()),
    };
    if i64::try_from(count).is_err() {
        // A negative number that a client has cast.
        let negative = if what == "Number of replicas" { "be non-negative" } else { "not be negative" };
        return Err(Invalid::new(format!("{what} must {negative}")));
    }
    if count > MAX_TASKS {
        return Err(Invalid::new(format!("{what} must be at most {MAX_TASKS}")));
    }
    Ok(())
}
