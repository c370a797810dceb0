//! The container's places on its networks as they are while it runs, in its shim's directory: as long-lived as the process.
//!
//! What is changed while it runs is written here first and whole: from the moment the file has its name the change counts,
//! for an engine that recovers too.

use super::launch::write_json;
use crate::error::{Error, Result};
use crate::spec::EndpointSpec;
use network::Endpoint;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// In the shim's directory.
pub(crate) const ENDPOINTS_FILE: &str = "endpoints.json";
/// The file in the making.
const DRAFT: &str = "new";

/// What is there and what was wished for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Places {
    pub(crate) endpoints: Vec<Endpoint>,
    /// Absent in the files of daemons that knew one network only.
    pub(crate) networks: Option<BTreeMap<String, EndpointSpec>>,
}

/// The file as this daemon writes it, or as earlier ones did.
#[derive(Deserialize)]
#[serde(untagged)]
enum Found {
    Places { endpoints: Vec<Endpoint>, networks: Option<BTreeMap<String, EndpointSpec>> },
    Endpoints(Vec<Endpoint>),
}

impl Places {
    /// `None` if there is nothing that can be read.
    pub(crate) fn read(path: &Path) -> Option<Places> {
        let found = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some(match found {
            Found::Places { endpoints, networks } => Places { endpoints, networks },
            Found::Endpoints(endpoints) => Places { endpoints, networks: None },
        })
    }

    /// Writes the file into the shim's directory; a draft of a daemon that died here goes with the directory.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(ENDPOINTS_FILE);
        let draft = path.with_extension(DRAFT);
        write_json(&draft, self)?;
        fault::point("places: move into place");
        fs::rename(&draft, &path).map_err(Error::io("write", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_so_is_what_older_daemons_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let wanted = EndpointSpec { gw_priority: 3, ..EndpointSpec::default() };
        let places =
            Places { endpoints: vec![], networks: Some(BTreeMap::from([("mine".to_owned(), wanted)])) };
        places.write(dir.path()).unwrap();
        let path = dir.path().join(ENDPOINTS_FILE);
        assert_eq!(Places::read(&path), Some(places));
        fs::write(&path, "[]").unwrap();
        assert_eq!(Places::read(&path), Some(Places::default()));
        fs::write(&path, "{").unwrap();
        assert_eq!(Places::read(&path), None);
    }
}
