//! Secrets, configs and registry credentials: who gets them, where, and what never has them.

use std::fs;
use std::path::Path;
use std::process::Command;

use testkit::program::Said;
use testkit::registry::{self, Options, Registry};
use testkit::{Daemon, Lan, Pair, eventually};

/// What must be on no disk.
const SECRET: &str = "correct-horse-battery-staple";

/// A file of this text, that a test may give to a client.
fn written(daemon: &Daemon, name: &str, text: &str) -> String {
    let path = daemon.path(name);
    fs::write(&path, text).expect("writes");
    path.display().to_string()
}

fn words(daemon: &Daemon, client: &str, words: &str) -> Said {
    let words: Vec<&str> = words.split_whitespace().collect();
    if client == "docker" { daemon.docker(&words) } else { daemon.shoal(&words) }
}

fn container(daemon: &Daemon, service: &str) -> String {
    let filter = format!("label=com.docker.swarm.service.name={service}");
    eventually(&format!("a task of {service} runs"), || {
        let id = daemon.docker(&["ps", "-q", "--filter", &filter]).ok();
        if id.is_empty() { Err(daemon.docker(&["ps", "-a"]).out + &daemon.log()) } else { Ok(id) }
    })
}

/// The files beneath a directory that hold the secret.
fn holders(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(holders(&path)),
            Ok(kind) if kind.is_file() => {
                let bytes = fs::read(&path).unwrap_or_default();
                if bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes()) {
                    found.push(path.display().to_string());
                }
            }
            _ => {}
        }
    }
    found
}

#[test]
fn a_secret_is_where_it_is_needed_and_on_no_disk() {
    let mut pair = Pair::joined();
    let file = written(&pair.manager, "key", SECRET);
    pair.manager.docker(&["secret", "create", "-l", "tier=back", "key", &file]).ok();
    fs::remove_file(&file).expect("removes");
    let node = pair.worker.docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok();
    let create = format!(
        "service create --detach --name web --secret key --secret source=key,target=/etc/key,uid=33,gid=34,mode=0400 \
         --constraint node.id=={node} busybox sleep 1000"
    );
    words(&pair.manager, "docker", &create).ok();
    let id = container(&pair.worker, "web");
    let inside = |daemon: &Daemon, program: &str| {
        daemon.docker(&[&["exec", &id][..], &program.split(' ').collect::<Vec<_>>()].concat())
    };
    assert_eq!(inside(&pair.worker, "cat /run/secrets/key").ok(), SECRET);
    assert_eq!(inside(&pair.worker, "stat -c %u:%g:%a /etc/key /run/secrets/key").ok(), "33:34:400\n0:0:444");
    let refused = inside(&pair.worker, "sh -c echo>/run/secrets/key");
    assert_ne!(refused.code, 0, "nobody writes to it: {refused:?}");
    assert!(
        inside(&pair.worker, "grep secrets /proc/mounts").ok().contains("tmpfs ro,"),
        "read-only, in memory"
    );

    // Told nowhere, kept nowhere.
    let told = [
        pair.manager.docker(&["secret", "inspect", "key"]).ok(),
        pair.manager.docker(&["service", "inspect", "web"]).ok(),
        pair.worker.docker(&["inspect", &id]).ok(),
        pair.manager.log() + &pair.worker.log(),
    ];
    assert!(told.iter().all(|text| !text.contains(SECRET)), "{told:#?}");
    assert!(!fs::read_to_string("/proc/self/mountinfo").expect("mounts").contains("run/secrets"));
    for daemon in [&pair.manager, &pair.worker] {
        assert_eq!(holders(&daemon.path("")), Vec::<String>::new());
    }

    // What runs keeps it through its daemon's restart; what is started by hand has not got it.
    pair.worker.kill();
    pair.worker.restart();
    assert_eq!(inside(&pair.worker, "cat /run/secrets/key").ok(), SECRET);
    let by_hand = pair.worker.docker(&["restart", "-t", "0", &id]);
    assert!(by_hand.err.contains("can only be started by the swarm"), "{by_hand:?}");

    let used = pair.manager.docker(&["secret", "rm", "key"]);
    assert!(used.err.contains("secret 'key' is in use by the following service: web"), "{used:?}");
    pair.manager.docker(&["service", "rm", "web"]).ok();
    eventually("the container is gone", || match pair.worker.docker(&["ps", "-aq"]).ok() {
        none if none.is_empty() => Ok(()),
        some => Err(some),
    });
    pair.manager.docker(&["secret", "rm", "key"]).ok();
}

