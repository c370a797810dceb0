//! Holds the published ports of one daemon.
fn main() {}
