//! Services on one node: the road from the command line to containers, and back.

use testkit::{Daemon, Lan, eventually};

/// A daemon on a machine of its own that is a swarm of one.
pub(crate) fn swarm(lan: &Lan) -> Daemon {
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    daemon
}

/// Creates a service, without waiting for it: words of the command line, then those of the program.
pub(crate) fn create(daemon: &Daemon, words: &str, program: &[&str]) -> testkit::program::Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    daemon.docker(&[&["service", "create", "--detach"], &words[..], program].concat())
}

/// Container ids of a service's running tasks.
fn running(daemon: &Daemon, service: &str) -> Vec<String> {
    let filter = format!("label=com.docker.swarm.service.name={service}");
    let ids = daemon.docker(&["ps", "-q", "--no-trunc", "--filter", &filter]).ok();
    ids.lines().map(str::to_owned).collect()
}

pub(crate) fn until_running(daemon: &Daemon, service: &str, count: usize) -> Vec<String> {
    eventually(&format!("{count} tasks of {service} run"), || {
        let ids = running(daemon, service);
        if ids.len() == count {
            Ok(ids)
        } else {
            Err(daemon.docker(&["service", "ps", "--no-trunc", service]).out)
        }
    })
}

#[test]
fn create_heal_scale_update_remove() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let said = daemon.docker(&[
        "service",
        "create",
        "--name",
        "web",
        "--replicas",
        "3",
        "--restart-delay",
        "0s",
        "--detach=false",
        "shoal/hello-http",
    ]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let before = until_running(&daemon, "web", 3);
    assert!(daemon.docker(&["service", "ls"]).ok().contains("3/3"));

    daemon.docker(&["kill", &before[0]]).ok();
    eventually("the dead task has a successor in its slot", || {
        let now = running(&daemon, "web");
        if now.len() == 3 && !now.contains(&before[0]) { Ok(()) } else { Err(format!("{now:?}")) }
    });
    daemon.shoal(&["service", "scale", "web=5"]).ok();
    until_running(&daemon, "web", 5);
    daemon.shoal(&["service", "scale", "web=2"]).ok();
    let two = until_running(&daemon, "web", 2);

    daemon
        .docker(&[
            "service",
            "update",
            "--image",
            "busybox",
            "--args",
            "sleep 1000",
            "--entrypoint",
            "",
            "--stop-grace-period",
            "1s",
            "--detach",
            "web",
        ])
        .ok();
    eventually("both run the new image", || {
        let now = running(&daemon, "web");
        let image = daemon
            .docker(&["ps", "--format", "{{.Image}}", "--filter", "label=com.docker.swarm.service.name=web"])
            .ok();
        let done = now.len() == 2 && now.iter().all(|id| !two.contains(id)) && !image.contains("hello");
        if done { Ok(()) } else { Err(format!("{now:?} {image}")) }
    });
    let kept = until_running(&daemon, "web", 2);
    daemon.docker(&["service", "update", "--label-add", "a=b", "--detach", "web"]).ok();
    assert!(daemon.docker(&["service", "inspect", "-f", "{{.Spec.Labels}}", "web"]).ok().contains("a:b"));
    assert_eq!(running(&daemon, "web"), kept, "labels restart nothing");

    daemon.docker(&["service", "rm", "web"]).ok();
    eventually("no container is left", || {
        let left = daemon.docker(&["ps", "-aq"]).ok();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    assert!(daemon.docker(&["service", "inspect", "web"]).err.to_lowercase().contains("no such service"));
}

#[test]
fn an_ingress_port_reaches_every_task() {
    let lan = Lan::new(2);
    let daemon = swarm(&lan);
    let web = ["--name", "web", "--replicas", "3", "-p", "8080:80", "shoal/hello-http"];
    daemon.shoal(&[&["service", "create"], &web[..]].concat()).ok();
    let outside = format!("{}:8080", Lan::address(0));
    for (from, address) in [(0, "127.0.0.1:8080"), (1, outside.as_str())] {
        let mut seen = std::collections::BTreeSet::new();
        let address: std::net::SocketAddr = address.parse().unwrap();
        eventually("three different tasks answer", || {
            let answer = lan.hosts[from].inside(|| testkit::http::fetch(address));
            seen.extend(answer.as_ref().ok().cloned());
            if seen.len() == 3 { Ok(()) } else { Err(format!("{seen:?} {answer:?}")) }
        });
    }
    let said = create(&daemon, "--name two -p 8080:80 shoal/hello-http", &[]);
    assert!(said.err.contains("port '8080' is already in use by service 'web'"), "{}", said.err);
}

#[test]
fn a_task_that_cannot_be_placed_says_why() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    create(&daemon, "--name big --reserve-memory 100000g shoal/hello-http", &[]).ok();
    eventually("the reason is told", || {
        let said = daemon.docker(&["service", "ps", "--no-trunc", "big"]).ok();
        let told = said.contains("no suitable node") && said.contains("insufficient resources");
        if told { Ok(()) } else { Err(said) }
    });
    create(&daemon, "--name far --constraint node.labels.zone==moon shoal/hello-http", &[]).ok();
    eventually("the constraint is told", || {
        let said = daemon.docker(&["service", "ps", "--no-trunc", "far"]).ok();
        if said.contains("scheduling constraints not satisfied") { Ok(()) } else { Err(said) }
    });
    for (name, words) in [
        ("volume", "--mount type=volume,src=data,dst=/data,volume-driver=nfs"),
        ("logs", "--log-driver gelf"),
    ] {
        create(&daemon, &format!("--name {name} {words} shoal/hello-http"), &[]).ok();
        eventually("the driver is told to be missing", || {
            let said = daemon.docker(&["service", "ps", "--no-trunc", name]).ok();
            if said.contains("missing plugin on 1 node") { Ok(()) } else { Err(said) }
        });
    }
}

#[test]
fn restart_policy_is_kept() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    create(&daemon, "--name once --restart-condition none busybox", &["sh", "-c", "exit 3"]).ok();
    let policy = "--restart-condition on-failure --restart-max-attempts 2 --restart-delay 0s";
    create(&daemon, &format!("--name twice {policy} busybox"), &["sh", "-c", "exit 4"]).ok();
    let tasks = |service: &str| daemon.docker(&["service", "ps", "-q", service]).ok().lines().count();
    eventually("three attempts in all", || {
        let count = tasks("twice");
        if count == 3 { Ok(()) } else { Err(count.to_string()) }
    });
    eventually("the first has failed", || {
        let said = daemon.docker(&["service", "ps", "--no-trunc", "once"]).ok();
        if said.contains("non-zero exit (3)") { Ok(()) } else { Err(said) }
    });
    assert_eq!((tasks("once"), tasks("twice")), (1, 3));
}

