//! All files of the container device interface on this machine.

use super::spec::{Device, FILE_MAX_BYTES, File};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// How many files of a directory are read.
const FILES_MAX: usize = 1024;

/// What the files say.
#[derive(Debug, Default)]
pub(super) struct Registry {
    files: Vec<File>,
    /// Full name → file and device in it; `None` where two files of one directory contradict each other.
    devices: BTreeMap<String, Option<(usize, usize)>>,
    problems: Vec<String>,
}

/// A device, and which file it stands in.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) file: usize,
    pub(super) device: &'a Device,
}

impl Registry {
    /// Reads all directories. A later one overrides an earlier one. A file that cannot be read is a problem, and no more.
    pub(super) fn read(dirs: &[PathBuf]) -> Registry {
        let mut registry = Registry::default();
        for dir in dirs {
            registry.add_dir(dir);
        }
        registry
    }

    fn add_dir(&mut self, dir: &Path) {
        // A directory that is not there has no devices.
        let Ok(entries) = fs::read_dir(dir) else { return };
        let is_spec = |path: &PathBuf| path.extension().is_some_and(|end| end == "json" || end == "yaml");
        let mut paths: Vec<PathBuf> =
            entries.flatten().map(|entry| entry.path()).filter(is_spec).take(FILES_MAX).collect();
        paths.sort();
        let mut here = BTreeMap::new();
        for path in paths {
            match read(&path).and_then(|text| File::parse(&path, &text)) {
                Ok(file) => self.add_file(file, &path, &mut here),
                Err(reason) => {
                    self.problems.push(format!("failed to parse CDI Spec {}: {reason}", path.display()));
                }
            }
        }
        self.devices.extend(here);
    }

    fn add_file(&mut self, file: File, path: &Path, here: &mut BTreeMap<String, Option<(usize, usize)>>) {
        let at = self.files.len();
        for (index, device) in file.devices.iter().enumerate() {
            let name = format!("{}={}", file.kind, device.name);
            let problem = format!("conflicting device {name:?} in {}", path.display());
            let known = here.insert(name.clone(), Some((at, index)));
            if known.is_some() {
                self.problems.push(problem);
                here.insert(name, None);
            }
        }
        self.files.push(file);
    }

    /// A device by its full name.
    pub(super) fn find(&self, name: &str) -> Option<Found<'_>> {
        let (file, device) = (*self.devices.get(name)?)?;
        Some(Found { file, device: &self.files[file].devices[device] })
    }

    /// The file of a device that was found.
    pub(super) fn of_file(&self, file: usize) -> &File {
        &self.files[file]
    }

    /// Every full name, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.devices.iter().filter(|(_, found)| found.is_some()).map(|(name, _)| name.as_str())
    }

    /// What could not be understood.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut text = String::new();
    let file = fs::File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err("not a file".to_owned());
    }
    file.take(FILE_MAX_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
    if text.len() as u64 > FILE_MAX_BYTES { Err("too large".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, version: &str, devices: &[&str]) {
        let devices: Vec<_> = devices.iter().map(|name| serde_json::json!({ "name": name })).collect();
        let json = serde_json::json!({"cdiVersion": version, "kind": "acme.com/gpu", "devices": devices});
        fs::write(dir.join(name), json.to_string()).unwrap();
    }

    #[test]
    fn later_directories_win_and_contradictions_are_nothing() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(first.path(), "a.json", "0.5.0", &["0", "1"]);
        write(first.path(), "b.json", "0.5.0", &["1", "2"]);
        write(first.path(), "c.json", "9", &["3"]);
        write(first.path(), "d.txt", "0.5.0", &["4"]);
        write(second.path(), "a.json", "0.6.0", &["2"]);
        let dirs = [first.path().to_owned(), second.path().to_owned(), "/nonexistent".into()];
        let registry = Registry::read(&dirs);
        assert_eq!(registry.names().collect::<Vec<_>>(), ["acme.com/gpu=0", "acme.com/gpu=2"]);
        let two = registry.find("acme.com/gpu=2").unwrap();
        assert_eq!(registry.of_file(two.file).cdi_version, "0.6.0");
        assert_eq!(registry.problems().len(), 2, "{:?}", registry.problems());
    }
}
