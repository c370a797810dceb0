//! Logs, attachments and terminals. Needs root and busybox-static.

mod container;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use container::{Container, eventually};
use shim::{Request, Response};

/// Takes Docker's frames apart: all of stream 1, all of stream 2.
fn streams(bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut rest = bytes;
    while let Some((header, tail)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let (payload, tail) = tail.split_at(length);
        if header[0] == 1 {
            out.extend(payload)
        } else {
            err.extend(payload)
        }
        rest = tail;
    }
    assert!(rest.is_empty(), "half a frame");
    (out, err)
}

#[test]
fn a_million_lines_are_logged_quickly_and_completely() {
    let mut container = Container::new(&["seq", "1000000"]);
    container.spec.log.file.as_mut().unwrap().max_size_bytes = 0;
    let begun = Instant::now();
    container.run();
    let took = begun.elapsed();
    let text = fs::read_to_string(&container.log_file().path).unwrap();
    assert_eq!(text.lines().count(), 1_000_000);
    assert!(
        text.lines()
            .last()
            .unwrap()
            .starts_with("{\"log\":\"1000000\\n\",\"stream\":\"stdout\",\"time\":\"20")
    );
    // Not a promise of speed, which is measured elsewhere: a guard against doing something per byte.
    assert!(took < Duration::from_secs(60), "{took:?}");
}

#[test]
fn the_log_is_rotated_and_capped() {
    let mut container = Container::new(&["seq", "20000"]);
    container.spec.log.file.as_mut().unwrap().max_size_bytes = 100_000;
    container.run();
    let log = container.log();
    assert_eq!(log.last().unwrap().1, "20000\n");
    let total: u64 = ["", ".1", ".2"]
        .iter()
        .map(|suffix| fs::metadata(format!("{}{suffix}", container.log_file().path.display())).unwrap().len())
        .sum();
    assert!(total < 301_000, "{total}");
    assert!(!fs::exists(format!("{}.3", container.log_file().path.display())).unwrap());
}

#[test]
fn an_attachment_from_before_the_start_sees_everything() {
    let mut container = Container::shell("echo one; echo two >&2; echo three");
    container.create();
    let mut attached = container.attach(false);
    container.ask(&Request::Start);
    let mut bytes = Vec::new();
    attached.read_to_end(&mut bytes).unwrap();
    let (out, err) = streams(&bytes);
    assert_eq!((out.as_slice(), err.as_slice()), (&b"one\nthree\n"[..], &b"two\n"[..]));
}

#[test]
fn input_reaches_the_container_and_its_end_too() {
    let mut container = Container::new(&["wc", "-c"]);
    container.spec.open_stdin = true;
    container.spec.stdin_once = true;
    container.create();
    let mut attached = container.attach(true);
    container.ask(&Request::Start);
    let mut writer = attached.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        writer.write_all(&vec![b'x'; 1 << 20]).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut bytes = Vec::new();
    attached.read_to_end(&mut bytes).unwrap();
    sender.join().unwrap();
    assert_eq!(streams(&bytes).0, b"1048576\n");
    assert_eq!(container.wait().code, 0);
}

#[test]
fn input_stays_open_between_attachments_unless_it_is_for_once() {
    let mut container = Container::new(&["cat"]);
    container.spec.open_stdin = true;
    container.start();
    for word in ["first\n", "second\n"] {
        let mut attached = container.attach(true);
        attached.write_all(word.as_bytes()).unwrap();
        attached.shutdown(Shutdown::Write).unwrap();
        eventually(word, || container.stdout().ends_with(word));
    }
    assert_eq!(container.ask(&Request::CloseStdin), Response::Ok);
    assert_eq!(container.wait().code, 0);
}

#[test]
fn without_open_input_there_is_the_null_device() {
    let mut container = Container::new(&["wc", "-c"]);
    container.run();
    assert_eq!(container.stdout(), "0\n");
}

