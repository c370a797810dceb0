//! `--docker host=…,ca=…,cert=…,key=…`: how a context reaches its daemon.

use std::path::Path;

use super::Scope;
use crate::client::Host;
use crate::context::{self, Record, Secrets};
use crate::error::Error;
use crate::flag::{FlagError, fields, pair, switch};

/// The keys and values of `--docker`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Endpoint(Vec<(String, String)>);

/// Reads it; quotes work as in CSV.
pub(super) fn parse(input: &str) -> Result<Endpoint, FlagError> {
    fields::split(input)?.iter().map(|field| pair::strict(field)).collect::<Result<_, _>>().map(Endpoint)
}

impl Endpoint {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Sets the endpoint of `record`; gives the TLS files.
    pub(super) fn apply(&self, record: &mut Record, scope: &Scope) -> Result<Secrets, Error> {
        let known = ["from", "host", "ca", "cert", "key", "skip-tls-verify"];
        if let Some((key, _)) = self.0.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            return Err(Error::Usage(format!("unrecognized config key: {key}")));
        }
        if let Some(from) = self.get("from") {
            return self.copied(from, record, scope);
        }
        let skip = match self.get("skip-tls-verify") {
            None => false,
            Some(text) => switch::parse(text)?,
        };
        let host = self.get("host").unwrap_or_default();
        if host.is_empty() {
            return Err(Error::Usage(
                "docker endpoint configuration is required: host is missing".to_owned(),
            ));
        }
        Host::parse(host, skip)?;
        let mut secrets = Secrets::default();
        for (key, file) in ["ca", "cert", "key"].into_iter().zip(context::TLS_FILES) {
            if let Some(path) = self.get(key).filter(|path| !path.is_empty()) {
                let bytes = std::fs::read(Path::new(path))
                    .map_err(|source| Error::File { path: path.to_owned(), source })?;
                secrets.set(file, bytes);
            }
        }
        record.set_endpoint(host, skip);
        Ok(secrets)
    }

    fn copied(&self, from: &str, record: &mut Record, scope: &Scope) -> Result<Secrets, Error> {
        if self.0.len() > 1 {
            return Err(Error::Usage("cannot use --docker from= together with other keys".to_owned()));
        }
        if from == context::DEFAULT {
            record.set_endpoint(&scope.default.to_string(), false);
            return Ok(Secrets::default());
        }
        let source = scope.store.get(from)?;
        record.set_endpoint(source.host(), source.skips_verification());
        scope.store.secrets(from)
    }
}
