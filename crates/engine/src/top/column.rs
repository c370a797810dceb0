//! The columns a table can have: their names, their titles, and what stands in them.

use super::process::Process;
use super::words;
use crate::shared::now_ns;
use crate::stats::memory_bytes;
use std::collections::HashMap;

/// The kernel tells times in hundredths of a second, on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;
/// How much of the host's list of users is read, in bytes.
const NAMES_MAX: usize = 1 << 20;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Pid,
    Ppid,
    Group,
    Session,
    User,
    UserId,
    RealUser,
    RealUserId,
    GroupName,
    GroupId,
    CpuInteger,
    CpuPercent,
    MemoryPercent,
    VirtualKib,
    ResidentKib,
    Terminal,
    Status,
    State,
    Started,
    LongStarted,
    Elapsed,
    ElapsedSeconds,
    Time,
    ShortTime,
    Nice,
    Priority,
    Processor,
    Threads,
    Name,
    Command,
}

/// A column and its title by the names `ps -o` knows.
pub(super) fn by_name(name: &str) -> Option<(Column, &'static str)> {
    Some(match name {
        "pid" | "tgid" => (Column::Pid, "PID"),
        "ppid" => (Column::Ppid, "PPID"),
        "pgid" | "pgrp" => (Column::Group, "PGID"),
        "sid" | "sess" | "session" => (Column::Session, "SID"),
        "user" | "uname" | "euser" => (Column::User, "USER"),
        "uid" | "euid" => (Column::UserId, "UID"),
        "ruser" => (Column::RealUser, "RUSER"),
        "ruid" => (Column::RealUserId, "RUID"),
        "group" | "egroup" => (Column::GroupName, "GROUP"),
        "gid" | "egid" => (Column::GroupId, "GID"),
        "c" => (Column::CpuInteger, "C"),
        "pcpu" | "%cpu" => (Column::CpuPercent, "%CPU"),
        "pmem" | "%mem" => (Column::MemoryPercent, "%MEM"),
        "vsz" | "vsize" => (Column::VirtualKib, "VSZ"),
        "rss" | "rssize" | "rsz" => (Column::ResidentKib, "RSS"),
        "tty" | "tt" | "tname" => (Column::Terminal, "TTY"),
        "stat" => (Column::Status, "STAT"),
        "s" | "state" => (Column::State, "S"),
        "stime" | "start_time" => (Column::Started, "STIME"),
        "start" | "bsdstart" => (Column::Started, "START"),
        "lstart" => (Column::LongStarted, "STARTED"),
        "etime" => (Column::Elapsed, "ELAPSED"),
        "etimes" => (Column::ElapsedSeconds, "ELAPSED"),
        "time" | "cputime" => (Column::Time, "TIME"),
        "bsdtime" => (Column::ShortTime, "TIME"),
        "ni" | "nice" => (Column::Nice, "NI"),
        "pri" => (Column::Priority, "PRI"),
        "psr" => (Column::Processor, "PSR"),
        "nlwp" | "thcount" => (Column::Threads, "NLWP"),
        "comm" | "ucmd" | "ucomm" => (Column::Name, "COMMAND"),
        "args" | "command" => (Column::Command, "COMMAND"),
        "cmd" => (Column::Command, "CMD"),
        _ => return None,
    })
}

