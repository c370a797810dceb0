//! Wrong input: one sentence that names it, Docker's exit code, and a daemon that lives.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use testkit::Daemon;

#[test]
fn the_command_line_names_what_is_wrong() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    for (args, code, part) in [
        (&["run", "--no-such-flag", "busybox"][..], 125, "--no-such-flag"),
        (&["run", "-p", "99999:80", "busybox"], 125, "99999"),
        (&["run", "-p", "80/xyz", "busybox"], 125, "xyz"),
        (&["run", "--memory", "lots", "busybox"], 125, "lots"),
        (&["run", "--memory", "1m", "busybox"], 125, "6MB"),
        (&["run", "--name", "-bad", "busybox"], 125, "-bad"),
        (&["run", "Busy:Box:x"], 125, "invalid reference format"),
        (&["run", "--restart", "sometimes", "busybox"], 125, "sometimes"),
        // Created, and removed when its start fails.
        (&["run", "--rm", "--network", "nosuch", "busybox"], 125, "network nosuch not found"),
        (&["start", "nosuch"], 1, "No such container: nosuch"),
        (&["service", "ls"], 1, "This node is not a swarm manager"),
        (&["no-such-command"], 1, "no-such-command"),
    ] {
        let said = daemon.shoal(args);
        assert_eq!(said.code, code, "{args:?}: {}{}", said.out, said.err);
        assert!(said.err.contains(part), "{args:?}: {}", said.err);
        assert!(said.err.trim().lines().count() <= 5, "{args:?}: {}", said.err);
    }
    assert_eq!(daemon.docker(&["ps", "-aq"]).ok(), "", "nothing is left behind");
}

/// One raw request; the status line and the body.
fn raw(daemon: &Daemon, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = UnixStream::connect(daemon.path("sock")).unwrap();
    write!(stream, "{head}\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len())
        .unwrap();
    // The daemon may answer and close before it has read everything.
    stream.write_all(body).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned()))
}

#[test]
fn bodies_that_are_wrong_are_refused_and_the_daemon_lives() {
    let daemon = Daemon::start(&[]);
    let create = "POST /v1.56/containers/create HTTP/1.1\r\nContent-Type: application/json";
    let (status, body) = raw(&daemon, create, b"{not json");
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("message"), "{body}");
    let (status, _) = raw(&daemon, create, &vec![b' '; 64 << 20]);
    assert!(matches!(status, 400 | 413), "{status}");
    let (status, body) = raw(&daemon, "GET /v1.99/info HTTP/1.1", b"");
    assert_eq!(status, 400);
    assert!(body.contains("client version 1.99 is too new. Maximum supported API version is 1.56"), "{body}");
    let (status, body) = raw(&daemon, "GET /no/such/route HTTP/1.1", b"");
    assert_eq!((status, body.trim()), (404, r#"{"message":"page not found"}"#));
    let (status, body) = raw(&daemon, "POST /v1.56/build HTTP/1.1", b"");
    assert_eq!(status, 501, "{body}");
    let field = br#"{"Image":"busybox","HostConfig":{"UsernsMode":"remap"}}"#;
    let (status, body) = raw(&daemon, create, field);
    assert!(status == 400 && body.contains("user namespace mode"), "{status} {body}");
    daemon.docker(&["version"]).ok();
}
