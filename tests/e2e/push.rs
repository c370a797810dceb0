//! Push, login, logout and search with the real client and with `shoal`, against Debian's registry.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use testkit::program::{programs, said};
use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Options, Registry, USER};
use testkit::{Daemon, Said};

/// A client with a configuration of its own.
struct Client<'a> {
    daemon: &'a Daemon,
    /// `docker` or `shoal`.
    program: &'a str,
    home: &'a Path,
}

impl Client<'_> {
    /// Runs a verb.
    fn run(&self, args: &[&str]) -> Said {
        self.with_input(args, "")
    }

    /// Runs a verb with something on its standard input.
    fn with_input(&self, args: &[&str], input: &str) -> Said {
        let path = std::env::var("PATH").unwrap_or_default();
        let program = match self.program {
            "shoal" => programs().join("shoal"),
            program => program.into(),
        };
        let mut child = Command::new(program)
            .env_remove("DOCKER_HOST")
            .env("DOCKER_CONFIG", self.home)
            .env("PATH", format!("{}:{path}", self.home.display()))
            .args(["-H", &self.daemon.host()])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client");
        child.stdin.take().expect("its input").write_all(input.as_bytes()).ok();
        said(child.wait_with_output().expect("an end"))
    }
}

/// Imports a layer of some blocks as `name`.
fn import(daemon: &Daemon, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..700_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Half of the bits, so that there is something to compress.
            (state >> 28) as u8
        })
        .collect();
    fs::write(dir.path().join("noise"), noise).unwrap();
    let archive = dir.path().join("root.tar");
    let tar = Command::new("tar").arg("-C").arg(dir.path()).arg("-cf").arg(&archive).arg("noise").status();
    assert!(tar.unwrap().success());
    daemon.docker(&["import", &archive.display().to_string(), name]).ok();
}

fn secured() -> Registry {
    Registry::with(Options { tls: true, password: true, ..Options::default() })
}

