//! Finding containers, names, waiting, pruning, and being told: ps, rename, wait, rm, prune, events.

use testkit::{Daemon, eventually};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon
}

/// Four containers: one new, one with all there is to be found by, one paused, one that failed.
fn four(daemon: &Daemon, volume: &std::path::Path) {
    let bind = format!("{}:/data", volume.display());
    daemon.docker(&["create", "--name", "older", "busybox"]).ok();
    let full = [
        "run",
        "-d",
        "--name",
        "web",
        "--label",
        "tier=front",
        "-v",
        &bind,
        "-p",
        "80",
        "--expose",
        "90/udp",
    ];
    daemon.docker(&[&full[..], &["busybox", "sleep", "1000"]].concat()).ok();
    let paused = ["run", "-d", "--name", "paused", "--network", "none", "--label", "tier=back", "busybox"];
    daemon.docker(&[&paused[..], &["sleep", "1000"]].concat()).ok();
    daemon.docker(&["pause", "paused"]).ok();
    daemon.docker(&["run", "--name", "failed", "busybox", "sh", "-c", "exit 3"]);
    daemon.docker(&["tag", "busybox", "other:1"]).ok();
}

#[test]
fn filters_find_what_they_name() {
    let daemon = daemon();
    let volume = tempfile::tempdir().unwrap();
    four(&daemon, volume.path());
    let image = daemon.docker(&["inspect", "-f", "{{.Image}}", "web"]).ok();
    let network = daemon.docker(&["network", "inspect", "-f", "{{.Id}}", "bridge"]).ok();
    let source = format!("volume={}", volume.path().display());
    let all = "failed older paused web";
    for (filter, names) in [
        ("status=paused", "paused"),
        ("status=exited", "failed"),
        ("status=created", "older"),
        ("exited=3", "failed"),
        ("name=^/?(web|older)$", "older web"),
        ("name=PAUSED", ""),
        ("label=tier", "paused web"),
        ("label=tier=back", "paused"),
        ("label!=tier", "failed older"),
        ("before=web", "older"),
        ("since=web", "failed paused"),
        ("ancestor=busybox", all),
        ("ancestor=other:1", all),
        (&format!("ancestor={image}"), all),
        (&format!("ancestor={}", &image["sha256:".len()..][..12]), all),
        ("ancestor=nosuch", ""),
        ("network=none", "paused"),
        (&format!("network={}", &network[..12]), "failed older web"),
        ("volume=/data", "web"),
        (&source, "web"),
        ("publish=80/tcp", "web"),
        ("expose=90/udp", "web"),
        ("expose=90", ""),
        ("health=none", all),
        ("is-task=true", ""),
        ("isolation=default", all),
    ] {
        let said = daemon.docker(&["ps", "-a", "--filter", filter, "--format", "{{.Names}}"]).ok();
        let mut found: Vec<&str> = said.split_whitespace().collect();
        found.sort_unstable();
        assert_eq!(found.join(" "), names, "{filter}");
    }
}

#[test]
fn columns_and_refusals() {
    let daemon = daemon();
    let volume = tempfile::tempdir().unwrap();
    four(&daemon, volume.path());
    for (filter, part) in [
        ("status=happy", "status=happy"),
        ("colour=red", "colour"),
        ("before=nosuch", "nosuch"),
        ("publish=x", "publish=x"),
        ("is-task=2", "is-task=2"),
    ] {
        let said = daemon.docker(&["ps", "-a", "--filter", filter]);
        assert!(said.code != 0 && said.err.contains(part), "{filter}: {}", said.err);
    }
    assert_eq!(daemon.docker(&["ps", "-n", "2", "--format", "{{.Names}}"]).ok(), "failed\npaused");
    let format = "{{.State}}|{{.Networks}}|{{.Mounts}}|{{.Labels}}";
    let said = daemon.docker(&["ps", "--no-trunc", "--filter", "name=web", "--format", format]).ok();
    assert_eq!(said, format!("running|bridge|{}|tier=front", volume.path().display()));
    assert!(
        daemon
            .docker(&["ps", "--filter", "name=paused", "--format", "{{.Status}}"])
            .ok()
            .ends_with("(Paused)")
    );
}

#[test]
fn a_new_name_is_known_at_once_and_told() {
    let mut daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["create", "--name", "taken", "busybox"]).ok();
    daemon.docker(&["rename", "one", "two"]).ok();
    daemon.docker(&["create", "--name", "one", "busybox"]).ok();
    for (name, part) in [
        ("two", "same name as its current name"),
        ("taken", "Error when allocating new name: Conflict. The container name"),
        ("x?", "Invalid container name"),
    ] {
        let said = daemon.docker(&["rename", "two", name]);
        assert!(said.code != 0 && said.err.contains(part), "{name}: {}", said.err);
    }
    let events =
        ["events", "--since=1", &testkit::program::until_now(), "--filter", "event=rename", "--format"];
    let said =
        daemon.docker(&[&events[..], &["{{.Actor.Attributes.oldName}} {{.Actor.Attributes.name}}"]].concat());
    assert_eq!(said.ok(), "/one two");
    daemon.kill();
    daemon.restart();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.Name}} {{.State.Running}}", "two"]).ok(), "/two true");
}

