//! Asking registries in turn until one has the image.

use std::{sync::Arc, vec};

use crate::{
    Error, ImagesConfig, RegistryAuth, Result,
    reference::Reference,
    registry::{Client, Endpoint, endpoints},
};

/// The registries that are left, and what the best of those before said.
pub(super) struct Asking {
    endpoints: vec::IntoIter<Endpoint>,
    reference: Reference,
    auth: Option<RegistryAuth>,
    failure: Option<Failure>,
}

struct Failure {
    is_origin: bool,
    error: Error,
}

impl Asking {
    pub(super) fn new(reference: &Reference, config: &ImagesConfig, auth: Option<RegistryAuth>) -> Asking {
        let endpoints = endpoints(reference, config).into_iter();
        Asking { endpoints, reference: reference.clone(), auth, failure: None }
    }

    /// A client of the next registry; if none is left, why none had the image.
    pub(super) fn next(&mut self) -> Result<Arc<Client>> {
        while let Some(endpoint) = self.endpoints.next() {
            let is_origin = endpoint.is_origin;
            // Mirrors are not whom the credentials are for.
            let auth = self.auth.clone().filter(|_| is_origin);
            match Client::new(endpoint, self.reference.clone(), auth) {
                Ok(client) => return Ok(Arc::new(client)),
                Err(error) => self.note(is_origin, error),
            }
        }
        let failure = self.failure.take().map(|failure| failure.error);
        Err(failure.unwrap_or_else(|| Error::NoSuchImage(self.reference.familiar())))
    }

    /// Takes note of a failure; gives it back if no other registry or way can help.
    pub(super) fn failed(&mut self, client: &Client, error: Error) -> Result<()> {
        let is_origin = client.is_origin();
        if is_origin && !is_about_the_way(&error) {
            return Err(error);
        }
        tracing::debug!(%error, registry = client.base(), "try the next registry");
        self.note(is_origin, error);
        Ok(())
    }

    /// The first way to an origin is the usual one, and so is its error; those of mirrors count least.
    fn note(&mut self, is_origin: bool, error: Error) {
        if !self.failure.as_ref().is_some_and(|failure| failure.is_origin) {
            self.failure = Some(Failure { is_origin, error });
        }
    }
}

/// Whether TLS instead of none, or none instead of TLS, may get further.
fn is_about_the_way(error: &Error) -> bool {
    matches!(error, Error::NoConnection { .. } | Error::Unreachable { .. } | Error::Registry { .. })
}
