//! `docker login` as the daemon does it: the credentials are tried, and kept nowhere.

use crate::{
    Error, Images, RegistryAuth, Result,
    reference::Reference,
    registry::{Access, Client, endpoints},
};

/// What Docker Hub is called in credentials.
const HUB: &str = "https://index.docker.io/v1/";

impl Images {
    /// Tries credentials at the registry they name; gives a token that stands in for the password, if there is one.
    ///
    /// # Errors
    /// If the registry refuses them ([`Error::Denied`]) or does not answer.
    pub async fn login(&self, auth: RegistryAuth) -> Result<Option<String>> {
        let reference = registry(&auth.server_address)?;
        let mut failure = None;
        for endpoint in endpoints(&reference, &self.config()).into_iter().filter(|e| e.is_origin) {
            let client = Client::with(endpoint, reference.clone(), Some(auth.clone()), Access::Login)?;
            match client.login().await {
                Err(error @ Error::Denied(_)) => return Err(error),
                Err(error) => failure = failure.or(Some(error)),
                done => return done,
            }
        }
        Err(failure.unwrap_or_else(|| {
            Error::InvalidReference(format!(": {:?} names no registry", auth.server_address))
        }))
    }
}

/// A registry alone, as a reference without repository.
fn registry(address: &str) -> Result<Reference> {
    let bare = address.trim_start_matches("https://").trim_start_matches("http://");
    let host = bare.split('/').next().unwrap_or_default();
    let is_hub =
        address == HUB || matches!(host, "" | "docker.io" | "index.docker.io" | "registry-1.docker.io");
    let name = if is_hub { "docker.io/library/x".to_owned() } else { format!("{host}/x") };
    let reference = Reference::parse(&name)?;
    match is_hub || reference.domain == host {
        true => Ok(reference),
        // A word without dot or port would be taken for a repository of Docker Hub.
        false => Ok(Reference { domain: host.to_owned(), ..reference }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_registries() {
        let domain = |address: &str| registry(address).unwrap().domain;
        for hub in ["", HUB, "docker.io", "index.docker.io"] {
            assert_eq!(domain(hub), "docker.io", "{hub}");
        }
        assert_eq!(domain("http://127.0.0.1:5000/v2/"), "127.0.0.1:5000");
        assert_eq!(domain("registry"), "registry");
        assert!(registry("a b").is_err());
    }
}
