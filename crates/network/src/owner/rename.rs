//! Other names for a running container.

use std::collections::BTreeMap;

use super::Owner;
use crate::{Endpoint, Error, Result};

impl Owner {
    /// Gives the endpoints of a container other names. Answers them as they are now.
    pub(super) fn rename(
        &mut self,
        container_id: &str,
        container_name: String,
        mut names: BTreeMap<String, Vec<String>>,
    ) -> Result<Vec<Endpoint>> {
        let unknown = || Error::NotAttached { container: container_id.to_owned(), network: "any".to_owned() };
        let container = self.containers.get_mut(container_id).ok_or_else(unknown)?;
        container.name = container_name;
        for endpoint in &mut container.endpoints {
            if let Some(names) = names.remove(&endpoint.network_id) {
                endpoint.dns_names = names;
            }
        }
        let endpoints = container.endpoints.clone();
        self.refresh_dns(container_id)?;
        Ok(endpoints)
    }
}
