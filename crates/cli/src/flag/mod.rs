//! Docker's flag values: each parser takes the text of one flag and gives a value or one sentence that says what is wrong.
//!
//! Pure but for `env`, `pair`, `file`, `pem` and `external`, which read the files that flags name, and `moment`, which reads
//! the clock. None talks to the daemon.

pub(crate) mod attachment;
pub(crate) mod choice;
pub(crate) mod cidr;
pub(crate) mod cpus;
pub(crate) mod credential;
pub(crate) mod delivery;
pub(crate) mod device;
pub(crate) mod duration;
pub(crate) mod env;
mod error;
pub(crate) mod external;
pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod generic;
pub(crate) mod gpus;
pub(crate) mod host;
pub(crate) mod listen;
pub(crate) mod moment;
pub(crate) mod mount;
pub(crate) mod pair;
pub(crate) mod pem;
pub(crate) mod port;
pub(crate) mod restart;
pub(crate) mod size;
pub(crate) mod spread;
pub(crate) mod switch;
pub(crate) mod throttle;
pub(crate) mod ulimit;
pub(crate) mod volume;
pub(crate) mod words;

pub(crate) use error::FlagError;
