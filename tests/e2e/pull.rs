//! Pull over the wire: a real registry with TLS, certificates and passwords, and one behind a proxy that breaks things.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use testkit::proxy::{Fault, Proxy};
use testkit::registry::{Options, Registry, USER, Upload, digest, manifest};
use testkit::{Daemon, eventually};

/// Layers that do not compress, so that their transfer can be cut in the middle.
const LAYER_BYTES: usize = 3 << 20;

/// A plain archive with one file of bytes that look random.
fn tar(name: &str, bytes: usize, seed: u64) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let content: Vec<u8> = (0..bytes).map(|_| next()).collect();
    fs::write(dir.path().join(name), content).unwrap();
    let out =
        Command::new("tar").arg("-C").arg(dir.path()).args(["-c", "--owner=0", "--group=0", name]).output();
    out.unwrap().stdout
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("gzip").args(["-1", "-n"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut to = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || to.write_all(&bytes));
    let out = child.wait_with_output().unwrap().stdout;
    writer.join().unwrap().unwrap();
    out
}

/// An image: its configuration, and its layers as they go over the wire.
struct Image {
    config: Vec<u8>,
    layers: Vec<Vec<u8>>,
}

impl Image {
    fn new(plain: &[Vec<u8>], architecture: &str) -> Self {
        let ids: Vec<String> = plain.iter().map(|layer| format!("\"{}\"", digest(layer))).collect();
        let config = format!(
            r#"{{"architecture":"{architecture}","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":[{}]}}}}"#,
            ids.join(",")
        );
        Self { config: config.into_bytes(), layers: plain.iter().map(|layer| gzip(layer)).collect() }
    }

    fn upload(&self) -> Upload<'_> {
        Upload { docker: false, config: &self.config, layers: &self.layers }
    }
}

fn host() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn docker_with(daemon: &Daemon, config: &Path, args: &[&str]) -> testkit::Said {
    testkit::program::run(
        Command::new("docker").env("DOCKER_CONFIG", config).args(["-H", &daemon.host()]).args(args),
    )
}

/// Nothing of a pull is left: no image, no blob, no layer, nothing under way.
fn eventually_nothing(daemon: &Daemon) {
    let store = daemon.path("data/image");
    eventually("nothing is left", || {
        for name in ["blobs/sha256", "layers", "tmp", "l"] {
            let left: Vec<_> =
                fs::read_dir(store.join(name)).unwrap().flatten().map(|e| e.file_name()).collect();
            if !left.is_empty() {
                return Err(format!("{name}: {left:?}"));
            }
        }
        Ok(())
    });
    assert_eq!(daemon.docker(&["images", "-aq"]).ok(), "");
}

#[test]
fn tls_with_a_private_authority_client_certificates_and_a_password() {
    let plain = Registry::start();
    let image = Image::new(&[tar("hello", 100, 1)], host());
    image.upload().put(plain.address, "a", "1");
    let registry = Registry::with(Options {
        tls: true,
        client_certificates: true,
        password: true,
        data: Some(plain.data().to_owned()),
        ..Options::default()
    });
    let certs = tempfile::tempdir().unwrap();
    let own = certs.path().join(registry.address.to_string());
    fs::create_dir(&own).unwrap();
    fs::write(own.join("ca.crt"), testkit::registry::Authority::new().pem()).unwrap();
    let daemon = Daemon::start_with(&[], &[("SHOAL_CERTS_D", &certs.path().display().to_string())]);
    let name = registry.name("a:1");

    let said = daemon.docker(&["pull", &name]);
    assert!(said.code == 1 && said.err.contains("certificate"), "another authority: {}", said.err);
    registry.write_certs(certs.path());
    fs::remove_file(own.join("client.key")).unwrap();
    let said = daemon.docker(&["pull", &name]);
    assert!(said.err.contains("missing key client.key for client certificate client.cert"), "{}", said.err);
    fs::remove_file(own.join("client.cert")).unwrap();
    let said = daemon.docker(&["pull", &name]);
    assert_eq!(said.code, 1, "without a certificate of our own: {}", said.out);
    registry.write_certs(certs.path());
    let said = daemon.docker(&["pull", &name]);
    let words = format!("pull access denied for {}, repository does not exist", registry.name("a"));
    assert!(said.code == 1 && said.err.contains(&words), "without a password: {}", said.err);

    let config = tempfile::tempdir().unwrap();
    let basic = "c2hvYWw6c2VjcmV0";
    assert_eq!(USER, ("shoal", "secret"));
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"{basic}"}}}}}}"#, registry.address);
    fs::write(config.path().join("config.json"), text).unwrap();
    let said = docker_with(&daemon, config.path(), &["pull", &name]).ok();
    let digest = digest(image.upload().manifest().as_bytes());
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "1: Pulling from a");
    assert_eq!(
        lines[lines.len() - 3..],
        [format!("Digest: {digest}"), format!("Status: Downloaded newer image for {name}"), name.clone()]
    );
    assert_eq!(
        daemon.docker(&["inspect", "-f", "{{index .RepoDigests 0}}", &name]).ok(),
        format!("{}@{digest}", registry.name("a"))
    );
    assert!(!daemon.log().contains(basic) && !daemon.log().contains("secret"), "no credentials in the log");
    let said = docker_with(&daemon, config.path(), &["pull", &name]).ok();
    assert!(said.contains(&format!("Status: Image is up to date for {name}")), "{said}");
}

