//! `docker search`: images of Docker Hub, or of the registry that the term begins with.

use crate::{
    Error, FoundImage, Images, RegistryAuth, Result,
    reference::Reference,
    registry::{Access, Client, endpoints},
};

/// Where Docker Hub answers searches.
const HUB_INDEX: &str = "https://index.docker.io";

impl Images {
    /// The images that a registry finds for a term, at most `limit`.
    ///
    /// # Errors
    /// If the registry does not answer, or cannot search.
    pub async fn search(
        &self,
        term: &str,
        limit: usize,
        auth: Option<RegistryAuth>,
    ) -> Result<Vec<FoundImage>> {
        let (host, term) = split(term);
        let reference = Reference::parse(&format!("{host}/x"))?;
        let mut failure = None;
        for mut endpoint in endpoints(&reference, &self.config()).into_iter().filter(|e| e.is_origin) {
            if reference.is_docker_hub() {
                HUB_INDEX.clone_into(&mut endpoint.base);
            }
            let client = Client::with(endpoint, reference.clone(), auth.clone(), Access::Login)?;
            match client.search(term, limit).await {
                Err(error) => failure = failure.or(Some(error)),
                found => return found,
            }
        }
        Err(failure.unwrap_or_else(|| Error::NoSuchImage(term.to_owned())))
    }
}

/// Registry and words of a term. Official images are found without their `library/`.
fn split(term: &str) -> (&str, &str) {
    let (host, rest) = match term.split_once('/') {
        Some((first, rest)) if first == "localhost" || first.contains(['.', ':']) => (first, rest),
        _ => ("docker.io", term),
    };
    match host {
        "docker.io" | "index.docker.io" => ("docker.io", rest.strip_prefix("library/").unwrap_or(rest)),
        _ => (host, rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_may_name_a_registry() {
        assert_eq!(split("busybox"), ("docker.io", "busybox"));
        assert_eq!(split("docker.io/library/busybox"), ("docker.io", "busybox"));
        assert_eq!(split("me/app"), ("docker.io", "me/app"));
        assert_eq!(split("127.0.0.1:5000/app"), ("127.0.0.1:5000", "app"));
    }
}
