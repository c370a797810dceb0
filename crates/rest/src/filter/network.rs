//! Which networks a list shows.

use engine_api::Filters;
use network::{NetworkRecord, SCOPE};

use super::{flag, known, passes};
use crate::failure::Failure;

const NAMES: [&str; 7] = ["dangling", "driver", "id", "label", "name", "scope", "type"];

/// Filters of the list of networks.
#[derive(Debug)]
pub(crate) struct Filter {
    filters: Filters,
    dangling: Option<bool>,
}

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        if let Some(kind) =
            filters.get("type").iter().find(|kind| !matches!(kind.as_str(), "builtin" | "custom"))
        {
            return Err(Failure::invalid(format!("invalid filter 'type={kind}'")));
        }
        Ok(Self { dangling: flag(&filters, "dangling")?, filters })
    }

    /// Whether the list shows a network. All there are so far are built in and without labels, and never count as unused.
    pub(crate) fn shows(&self, info: &NetworkRecord) -> bool {
        self.dangling != Some(true)
            && self.filters.get("label").is_empty()
            && passes(self.filters.get("driver"), |wish| wish == info.driver.as_str())
            && passes(self.filters.get("id"), |wish| info.id.starts_with(wish.as_str()))
            && passes(self.filters.get("name"), |wish| info.name.contains(wish.as_str()))
            && passes(self.filters.get("scope"), |wish| wish == SCOPE)
            && passes(self.filters.get("type"), |wish| wish == "builtin")
    }
}