#[test]
fn waiting_ends_when_its_condition_holds() {
    let daemon = daemon();
    let wait = |name: &str, condition: &str| {
        let path = format!("/containers/{name}/wait?condition={condition}");
        let (status, body) = daemon.request("POST", &path);
        (status, serde_json::from_str::<serde_json::Value>(&body).map(|json| json["StatusCode"].clone()))
    };
    daemon.docker(&["create", "--name", "new", "busybox"]).ok();
    assert_eq!(wait("new", "not-running").1.unwrap(), 0, "it does not run");
    daemon.docker(&["run", "--name", "done", "busybox", "sh", "-c", "exit 4"]);
    assert_eq!(wait("done", "not-running").1.unwrap(), 4);
    assert_eq!(wait("done", "nonsense").0, 400);
    assert_eq!(wait("nosuch", "").0, 404);
    std::thread::scope(|scope| {
        daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
        daemon.docker(&["pause", "one"]).ok();
        let waits = ["not-running", "next-exit", "removed"];
        let waiting = waits.map(|condition| scope.spawn(move || wait("one", condition)));
        // Those that wait are seen by nobody; one that came too late would find the container gone, and fail.
        eventually("all wait", || {
            let log = daemon.log().matches("path=\"/containers/one/wait\"").count();
            if log == waits.len() { Ok(()) } else { Err(log) }
        });
        daemon.docker(&["rm", "-f", "one"]).ok();
        for (waiting, condition) in waiting.into_iter().zip(waits) {
            assert_eq!(waiting.join().unwrap().1.unwrap(), 137, "{condition}");
        }
    });
    let crashing = ["run", "-d", "--name", "loop", "--restart", "always", "busybox", "sh", "-c", "exit 5"];
    daemon.docker(&crashing).ok();
    assert_eq!(daemon.docker(&["wait", "loop"]).ok(), "5", "each end is told to those who wait");
}

#[test]
fn prune_takes_what_does_not_run_and_fits() {
    let daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "running", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["create", "--name", "kept", "--label", "keep", "busybox"]).ok();
    let plain = daemon.docker(&["create", "--name", "plain", "busybox"]).ok();
    let names = || {
        let said = daemon.docker(&["ps", "-a", "--format", "{{.Names}}"]).ok();
        said.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let prune = |filter: &str| daemon.docker(&["container", "prune", "-f", "--filter", filter]);
    assert!(!prune("until=1h").ok().contains("Deleted"));
    for wrong in ["until=soon", "colour=red"] {
        assert_ne!(prune(wrong).code, 0, "{wrong}");
    }
    let said = prune("label!=keep").ok();
    assert!(said.contains(&plain), "{said}");
    assert_eq!(names(), "kept running");
    daemon.docker(&["run", "--name", "wrote", "busybox", "sh", "-c", "head -c 3000000 /dev/zero > /f"]).ok();
    assert!(daemon.docker(&["container", "prune", "-f"]).ok().contains("Total reclaimed space: 3MB"));
    assert_eq!(names(), "running");
    let said = daemon.docker(&["rm", "--link", "running"]);
    assert!(said.err.contains("cannot remove the default link name of the container"), "{}", said.err);
}

#[test]
fn every_step_is_told_in_dockers_words() {
    let daemon = daemon();
    let format =
        "{{.Action}} {{.Actor.Attributes.signal}}{{.Actor.Attributes.exitCode}}{{.Actor.Attributes.color}}";
    for args in [
        vec!["create", "--name", "one", "--label", "color=red", "busybox", "sleep", "1000"],
        vec!["start", "one"],
        vec!["top", "one"],
        vec!["pause", "one"],
        vec!["unpause", "one"],
        vec!["update", "--cpu-shares", "200", "one"],
        vec!["restart", "-t", "0", "one"],
        vec!["kill", "-s", "USR1", "one"],
        vec!["stop", "-s", "INT", "-t", "0", "one"],
        vec!["rm", "one"],
    ] {
        daemon.docker(&args).ok();
    }
    let events = [
        "events",
        "--since=1",
        &testkit::program::until_now(),
        "--filter",
        "container=one",
        "--format",
        format,
    ];
    let said = daemon.docker(&events).ok().replace("<no value>", "");
    let words: Vec<&str> = said.lines().map(str::trim).collect();
    let expected = [
        "create red",
        "start red",
        "top red",
        "pause red",
        "unpause red",
        "update red",
        "kill 15red",
        "kill 9red",
        "die 137red",
        "stop red",
        "start red",
        "restart red",
        "kill 10red",
        "kill 2red",
        "kill 9red",
        "die 137red",
        "stop red",
        "destroy red",
    ];
    assert_eq!(words, expected);
    for (filter, count) in [
        ("event=die", 2),
        ("label=color=red", expected.len()),
        ("image=busybox", expected.len()),
        ("type=image", 0),
        ("scope=swarm", 0),
    ] {
        let said = daemon.docker(&[
            "events",
            "--since=1",
            &testkit::program::until_now(),
            "--filter",
            filter,
            "--filter",
            "container=one",
        ]);
        assert_eq!(said.ok().lines().count(), count, "{filter}");
    }
}
