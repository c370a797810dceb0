//! `diff`, `commit`, and the sizes of containers.

use std::fs;

use testkit::{Daemon, eventually};

const CHANGES: &str = "echo new > /new; mkdir -p /dir/sub; echo x > /dir/sub/file; rm /bin/true; echo more >> /etc/passwd; \
     rm -r /tmp; mkdir /tmp; chmod 600 /etc/group";

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon
}

#[test]
fn a_diff_tells_what_changed_and_nothing_else() {
    let daemon = daemon();
    daemon.docker(&["create", "--name", "made", "busybox"]).ok();
    assert_eq!(daemon.docker(&["diff", "made"]).ok(), "");
    daemon.docker(&["run", "--name", "one", "-v", "data:/data", "busybox", "sh", "-c", CHANGES]).ok();
    let said = daemon.docker(&["diff", "one"]).ok();
    let told: Vec<&str> = said.lines().collect();
    for line in [
        "A /new",
        "A /dir",
        "A /dir/sub",
        "A /dir/sub/file",
        "C /bin",
        "D /bin/true",
        "C /etc",
        "C /etc/passwd",
        "A /data",
    ] {
        assert!(told.contains(&line), "{line} in {said}");
    }
    assert!(!said.contains("hosts") && !said.contains("/proc") && !said.contains("dockerenv"), "{said}");
    // Of a running one too.
    let line = "echo x > /live; sleep 1000";
    daemon.docker(&["run", "-d", "--name", "live", "busybox", "sh", "-c", line]).ok();
    eventually("the file is told", || {
        let said = daemon.docker(&["diff", "live"]).ok();
        if said == "A /live" { Ok(()) } else { Err(said) }
    });
}

#[test]
fn an_image_of_a_container_checks_its_health_as_it_did() {
    let daemon = daemon();
    let check = ["--health-cmd", "test -e /bin/sh", "--health-interval", "7s", "--health-retries", "4"];
    daemon.docker(&[&["create", "--name", "one"], &check[..], &["busybox", "sleep", "1000"]].concat()).ok();
    daemon.docker(&["commit", "one", "checked"]).ok();
    daemon.docker(&["create", "--name", "two", "--health-retries", "9", "checked"]).ok();
    let health = "{{with .Config.Healthcheck}}{{.Test}} {{.Interval}} {{.Retries}}{{end}}";
    assert_eq!(daemon.docker(&["inspect", "-f", health, "checked"]).ok(), "[CMD-SHELL test -e /bin/sh] 7s 4");
    assert_eq!(daemon.docker(&["inspect", "-f", health, "two"]).ok(), "[CMD-SHELL test -e /bin/sh] 7s 9");
}

/// An image of an image, and refusals before anything is made.
fn what_is_wrong_is_found_first(daemon: &Daemon) {
    daemon.docker(&["run", "--name", "two", "mine:1", "sh", "-c", "rm /new; echo two > /two"]).ok();
    daemon.docker(&["commit", "two", "mine:2"]).ok();
    assert_eq!(
        daemon.docker(&["run", "--rm", "mine:2", "sh", "-c", "cat /two; ls /new 2>&1 | grep -c No"]).ok(),
        "two\n1"
    );
    let said = daemon.docker(&["commit", "-c", "RUN x", "two"]);
    assert!(said.err.contains("RUN is not a valid change command"), "{}", said.err);
    let said = daemon.docker(&["commit", "two", "NOT/A:NAME"]);
    assert!(said.err.contains("invalid reference format"), "{}", said.err);
}

