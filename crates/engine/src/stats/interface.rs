//! Counters of network interfaces, as the kernel tells them of any process's network namespace.

use std::collections::BTreeMap;

/// What went through one interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interface {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets received and broken.
    pub rx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets that could not be sent.
    pub tx_errors: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
}

/// Those of a process's network namespace but the loopback; empty if it has ended.
pub(super) fn read(pid: u32) -> BTreeMap<String, Interface> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/net/dev")).unwrap_or_default())
}

/// Pure: from the text of proc_pid_net(5) `dev`: two lines of titles, then `name: 8 numbers received, 8 sent`.
fn parse(text: &str) -> BTreeMap<String, Interface> {
    let line = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().map(|n| n.parse().unwrap_or(0)).collect();
        let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
        let interface = Interface {
            rx_bytes: at(0),
            rx_packets: at(1),
            rx_errors: at(2),
            rx_dropped: at(3),
            tx_bytes: at(8),
            tx_packets: at(9),
            tx_errors: at(10),
            tx_dropped: at(11),
        };
        let name = name.trim();
        (name != "lo").then(|| (name.to_owned(), interface))
    };
    text.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_nobodys_traffic() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
                    face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n    \
                    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0\n  \
                    eth0:    1302      17    1    2    0     0          0         0      526       7    3    4    0     0       0          0\n";
        let eth0 = Interface {
            rx_bytes: 1302,
            rx_packets: 17,
            rx_errors: 1,
            rx_dropped: 2,
            tx_bytes: 526,
            tx_packets: 7,
            tx_errors: 3,
            tx_dropped: 4,
        };
        assert_eq!(parse(text), BTreeMap::from([("eth0".to_owned(), eth0)]));
        assert!(parse("").is_empty());
    }
}