#[test]
fn what_breaks_on_the_way_is_resumed_and_what_is_busy_is_asked_again() {
    let registry = Registry::start();
    let image = Image::new(&[tar("a", LAYER_BYTES, 1), tar("b", 1000, 2)], host());
    image.upload().put(registry.address, "a", "1");
    let proxy = Proxy::start(registry.address);
    let daemon = Daemon::start(&[]);
    let name = format!("{}/a:1", proxy.address);
    let big = digest(&image.layers[0]);

    proxy.on(
        "GET",
        "/manifests/",
        1,
        Fault::Answer("429 Too Many Requests", vec!["Retry-After: 1".into()], vec![]),
    );
    proxy.on("GET", "/manifests/", 1, Fault::status("503 Service Unavailable"));
    proxy.on("GET", &digest(&image.config), 1, Fault::Cut(10));
    proxy.on("GET", &big, 1, Fault::status("502 Bad Gateway"));
    proxy.on("GET", &big, 1, Fault::Cut(1 << 20));
    proxy.on("GET", &big, 1, Fault::IgnoreRange);
    proxy.on("GET", &digest(&image.layers[1]), 1, Fault::Corrupt(50));
    let said = daemon.docker(&["pull", &name]).ok();
    assert!(said.contains("Status: Downloaded newer image"), "{said}");
    let asked = proxy.asked();
    let ranges: Vec<_> =
        asked.iter().filter(|asked| asked.path.contains(&big)).map(|asked| asked.header("range")).collect();
    let offset =
        ranges[2].and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<u64>().ok());
    // What the kernel had not handed over when the connection broke may come again.
    assert!(ranges.len() == 3 && offset.is_some_and(|bytes| bytes > 0 && bytes <= 1 << 20), "{ranges:?}");
    let out = daemon.path("out.tar").display().to_string();
    daemon.docker(&["create", "--name", "made", &name, "/none"]).ok();
    daemon.docker(&["export", "-o", &out, "made"]).ok();
    let list = Command::new("tar").args(["-tvf", &out]).output().unwrap();
    assert!(
        String::from_utf8_lossy(&list.stdout).contains(&format!("{LAYER_BYTES} ")),
        "all bytes are there"
    );
}

