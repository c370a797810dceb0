//! The options before the command: which daemon, and how to reach it.

use std::path::PathBuf;

use clap::Args;

use crate::client::{Client, DEFAULT_HOST, Host, HostError, TlsFiles};
use crate::config::Config;
use crate::context::{self, Store};
use crate::error::Error;

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global Options")]
pub(crate) struct Global {
    /// Location of client config files
    #[arg(long, value_name = "string")]
    config: Option<PathBuf>,
    /// Name of the context to use to connect to the daemon (overrides the environment and what "shoal context use" set)
    #[arg(short, long, value_name = "string")]
    context: Option<String>,
    /// Enable debug mode: show the causes of errors
    #[arg(short = 'D', long)]
    pub(crate) debug: bool,
    /// Daemon socket to connect to (default: $SHOAL_HOST, $DOCKER_HOST, the context in use, unix:///run/shoal/shoal.sock)
    #[arg(short = 'H', long, value_name = "list")]
    host: Vec<String>,
    /// Use TLS; implied by --tlsverify
    #[arg(long)]
    tls: bool,
    /// Trust certs signed only by this CA (default "~/.docker/ca.pem")
    #[arg(long, value_name = "string")]
    tlscacert: Option<PathBuf>,
    /// Path to TLS certificate file (default "~/.docker/cert.pem")
    #[arg(long, value_name = "string")]
    tlscert: Option<PathBuf>,
    /// Path to TLS key file (default "~/.docker/key.pem")
    #[arg(long, value_name = "string")]
    tlskey: Option<PathBuf>,
    /// Use TLS and verify the remote
    #[arg(long)]
    tlsverify: bool,
    /// Print version information and quit
    #[arg(short = 'v', long)]
    pub(crate) version: bool,
}

/// Where a daemon is, and how to speak TLS with it.
pub(crate) type Endpoint = (Host, Option<TlsFiles>);

/// Looks a variable of the environment up.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Global {
    /// Makes the client these options and the environment (`lookup`) ask for.
    pub(crate) fn client(&self, lookup: Lookup<'_>) -> Result<Client, Error> {
        let config = Config::load(self.folder(lookup));
        let context = self.context(lookup, &config)?;
        let endpoint = self.endpoint(&context, lookup, &config)?;
        Ok(Client::new(endpoint, context, lookup("DOCKER_API_VERSION"), config))
    }

    /// Where the user's configuration and contexts are.
    pub(crate) fn folder(&self, lookup: Lookup<'_>) -> PathBuf {
        let home = || PathBuf::from(lookup("HOME").unwrap_or_default()).join(".docker");
        let named = self.config.clone().or_else(|| lookup("DOCKER_CONFIG").map(PathBuf::from));
        named.unwrap_or_else(home)
    }

    /// The name of the context in use.
    pub(crate) fn context(&self, lookup: Lookup<'_>, config: &Config) -> Result<String, Error> {
        if self.context.is_some() && !self.host.is_empty() {
            return Err(Error::Usage(
                "conflicting options: cannot specify both --host and --context".to_owned(),
            ));
        }
        Ok(context::current(self.context.as_deref(), !self.host.is_empty(), lookup, config.context()))
    }

    /// The daemon: of the context `name`, or of flags and environment when that is the default one.
    fn endpoint(&self, name: &str, lookup: Lookup<'_>, config: &Config) -> Result<Endpoint, Error> {
        if name == context::DEFAULT {
            let tls = self.tls(lookup);
            let host = self.host(lookup, tls.is_some())?;
            return Ok((host, tls));
        }
        let store = Store::new(config.folder());
        let record = store.get(name)?;
        let folder = store.tls_folder(name).join("docker");
        let [ca, cert, key] = context::TLS_FILES.map(|file| folder.join(file));
        let secure = record.skips_verification() || [&ca, &cert, &key].iter().any(|file| file.exists());
        let tls = TlsFiles { verify: !record.skips_verification(), ca, cert, key, named: false };
        let host = if record.host().is_empty() { DEFAULT_HOST } else { record.host() };
        Ok((Host::parse(host, secure)?, secure.then_some(tls)))
    }

    /// The address of the default context.
    pub(crate) fn default_host(&self, lookup: Lookup<'_>) -> Result<Host, Error> {
        Ok(self.host(lookup, self.tls(lookup).is_some())?)
    }

    fn host(&self, lookup: Lookup<'_>, tls: bool) -> Result<Host, HostError> {
        let host = match &self.host[..] {
            [] => lookup("SHOAL_HOST")
                .or_else(|| lookup("DOCKER_HOST"))
                .unwrap_or_else(|| DEFAULT_HOST.to_owned()),
            [one] => one.clone(),
            [_, second, ..] => return Err(HostError::Several { input: second.clone() }),
        };
        Host::parse(host.trim(), tls)
    }

    fn tls(&self, lookup: Lookup<'_>) -> Option<TlsFiles> {
        let verify = self.tlsverify || lookup("DOCKER_TLS_VERIFY").is_some();
        let named = self.tlscacert.is_some() || self.tlscert.is_some() || self.tlskey.is_some();
        if !verify && !named && !self.tls && lookup("DOCKER_TLS").is_none() {
            return None;
        }
        let folder = lookup("DOCKER_CERT_PATH").map(PathBuf::from);
        let in_folder = folder.is_some();
        let folder = folder.unwrap_or_else(|| self.folder(lookup));
        let pick = |flag: &Option<PathBuf>, name: &str| flag.clone().unwrap_or_else(|| folder.join(name));
        Some(TlsFiles {
            verify,
            ca: pick(&self.tlscacert, "ca.pem"),
            cert: pick(&self.tlscert, "cert.pem"),
            key: pick(&self.tlskey, "key.pem"),
            named: named || in_folder,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{FromArgMatches, Parser};

    #[derive(Parser)]
    struct Probe {
        #[command(flatten)]
        global: Global,
    }

    fn host(args: &[&str], env: &[(&str, &str)]) -> Result<String, String> {
        let command = crate::usage::docker_style(<Probe as clap::CommandFactory>::command());
        let matches = command.try_get_matches_from([&["shoal"], args].concat()).unwrap();
        let lookup =
            |name: &str| env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let global = Probe::from_arg_matches(&matches).unwrap().global;
        let tls = global.tls(&lookup).is_some();
        global.host(&lookup, tls).map(|host| host.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn flag_then_shoal_then_docker_then_default() {
        let both = [("SHOAL_HOST", "unix:///s"), ("DOCKER_HOST", "unix:///d")];
        assert_eq!(host(&["-H", "tcp://x:1"], &both).as_deref(), Ok("tcp://x:1"));
        assert_eq!(host(&[], &both).as_deref(), Ok("unix:///s"));
        assert_eq!(host(&[], &both[1..]).as_deref(), Ok("unix:///d"));
        assert_eq!(host(&[], &[]).as_deref(), Ok(DEFAULT_HOST));
        assert_eq!(host(&["--tlsverify", "-H", "tcp://x"], &[]).as_deref(), Ok("tcp://x:2376"));
        assert!(host(&["-H", "a:1", "-H", "b:1"], &[]).unwrap_err().contains("'b:1'"));
    }
}
