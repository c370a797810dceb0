//! Health checks: programs and connections, what is told of them, and the restart of what is unhealthy.

use testkit::{Daemon, eventually};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon
}

fn inspected(daemon: &Daemon, format: &str) -> String {
    daemon.docker(&["inspect", "-f", format, "box"]).ok()
}

fn becomes(daemon: &Daemon, status: &str) {
    eventually(status, || {
        let now = inspected(daemon, "{{json .State.Health}}");
        if now.contains(&format!("\"Status\":\"{status}\"")) { Ok(()) } else { Err(now) }
    });
}

#[test]
fn a_program_tells_health_also_while_the_daemon_is_away() {
    let mut daemon = daemon();
    let check = "test ! -e /sick && echo fine";
    let flags = ["--health-cmd", check, "--health-interval", "100ms", "--health-retries", "2"];
    let args = [&["run", "-d", "--name", "box"], &flags[..], &["busybox", "sleep", "1000"]].concat();
    daemon.docker(&args).ok();
    becomes(&daemon, "healthy");
    assert_eq!(inspected(&daemon, "{{(index .State.Health.Log 0).Output}}"), "fine");
    assert_eq!(
        inspected(&daemon, "{{json .Config.Healthcheck.Test}}"),
        format!("[\"CMD-SHELL\",\"{}\"]", check)
    );
    assert!(daemon.docker(&["ps", "--format", "{{.Status}}"]).ok().ends_with("(healthy)"));
    assert_eq!(daemon.docker(&["ps", "--filter", "health=healthy", "--format", "{{.Names}}"]).ok(), "box");
    assert_eq!(daemon.docker(&["ps", "-q", "--filter", "health=unhealthy"]).ok(), "");
    daemon.docker(&["exec", "box", "touch", "/sick"]).ok();
    daemon.kill();
    daemon.restart();
    becomes(&daemon, "unhealthy");
    let filter = ["--filter", "event=health_status", "--format", "{{.Action}}"];
    let events = [&["events", "--since", "1h", "--until=-1s"], &filter[..]].concat();
    assert!(daemon.docker(&events).ok().contains("health_status: unhealthy"));
    daemon.docker(&["rm", "-f", "box"]).ok();

    let none = ["run", "-d", "--name", "box", "--no-healthcheck", "busybox", "sleep", "1000"];
    daemon.docker(&none).ok();
    assert_eq!(inspected(&daemon, "{{json .State.Health}}"), "null");
    let wrong = ["run", "--health-cmd", "true", "--health-interval", "1us", "busybox", "true"];
    let said = daemon.docker(&wrong);
    assert_eq!(said.code, 125);
    assert!(said.err.contains("cannot be less than 1ms"), "{}", said.err);
}

#[test]
fn a_connection_tells_health_and_the_unhealthy_is_restarted() {
    let daemon = daemon();
    let server = "test -e /broken && exec sleep 1000; mkdir -p /w; echo up > /w/index.html; exec httpd -f -p 8080 -h /w";
    let body = format!(
        r#"{{"Image":"busybox","Cmd":["sh","-c","{server}"],"Healthcheck":{{"Interval":100000000,"Retries":2}},
        "HostConfig":{{"Shoal":{{"Health":{{"Http":":8080/index.html"}},"RestartOnUnhealthy":true}}}}}}"#
    );
    let (status, made) = daemon.exchange("POST", "/containers/create?name=box", body.as_bytes()).unwrap();
    assert_eq!(status, 201, "{made}");
    daemon.docker(&["start", "box"]).ok();
    becomes(&daemon, "healthy");
    assert_eq!(inspected(&daemon, "{{(index .State.Health.Log 0).Output}}"), "HTTP/1.1 200 OK");
    let before = inspected(&daemon, "{{.State.StartedAt}}");
    daemon.docker(&["exec", "box", "mv", "/w/index.html", "/w/gone"]).ok();
    eventually("it is started again", || {
        let now = inspected(&daemon, "{{.State.StartedAt}}");
        if now == before { Err(now) } else { Ok(()) }
    });
    becomes(&daemon, "healthy");
}
