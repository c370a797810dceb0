//! Telling about the networks.

use super::Owner;
use crate::{Error, NetworkRecord, Result};

impl Owner {
    /// All networks, the predefined ones first, then by age.
    pub(super) fn networks(&self) -> Vec<NetworkRecord> {
        let mut records: Vec<_> = self.records().cloned().collect();
        records.sort_by(|a, b| {
            (!a.predefined, a.created_ns, &a.name).cmp(&(!b.predefined, b.created_ns, &b.name))
        });
        records
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &NetworkRecord> {
        self.nets.values().map(|net| &net.record)
    }

    /// By whole id, then by name, then by the beginning of an id, as Docker looks it up.
    pub(super) fn find(&self, reference: &str) -> Result<NetworkRecord> {
        let whole = self.nets.get(reference).map(|net| &net.record);
        if let Some(record) = whole.or_else(|| self.records().find(|record| record.name == reference)) {
            return Ok(record.clone());
        }
        let begin: Vec<_> = self
            .records()
            .filter(|record| !reference.is_empty() && record.id.starts_with(reference))
            .collect();
        match begin.as_slice() {
            [record] => Ok((*record).clone()),
            [] => Err(Error::NoSuchNetwork(reference.to_owned())),
            several => Err(Error::Ambiguous {
                reference: reference.to_owned(),
                count: several.len(),
                by: "ID prefix",
            }),
        }
    }
}