#[test]
fn configs_and_templates_by_both_clients() {
    let lan = Lan::new(1);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    let plain = written(&daemon, "plain", "plain text");
    let template = written(
        &daemon,
        "template",
        "{{.Service.Name}}.{{.Task.Slot}} {{secret \"pass\"}} {{env \"COLOUR\"}}",
    );
    for client in ["docker", "shoal"] {
        let run = |text: &str| words(&daemon, client, text);
        run(&format!("config create --label a=b {client}-site {plain}")).ok();
        run(&format!("config create --template-driver golang {client}-page {template}")).ok();
        run(&format!("secret create {client}-pass {plain}")).ok();
        assert!(run("config ls --filter label=a=b").ok().contains(&format!("{client}-site")));
        assert!(run(&format!("config inspect --pretty {client}-site")).ok().contains("plain text"));
        assert!(!run(&format!("secret inspect --pretty {client}-pass")).ok().contains("plain text"));
        run(&format!(
            "service create --detach --name {client}-web --config {client}-site --config source={client}-page,target=/etc/page \
             --secret source={client}-pass,target=pass --env COLOUR=red busybox sleep 1000"
        ))
        .ok();
        let id = container(&daemon, &format!("{client}-web"));
        assert_eq!(daemon.docker(&["exec", &id, "cat", &format!("/{client}-site")]).ok(), "plain text");
        let page = daemon.docker(&["exec", &id, "cat", "/etc/page"]).ok();
        assert_eq!(page, format!("{client}-web.1 plain text red"));

        run(&format!("secret create {client}-new {template}")).ok();
        let rotate = format!(
            "service update --detach --secret-rm {client}-pass --secret-add source={client}-new,target=pass \
             --config-rm {client}-page {client}-web"
        );
        run(&rotate).ok();
        run(&format!("secret rm {client}-pass")).ok();
        eventually("the new task has the new secret", || {
            let id = container(&daemon, &format!("{client}-web"));
            let said = daemon.docker(&["exec", &id, "cat", "/run/secrets/pass"]);
            if said.out.starts_with("{{.Service") { Ok(()) } else { Err(format!("{said:?}")) }
        });
        run(&format!("service rm {client}-web")).ok();
        run(&format!("config rm {client}-site {client}-page")).ok();
    }
    let missing = daemon.docker(&["service", "create", "--secret", "nothing", "busybox"]);
    assert!(missing.err.contains("secret not found: nothing"), "{missing:?}");
    let empty = daemon.shoal(&["secret", "create", "empty", "/dev/null"]);
    assert!(empty.code != 0, "{empty:?}");
}

#[test]
fn a_private_image_is_pulled_with_what_the_service_brings() {
    let open = Registry::start();
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["tag", "busybox", &open.name("private:1")]).ok();
    daemon.docker(&["push", &open.name("private:1")]).ok();
    let registry =
        Registry::with(Options { password: true, data: Some(open.data().to_owned()), ..Options::default() });
    let image = registry.name("private:1");
    daemon.docker(&["rmi", &open.name("private:1")]).ok();
    daemon.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"]).ok();
    let config = tempfile::tempdir().expect("a directory");
    let client = |program: &str, words: &[&str]| {
        let mut command = match program {
            "docker" => Command::new("docker"),
            _ => Command::new(testkit::program::programs().join("shoal")),
        };
        testkit::program::run(
            command.env("DOCKER_CONFIG", config.path()).args(["-H", &daemon.host()]).args(words),
        )
    };
    client(
        "docker",
        &["login", "-u", registry::USER.0, "-p", registry::USER.1, &registry.address.to_string()],
    )
    .ok();

    let create = ["service", "create", "--detach", "--restart-delay", "100ms", "--name"];
    let sleep = [image.as_str(), "sleep", "1000"];
    client("docker", &[&create[..], &["bare", "--no-resolve-image"], &sleep].concat()).ok();
    eventually("without credentials the task says why", || {
        let said = daemon.docker(&["service", "ps", "--no-trunc", "bare"]).out;
        if said.contains("pull access denied") { Ok(()) } else { Err(said) }
    });
    for program in ["docker", "shoal"] {
        let said = client(program, &[&create[..], &[program, "--with-registry-auth"], &sleep].concat());
        assert!(said.code == 0 && !said.err.contains("could not be accessed"), "{said:?}");
        container(&daemon, program);
        let told = daemon.docker(&["service", "inspect", program]).ok();
        assert!(told.contains(&format!("{image}@sha256:")) && told.contains("\"Platforms\""), "{told}");
        assert!(!told.contains("RegistryAuth"), "{told}");
    }
    let said =
        client("shoal", &["service", "create", "--detach", "--name", "local", "busybox", "sleep", "1000"]);
    assert!(said.code == 0 && said.err.contains("could not be accessed on a registry"), "{said:?}");
    container(&daemon, "local");
}
