//! `docker pull -a`: all tags of a repository.

use std::sync::Arc;

use super::Pull;
use crate::{Error, Image, Images, ProgressSender, RegistryAuth, Result, reference::Reference};

impl Images {
    /// Fetches every tag of a repository, in the registry's order; gives each familiar name with its image.
    ///
    /// # Errors
    /// At the first tag that fails; those before it stay.
    pub async fn pull_all(
        &self,
        repository: &str,
        platform: Option<&str>,
        auth: Option<RegistryAuth>,
        to: ProgressSender,
    ) -> Result<Vec<(String, Arc<Image>)>> {
        let repository = Reference::parse(repository)?;
        if repository.tag.is_some() || repository.digest.is_some() {
            return Err(Error::InvalidReference(": a repository without tag is needed".to_owned()));
        }
        let pull = Pull::new(self, platform, auth, to)?;
        let mut images = Vec::new();
        let mut is_new = false;
        for tag in pull.tags(&repository).await? {
            let reference = Reference { tag: Some(tag), ..repository.clone() };
            let pulled = pull.name(&reference).await?;
            is_new |= pulled.is_new;
            images.push((reference.familiar(), pulled.image));
        }
        pull.status(&repository, is_new);
        Ok(images)
    }
}

impl Pull<'_> {
    async fn tags(&self, repository: &Reference) -> Result<Vec<String>> {
        let mut asking = self.asking(repository);
        loop {
            let client = asking.next()?;
            match client.tags().await {
                Err(error) => asking.failed(&client, error)?,
                tags => return tags,
            }
        }
    }
}
