//! One process as the kernel tells of it.

use std::fs;

/// How much of a command line is shown, in bytes.
const COMMAND_MAX: usize = 4096;
/// Of proc_pid_stat(5), counted from the field behind the name, which is number 3 there.
const STATE: usize = 0;
const PPID: usize = 1;
const GROUP: usize = 2;
const SESSION: usize = 3;
const TERMINAL: usize = 4;
const TERMINAL_GROUP: usize = 5;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const PRIORITY: usize = 15;
const NICE: usize = 16;
const THREADS: usize = 17;
const START_TICKS: usize = 19;
const VIRTUAL_BYTES: usize = 20;
const PROCESSOR: usize = 36;

/// One process. Times are in ticks of a hundredth of a second.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: i32,
    pub(super) ppid: i64,
    pub(super) group: i64,
    pub(super) session: i64,
    /// The device number of its terminal, 0 for none.
    pub(super) terminal: i64,
    /// The group in the foreground of its terminal.
    pub(super) terminal_group: i64,
    pub(super) state: char,
    pub(super) cpu_ticks: u64,
    pub(super) priority: i64,
    pub(super) nice: i64,
    pub(super) threads: u64,
    /// Since the machine started.
    pub(super) start_ticks: u64,
    pub(super) virtual_kib: u64,
    pub(super) resident_kib: u64,
    pub(super) processor: u64,
    /// Real, effective.
    pub(super) uids: [u32; 2],
    pub(super) gids: [u32; 2],
    pub(super) name: String,
    /// Empty for a zombie.
    pub(super) command: String,
}

/// Reads what `/proc` tells; `None` if it has ended.
pub(super) fn read(pid: i32) -> Option<Process> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read(format!("/proc/{pid}/status")).ok()?;
    let mut command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.truncate(COMMAND_MAX);
    parse(&String::from_utf8_lossy(&stat), &String::from_utf8_lossy(&status), &command)
}

/// Pure. The name may have spaces and parentheses of its own: it ends at the last one.
fn parse(stat: &str, status: &str, command: &[u8]) -> Option<Process> {
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let signed = |index: usize| fields.get(index).and_then(|field| field.parse::<i64>().ok()).unwrap_or(0);
    let counted = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let line = |key: &str| {
        status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().split_whitespace()
    };
    let ids = |key: &str| {
        let mut ids = line(key).map(|id| id.parse().unwrap_or(0));
        [ids.next().unwrap_or(0), ids.next().unwrap_or(0)]
    };
    Some(Process {
        pid: pid.parse().ok()?,
        ppid: signed(PPID),
        group: signed(GROUP),
        session: signed(SESSION),
        terminal: signed(TERMINAL),
        terminal_group: signed(TERMINAL_GROUP),
        state: fields.get(STATE).and_then(|field| field.chars().next()).unwrap_or('?'),
        cpu_ticks: counted(USER_TICKS).saturating_add(counted(SYSTEM_TICKS)),
        priority: signed(PRIORITY),
        nice: signed(NICE),
        threads: counted(THREADS),
        start_ticks: counted(START_TICKS),
        virtual_kib: counted(VIRTUAL_BYTES) / 1024,
        resident_kib: line("VmRSS:").next().and_then(|kib| kib.parse().ok()).unwrap_or(0),
        processor: counted(PROCESSOR),
        uids: ids("Uid:"),
        gids: ids("Gid:"),
        name: printable(name.as_bytes()),
        command: printable(command.strip_suffix(b"\0").unwrap_or(command)),
    })
}

/// What a process says of itself may hold anything: the ends of words become spaces, what cannot be printed a question mark.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let shown = |c: char| match c {
        '\0' => ' ',
        c if c.is_control() => '?',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_look_like_the_fields_after_it() {
        let stat = "42 (a) R 9 (b) S 7 42 42 34817 42 4194560 1 0 0 0 250 50 0 0 20 5 3 0 1000 2048000 100 \
                    18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0";
        let status = "Name:\ta\nUid:\t1000\t0\t0\t0\nGid:\t5\t6\t6\t6\nVmRSS:\t    400 kB\n";
        let process = parse(stat, status, b"sh\0-c\0a\nb\0").unwrap();
        assert_eq!((process.name.as_str(), process.state, process.ppid), ("a) R 9 (b", 'S', 7));
        assert_eq!((process.cpu_ticks, process.threads, process.start_ticks), (300, 3, 1000));
        assert_eq!((process.virtual_kib, process.resident_kib, process.nice), (2000, 400, 5));
        assert_eq!((process.uids, process.gids), ([1000, 0], [5, 6]));
        assert_eq!(process.command, "sh -c a?b");
        assert_eq!(parse("", "", b""), None);
    }
}