/// What the cells need to know besides the process.
#[derive(Debug, Default)]
pub(super) struct Machine {
    now: i64,
    uptime_ticks: u64,
    memory_kib: u64,
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Machine {
    pub(super) fn look() -> Machine {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let uptime = uptime.split(['.', ' ']).take(2).collect::<String>();
        Machine {
            now: now_ns() / 1_000_000_000,
            uptime_ticks: uptime.parse().unwrap_or(0),
            memory_kib: memory_bytes() / 1024,
            users: names("/etc/passwd"),
            groups: names("/etc/group"),
        }
    }

    /// Seconds since a process started.
    fn age(&self, process: &Process) -> u64 {
        self.uptime_ticks.saturating_sub(process.start_ticks) / TICKS_PER_SECOND
    }

    /// Seconds since the epoch.
    fn start(&self, process: &Process) -> i64 {
        self.now.saturating_sub(self.age(process).cast_signed())
    }

    /// Thousandths of one processor that a process has used while it lived.
    fn cpu_permille(&self, process: &Process) -> u64 {
        let lived = self.uptime_ticks.saturating_sub(process.start_ticks).max(1);
        process.cpu_ticks.saturating_mul(1000) / lived
    }
}

fn names(path: &str) -> HashMap<u32, String> {
    let mut text = std::fs::read(path).unwrap_or_default();
    text.truncate(NAMES_MAX);
    words::names(&String::from_utf8_lossy(&text))
}

impl Column {
    /// What stands in this column for a process.
    pub(super) fn cell(self, process: &Process, machine: &Machine) -> String {
        let name =
            |names: &HashMap<u32, String>, id: u32| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
        let seconds = process.cpu_ticks / TICKS_PER_SECOND;
        match self {
            Column::Pid => process.pid.to_string(),
            Column::Ppid => process.ppid.to_string(),
            Column::Group => process.group.to_string(),
            Column::Session => process.session.to_string(),
            Column::User => name(&machine.users, process.uids[1]),
            Column::UserId => process.uids[1].to_string(),
            Column::RealUser => name(&machine.users, process.uids[0]),
            Column::RealUserId => process.uids[0].to_string(),
            Column::GroupName => name(&machine.groups, process.gids[1]),
            Column::GroupId => process.gids[1].to_string(),
            Column::CpuInteger => (machine.cpu_permille(process) / 10).min(99).to_string(),
            Column::CpuPercent => tenths(machine.cpu_permille(process)),
            Column::MemoryPercent => {
                tenths(process.resident_kib.saturating_mul(1000) / machine.memory_kib.max(1))
            }
            Column::VirtualKib => process.virtual_kib.to_string(),
            Column::ResidentKib => process.resident_kib.to_string(),
            Column::Terminal => words::terminal(process.terminal),
            Column::Status => status(process),
            Column::State => process.state.to_string(),
            Column::Started => words::start(machine.start(process), machine.now),
            Column::LongStarted => words::long_start(machine.start(process)),
            Column::Elapsed => words::elapsed(machine.age(process)),
            Column::ElapsedSeconds => machine.age(process).to_string(),
            Column::Time => words::long_time(seconds),
            Column::ShortTime => words::short_time(seconds),
            Column::Nice => process.nice.to_string(),
            // As ps counts: higher is better, and 19 is nobody's choice.
            Column::Priority => (39 - process.priority).to_string(),
            Column::Processor => process.processor.to_string(),
            Column::Threads => process.threads.to_string(),
            Column::Name => process.name.clone(),
            Column::Command => command(process),
        }
    }
}

fn tenths(permille: u64) -> String {
    format!("{}.{}", permille / 10, permille % 10)
}

/// The state and what else is worth a letter.
fn status(process: &Process) -> String {
    let mut status = process.state.to_string();
    let letters = [
        ('<', process.nice < 0),
        ('N', process.nice > 0),
        ('s', process.session == i64::from(process.pid)),
        ('l', process.threads > 1),
        ('+', process.terminal != 0 && process.terminal_group == process.group),
    ];
    status.extend(letters.into_iter().filter_map(|(letter, holds)| holds.then_some(letter)));
    status
}

fn command(process: &Process) -> String {
    match (process.state, process.command.as_str()) {
        ('Z', _) => format!("[{}] <defunct>", process.name),
        (_, "") => format!("[{}]", process.name),
        (_, command) => command.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_busy_process() {
        let machine = Machine {
            now: 1_795_262_400,
            uptime_ticks: 10_000,
            memory_kib: 1000,
            users: HashMap::from([(0, "root".to_owned())]),
            ..Machine::default()
        };
        let process = Process {
            pid: 5,
            session: 5,
            state: 'R',
            cpu_ticks: 2500,
            start_ticks: 5000,
            resident_kib: 125,
            priority: 20,
            name: "sh".into(),
            command: "sh -c true".into(),
            ..Process::default()
        };
        let cells = |columns: &[Column]| {
            columns.iter().map(|column| column.cell(&process, &machine)).collect::<Vec<_>>()
        };
        assert_eq!(
            cells(&[
                Column::User,
                Column::CpuPercent,
                Column::CpuInteger,
                Column::MemoryPercent,
                Column::Status
            ]),
            ["root", "50.0", "50", "12.5", "Rs"]
        );
        assert_eq!(
            cells(&[Column::Time, Column::Elapsed, Column::Started, Column::Priority, Column::Command]),
            ["00:00:25", "00:50", "11:59", "19", "sh -c true"]
        );
        let zombie = Process { state: 'Z', ..process.clone() };
        assert_eq!(Column::Command.cell(&zombie, &machine), "[sh] <defunct>");
    }
}
