//! Which networks a list shows.

use engine_api::Filters;
use engine_api::network::Network;
use network::{LOCAL_SCOPE, is_built_in};

use super::{flag, known, label, passes};
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
            return Err(Failure::invalid(format!("invalid filter: 'type'='{kind}'")));
        }
        Ok(Self { dangling: flag(&filters, "dangling")?, filters })
    }

    /// Whether the list shows a network; `is_used` is asked only if it matters. Those that are built in never count as
    /// unused.
    pub(crate) fn shows(&self, network: &Network, is_used: impl FnOnce() -> bool) -> bool {
        let predefined = network.scope == LOCAL_SCOPE && is_built_in(&network.name);
        let kind = if predefined { "builtin" } else { "custom" };
        label::fits(self.filters.get("label"), &network.labels)
            && passes(self.filters.get("driver"), |wish| *wish == network.driver)
            && passes(self.filters.get("id"), |wish| network.id.contains(wish.as_str()))
            && passes(self.filters.get("name"), |wish| network.name.contains(wish.as_str()))
            && passes(self.filters.get("scope"), |wish| *wish == network.scope)
            && passes(self.filters.get("type"), |wish| wish == kind)
            && self.dangling.is_none_or(|dangling| dangling != (predefined || is_used()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str) -> Network {
        Network {
            id: "abcdef".repeat(10),
            name: name.into(),
            driver: "bridge".into(),
            scope: LOCAL_SCOPE.into(),
            labels: [("tier".to_owned(), "db".to_owned())].into(),
            ..Network::default()
        }
    }

    fn shows(key: &str, value: &str, network: &Network, used: bool) -> bool {
        let mut filters = Filters::default();
        filters.add(key, value);
        Filter::new(filters).unwrap().shows(network, || used)
    }

    #[test]
    fn each_filter_shows_and_hides() {
        let mine = network("mine-1");
        for (key, yes, no) in [
            ("driver", "bridge", "host"),
            ("id", "fabc", "x"),
            ("label", "tier=db", "tier=web"),
            ("name", "ine", "yours"),
            ("scope", "local", "swarm"),
            ("type", "custom", "builtin"),
        ] {
            assert!(shows(key, yes, &mine, true) && !shows(key, no, &mine, true), "{key}");
        }
        assert!(shows("dangling", "true", &mine, false) && !shows("dangling", "true", &mine, true));
        assert!(shows("dangling", "0", &mine, true) && !shows("dangling", "0", &mine, false));
        let bridge = network("bridge");
        assert!(!shows("dangling", "true", &bridge, false) && shows("type", "builtin", &bridge, false));
    }

    #[test]
    fn what_docker_does_not_have_is_named() {
        for (key, value) in [("type", "odd"), ("colour", "red"), ("dangling", "maybe")] {
            let mut filters = Filters::default();
            filters.add(key, value);
            assert!(Filter::new(filters).is_err(), "{key}");
        }
    }
}
