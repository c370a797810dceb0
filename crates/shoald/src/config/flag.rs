//! Reads the command line into the same JSON shape that `daemon.json` has.

use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::error::ConfigError;
use super::fsck::{self, Fsck};
use super::key::{KEYS, Key, Kind};

/// What the command line said.
pub(super) struct Flags {
    /// Settings by their `daemon.json` key.
    pub(super) settings: Map<String, Value>,
    /// `--config-file`, when given.
    pub(super) config_file: Option<String>,
    /// `--validate`.
    pub(super) validate: bool,
    /// `--fsck`, with what it is told.
    pub(super) fsck: Option<Fsck>,
}

/// The command line's grammar: the table of settings plus what only makes sense as a flag.
pub(super) fn command() -> Command {
    let mut command = Command::new("shoald")
        .about("The shoal daemon: a container engine behind the Docker Engine API, and a node of a swarm")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .arg(
            Arg::new("version")
                .short('v')
                .long("version")
                .action(ArgAction::Version)
                .help("Print the version"),
        )
        .arg(
            Arg::new("config-file")
                .long("config-file")
                .value_name("FILE")
                .help("Configuration file [default: /etc/shoal/daemon.json]"),
        )
        .arg(switch("validate").help("Check the configuration and end"))
        .arg(fsck::arg());
    for key in KEYS.iter().filter(|key| !key.flag.is_empty()) {
        let mut arg = match key.kind {
            Kind::Bool => switch(key.flag),
            Kind::Text | Kind::Number | Kind::Object => {
                Arg::new(key.flag)
                    .long(key.flag)
                    .action(ArgAction::Set)
                    // The last one counts, as with dockerd.
                    .overrides_with(key.flag)
                    .allow_hyphen_values(true)
            }
            Kind::List
            | Kind::Pairs
            | Kind::BoolPairs
            | Kind::Options
            | Kind::Pools
            | Kind::Ulimits
            | Kind::Runtimes => Arg::new(key.flag).long(key.flag).action(ArgAction::Append),
        };
        if let Some(short) = key.short {
            arg = arg.short(short);
        }
        command = command.arg(arg.help(key.help));
    }
    command
}

/// A boolean as Go's flag library has it: `--x`, `--x=true`, `--x=false`, never `--x false`.
fn switch(name: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .action(ArgAction::Set)
        .num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .overrides_with(name)
        .value_parser(clap::builder::BoolishValueParser::new())
        .value_name("BOOL")
}

/// Turns what clap matched into settings.
pub(super) fn read(matches: &ArgMatches) -> Result<Flags, ConfigError> {
    let mut settings = Map::new();
    for key in KEYS.iter().filter(|key| !key.flag.is_empty()) {
        if let Some(value) = value_of(matches, key)? {
            settings.insert(key.file.to_owned(), value);
        }
    }
    Ok(Flags {
        settings,
        config_file: matches.get_one::<String>("config-file").cloned(),
        validate: matches.get_one::<bool>("validate").copied().unwrap_or(false),
        fsck: fsck::read(matches),
    })
}

fn value_of(matches: &ArgMatches, key: &Key) -> Result<Option<Value>, ConfigError> {
    if key.kind == Kind::Bool {
        return Ok(matches.get_one::<bool>(key.flag).map(|on| json!(on)));
    }
    let Some(given) = matches.get_many::<String>(key.flag) else {
        return Ok(None);
    };
    let given: Vec<&str> = given.map(String::as_str).collect();
    let wrong =
        |value: &str, expected| ConfigError::FlagValue { flag: key.flag, value: value.to_owned(), expected };
    let value = match key.kind {
        Kind::Bool => return Ok(None),
        Kind::Text | Kind::Object => json!(given[0]),
        Kind::Number => {
            let number: i64 = given[0].parse().map_err(|_| wrong(given[0], "a whole number"))?;
            json!(number)
        }
        Kind::List => json!(given),
        Kind::Pairs => pairs(&given, |value| json!(value)).map_err(|v| wrong(&v, "key=value"))?,
        Kind::BoolPairs => pairs(&given, |value| value.parse::<bool>().map_or(Value::Null, Value::Bool))
            .map_err(|v| wrong(&v, "name=true or name=false"))?,
        Kind::Options => {
            let mut all = Map::new();
            for text in &given {
                let (driver, option, value) = option(text).ok_or_else(|| {
                    wrong(text, "driver=option=value, such as bridge=com.docker.network.driver.mtu=1400")
                })?;
                let of_driver = all.entry(driver).or_insert_with(|| json!({}));
                of_driver[option] = json!(value);
            }
            Value::Object(all)
        }
        Kind::Runtimes => {
            pairs(&given, |path| json!({ "path": path })).map_err(|v| wrong(&v, "name=path"))?
        }
        Kind::Pools => Value::Array(
            given
                .iter()
                .map(|text| pool(text).ok_or_else(|| wrong(text, "base=10.10.0.0/16,size=24")))
                .collect::<Result<_, _>>()?,
        ),
        Kind::Ulimits => {
            let mut all = Map::new();
            for text in &given {
                let (name, limit) =
                    ulimit(text).ok_or_else(|| wrong(text, "name=soft[:hard], such as nofile=1024:2048"))?;
                all.insert(name, limit);
            }
            Value::Object(all)
        }
    };
    Ok(Some(value))
}

/// `key=value` items to an object; the offending text when one is not of that form.
fn pairs(given: &[&str], value: impl Fn(&str) -> Value) -> Result<Value, String> {
    let mut all = Map::new();
    for text in given {
        match text.split_once('=') {
            Some((name, rest)) if !name.is_empty() && !value(rest).is_null() => {
                all.insert(name.to_owned(), value(rest));
            }
            _ => return Err((*text).to_owned()),
        }
    }
    Ok(Value::Object(all))
}

fn pool(text: &str) -> Option<Value> {
    let (mut base, mut size) = (None, None);
    for part in text.split(',') {
        match part.split_once('=')? {
            ("base", value) => base = Some(value),
            ("size", value) => size = Some(value.parse::<u8>().ok()?),
            _ => return None,
        }
    }
    Some(json!({ "base": base?, "size": size? }))
}

fn option(text: &str) -> Option<(String, &str, &str)> {
    let (driver, rest) = text.split_once('=')?;
    let (option, value) = rest.split_once('=')?;
    (!driver.is_empty() && !option.is_empty()).then(|| (driver.to_owned(), option, value))
}

fn ulimit(text: &str) -> Option<(String, Value)> {
    let (name, limits) = text.split_once('=')?;
    let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
    let (soft, hard): (i64, i64) = (soft.parse().ok()?, hard.parse().ok()?);
    (!name.is_empty()).then(|| (name.to_owned(), json!({ "Name": name, "Soft": soft, "Hard": hard })))
}
