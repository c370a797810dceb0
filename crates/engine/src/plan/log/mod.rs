//! `LogConfig`: what becomes of a container's output. Pure.
//!
//! In: the container's configuration over the daemon's. Out: [`LogPlan`], checked when the container is created; from it
//! [`LogPlan::spec`] for its shim when it starts, and [`LogPlan::kept`] for whoever reads.

mod attribute;
mod syslog;
mod tag;
mod value;

pub(crate) use tag::Subject;

use crate::container::Paths;
use crate::spec::{Config, LogConfig, LogInvalid};
use attribute::{Wanted, field_name};
use shim::{LogFile, LogFormat, LogSpec, Sink, Syslog};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tag::{Tag, short};

/// Size at which a json-file is rotated if nobody says otherwise. Docker keeps everything, and disks fill; this keeps
/// some millions of lines, so that nobody misses what an unattended container said today.
const JSON_MAX_SIZE: u64 = 50_000_000;
/// Docker's, for `local` and for what is kept beside a server.
const LOCAL_MAX_SIZE: u64 = 20_000_000;
/// Files kept if nobody says otherwise, the current one included.
const MAX_FILES: u32 = 5;
/// What waits for a slow server in the mode `non-blocking` if nobody says otherwise; Docker's.
const BUFFER_SIZE: u64 = 1 << 20;

/// The drivers by their names in the API.
pub const LOG_DRIVERS: [&str; 5] = ["journald", "json-file", "local", "none", "syslog"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Driver {
    JsonFile,
    Local,
    Journald,
    Syslog,
    None,
}

/// A log configuration that can be honoured.
#[derive(Debug, Clone)]
pub(crate) struct LogPlan {
    driver: Driver,
    /// `None`: nothing is kept.
    file: Option<Rotation>,
    buffer_bytes: Option<u64>,
    wanted: Wanted,
    tag: Option<Tag>,
    syslog: syslog::Options,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rotation {
    max_size_bytes: u64,
    max_files: u32,
    compress: bool,
}

/// What the daemon gives to every log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    pub(crate) journal_socket: &'a Path,
    pub(crate) hostname: &'a str,
}

/// The container's configuration filled up from the daemon's: its driver where none is named, and its options where the
/// driver is the same and the container does not set them.
pub(crate) fn merge(own: &LogConfig, default: &LogConfig) -> LogConfig {
    let known = if default.driver.is_empty() { Driver::JsonFile.name() } else { &default.driver };
    let driver = if own.driver.is_empty() { known } else { &own.driver };
    let mut options = if driver == known { default.options.clone() } else { BTreeMap::new() };
    options.extend(own.options.clone());
    LogConfig { driver: driver.to_owned(), options }
}

/// Checks a log configuration as a container's creation does.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_log(config: &LogConfig) -> Result<(), LogInvalid> {
    LogPlan::of(config, &LogConfig::default()).map(drop)
}

impl LogPlan {
    /// Judges a configuration.
    pub(crate) fn of(own: &LogConfig, default: &LogConfig) -> Result<LogPlan, LogInvalid> {
        let config = merge(own, default);
        let driver = Driver::named(&config.driver);
        let mut options = config.options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        if driver == Some(Driver::None) {
            // Docker does not look at the options of a log that is none.
            options = BTreeMap::new();
        }
        let buffer_bytes = buffer(&mut options)?;
        let driver = driver.ok_or(LogInvalid::Driver(config.driver))?;
        let mut plan = LogPlan {
            driver,
            file: None,
            buffer_bytes,
            wanted: Wanted::default(),
            tag: None,
            syslog: syslog::Options::default(),
        };
        plan.file = match driver {
            Driver::None => None,
            Driver::JsonFile => {
                Some(rotation(&mut options, JSON_MAX_SIZE, ["max-size", "max-file", "compress"])?)
            }
            Driver::Local => {
                Some(rotation(&mut options, LOCAL_MAX_SIZE, ["max-size", "max-file", "compress"])?)
            }
            Driver::Journald | Driver::Syslog => cache(&mut options)?,
        };
        for (key, value) in options {
            if !plan.take(key, value)? {
                return Err(LogInvalid::Option { driver: driver.name(), key: key.to_owned() });
            }
        }
        Ok(plan)
    }

