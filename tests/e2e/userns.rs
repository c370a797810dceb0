//! `--userns-remap`: root of a container is nobody of the host.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use testkit::{Daemon, eventually};

fn mapped() -> Daemon {
    let daemon = Daemon::start(&["--userns-remap", "default"]);
    testkit::image::import_busybox(&daemon);
    daemon
}

fn run(daemon: &Daemon, flags: &[&str], script: &str) -> testkit::program::Said {
    daemon.docker(&[&["run", "--rm"], flags, &["busybox", "sh", "-c", script]].concat())
}

/// Where the numbers of the inside begin on the host.
fn first(daemon: &Daemon) -> u32 {
    let map = run(daemon, &["--net", "none"], "cat /proc/self/uid_map").ok();
    let mut words = map.split_whitespace();
    assert_eq!(words.next(), Some("0"), "{map}");
    words.next().unwrap().parse().unwrap()
}

#[test]
fn root_inside_is_nobody_outside() {
    let daemon = mapped();
    let first = first(&daemon);
    assert_ne!(first, 0);
    assert!(daemon.docker(&["info", "-f", "{{.SecurityOptions}}"]).ok().contains("name=userns"));

    // Inside everything looks as always, and the engine's files are root's.
    let script = "id -u; stat -c %u /bin/busybox /etc/hosts; touch /mine && stat -c %u /mine; echo x >> /etc/hosts && echo wrote";
    assert_eq!(run(&daemon, &[], script).ok(), "0\n0\n0\n0\nwrote");
    // One that older kernels too show to other users.
    let inside = "ip -o -4 addr show eth0 | grep -c inet; cat /proc/sys/net/ipv4/ip_default_ttl";
    assert_eq!(run(&daemon, &["--sysctl", "net.ipv4.ip_default_ttl=77", "-m", "64m"], inside).ok(), "1\n77");

    // Outside the process is somebody else.
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    let pid = daemon.docker(&["inspect", "-f", "{{.State.Pid}}", "one"]).ok();
    assert_eq!(fs::metadata(format!("/proc/{pid}")).unwrap().uid(), first);
    assert_eq!(daemon.docker(&["exec", "one", "id", "-u"]).ok(), "0");
    let joined = run(
        &daemon,
        &["--net", "container:one", "--pid", "container:one"],
        "cat /proc/1/comm; ls -d /proc/[0-9]* | wc -l",
    );
    let joined = joined.ok();
    assert!(
        joined.starts_with("sleep\n") && joined.lines().last().unwrap().trim().parse::<u32>().unwrap() < 8,
        "{joined}"
    );
    daemon.docker(&["rm", "-f", "one"]).ok();
}

#[test]
fn what_is_the_hosts_stays_the_hosts() {
    let daemon = mapped();
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let bind = format!("{}:/bind", dir.path().display());
    let said = run(&daemon, &["--net", "none", "-v", &bind], "touch /bind/file");
    assert!(said.code == 1 && said.err.contains("Permission denied"), "{said:?}");
    assert!(!dir.path().join("file").exists());
    run(&daemon, &["--net", "none", "--userns", "host", "-v", &bind], "touch /bind/file").ok();
    assert_eq!(fs::metadata(dir.path().join("file")).unwrap().uid(), 0);

    // A volume is the containers' own, with and without a map.
    run(&daemon, &["--net", "none", "-v", "data:/data"], "touch /data/file").ok();
    for flags in [&["--net", "none"][..], &["--net", "none", "--userns", "host"]] {
        let flags = [flags, &["-v", "data:/data"]].concat();
        assert_eq!(run(&daemon, &flags, "stat -c %u /data /data/file").ok(), "0\n0", "{flags:?}");
    }
    daemon.docker(&["volume", "rm", "data"]).ok();
}

#[test]
fn the_hosts_namespaces_need_the_hosts_users() {
    let daemon = mapped();
    for (flags, words) in [
        (&["--privileged"][..], "privileged mode is incompatible with user namespaces"),
        (&["--net", "host"], "cannot share the host's network namespace when user namespaces are enabled"),
        (&["--pid", "host"], "cannot share the host PID namespace when user namespaces are enabled"),
    ] {
        let said = run(&daemon, flags, "true");
        assert!(said.code == 125 && said.err.contains(words), "{flags:?}: {}", said.err);
        run(&daemon, &[flags, &["--userns", "host"]].concat(), "true").ok();
    }
    let host = run(&daemon, &["--userns", "host", "--net", "none"], "cat /proc/self/uid_map").ok();
    assert_eq!(host.split_whitespace().nth(1), Some("0"));
}