/// The whole walk, as both clients walk it.
fn walk(client: &Client<'_>, registry: &Registry) {
    let Client { program, home, .. } = client;
    let server = registry.address.to_string();
    let name = registry.name(&format!("{program}/first:1"));
    import(client.daemon, &name);

    let refused = client.run(&["push", &name]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("no basic auth credentials"), "{refused:?}");

    let (user, password) = USER;
    let wrong = client.with_input(&["login", "-u", user, "--password-stdin", &server], "wrong");
    assert_eq!(wrong.code, 1, "{wrong:?}");
    assert!(wrong.err.contains("401 Unauthorized") && !wrong.err.contains("wrong\n"), "{wrong:?}");
    let right =
        client.with_input(&["login", "-u", user, "--password-stdin", &server], &format!("{password}\n"));
    assert!(right.ok().contains("Login Succeeded"));
    let file = home.join("config.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    // base64 of `shoal:secret`.
    assert_eq!(kept["auths"][&server]["auth"], "c2hvYWw6c2VjcmV0");
    assert_eq!(kept["psFormat"], "x");

    let pushed = client.run(&["push", &name]).ok();
    assert!(pushed.starts_with("The push refers to repository"), "{pushed}");
    assert!(pushed.contains(": Pushed") && pushed.contains("1: digest: sha256:"), "{pushed}");
    let again = client.run(&["push", &name]).ok();
    assert!(again.contains(": Layer already exists") && !again.contains(": Pushed"), "{again}");
    assert_eq!(pushed.lines().last(), again.lines().last());

    let other = registry.name(&format!("{program}/second:2"));
    client.run(&["tag", &name, &other]).ok();
    let mounted = client.run(&["push", &other]).ok();
    assert!(mounted.contains(&format!(": Mounted from {program}/first")), "{mounted}");

    // What was pushed is what was there.
    let id = client.run(&["inspect", "-f", "{{.Id}}", &name]).ok();
    client.run(&["rmi", "-f", &id]).ok();
    client.run(&["pull", &other]).ok();
    assert_eq!(client.run(&["inspect", "-f", "{{.Id}}", &other]).ok(), id);

    client.run(&["logout", &server]).ok();
    let kept = fs::read_to_string(&file).unwrap();
    assert!(!kept.contains("c2hvYWw6c2VjcmV0") && kept.contains("psFormat"), "{kept}");
    let refused = client.run(&["push", &other]);
    assert!(refused.code == 1 && refused.err.contains("no basic auth credentials"), "{refused:?}");
    assert!(!client.daemon.log().contains(password), "the password is in the daemon's log");
}

#[test]
fn login_push_mount_logout() {
    let (daemon, registry) = (Daemon::start(&[]), secured());
    for program in ["docker", "shoal"] {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("config.json");
        fs::write(&file, r#"{"psFormat": "x"}"#).unwrap();
        // Docker's client leaves the mode of a file that is there as it is; `shoal` makes it the user's own.
        let mode = if program == "docker" { 0o600 } else { 0o644 };
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        walk(&Client { daemon: &daemon, program, home: home.path() }, &registry);
    }
}

#[test]
fn a_program_keeps_the_credentials() {
    let (daemon, registry) = (Daemon::start(&[]), secured());
    let home = tempfile::tempdir().unwrap();
    // Speaks the protocol with a file.
    let helper = home.path().join("docker-credential-box");
    let script = "#!/bin/sh\nf=\"$DOCKER_CONFIG/box\"\ncase $1 in\nstore) cat > \"$f\";;\nget) cat > /dev/null; cat \"$f\" \
                  2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; };;\nerase) cat > /dev/null; rm -f \"$f\";;\nesac\n";
    fs::write(&helper, script).unwrap();
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(home.path().join("config.json"), r#"{"credsStore": "box"}"#).unwrap();
    let client = Client { daemon: &daemon, program: "shoal", home: home.path() };
    let (server, name) = (registry.address.to_string(), registry.name("a:1"));
    import(&daemon, &name);
    let refused = client.run(&["push", &name]);
    assert!(refused.err.contains("no basic auth credentials"), "{refused:?}");
    client.with_input(&["login", "-u", USER.0, "--password-stdin", &server], USER.1).ok();
    assert!(fs::read_to_string(home.path().join("box")).unwrap().contains(USER.1));
    assert!(!fs::read_to_string(home.path().join("config.json")).unwrap().contains("c2hv"));
    client.run(&["push", "-q", &name]).ok();
    client.run(&["logout", &server]).ok();
    assert!(!home.path().join("box").exists());
}

#[test]
fn what_breaks_on_the_way_is_mended() {
    let (daemon, registry) = (Daemon::start(&[]), Registry::start());
    let proxy = Proxy::start(registry.address);
    let name = format!("{}/a:1", proxy.address);
    import(&daemon, &name);
    proxy.on("PATCH", "/blobs/uploads/", 1, Fault::CutRequest(100_000));
    proxy.on("POST", "/blobs/uploads/", 1, Fault::status("503 Service Unavailable"));
    let later = Fault::Answer("429 Too Many Requests", vec!["Retry-After: 0".to_owned()], Vec::new());
    proxy.on("PUT", "/manifests/", 1, later);
    let pushed = daemon.docker(&["push", &name]).ok();
    assert!(pushed.contains(": Pushed"), "{pushed}");
    assert!(proxy.count("PATCH", "/blobs/uploads/") >= 3, "{:?}", proxy.asked());
    let id = daemon.docker(&["inspect", "-f", "{{.Id}}", &name]).ok();
    daemon.docker(&["rmi", "-f", &id]).ok();
    daemon.docker(&["pull", &name]).ok();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.Id}}", &name]).ok(), id);
    // One that stays away is told in one sentence.
    proxy.clear();
    proxy.on("GET", "/v2/", usize::MAX, Fault::status("500 Internal Server Error"));
    let refused = daemon.docker(&["push", &name]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("error from registry") && refused.err.contains("status 500"), "{refused:?}");
}

#[test]
fn what_cannot_be_pushed_is_told_in_dockers_words() {
    let (daemon, registry) = (Daemon::start(&[]), Registry::start());
    let (name, missing) = (registry.name("a:1"), registry.name("b"));
    import(&daemon, &name);
    let said = daemon.docker(&["push", &missing]);
    assert_eq!(
        (said.code, said.err.trim()),
        (1, format!("An image does not exist locally with the tag: {missing}").as_str())
    );
    let said = daemon.docker(&["push", &registry.name("a:2")]);
    assert_eq!(
        (said.code, said.err.trim()),
        (1, format!("tag does not exist: {}", registry.name("a:2")).as_str())
    );
    for tag in ["2", "3"] {
        daemon.docker(&["tag", &name, &registry.name(&format!("a:{tag}"))]).ok();
    }
    let pushed = daemon.docker(&["push", "--all-tags", &registry.name("a")]).ok();
    assert_eq!(pushed.matches(": digest: sha256:").count(), 3, "{pushed}");
    let found = daemon.get(&format!("/distribution/{name}/json"));
    assert_eq!(found["Descriptor"]["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert_eq!(found["Platforms"][0]["os"], "linux");
    let digest = found["Descriptor"]["digest"].as_str().unwrap();
    assert!(pushed.contains(digest), "{digest} in {pushed}");
    let (status, body) = daemon.request("GET", &format!("/distribution/{missing}/json"));
    assert_eq!(status, 404, "{body}");
}

#[test]
fn a_search_asks_the_registry_of_the_term() {
    let (daemon, registry) = (Daemon::start(&[]), Registry::start());
    let proxy = Proxy::start(registry.address);
    let row = |name: &str, stars: u32, official: bool| {
        format!(
            r#"{{"name":"{name}","description":"of {name}","star_count":{stars},"is_official":{official}}}"#
        )
    };
    let body = format!(r#"{{"results":[{},{}]}}"#, row("one", 5, true), row("two", 1, false));
    let answer =
        Fault::Answer("200 OK", vec!["Content-Type: application/json".to_owned()], body.into_bytes());
    proxy.on("GET", "/v1/search?q=app", usize::MAX, answer);
    let term = format!("{}/app", proxy.address);
    for said in [daemon.docker(&["search", &term]), daemon.shoal(&["search", &term])] {
        let told = said.ok();
        assert!(told.contains("of one") && told.contains("[OK]") && told.contains("of two"), "{told}");
    }
    let told = daemon.docker(&["search", "-f", "stars=3", "--format", "{{.Name}}", &term]).ok();
    assert_eq!(told, "one");
    let said = daemon.docker(&["search", "--limit", "101", &term]);
    assert!(said.err.contains("limit 101 is outside the range of [1, 100]"), "{said:?}");
}
