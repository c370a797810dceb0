//! The examples run as written.

use std::process::Command;

use testkit::program::{need_root, programs, run};

fn example(name: &str) -> String {
    need_root();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/").to_owned() + name;
    run(Command::new("bash").arg(script).env("SHOAL_PROGRAMS", programs())).ok()
}

#[test]
fn single_machine() {
    let said = example("single-machine.sh");
    assert!(said.contains("/ answers: "), "{said}");
}

#[test]
fn three_replicas() {
    let said = example("three-replicas.sh");
    assert!(said.contains("3/3") || said.contains("5/5"), "{said}");
}

#[test]
fn two_machines() {
    let said = example("two-machines.sh");
    assert!(said.contains("Down"), "{said}");
}
