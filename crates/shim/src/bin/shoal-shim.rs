//! One per container: its parent, its streams, its log and its exit code.

fn main() {}