    /// For the shim. A syslog server's name is still a name.
    pub(crate) fn spec(
        &self,
        subject: &Subject<'_>,
        config: &Config,
        paths: &Paths,
        around: Surroundings<'_>,
    ) -> LogSpec {
        let attrs = self.wanted.of(config);
        let tag = self.tag.as_ref().map(|tag| tag.of(subject));
        let tag_or_id = || tag.clone().unwrap_or_else(|| Tag::id().of(subject));
        let sink = match self.driver {
            Driver::JsonFile | Driver::Local | Driver::None => None,
            Driver::Journald => Some(Sink::Journald {
                socket: around.journal_socket.to_owned(),
                fields: fields(subject, &tag_or_id(), &attrs),
            }),
            Driver::Syslog => Some(Sink::Syslog(Syslog {
                peer: self.syslog.peer.clone(),
                format: self.syslog.format,
                facility: self.syslog.facility,
                tag: tag_or_id(),
                hostname: around.hostname.to_owned(),
            })),
        };
        let file = self.file.zip(self.kept(paths)).map(|(rotation, (format, path))| LogFile {
            format,
            path,
            max_size_bytes: rotation.max_size_bytes,
            max_files: rotation.max_files,
            compress: rotation.compress,
            attrs: match format {
                LogFormat::Json => {
                    let tag = tag.clone().filter(|tag| !tag.is_empty()).map(|tag| ("tag".to_owned(), tag));
                    attrs.into_iter().chain(tag).collect()
                }
                LogFormat::Local => BTreeMap::new(),
            },
        });
        LogSpec { file, sink, buffer_bytes: self.buffer_bytes }
    }

    /// Where the output can be read again, if it can.
    pub(crate) fn kept(&self, paths: &Paths) -> Option<(LogFormat, PathBuf)> {
        self.file?;
        match self.driver {
            Driver::None => None,
            Driver::JsonFile => Some((LogFormat::Json, paths.log.clone())),
            Driver::Local => Some((LogFormat::Local, paths.dir.join("local-logs/container.log"))),
            Driver::Journald | Driver::Syslog => {
                Some((LogFormat::Local, paths.dir.join("container-cached.log")))
            }
        }
    }

    /// Takes an option of this driver; false if it has none of that name.
    fn take(&mut self, key: &str, value: &str) -> Result<bool, LogInvalid> {
        match (self.driver, key) {
            (Driver::Local | Driver::None, _) => Ok(false),
            (_, "tag") => {
                self.tag = Some(Tag::parse(value)?);
                Ok(true)
            }
            (Driver::Syslog, key) if self.syslog.take(key, value)? => Ok(true),
            _ => self.wanted.take(key, value),
        }
    }
}

impl Driver {
    fn named(name: &str) -> Option<Driver> {
        [Driver::JsonFile, Driver::Local, Driver::Journald, Driver::Syslog, Driver::None]
            .into_iter()
            .find(|driver| driver.name() == name)
    }

    fn name(self) -> &'static str {
        match self {
            Driver::JsonFile => "json-file",
            Driver::Local => "local",
            Driver::Journald => "journald",
            Driver::Syslog => "syslog",
            Driver::None => "none",
        }
    }
}

type Options<'a> = BTreeMap<&'a str, &'a str>;

fn buffer(options: &mut Options<'_>) -> Result<Option<u64>, LogInvalid> {
    let non_blocking = match options.remove("mode").unwrap_or_default() {
        "" | "blocking" => false,
        "non-blocking" => true,
        other => return Err(LogInvalid::Mode(other.to_owned())),
    };
    match options.remove("max-buffer-size") {
        Some(_) if !non_blocking => Err(LogInvalid::Buffer),
        Some(size) => value::memory("max-buffer-size", size).map(Some),
        None => Ok(non_blocking.then_some(BUFFER_SIZE)),
    }
}

