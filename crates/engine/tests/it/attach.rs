//! Attached clients.

use crate::world::{World, collect, eventually, text};
use engine::AttachOptions;
use tokio::io::AsyncWriteExt;

const ALL: AttachOptions =
    AttachOptions { stdin: true, stdout: true, stderr: true, logs: false, stream: true };

#[test]
fn attached_before_the_start_a_client_misses_nothing_and_its_end_of_input_arrives() {
    let world = World::new();
    world.create_with("one", "echo first; wc -c", |spec| {
        spec.config.open_stdin = true;
        spec.config.stdin_once = true;
    });
    let attachment = world.wait(world.containers().attach("one", ALL)).unwrap();
    world.start("one");
    let said = world.wait(async {
        let mut input = attachment.input.unwrap();
        input.write_all(b"twelve bytes").await.unwrap();
        input.shutdown().await.unwrap();
        collect(attachment.output).await
    });
    assert_eq!(text(&said), "first\n12\n");
    assert_eq!(world.exit_code("one"), 0);
}

#[test]
fn a_terminal_gives_raw_bytes_and_has_a_size() {
    let world = World::new();
    world.create_with("one", "read go; stty size; tty", |spec| {
        spec.config.tty = true;
        spec.config.open_stdin = true;
    });
    let attachment = world.wait(world.containers().attach("one", ALL)).unwrap();
    assert!(attachment.tty);
    world.start("one");
    world.wait(world.containers().resize("one", 33, 77)).unwrap();
    let said = world.wait(async {
        let mut input = attachment.input.unwrap();
        input.write_all(b"go\n").await.unwrap();
        collect(attachment.output).await
    });
    let said = String::from_utf8(said).unwrap();
    assert!(said.contains("33 77") && said.contains("/dev/pts/0"), "{said:?}");
}

#[test]
fn a_late_client_gets_the_log_first_if_it_wants() {
    let world = World::new();
    world.create_with("one", "echo early; read go; echo late", |spec| spec.config.open_stdin = true);
    world.start("one");
    eventually("it wrote", || if world.logs("one") == "early\n" { Ok(()) } else { Err("nothing") });
    let attachment =
        world.wait(world.containers().attach("one", AttachOptions { logs: true, ..ALL })).unwrap();
    let said = world.wait(async {
        attachment.input.unwrap().write_all(b"go\n").await.unwrap();
        collect(attachment.output).await
    });
    assert_eq!(text(&said), "early\nlate\n");
}

#[test]
fn a_container_that_is_removed_instead_ends_the_wait() {
    let world = World::new();
    world.create("one", "true");
    let attachment = world.wait(world.containers().attach("one", ALL)).unwrap();
    world.wait(world.containers().remove("one", engine::RemoveOptions::default())).unwrap();
    assert!(world.wait(collect(attachment.output)).is_empty());
}
