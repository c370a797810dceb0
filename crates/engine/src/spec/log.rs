//! What can be wrong with a log configuration, in Docker's words.

/// A log driver or an option of it that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogInvalid {
    /// A driver that does not exist, or not here.
    #[error("logger: no log driver named '{0}' is registered")]
    Driver(String),
    /// A mode other than blocking and non-blocking.
    #[error("logger: logging mode not supported: {0}")]
    Mode(String),
    /// A buffer without the mode that has one.
    #[error("logger: max-buffer-size option is only supported with 'mode=non-blocking'")]
    Buffer,
    /// An option the driver does not have.
    #[error("unknown log opt '{key}' for {driver} log driver")]
    Option {
        /// The driver.
        driver: &'static str,
        /// The option.
        key: String,
    },
    /// A size.
    #[error("invalid value for {key}: {value}: invalid size: '{value}'")]
    Size {
        /// The option.
        key: &'static str,
        /// What it said.
        value: String,
    },
    /// A size of nothing.
    #[error("{0} must be a positive number")]
    NotPositive(&'static str),
    /// A number of files.
    #[error("invalid value for {key}: {value}: want a number from 1 to {max}")]
    Files {
        /// The option.
        key: &'static str,
        /// What it said.
        value: String,
        /// The most files.
        max: u32,
    },
    /// A boolean.
    #[error("invalid value for {key}: strconv.ParseBool: parsing \"{value}\": invalid syntax")]
    Bool {
        /// The option.
        key: &'static str,
        /// What it said.
        value: String,
    },
    /// Compression of rotated files where none are kept.
    #[error("compress cannot be true when max-file is less than 2 or max-size is not set")]
    Compress,
    /// A pattern for names.
    #[error("failed to compile {key} '{value}': {reason}")]
    Pattern {
        /// The option.
        key: &'static str,
        /// What it said.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A tag that uses more than the names of Docker's log tags.
    #[error(
        "invalid tag template '{template}': {part} is not known: use {{{{.ID}}}}, {{{{.FullID}}}}, {{{{.Name}}}}, {{{{.FullName}}}}, \
             {{{{.ImageID}}}}, {{{{.ImageFullID}}}}, {{{{.ImageName}}}}, {{{{.Command}}}}, {{{{.Hostname}}}} or {{{{.DaemonName}}}}"
    )]
    Tag {
        /// All of it.
        template: String,
        /// The part that is not known.
        part: String,
    },
    /// The scheme of a syslog address.
    #[error("unsupported scheme: '{0}'")]
    Scheme(String),
    /// A syslog address that is none.
    #[error(
        "invalid syslog-address \"{0}\": want udp://host[:port], tcp://host[:port], unix:///path or unixgram:///path"
    )]
    Address(String),
    /// Syslog over TLS.
    #[error("syslog over TLS (tcp+tls) is not implemented: use tcp to a relay on this machine")]
    Tls,
    /// A syslog facility.
    #[error("invalid syslog facility")]
    Facility,
    /// A syslog format.
    #[error("Invalid syslog format")]
    Format,
}