#[test]
fn a_client_that_reads_nothing_holds_up_but_does_not_lose_output() {
    let mut container = Container::shell("yes 0123456789 | head -n 400000; echo end");
    container.create();
    let mut slow = container.attach(false);
    container.ask(&Request::Start);
    // Until the client reads, the log stands still at what the buffers hold.
    let size = || fs::metadata(&container.log_file().path).unwrap().len();
    eventually("some output", || size() > 0);
    let mut bytes = Vec::new();
    slow.read_to_end(&mut bytes).unwrap();
    let (out, _) = streams(&bytes);
    assert_eq!(out.len(), 400_000 * 11 + 4);
    assert_eq!(container.wait().code, 0);
}

#[test]
fn a_client_that_goes_away_is_forgotten() {
    let mut container = Container::shell("yes 0123456789 | head -n 200000; echo end");
    container.create();
    let lost = container.attach(true);
    container.ask(&Request::Start);
    drop(lost);
    assert_eq!(container.wait().code, 0);
    assert!(container.stdout().ends_with("end\n"));
}

#[test]
fn a_terminal_is_a_terminal() {
    let mut container = Container::shell(
        "tty; stty size; ls -l /dev/console | head -c 1; echo; read line; stty size; echo got $line",
    );
    container.spec.tty = true;
    container.spec.open_stdin = true;
    container.spec.console_size = Some((40, 120));
    container.create();
    let mut attached = container.attach(true);
    container.ask(&Request::Start);
    eventually("it waits", || container.stdout().contains("40 120\r\nc\r\n"));
    assert_eq!(container.ask(&Request::Resize { rows: 10, cols: 20 }), Response::Ok);
    attached.write_all(b"hello\r").unwrap();
    let mut bytes = Vec::new();
    attached.read_to_end(&mut bytes).unwrap();
    let (out, err) = streams(&bytes);
    let text = String::from_utf8(out).unwrap();
    assert!(err.is_empty());
    assert!(text.starts_with("/dev/pts/0\r\n40 120\r\n"), "{text:?}");
    assert!(text.contains("10 20\r\ngot hello\r\n"), "{text:?}");
    assert_eq!(container.wait().code, 0);
}

#[test]
fn nothing_is_logged_without_a_log() {
    let mut container = Container::new(&["seq", "10"]);
    let path = container.log_file().path.clone();
    container.spec.log = shim::LogSpec::default();
    assert_eq!(container.run().code, 0);
    assert!(!path.exists());
}

#[test]
fn without_waiting_the_log_is_the_same() {
    let mut container = Container::shell("seq 1 20000; echo end >&2");
    container.spec.log.buffer_bytes = Some(8 << 20);
    container.spec.log.file.as_mut().unwrap().max_size_bytes = 500_000;
    container.spec.log.file.as_mut().unwrap().max_files = 9;
    container.run();
    let expected: String = (1..=20000).map(|number| format!("{number}\n")).collect();
    assert!(container.stdout() == expected);
    assert!(container.log().contains(&("stderr".to_owned(), "end\n".to_owned())));
    assert!(fs::metadata(container.dir.path().join("log.1")).unwrap().len() >= 500_000);
}

/// A pipe that nobody reads stands for the disk.
#[test]
fn a_disk_that_takes_nothing_holds_nobody_up() {
    let mut container = Container::shell("seq 1 300000");
    container.spec.log.buffer_bytes = Some(100_000);
    let path = container.log_file().path.clone();
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut disk = fs::File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path).unwrap();
    assert_eq!(container.run().code, 0);
    container.shim_ends();
    // Its writer goes on where it was, and ends.
    let mut written = Vec::new();
    eventually("the writer ends", || {
        let mut chunk = [0; 65536];
        loop {
            match disk.read(&mut chunk) {
                Ok(0) => return true,
                Ok(count) => written.extend_from_slice(&chunk[..count]),
                Err(_) => return false,
            }
        }
    });
    let text = String::from_utf8(written).unwrap();
    let lines = text.lines().count();
    assert!(text.starts_with("{\"log\":\"1\\n\"") && lines > 100 && lines < 300_000, "{lines} lines");
}

#[test]
fn a_log_that_cannot_be_opened_fails_the_start_in_either_mode() {
    for buffer_bytes in [None, Some(1 << 20)] {
        let mut container = Container::shell("true");
        container.spec.log.buffer_bytes = buffer_bytes;
        fs::create_dir(&container.log_file().path).unwrap();
        let said = format!("{:?}", container.create());
        assert!(said.contains("Is a directory"), "{said}");
    }
}
