//! What can be wrong with a flag's value: one sentence that names the input and what would be right.

use thiserror::Error;

/// A flag's value that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum FlagError {
    #[error(
        "invalid size: '{input}': a number with an optional unit b, k, m, g or t is expected, such as 512m"
    )]
    Size { input: String },
    #[error(
        "'{input}' is not a number of CPUs: a decimal with at most nine digits after the point is expected, such as 1.5"
    )]
    Cpus { input: String },
    #[error(
        "invalid duration \"{input}\": numbers with units ns, us, ms, s, m or h are expected, such as 1m30s"
    )]
    Duration { input: String },
    #[error(
        "invalid {part}: '{input}': [ip:][hostPort[-range]:]containerPort[-range][/tcp|udp|sctp] is expected, such as 8080:80/tcp"
    )]
    Port { part: &'static str, input: String },
    #[error("invalid ranges: '{input}': the host ports and the container ports must be equally many")]
    PortRanges { input: String },
    #[error("invalid publish mode '{input}': 'ingress' or 'host' is expected")]
    PublishMode { input: String },
    #[error("unexpected key '{key}' in '{input}': {expected} are known")]
    UnknownKey { key: String, input: String, expected: &'static str },
    #[error("invalid value for '{key}' in '{input}': {expected} is expected")]
    KeyValue { key: String, input: String, expected: &'static str },
    #[error("{key} is required in '{input}'")]
    MissingKey { key: &'static str, input: String },
    #[error("invalid volume specification: '{input}': {reason}")]
    Volume { input: String, reason: &'static str },
    #[error("invalid environment variable: {input}: NAME or NAME=value is expected")]
    Environment { input: String },
    #[error(
        "invalid generic-resource request `{input}`, Named Generic Resources is not supported for service create or update"
    )]
    Generic { input: String },
    #[error(
        "invalid placement preference '{input}': spread=key is expected, such as spread=node.labels.rack"
    )]
    Preference { input: String },
    #[error("unsupported placement preference {strategy} (only spread is supported)")]
    Strategy { strategy: String },
    #[error("invalid credential spec: value must be prefixed with 'config://', 'file://', or 'registry://'")]
    Credential,
    #[error("invalid key=value pair: '{input}': a name, '=' and a value are expected")]
    Pair { input: String },
    #[error(
        "invalid restart policy '{input}': no, always, unless-stopped or on-failure[:max-retries], and on-unhealthy, alone or after a comma, are expected"
    )]
    Restart { input: String },
    #[error("invalid ulimit argument: {input}: name=soft[:hard] is expected, such as nofile=1024:2048")]
    Ulimit { input: String },
    #[error("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")]
    UlimitOrder { soft: i64, hard: i64 },
    #[error("bad format for add-host: \"{input}\": name:ip is expected, such as db:10.0.0.5")]
    AddHost { input: String },
    #[error("bad format for device: '{input}': {expected} is expected")]
    Throttle { input: String, expected: &'static str },
    #[error(
        "invalid argument for --gpus: '{input}': all, a number, or count=, device=, driver=, capabilities= and options= are expected"
    )]
    Gpus { input: String },
    #[error("cannot mix '{key}' with mount type '{kind}' in '{input}'")]
    MountKind { key: String, kind: String, input: String },
    #[error(
        "invalid device specification: '{input}': host-path[:container-path][:rwm] or vendor.com/class=name is expected"
    )]
    Device { input: String },
    #[error(
        "failed to parse value as time or duration: \"{input}\": a date such as 2026-01-02T13:23:37Z, seconds since 1970, or a span such as 42m is expected"
    )]
    Moment { input: String },
    #[error("bad format of filter: '{input}': name=value is expected")]
    Filter { input: String },
    #[error("invalid words '{input}': a quote is not closed")]
    Words { input: String },
    #[error(
        "invalid detach keys '{input}': letters, or ctrl- and one of a-z @ [ \\ ] ^ _, separated by commas, are expected"
    )]
    DetachKeys { input: String },
    #[error("invalid value '{input}': true or false is expected")]
    Switch { input: String },
    #[error("valid streams are STDIN, STDOUT and STDERR, not '{input}'")]
    StandardStream { input: String },
    #[error("invalid value '{input}': {expected} is expected")]
    Choice { input: String, expected: &'static str },
    #[error("invalid reference format: '{input}': [registry/]name[:tag][@digest] in lower case is expected")]
    Reference { input: String },
    #[error("{path}: line {line}: {reason}")]
    File { path: String, line: usize, reason: &'static str },
    #[error("file contents must be in PEM format")]
    NoPem,
    #[error("{reason}")]
    ExternalCa { reason: String },
    #[error("parse \"tcp://{input}\": invalid port \":{port}\" after host")]
    AddressPort { input: String, port: String },
    #[error("invalid string being converted to CIDR: {input}")]
    Cidr { input: String },
    #[error("open {path}: {reason}")]
    Unreadable { path: String, reason: String },
}