#[test]
fn two_pulls_fetch_each_blob_once_and_the_second_outlives_the_first() {
    let registry = Registry::start();
    let (base, mine, other) = (tar("base", LAYER_BYTES, 1), tar("mine", 500, 2), tar("other", 500, 3));
    let first = Image::new(&[base.clone(), mine], host());
    let second = Image::new(&[base, other], host());
    first.upload().put(registry.address, "first", "1");
    second.upload().put(registry.address, "second", "1");
    let proxy = Proxy::start(registry.address);
    let daemon = Daemon::start(&[]);
    let shared = digest(&first.layers[0]);
    proxy.on("GET", &shared, 1, Fault::Slow(64 << 10, Duration::from_millis(10)));
    let spawn = |name: &str| {
        let mut command = Command::new("docker");
        command.args(["-H", &daemon.host(), "pull", &format!("{}/{name}:1", proxy.address)]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let mut cancelled = spawn("first");
    eventually("the first pull fetches", || {
        (proxy.count("GET", &shared) == 1).then_some(()).ok_or("not yet")
    });
    let going = spawn("second");
    eventually("the second pull waits", || {
        (proxy.count("GET", &digest(&second.layers[1])) == 1).then_some(()).ok_or("not yet")
    });
    cancelled.kill().unwrap();
    cancelled.wait().unwrap();
    let said = testkit::program::said(going.wait_with_output().unwrap()).ok();
    assert!(said.contains(&format!("{}: Pull complete", &shared[7..19])), "{said}");
    assert_eq!(proxy.count("GET", &shared), 1, "one fetch for both");
    assert_eq!(
        daemon.docker(&["images", "--format", "{{.Repository}}"]).ok(),
        format!("{}/second", proxy.address)
    );
    let said = daemon.docker(&["pull", &format!("{}/first:1", proxy.address)]).ok();
    assert!(said.contains(&format!("{}: Already exists", &shared[7..19])), "{said}");
    assert_eq!(proxy.count("GET", &shared), 1, "and none for a third");
}

#[test]
fn a_daemon_that_is_killed_in_a_pull_leaves_nothing_and_pulls_again() {
    let registry = Registry::start();
    let image = Image::new(&[tar("a", LAYER_BYTES, 1), tar("b", 100, 2)], host());
    image.upload().put(registry.address, "a", "1");
    let proxy = Proxy::start(registry.address);
    let mut daemon = Daemon::start(&["--max-concurrent-downloads", "2"]);
    let name = format!("{}/a:1", proxy.address);
    let slow = digest(&image.layers[0]);
    proxy.on("GET", &slow, 1, Fault::Stall(1 << 20));
    let mut command = Command::new("docker");
    command.args(["-H", &daemon.host(), "pull", &name]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut pull = command.spawn().unwrap();
    let under_way = daemon.path("data/image/tmp");
    eventually("a part of the layer is here", || {
        let places = fs::read_dir(&under_way).unwrap().flatten();
        let files = places.flat_map(|place| fs::read_dir(place.path()).into_iter().flatten().flatten());
        let bytes = files.filter_map(|file| file.metadata().ok()).filter(|file| file.is_file());
        (bytes.map(|file| file.len()).sum::<u64>() > 100_000).then_some(()).ok_or("not yet")
    });
    daemon.kill();
    pull.wait().unwrap();
    daemon.restart();
    eventually_nothing(&daemon);
    daemon.docker(&["pull", &name]).ok();
    daemon.docker(&["rmi", &name]).ok();
    eventually_nothing(&daemon);
}

#[test]
fn refusals_have_dockers_words_and_leave_nothing() {
    let registry = Registry::start();
    let image = Image::new(&[tar("a", 100, 1)], host());
    image.upload().put(registry.address, "a", "1");
    let proxy = Proxy::start(registry.address);
    let daemon = Daemon::start(&["--max-download-attempts", "2"]);
    let name = |rest: &str| format!("{}/{rest}", proxy.address);
    let refused = |name: &str, words: &str| {
        let said = daemon.docker(&["pull", name]);
        assert!(
            said.code == 1 && said.err.contains(words),
            "{name}: {words:?} not in {:?}{:?}",
            said.out,
            said.err
        );
        assert_eq!(said.err.trim().lines().count(), 1, "one sentence: {}", said.err);
    };
    refused(&name("a:2"), "manifest unknown: manifest unknown");
    refused(&name("none:1"), "not found: manifest unknown");
    let own = digest(&image.layers[0]);
    proxy.on("GET", &own, 2, Fault::Corrupt(20));
    refused(&name("a:1"), &format!("content of {own} has digest "));
    proxy.on("GET", &own, 2, Fault::status("503 Service Unavailable"));
    refused(&name("a:1"), "status 503");
    let later = vec!["Retry-After: 86400".to_owned()];
    let busy =
        br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
    proxy.on("GET", "/manifests/", 1, Fault::Answer("429 Too Many Requests", later, busy.to_vec()));
    refused(&name("a:1"), "toomanyrequests: You have reached your pull rate limit.");
    proxy.on("GET", "/manifests/", 1, Fault::Answer("200 OK", vec![], vec![b' '; 5 << 20]));
    refused(&name("a:1"), "is larger than the limit of 4194304 bytes");
    let old = r#"{"schemaVersion":1,"name":"a","tag":"1","fsLayers":[]}"#;
    proxy.on("GET", "/manifests/", 1, Fault::Answer("200 OK", vec![], old.into()));
    refused(&name("a:1"), "schema 1");
    let foreign =
        image.upload().manifest().replace(r#""layers":[{"#, r#""layers":[{"urls":["http://127.0.0.1:1/x"],"#);
    proxy.on("GET", "/manifests/", 1, Fault::Answer("200 OK", vec![], foreign.into()));
    refused(&name("a:1"), "is a foreign (non-distributable) layer");
    let said = daemon.docker(&["pull", &name("A:1")]);
    assert!(said.code == 1 && said.err.contains("must be lowercase"), "{}", said.err);
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    refused(&format!("{gone}/a:1"), "Connection refused");
    let status = |rest: &str| daemon.request("POST", &format!("/images/create?fromImage={}", name(rest))).0;
    assert_eq!([status("a&tag=2"), status("A&tag=1")], [404, 400]);
    eventually_nothing(&daemon);
}

#[test]
fn all_tags_platforms_and_mirrors() {
    let registry = Registry::start();
    let image = Image::new(&[tar("a", 100, 1)], host());
    let foreign = Image::new(&[tar("b", 100, 2)], "arm");
    for tag in ["1", "2"] {
        image.upload().put(registry.address, "library/a", tag);
    }
    let entry = |image: &Image, platform: &str| {
        let text = image.upload().manifest();
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{{"os":"linux",{platform}}}}}"#,
            digest(text.as_bytes()),
            text.len()
        )
    };
    foreign.upload().put(registry.address, "multi", "arm");
    image.upload().put(registry.address, "multi", "host");
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{},{}]}}"#,
        entry(&image, &format!(r#""architecture":"{}""#, host())),
        entry(&foreign, r#""architecture":"arm","variant":"v6""#)
    );
    manifest(registry.address, "multi", "latest", &index);
    let daemon = Daemon::start(&["--registry-mirror", &format!("http://{}", registry.address)]);

    let said = daemon.docker(&["pull", "-a", "a"]).ok();
    assert!(said.ends_with("Status: Downloaded newer image for a\ndocker.io/library/a"), "{said}");
    assert_eq!(daemon.docker(&["images", "--format", "{{.Tag}}", "a"]).ok().lines().count(), 2);
    assert_eq!(daemon.shoal(&["pull", "-q", "a:1"]).ok(), "docker.io/library/a:1");
    let multi = registry.name("multi");
    daemon.docker(&["pull", &multi]).ok();
    let architecture = || daemon.docker(&["inspect", "-f", "{{.Architecture}}", &multi]).ok();
    assert_eq!(architecture(), host());
    daemon.docker(&["pull", "--platform", "linux/arm/v7", &multi]).ok();
    assert_eq!(architecture(), "arm");
    let said = daemon.docker(&["pull", "--platform", "linux/s390x", &multi]);
    assert!(
        said.err.contains("no matching manifest for linux/s390x in the manifest list entries"),
        "{}",
        said.err
    );
    let by_digest = format!("{multi}@{}", digest(index.as_bytes()));
    let said = daemon.docker(&["pull", "--platform", "linux/arm/v6", &by_digest]).ok();
    assert!(said.contains(&format!("Digest: {}", digest(index.as_bytes()))), "{said}");
    let said = daemon.docker(&["pull", "--platform", "linux/riscv64", &format!("{multi}:arm")]).ok();
    let words = format!(
        "WARNING: image with reference {multi}:arm was found but its platform (linux/arm) does not match the specified platform (linux/riscv64)"
    );
    assert!(said.contains(&words), "{said}");
    let said = daemon.shoal(&["pull", "-a", &multi]).ok();
    assert!(said.ends_with(&format!("\n{multi}")), "{said}");
}