#[test]
fn an_image_of_a_container_has_its_changes() {
    let daemon = daemon();
    let line = format!("{CHANGES}; sleep 1000");
    let args = [
        "run",
        "-d",
        "--name",
        "one",
        "-e",
        "A=1",
        "-l",
        "x=y",
        "-v",
        "data:/data",
        "busybox",
        "sh",
        "-c",
        &line,
    ];
    daemon.docker(&args).ok();
    eventually("the changes are made", || {
        daemon.docker(&["diff", "one"]).ok().contains("D /bin/true").then_some(()).ok_or("not yet")
    });
    let args = [
        "commit",
        "-a",
        "me",
        "-m",
        "words",
        "-c",
        "CMD [\"cat\", \"/new\"]",
        "-c",
        "ENV B=2 A=3",
        "-c",
        "EXPOSE 80",
        "-c",
        "LABEL z=1",
        "-c",
        "WORKDIR /dir",
        "-c",
        "HEALTHCHECK --retries=4 CMD true",
        "one",
        "mine:1",
    ];
    let id = daemon.docker(&args).ok();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.State.Status}}", "one"]).ok(), "running");
    let told = "{{.Id}} {{.Author}} {{.Comment}} {{.Config.WorkingDir}} {{.Config.Labels.x}}{{.Config.Labels.z}} {{len .RootFS.Layers}}";
    let told = daemon.docker(&["inspect", "-f", told, "mine:1"]).ok();
    assert_eq!(told, format!("{id} me words /dir y1 2"));
    let env = daemon.docker(&["inspect", "-f", "{{.Config.Env}}", "mine:1"]).ok();
    assert!(env.contains("A=3") && env.contains("B=2"), "{env}");
    assert_eq!(daemon.docker(&["run", "--rm", "mine:1"]).ok(), "new");
    let look = "pwd; cat /dir/sub/file; test -e /bin/true || echo gone; stat -c %a /etc/group; ls -A /tmp | wc -l; tail -1 /etc/passwd";
    assert_eq!(
        daemon.docker(&["run", "--rm", "mine:1", "sh", "-c", look]).ok(),
        "/dir\nx\ngone\n600\n0\nmore"
    );
    assert!(daemon.docker(&["history", "mine:1"]).ok().contains("words"));

    what_is_wrong_is_found_first(&daemon);
    // The client asks until this second, which has to pass.
    eventually("the commit is told", || {
        let args = ["events", "--since", "10m", "--until", "0s", "--filter", "event=commit"];
        let events = daemon.docker(&args).ok();
        let is_told = events.contains("container commit") && events.contains("imageRef=mine:1");
        if is_told { Ok(()) } else { Err(events) }
    });
    assert!(daemon.docker(&["commit", "nosuch"]).err.contains("No such container: nosuch"));
}

#[test]
fn a_daemon_that_dies_while_it_commits_leaves_nobody_paused() {
    let mut daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    let id = daemon.docker(&["inspect", "-f", "{{.Id}}", "one"]).ok();
    daemon.docker(&["pause", "one"]).ok();
    daemon.kill();
    fs::write(daemon.path("exec").join("containers").join(&id).join("paused-for-commit"), "").unwrap();
    daemon.restart();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.State.Status}}", "one"]).ok(), "running");
    assert_eq!(daemon.docker(&["diff", "one"]).ok(), "");
}

#[test]
fn sizes_are_told_when_they_are_asked_for() {
    let daemon = daemon();
    daemon.docker(&["run", "--name", "one", "busybox", "sh", "-c", "head -c 100000 /dev/zero > /big"]).ok();
    let size = |format: &str| daemon.docker(&["inspect", "-s", "-f", format, "one"]).ok();
    assert_eq!(size("{{.SizeRw}}"), "100000");
    let image: u64 = daemon.docker(&["inspect", "-f", "{{.Size}}", "busybox"]).ok().parse().unwrap();
    assert_eq!(size("{{.SizeRootFs}}"), (image + 100_000).to_string());
    let listed = daemon.docker(&["ps", "-as", "--format", "{{.Size}}"]).ok();
    assert!(listed.starts_with("100kB (virtual"), "{listed}");
    assert_eq!(daemon.docker(&["ps", "-a", "--format", "{{.Names}}"]).ok(), "one");
}
