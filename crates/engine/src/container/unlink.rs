//! Removing a link between containers, which leaves the containers.

use super::Containers;
use super::command::Command;
use super::task::Task;
use crate::error::{Error, Result};

impl Containers {
    /// Removes the link `parent/alias`; its name is out of the parent's `/etc/hosts` from its next start on.
    ///
    /// # Errors
    /// [`Error::DefaultLink`] for the name of a container itself, [`Error::NoSuchContainer`] if there is no such link.
    pub async fn unlink(&self, reference: &str) -> Result<()> {
        let missing = || Error::NoSuchContainer(reference.to_owned());
        let Some((parent, alias)) = reference.trim_start_matches('/').split_once('/') else {
            self.inspect(reference)?;
            return Err(Error::DefaultLink);
        };
        let alias = alias.to_owned();
        let found = self.call(parent, |reply| Command::Unlink { alias, reply }).await;
        if found.map_err(|_| missing())? { Ok(()) } else { Err(missing()) }
    }
}

impl Task {
    /// False if there is no such link.
    pub(super) async fn unlink(&mut self, alias: &str) -> Result<bool> {
        let links = &mut self.record.spec.host.links;
        let before = links.len();
        links.retain(|link| alias_of(link) != alias);
        if links.len() == before {
            return Ok(false);
        }
        self.save_now().await?;
        Ok(true)
    }
}

/// `container:alias`, or one word for both.
fn alias_of(link: &str) -> &str {
    link.rsplit_once(':').map_or(link, |(_, alias)| alias)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_without_an_alias_has_the_containers_name() {
        assert_eq!((alias_of("db:database"), alias_of("db")), ("database", "db"));
    }
}
