//! One context: its record as Docker writes it, and its TLS files.

use std::io;

use serde_json::{Map, Value, json};

/// What `meta.json` says. What is not known here stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) name: String,
    metadata: Map<String, Value>,
    endpoints: Map<String, Value>,
}

impl Record {
    /// A context without an endpoint.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), metadata: Map::new(), endpoints: Map::new() }
    }

    /// Reads `meta.json`.
    pub(super) fn parse(bytes: &[u8]) -> io::Result<Self> {
        let bad = |reason: &str| io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
        let value: Value = serde_json::from_slice(bytes).map_err(|error| bad(&error.to_string()))?;
        let object = |name: &str| value[name].as_object().cloned().unwrap_or_default();
        let name = value["Name"].as_str().ok_or_else(|| bad("the name is missing"))?;
        Ok(Self { name: name.to_owned(), metadata: object("Metadata"), endpoints: object("Endpoints") })
    }

    /// `meta.json`.
    pub(crate) fn json(&self) -> Value {
        json!({"Name": self.name, "Metadata": self.metadata, "Endpoints": self.endpoints})
    }

    /// What the user says of it.
    pub(crate) fn description(&self) -> &str {
        self.metadata.get("Description").and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets it; an empty one goes.
    pub(crate) fn set_description(&mut self, text: &str) {
        match text {
            "" => self.metadata.remove("Description"),
            text => self.metadata.insert("Description".to_owned(), json!(text)),
        };
    }

    /// The daemon's address.
    pub(crate) fn host(&self) -> &str {
        self.endpoints.get("docker").and_then(|docker| docker["Host"].as_str()).unwrap_or_default()
    }

    /// Whether the daemon's certificate need not be good.
    pub(crate) fn skips_verification(&self) -> bool {
        self.endpoints.get("docker").and_then(|docker| docker["SkipTLSVerify"].as_bool()).unwrap_or(false)
    }

    /// Sets the daemon's address.
    pub(crate) fn set_endpoint(&mut self, host: &str, skip_verify: bool) {
        self.endpoints.insert("docker".to_owned(), json!({"Host": host, "SkipTLSVerify": skip_verify}));
    }
}

/// The content of a context's TLS files, by their names in `TLS_FILES`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    /// Sets the content of a file whose name is one of `TLS_FILES`; others are left out.
    pub(crate) fn set(&mut self, name: &str, bytes: Vec<u8>) {
        if let Some(known) = super::TLS_FILES.into_iter().find(|known| *known == name) {
            self.0.retain(|(present, _)| *present != known);
            self.0.push((known, bytes));
        }
    }

    /// Names and contents.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        self.0.iter().map(|(name, bytes)| (*name, bytes.as_slice()))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
