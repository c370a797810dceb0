//! Whether the machine was started anew since the engine last ran: then nothing that the exec root tells of lives, and its
//! process numbers are others'.

use crate::config::EngineConfig;
use std::fs;
use std::path::Path;

/// In the exec root: the boot in which what is there was made.
const FILE: &str = "boot-id";

/// Compares and remembers. Where either is not known, what is in the exec root is asked instead.
pub(crate) fn is_new(config: &EngineConfig) -> bool {
    let current = read(&config.boot_id);
    let path = config.exec_root.join(FILE);
    let known = read(&path);
    if current.is_some() && current != known {
        fault::point("open: write boot id");
        if let Err(error) = fs::write(&path, current.as_deref().unwrap_or_default()) {
            tracing::warn!(%error, "the boot id is not remembered");
        }
    }
    matches!((current, known), (Some(current), Some(known)) if current != known)
}

fn read(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_boot_is_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let boot_id = dir.path().join("kernel");
        let config = EngineConfig {
            exec_root: dir.path().into(),
            boot_id: boot_id.clone(),
            ..EngineConfig::default()
        };
        assert!(!is_new(&config), "nothing is known");
        fs::write(&boot_id, "one\n").unwrap();
        assert!(!is_new(&config) && !is_new(&config));
        fs::write(&boot_id, "two\n").unwrap();
        assert!(is_new(&config) && !is_new(&config));
        fs::remove_file(&boot_id).unwrap();
        assert!(!is_new(&config));
    }
}
