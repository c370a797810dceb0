//! The user's configuration file, `config.json`, as Docker's client keeps it: `$DOCKER_CONFIG`, else `~/.docker`.
//!
//! In: the folder. Out: what the verbs ask for. Fields that are not known here survive a change.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::Error;

/// The largest file that is read.
const MAX_BYTES: u64 = 4 << 20;
/// The proxies of `proxies`, and the variables of containers they become; each in lower case too.
const PROXIES: [(&str, &str); 5] = [
    ("httpProxy", "HTTP_PROXY"),
    ("httpsProxy", "HTTPS_PROXY"),
    ("noProxy", "NO_PROXY"),
    ("ftpProxy", "FTP_PROXY"),
    ("allProxy", "ALL_PROXY"),
];

/// The file's content.
#[derive(Clone, Default)]
pub(crate) struct Config {
    folder: PathBuf,
    fields: Map<String, Value>,
}

/// Without what is in the file: that may be credentials.
impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the file of `folder`. One that is not there is empty; one that is not JSON is told and taken as empty, as
    /// Docker does.
    pub(crate) fn load(folder: PathBuf) -> Self {
        let path = folder.join("config.json");
        let fields = match read(&path) {
            Ok(fields) => fields,
            Err(reason) => {
                crate::console::note(&format!(
                    "WARNING: Error loading config file: {}: {reason}",
                    path.display()
                ));
                Map::new()
            }
        };
        Self { folder, fields }
    }

    /// The folder, where contexts are kept too.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A field that is a text and not empty.
    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// `detachKeys`.
    pub(crate) fn detach_keys(&self) -> Option<&str> {
        self.text("detachKeys")
    }

    /// `psFormat`, `statsFormat`, …: the format of a list whose verb is given none.
    pub(crate) fn format(&self, list: &str) -> Option<&str> {
        self.text(&format!("{list}Format"))
    }

    /// `currentContext`.
    pub(crate) fn context(&self) -> Option<&str> {
        self.text("currentContext")
    }

    /// Changes `currentContext`; none takes it out.
    pub(crate) fn set_context(&mut self, name: Option<&str>) -> Result<(), Error> {
        match name {
            Some(name) => self.fields.insert("currentContext".to_owned(), json!(name)),
            None => self.fields.remove("currentContext"),
        };
        self.save()
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join("config.json")
    }

    /// `auths`: credentials by registry.
    pub(crate) fn auths(&self) -> Option<&Map<String, Value>> {
        self.fields.get("auths")?.as_object()
    }

    /// Changes one entry of `auths`; none takes it out.
    pub(crate) fn set_auth(&mut self, server: &str, entry: Option<Value>) -> Result<(), Error> {
        let auths = self.fields.entry("auths").or_insert_with(|| json!({}));
        if !auths.is_object() {
            *auths = json!({});
        }
        if let Some(auths) = auths.as_object_mut() {
            match entry {
                Some(entry) => auths.insert(server.to_owned(), entry),
                None => auths.remove(server),
            };
        }
        self.save()
    }

    /// The program that keeps the credentials of a registry: that of `credHelpers`, else of `credsStore`.
    pub(crate) fn credential_helper(&self, server: &str) -> Option<&str> {
        let own = self.fields.get("credHelpers").and_then(|helpers| helpers.get(server)?.as_str());
        own.filter(|name| !name.is_empty()).or_else(|| self.text("credsStore"))
    }

    /// The file is replaced as a whole: what if we die right here: a draft stays beside it, and the file is as it was.
    fn save(&self) -> Result<(), Error> {
        let path = self.folder.join("config.json");
        let failed = |source| Error::File { path: path.display().to_string(), source };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let text = crate::format::indent::indent(&Value::Object(self.fields.clone()).to_string(), 0);
        let mut draft = tempfile_in(&self.folder).map_err(failed)?;
        std::io::Write::write_all(&mut draft.1, text.as_bytes()).map_err(failed)?;
        // A link of the user's stays a link: what it points at is replaced.
        let target = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        std::fs::rename(&draft.0, target).map_err(failed)
    }

    /// The variables of a container with those of the proxies that the file names for the daemon at `host`, else for all;
    /// what the user set stays.
    pub(crate) fn with_proxies(&self, mut env: Vec<String>, host: &str) -> Vec<String> {
        let proxies = self.fields.get("proxies");
        let Some(proxies) = proxies.and_then(|all| all.get(host).or_else(|| all.get("default"))) else {
            return env;
        };
        for (field, name) in PROXIES {
            let Some(value) = proxies[field].as_str().filter(|value| !value.is_empty()) else { continue };
            for name in [name.to_owned(), name.to_ascii_lowercase()] {
                let named = |entry: &String| entry.split('=').next() == Some(name.as_str());
                if !env.iter().any(named) {
                    env.push(format!("{name}={value}"));
                }
            }
        }
        env
    }
}

/// A new file of this user alone in `folder`.
fn tempfile_in(folder: &Path) -> std::io::Result<(PathBuf, std::fs::File)> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = folder.join(format!("config.json.shoal-{}", std::process::id()));
    let file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
    Ok((path, file))
}

fn read(path: &Path) -> Result<Map<String, Value>, String> {
    let size = match std::fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(crate::flag::file::reason(&error)),
    };
    if size > MAX_BYTES {
        return Err(format!("larger than {MAX_BYTES} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| crate::flag::file::reason(&error))?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), text).unwrap();
        let config = Config::load(folder.path().to_owned());
        (folder, config)
    }

    #[test]
    fn proxies_of_the_daemon_win_and_what_the_user_set_stays() {
        let text = r#"{"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "a"}, "tcp://h:1": {"ftpProxy": "f"}}}"#;
        let (_folder, config) = config(text);
        let env = config.with_proxies(vec!["http_proxy=mine".to_owned()], "unix:///x");
        assert_eq!(env, ["http_proxy=mine", "HTTP_PROXY=http://p:1", "NO_PROXY=a", "no_proxy=a"]);
        assert_eq!(config.with_proxies(Vec::new(), "tcp://h:1"), ["FTP_PROXY=f", "ftp_proxy=f"]);
    }

    #[test]
    fn a_change_keeps_what_is_not_known() {
        let (folder, mut config) = config(r#"{"auths": {"r": {}}, "psFormat": "x"}"#);
        assert_eq!(config.format("ps"), Some("x"));
        config.set_context(Some("far")).unwrap();
        let again = Config::load(folder.path().to_owned());
        assert_eq!(again.context(), Some("far"));
        assert!(again.fields.contains_key("auths"));
        config.set_context(None).unwrap();
        assert_eq!(Config::load(folder.path().to_owned()).context(), None);
    }

    #[test]
    fn nonsense_is_as_good_as_nothing() {
        let (_folder, config) = config("{");
        assert!(config.context().is_none() && config.detach_keys().is_none());
    }
}
