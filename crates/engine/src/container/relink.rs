//! A container that has started may have another address than before: whoever links to it and runs gets it into the hosts
//! file. What the container itself has written there stays.

use super::command::Command;
use super::join;
use super::task::{Phase, Task};
use crate::error::{Error, Result};
use crate::file;
use crate::plan;
use crate::record::Record;
use network::Endpoint;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

/// A hosts file that a container has made longer than this stays as it is, in bytes.
const MAX_HOSTS_BYTES: u64 = 1 << 20;

impl Task {
    /// This container has just started: those that link to it look where it is now.
    pub(super) fn tell_linking(&self) {
        if self.record.endpoints.is_empty() {
            return;
        }
        let others = self.shared.index().commands_of(|other| {
            other.state.pid != 0 && other.id != self.record.id && !other.spec.host.links.is_empty()
        });
        for commands in others {
            // Not from here: two containers that link to each other would wait for each other.
            tokio::spawn(async move { drop(commands.send(Command::Relink).await) });
        }
    }

    /// Writes the addresses of the containers that this one links to into its hosts file.
    pub(super) fn relink(&self) {
        if !matches!(self.phase, Phase::Running(_)) {
            return;
        }
        if let Err(error) = self.try_relink() {
            tracing::warn!(container = self.record.short_id(), %error, "addresses of links stay as they were");
        }
    }

    fn try_relink(&self) -> Result<()> {
        let path = self.shared.paths(&self.record.id).hosts;
        let Some(mut text) = read_hosts(&path)? else { return Ok(()) };
        let before = text.clone();
        for link in plan::links(&self.record.spec.host.links)? {
            let Ok(target) =
                self.shared.index().find(&link.target).map(|entry| entry.snapshots.borrow().clone())
            else {
                continue;
            };
            let address = join::on_bridge(&target).and_then(Endpoint::address_v4);
            if let Some(address) = address.filter(|_| is_up(&target)) {
                text = replace(&text, &join::link_names(&link.alias, &target), address.into());
            }
        }
        if text == before { Ok(()) } else { file::write(&path, &text) }
    }
}

fn is_up(target: &Record) -> bool {
    target.state.pid != 0
}

/// The text of a hosts file; `None` if it is too long.
pub(super) fn read_hosts(path: &Path) -> Result<Option<String>> {
    let mut bytes = Vec::new();
    let opened = File::open(path).map_err(Error::io("open", path))?;
    opened.take(MAX_HOSTS_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    let fits = bytes.len() as u64 <= MAX_HOSTS_BYTES;
    Ok(fits.then(|| String::from_utf8(bytes).ok()).flatten())
}

/// The hosts file with another address before `names`.
fn replace(text: &str, names: &str, address: IpAddr) -> String {
    let line = |line: &str| match line.split_once('\t') {
        Some((_, found)) if found.trim_end() == names => format!("{address}\t{names}\n"),
        _ => line.to_owned(),
    };
    text.split_inclusive('\n').map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_links_own_line_changes() {
        let text = "127.0.0.1\tlocalhost\n10.0.0.2\tstore abc db\n10.0.0.2\tmine # by hand\n10.0.0.9\tstore";
        let moved = replace(text, "store abc db", [10, 0, 0, 7].into());
        assert_eq!(moved, text.replacen("10.0.0.2", "10.0.0.7", 1));
    }
}