/// Takes the options with these names for size, number and compression.
fn rotation(
    options: &mut Options<'_>,
    max_size: u64,
    [size, files, compress]: [&'static str; 3],
) -> Result<Rotation, LogInvalid> {
    let max_size_bytes = options.remove(size).map(|text| value::size(size, text)).transpose()?;
    let max_size_bytes = max_size_bytes.unwrap_or(max_size);
    let max_files = options.remove(files).map(|text| value::files(files, text)).transpose()?;
    let max_files = max_files.unwrap_or(MAX_FILES);
    let compress = options.remove(compress).map(|text| value::boolean(compress, text)).transpose()?;
    let rotates = max_files > 1 && max_size_bytes > 0;
    if compress == Some(true) && !rotates {
        return Err(LogInvalid::Compress);
    }
    Ok(Rotation { max_size_bytes, max_files, compress: compress.unwrap_or(true) && rotates })
}

/// Docker's "dual logging": what goes to a server is kept beside it, so that `logs` works.
fn cache(options: &mut Options<'_>) -> Result<Option<Rotation>, LogInvalid> {
    let disabled = options.remove("cache-disabled").map(|text| value::boolean("cache-disabled", text));
    let rotation = rotation(options, LOCAL_MAX_SIZE, ["cache-max-size", "cache-max-file", "cache-compress"])?;
    Ok((!disabled.transpose()?.unwrap_or(false)).then_some(rotation))
}

/// Docker's fields of a journal entry, and the container's labels and variables that were asked for.
fn fields(subject: &Subject<'_>, tag: &str, attrs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let extra = attrs.iter().filter_map(|(key, value)| Some((field_name(key)?, value.clone())));
    let own = [
        ("CONTAINER_ID", short(subject.id)),
        ("CONTAINER_ID_FULL", subject.id),
        ("CONTAINER_NAME", subject.name),
        ("CONTAINER_TAG", tag),
        ("IMAGE_NAME", subject.image),
        ("SYSLOG_IDENTIFIER", tag),
    ];
    // Ours come last: a label takes the place of none.
    extra.chain(own.map(|(key, value)| (key.to_owned(), value.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shim::Peer;

    fn config(driver: &str, options: &[(&str, &str)]) -> LogConfig {
        let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        LogConfig { driver: driver.into(), options }
    }

    fn spec_of(driver: &str, options: &[(&str, &str)]) -> Result<LogSpec, LogInvalid> {
        let plan = LogPlan::of(&config(driver, options), &LogConfig::default())?;
        let mut container = Config::default();
        container.labels.insert("container_id".into(), "forged".into());
        let around = Surroundings { journal_socket: Path::new("/j"), hostname: "host" };
        Ok(plan.spec(&tag::tests::subject(), &container, &Paths::new(Path::new("/c"), "id"), around))
    }

    #[test]
    fn capped_and_compressed_by_default_and_as_told() {
        let file = spec_of("", &[]).unwrap().file.unwrap();
        assert_eq!((file.max_size_bytes, file.max_files, file.compress), (50_000_000, 5, true));
        assert_eq!(file.path, Path::new("/c/id/id-json.log"));
        let file = spec_of("json-file", &[("max-size", "1m"), ("max-file", "1"), ("tag", "{{.Name}}")]);
        let file = file.unwrap().file.unwrap();
        assert_eq!((file.max_size_bytes, file.max_files, file.compress), (1_000_000, 1, false));
        assert_eq!(file.attrs["tag"], "web");
        assert_eq!(spec_of("none", &[("any", "thing")]), Ok(LogSpec::default()));
        assert_eq!(spec_of("local", &[]).unwrap().file.unwrap().max_size_bytes, 20_000_000);
    }

    #[test]
    fn servers_get_lines_and_a_copy_is_kept() {
        let spec = spec_of("journald", &[("labels", "container_id")]).unwrap();
        let Some(Sink::Journald { fields, .. }) = &spec.sink else { panic!("{spec:?}") };
        assert_eq!(fields["CONTAINER_ID"], "0123456789ab");
        assert_eq!(spec.file.unwrap().format, LogFormat::Local);
        let options = [
            ("syslog-address", "udp://h"),
            ("tag", "x"),
            ("cache-disabled", "true"),
            ("mode", "non-blocking"),
        ];
        let spec = spec_of("syslog", &options).unwrap();
        let Some(Sink::Syslog(syslog)) = &spec.sink else { panic!("{spec:?}") };
        assert_eq!((syslog.tag.as_str(), &syslog.peer), ("x", &Peer::Udp("h:514".into())));
        assert_eq!((spec.file, spec.buffer_bytes), (None, Some(1 << 20)));
    }

    #[test]
    fn what_is_wrong_is_told_in_dockers_words() {
        for (driver, option, expected) in [
            ("fluentd", None, "logger: no log driver named 'fluentd' is registered"),
            ("", Some(("colour", "red")), "unknown log opt 'colour' for json-file log driver"),
            ("local", Some(("labels", "a")), "unknown log opt 'labels' for local log driver"),
            ("journald", Some(("max-size", "1m")), "unknown log opt 'max-size' for journald log driver"),
            ("syslog", Some(("syslog-facility", "x")), "invalid syslog facility"),
            ("", Some(("mode", "fast")), "logger: logging mode not supported: fast"),
            (
                "",
                Some(("max-buffer-size", "1m")),
                "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
            ),
            ("", Some(("max-size", "0")), "max-size must be a positive number"),
            ("", Some(("max-size", "big")), "invalid value for max-size: big: invalid size: 'big'"),
        ] {
            let options: Vec<_> = option.into_iter().collect();
            assert_eq!(spec_of(driver, &options).unwrap_err().to_string(), expected);
        }
        let both = [("compress", "true"), ("max-file", "1")];
        assert_eq!(spec_of("json-file", &both), Err(LogInvalid::Compress));
    }

    #[test]
    fn the_daemons_options_are_for_its_own_driver() {
        let daemon = config("json-file", &[("max-size", "1m"), ("max-file", "2")]);
        let merged = merge(&config("json-file", &[("max-file", "3")]), &daemon);
        assert_eq!(merged, config("json-file", &[("max-size", "1m"), ("max-file", "3")]));
        assert_eq!(merge(&config("local", &[]), &daemon), config("local", &[]));
        assert_eq!(merge(&LogConfig::default(), &LogConfig::default()), config("json-file", &[]));
    }
}
