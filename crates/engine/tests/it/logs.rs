//! Reading what containers wrote.

use crate::world::{World, collect, text};
use engine::{ErrorKind, LogOptions};

const BOTH: LogOptions = LogOptions {
    stdout: true,
    stderr: true,
    follow: false,
    tail: None,
    since_ns: None,
    until_ns: None,
    timestamps: false,
    details: false,
};

#[test]
fn follow_gives_all_lines_and_ends_with_the_process() {
    let world = World::new();
    world.create("one", "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done");
    world.start("one");
    let stream = world.wait(world.containers().logs("one", LogOptions { follow: true, ..BOTH })).unwrap();
    let seen = text(&world.wait(collect(stream)));
    assert_eq!(seen, (0..2000).map(|i| format!("line {i}\n")).collect::<String>());
}

#[test]
fn rotated_files_are_one_log() {
    let world = World::new();
    world.create_with("one", "i=0; while [ $i -lt 1000 ]; do echo line $i; i=$((i+1)); done", |spec| {
        spec.host.log_config.driver = "json-file".into();
        spec.host.log_config.options =
            [("max-size".to_owned(), "40k".to_owned()), ("max-file".to_owned(), "5".to_owned())].into();
    });
    world.start("one");
    assert_eq!(world.exit_code("one"), 0);
    assert_eq!(world.logs("one"), (0..1000).map(|i| format!("line {i}\n")).collect::<String>());
    let stream = world.wait(world.containers().logs("one", LogOptions { tail: Some(700), ..BOTH })).unwrap();
    assert_eq!(text(&world.wait(collect(stream))).lines().next(), Some("line 300"));
}

#[test]
fn no_log_is_kept_where_none_is_wanted() {
    let world = World::new();
    world.create_with("one", "echo hidden", |spec| spec.host.log_config.driver = "none".into());
    world.start("one");
    assert_eq!(world.exit_code("one"), 0);
    let error = world.wait(world.containers().logs("one", BOTH)).unwrap_err();
    assert_eq!(error.to_string(), "configured logging driver does not support reading");
    assert_eq!(error.kind(), ErrorKind::Internal);
}