#[test]
fn files_are_copied_into_a_running_container() {
    let daemon = mapped();
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("from");
    fs::create_dir_all(from.join("sub")).unwrap();
    fs::write(from.join("sub/file"), "text").unwrap();
    chown(from.join("sub/file"), Some(5), Some(6)).unwrap();
    fs::set_permissions(from.join("sub/file"), fs::Permissions::from_mode(0o4750)).unwrap();
    let from = from.to_str().unwrap();
    let run = ["run", "-d", "--name", "one", "--net", "none", "-v", "data:/data", "--tmpfs", "/memory"];
    daemon.docker(&[&run[..], &["busybox", "sleep", "1000"]].concat()).ok();
    for place in ["/", "/data", "/memory"] {
        daemon.docker(&["cp", "-a", from, &format!("one:{place}")]).ok();
        let stat = [
            "exec",
            "one",
            "stat",
            "-c",
            "%u:%g %a",
            &format!("{place}/from"),
            &format!("{place}/from/sub/file"),
        ];
        assert_eq!(daemon.docker(&stat).ok(), "0:0 755\n5:6 4750", "{place}");
    }
    // What a host's user owns that the container does not have.
    chown(dir.path().join("from/sub/file"), Some(5_000_000), None).unwrap();
    let said = daemon.docker(&["cp", "-a", from, "one:/tmp"]);
    assert!(said.code == 1 && said.err.contains("has no owner 5000000"), "{said:?}");
    daemon.docker(&["cp", "one:/from", dir.path().join("back").to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(dir.path().join("back/sub/file")).unwrap(), "text");
    daemon.docker(&["rm", "-fv", "one"]).ok();
}

#[test]
fn a_program_that_is_not_there_is_said_so() {
    let said = mapped().docker(&["run", "--rm", "--net", "none", "busybox", "nosuch"]);
    assert!(said.code == 127 && said.err.contains("executable file not found in $PATH"), "{said:?}");
}

#[test]
fn images_memory_and_owners_are_seen_with_the_containers_users() {
    let daemon = mapped();
    // Two layers, so that they are stacked.
    let build = "mkdir /two && echo two > /two/file && chown 5:6 /two/file";
    daemon.docker(&["run", "--name", "made", "busybox", "sh", "-c", build]).ok();
    daemon.docker(&["commit", "made", "stacked"]).ok();
    daemon.docker(&["rm", "made"]).ok();
    let look = "stat -c '%u %g' /i/two/file; cat /i/two/file; stat -c %u /i/bin/busybox";
    let image = ["--mount", "type=image,src=stacked,dst=/i"];
    assert_eq!(run(&daemon, &image, look).ok(), "5 6\ntwo\n0");
    let part = ["--mount", "type=image,src=stacked,dst=/i,image-subpath=two"];
    assert_eq!(run(&daemon, &part, "stat -c %u /i/file; ls /i").ok(), "5\nfile");
    let single = ["--mount", "type=image,src=busybox,dst=/i"];
    assert_eq!(run(&daemon, &single, "stat -c %u /i/bin/busybox").ok(), "0");

    daemon.docker(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "memory"]).ok();
    let keep = "echo x > /m/file; chown 7:8 /m/file; sleep 1000";
    let args = ["run", "-d", "--name", "one", "-v", "memory:/m", "busybox", "sh", "-c", keep];
    daemon.docker(&args).ok();
    eventually("the file is there", || {
        let said = run(&daemon, &["-v", "memory:/n"], "stat -c '%u %g' /n/file && touch /n/more");
        if said.out == "7 8\n" { Ok(()) } else { Err(said.err) }
    });
    daemon.docker(&["exec", "one", "ls", "/m/more"]).ok();

    let bound = daemon.path("bound");
    fs::create_dir(&bound).unwrap();
    let mount = format!("{}:/b:U", bound.display());
    let line = "touch /b/x /v/x && stat -c %u /b /v";
    assert_eq!(run(&daemon, &["-u", "7", "-v", &mount, "-v", "own:/v:U"], line).ok(), "7\n7");
    assert_eq!(fs::metadata(&bound).unwrap().uid(), first(&daemon) + 7);
}
