//! Which tasks a list shows. Services, their labels, nodes and desired states are left to the managers, so that they need not send every task.

use engine_api::Filters;
use swarm_api::{naming, pb};

use super::{flag, known, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 8] =
    ["_up-to-date", "desired-state", "id", "label", "name", "node", "runtime", "service"];

/// Filters of the list of tasks.
#[derive(Debug)]
pub(crate) struct Filter {
    filters: Filters,
    /// Clients that watch an update want only tasks of the newest specification.
    pub(crate) up_to_date: Option<bool>,
}

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        Ok(Self { up_to_date: flag(&filters, "_up-to-date")?, filters })
    }

    /// What the managers are asked.
    pub(crate) fn request(&self) -> Result<pb::ListTasksRequest, Failure> {
        let states = self.filters.get("desired-state").iter().map(|word| {
            convert::task::desired_states(&word.to_ascii_lowercase())
                .ok_or_else(|| Failure::invalid(format!("Invalid desired-state filter: '{word}'")))
        });
        let states = states.collect::<Result<Vec<_>, _>>()?;
        Ok(pb::ListTasksRequest {
            services: self.filters.get("service").to_vec(),
            nodes: self.filters.get("node").to_vec(),
            labels: self.filters.get("label").to_vec(),
            desired_states: states.into_iter().flatten().map(Into::into).collect(),
            ..pb::ListTasksRequest::default()
        })
    }

    /// Whether the list shows a task that the managers sent.
    pub(crate) fn shows(&self, task: &pb::Task) -> bool {
        let name = naming::task(task);
        passes(self.filters.get("id"), |wish| task.id.starts_with(wish.as_str()))
            && passes(self.filters.get("name"), |wish| name.starts_with(wish.as_str()))
            && passes(self.filters.get("desired-state"), |wish| {
                wish.eq_ignore_ascii_case(convert::task::desired(task))
            })
            && passes(self.filters.get("runtime"), |wish| wish == "container")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn desired_states_are_taken_in_capitals_too() {
        let task = pb::Task { desired_state: pb::TaskState::Running.into(), ..Default::default() };
        let filter = |text: &str| Filter::new(Filters::parse(text).expect("filters")).expect("known");
        for (text, shown) in [
            (r#"{"desired-state":["RUNNING"]}"#, true),
            (r#"{"desired-state":["Shutdown","running"]}"#, true),
            (r#"{"desired-state":["SHUTDOWN"]}"#, false),
        ] {
            let filter = filter(text);
            let asked = filter.request().expect(text).desired_states;
            assert_eq!(asked.contains(&pb::TaskState::Running.into()), shown, "{text}");
            assert_eq!(filter.shows(&task), shown, "{text}");
        }
        let refused = filter(r#"{"desired-state":["GONE"]}"#).request().expect_err("there is no such state");
        assert_eq!(refused.message, "Invalid desired-state filter: 'GONE'");
    }
}
