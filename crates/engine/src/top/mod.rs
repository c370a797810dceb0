//! The processes of a container as a table, for `top`: what `ps` would print, without running it.
//!
//! Everything is read from the host's `/proc` and, for names of users, its `/etc/passwd`; nothing depends on a program or
//! file in the container, nor on `ps` being installed. [`options`] and [`column`] are pure.

mod column;
mod options;
mod process;
mod words;

use crate::spec::Invalid;
use column::Machine;
use options::Options;
use process::Process;

/// A table of processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Top {
    /// What the columns are.
    pub titles: Vec<String>,
    /// One row for each process.
    pub processes: Vec<Vec<String>>,
}

/// What a table is to show.
#[derive(Debug, Clone)]
pub(crate) struct Wish(Options);

impl Wish {
    /// Reads arguments of `ps`.
    ///
    /// # Errors
    /// What is not known of them.
    pub(crate) fn parse(arguments: &str) -> Result<Wish, Invalid> {
        options::parse(arguments).map(Wish).map_err(Invalid::PsArguments)
    }

    /// Looks at processes. One that ends meanwhile is left out. Blocks for some tens of microseconds for each.
    pub(crate) fn table(&self, pids: &[i32]) -> Top {
        let machine = Machine::look();
        let columns = &self.0.columns;
        let row = |process: Process| -> Vec<String> {
            columns.iter().map(|(column, _)| column.cell(&process, &machine)).collect()
        };
        let titles = columns.iter().map(|(_, title)| title.clone()).collect();
        Top { titles, processes: pids.iter().filter_map(|pid| process::read(*pid)).map(row).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_a_row() {
        let pid = std::process::id();
        let top = Wish::parse("-eo pid,ppid,comm,args").unwrap().table(&[pid.cast_signed(), i32::MAX]);
        assert_eq!(top.titles, ["PID", "PPID", "COMMAND", "COMMAND"]);
        assert_eq!(top.processes.len(), 1);
        assert_eq!(top.processes[0][0], pid.to_string());
        for arguments in ["", "-ef", "aux"] {
            let top = Wish::parse(arguments).unwrap().table(&[pid.cast_signed()]);
            assert_eq!(top.processes[0].len(), top.titles.len());
        }
    }
}