#[test]
fn a_restart_adopts_running_tasks() {
    let lan = Lan::new(1);
    let mut daemon = swarm(&lan);
    daemon.docker(&["service", "create", "--name", "web", "--replicas", "3", "shoal/hello-http"]).ok();
    let before = until_running(&daemon, "web", 3);
    let ids = daemon.docker(&["service", "ps", "-q", "web"]).ok();
    daemon.kill();
    daemon.restart();
    eventually("the manager is back", || {
        let said = daemon.docker(&["service", "ls"]);
        if said.out.contains("3/3") { Ok(()) } else { Err(said.out + &said.err) }
    });
    assert_eq!(running(&daemon, "web"), before, "adopted, not restarted");
    assert_eq!(daemon.docker(&["service", "ps", "-q", "web"]).ok(), ids, "the same tasks");
}

#[test]
fn a_task_runs_when_it_is_healthy_and_is_replaced_when_it_is_not() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let begin = "--health-start-period 60s --health-start-interval 100ms --restart-delay 0s";
    let check = ["--health-cmd", "test -e /well", "--health-interval", "100ms", "--health-retries", "1"];
    let program = [&check[..], &["busybox", "sleep", "1000"]].concat();
    create(&daemon, &format!("--name web {begin}"), &program).ok();
    let first = until_running(&daemon, "web", 1).remove(0);
    let told = daemon.docker(&["inspect", "-f", "{{json .Config.Healthcheck.Test}}", &first]).ok();
    assert_eq!(told, r#"["CMD-SHELL","test -e /well"]"#);
    let states = || {
        daemon
            .docker(&["service", "ps", "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}", "web"])
            .ok()
    };
    assert!(states().starts_with("Starting"), "{}", states());
    daemon.docker(&["exec", &first, "touch", "/well"]).ok();
    let until = |what: &str| {
        eventually(what, || if states().contains(what) { Ok(()) } else { Err(states()) });
    };
    until("Running");
    let spec = "{{(index .Spec.TaskTemplate.ContainerSpec.Healthcheck.Test 1)}}";
    assert_eq!(daemon.docker(&["service", "inspect", "-f", spec, "web"]).ok(), "test -e /well");
    daemon.docker(&["exec", &first, "rm", "/well"]).ok();
    until("unhealthy container");
    assert!(states().contains("Failed"), "{}", states());
    let second = eventually("it has a successor", || match running(&daemon, "web") {
        ids if ids.len() == 1 && ids[0] != first => Ok(ids),
        ids => Err(format!("{ids:?}")),
    });
    assert_eq!(second.len(), 1);
}

#[test]
fn tasks_have_their_volumes_and_memory() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let mounts = "--name keeps --mount type=volume,src=data,dst=/data,volume-label=a=b \
                  --mount type=tmpfs,dst=/m,tmpfs-size=1m,tmpfs-mode=700 busybox";
    let line = "echo kept >> /data/file; grep ' /m ' /proc/mounts; sleep 1000";
    create(&daemon, mounts, &["sh", "-c", line]).ok();
    let first = until_running(&daemon, "keeps", 1);
    eventually("the task has written", || {
        let said = daemon.docker(&["logs", &first[0]]);
        let right = said.out.contains("size=1024k") && said.out.contains("mode=700");
        if right { Ok(()) } else { Err(said.out) }
    });
    assert_eq!(daemon.docker(&["volume", "inspect", "-f", "{{.Labels.a}}", "data"]).ok(), "b");
    let told = "{{range .Spec.TaskTemplate.ContainerSpec.Mounts}}{{.Type}} {{.Source}} {{.Target}};{{end}}";
    let told = daemon.docker(&["service", "inspect", "-f", told, "keeps"]).ok();
    assert_eq!(told, "volume data /data;tmpfs  /m;");
    daemon.docker(&["kill", &first[0]]).ok();
    eventually("the next task finds what the first has written", || {
        let args = ["run", "--rm", "-v", "data:/data", "busybox", "cat", "/data/file"];
        let said = daemon.docker(&args);
        if said.out == "kept\nkept\n" { Ok(()) } else { Err(said.out) }
    });
    let said = create(&daemon, "--name wrong --mount type=volume,src=/abs,dst=/x busybox", &["true"]);
    assert!(said.err.contains("must not be an absolute path"), "{}", said.err);
    let said = create(&daemon, "--name wrong --mount type=cluster,src=group:x,dst=/x busybox", &["true"]);
    assert!(said.err.contains("not implemented"), "{}", said.err);
}
