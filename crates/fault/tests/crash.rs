//! A process dies at exactly the point it is told to, and the file says where.
#![forbid(unsafe_code)]

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

const CHILD: &str = "FAULT_TEST_CHILD";

#[test]
fn dies_at_the_point_it_is_told() {
    if std::env::var_os(CHILD).is_some() {
        for what in ["one", "two", "three"] {
            fault::point(what);
        }
        return;
    }
    let file = std::env::temp_dir().join(format!("fault-{}", std::process::id()));
    for (lives, signal, left) in
        [("2", Some(9), "0 one two"), ("4", None, "1 one two three"), ("0", None, "0"), ("x", None, "x")]
    {
        fs::write(&file, lives).unwrap();
        let status = child(&file);
        let said = fs::read_to_string(&file).unwrap();
        // Each point says which process passed it.
        let points: Vec<_> =
            said.lines().map(|line| line.split_once(' ').map_or(line, |(_, what)| what)).collect();
        assert_eq!((status.signal(), points.join(" ").as_str()), (signal, left), "{lives} lives");
    }
    fs::remove_file(&file).unwrap();
    assert!(child(&file).success(), "without the file nobody dies");
    assert!(!file.exists());
}

fn child(file: &Path) -> ExitStatus {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "dies_at_the_point_it_is_told", "--quiet"])
        .env(CHILD, "1")
        .env(fault::VARIABLE, file)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap()
}
