//! `update`: other limits for a running container.

use std::fs;
use std::io::{self, Read};

use runtime::cgroup::systemd::Systemd;
use runtime::oci::LinuxResources;
use serde_json::{Map, Value, json};

use crate::arguments::{Flag, Verb, Words, option};
use crate::container::Container;
use crate::failure::{Failure, Outcome};
use crate::global::Global;

/// Nobody's limits are longer than this.
const MAX_FILE_BYTES: u64 = 1 << 20;

const FLAGS: &[Flag] = &[
    option(&["--resources", "-r"], "FILE", "linux.resources as JSON; - is standard input"),
    option(&["--blkio-weight"], "N", "weight of block IO, 10 to 1000"),
    option(&["--cpu-period"], "MICROSECONDS", "period of the quota"),
    option(&["--cpu-quota"], "MICROSECONDS", "processor time per period; -1 is no limit"),
    option(&["--cpu-burst"], "MICROSECONDS", "what may be saved up of the quota"),
    option(&["--cpu-share"], "N", "shares of processor time, against other containers"),
    option(&["--cpu-rt-period"], "MICROSECONDS", "period of real-time processes"),
    option(&["--cpu-rt-runtime"], "MICROSECONDS", "time of real-time processes per period"),
    option(&["--cpuset-cpus"], "LIST", "processors that may be used: 0-2,5"),
    option(&["--cpuset-mems"], "LIST", "memory nodes that may be used"),
    option(&["--cpu-idle"], "0|1", "run only when nothing else does"),
    option(&["--memory"], "BYTES", "memory; -1 is no limit"),
    option(&["--memory-reservation"], "BYTES", "memory that is left when it is short"),
    option(&["--memory-swap"], "BYTES", "memory and swap together; -1 is no limit"),
    option(&["--kernel-memory"], "BYTES", "accepted: today's kernels have no such limit"),
    option(&["--kernel-memory-tcp"], "BYTES", "buffers of TCP"),
    option(&["--pids-limit"], "N", "processes and threads; -1 is no limit"),
    option(&["--l3-cache-schema"], "SCHEMA", "refused: there is no resource control here"),
    option(&["--mem-bw-schema"], "SCHEMA", "refused: there is no resource control here"),
];

/// Options that are a number in the specification: option, section, field.
const NUMBERS: [(&str, &str, &str); 12] = [
    ("--blkio-weight", "blockIO", "weight"),
    ("--cpu-period", "cpu", "period"),
    ("--cpu-quota", "cpu", "quota"),
    ("--cpu-burst", "cpu", "burst"),
    ("--cpu-share", "cpu", "shares"),
    ("--cpu-rt-period", "cpu", "realtimePeriod"),
    ("--cpu-rt-runtime", "cpu", "realtimeRuntime"),
    ("--cpu-idle", "cpu", "idle"),
    ("--memory-reservation", "memory", "reservation"),
    ("--memory-swap", "memory", "swap"),
    ("--kernel-memory-tcp", "memory", "kernelTCP"),
    ("--pids-limit", "pids", "limit"),
];
const TEXTS: [(&str, &str, &str); 2] = [("--cpuset-cpus", "cpu", "cpus"), ("--cpuset-mems", "cpu", "mems")];

pub(crate) const VERB: Verb = Verb {
    name: "update",
    usage: "ID",
    about: "change the limits of a container",
    flags: FLAGS,
    words: (1, 1),
    options_end_after: usize::MAX,
    run: update,
};

fn update(global: &Global, words: &Words) -> Outcome<u8> {
    let container = Container::lock(global, &words.plain[0])?;
    if !container.status().is_alive() {
        return Err(Failure::NotRunning);
    }
    for refused in ["--l3-cache-schema", "--mem-bw-schema"] {
        if words.value(refused).is_some() {
            return Err(Failure::Usage(format!("{refused}: Intel RDT is not supported")));
        }
    }
    let resources = match words.value("--resources") {
        Some(file) => read(file)?,
        None => from_flags(words)?,
    };
    container.state.cgroup()?.update(&resources)?;
    if let Some(unit) = &container.state.unit {
        Systemd::of_machine()?.update(unit, &resources)?;
    }
    Ok(0)
}

fn read(file: &str) -> Outcome<LinuxResources> {
    let mut text = Vec::new();
    let source: Box<dyn Read> = if file == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(fs::File::open(file).map_err(Failure::file(file))?)
    };
    source.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(Failure::file(file))?;
    let mut value: Value =
        serde_json::from_slice(&text).map_err(|error| Failure::file(file)(error.into()))?;
    drop_empty(&mut value);
    serde_json::from_value(value).map_err(|error| Failure::file(file)(error.into()))
}

/// Callers fill the form that runc documents, where 0 and "" stand for "unchanged", whether that is a value or not.
fn drop_empty(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| {
            drop_empty(field);
            !matches!(field, Value::Null) && field != "" && *field != json!(0)
        });
    }
}

fn from_flags(words: &Words) -> Outcome<LinuxResources> {
    let mut sections: Map<String, Value> = Map::new();
    let mut set = |section: &str, field: &str, value: Value| {
        let section = sections.entry(section).or_insert_with(|| json!({}));
        section[field] = value;
    };
    for (flag, section, field) in NUMBERS {
        if let Some(number) = words.number::<i64>(flag)? {
            set(section, field, json!(number));
        }
    }
    if let Some(bytes) = words.number::<i64>("--memory")? {
        set("memory", "limit", json!(bytes));
    }
    for (flag, section, field) in TEXTS {
        if let Some(text) = words.value(flag) {
            set(section, field, json!(text));
        }
    }
    serde_json::from_value(Value::Object(sections))
        .map_err(|error| Failure::Usage(format!("the limits make no sense: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(line: &str) -> Outcome<LinuxResources> {
        from_flags(&Words::read(&mut line.split(' ').map(str::to_owned), FLAGS, usize::MAX)?)
    }

    #[test]
    fn options_are_fields_of_the_specification() {
        let resources = flags("--memory 1048576 --cpu-quota -1 --cpuset-cpus=0-1 --pids-limit 5").unwrap();
        assert_eq!(resources.memory().as_ref().unwrap().limit(), Some(1 << 20));
        assert_eq!(resources.cpu().as_ref().unwrap().quota(), Some(-1));
        assert_eq!(resources.cpu().as_ref().unwrap().cpus().as_deref(), Some("0-1"));
        assert_eq!(resources.pids().as_ref().unwrap().limit(), 5);
        assert!(flags("--cpu-share many").is_err());
        assert!(flags("--cpu-share -5").is_err());
    }

    #[test]
    fn nought_is_unchanged() {
        let mut value = json!({"memory": {"limit": 0, "swap": -1}, "cpu": {"cpus": "", "shares": 2}});
        drop_empty(&mut value);
        assert_eq!(value, json!({"memory": {"swap": -1}, "cpu": {"shares": 2}}));
    }
}
