//! Daemons that are reached from elsewhere: mutual TLS, ssh, contexts, and sockets that somebody else opened.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use testkit::program::{programs, run};
use testkit::{Daemon, Said, eventually};

/// Flags of a daemon that needs no network of its own.
const ALONE: [&str; 2] = ["--bridge=none", "--iptables=false"];

/// An authority in `dir`: its certificate, and those of a server and a client that it signed.
fn authority(dir: &Path) {
    let ca_key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let write = |name: &str, text: String| fs::write(dir.join(name), text).unwrap();
    write("ca.pem", ca.self_signed(&ca_key).unwrap().pem());
    let issuer = Issuer::new(ca, ca_key);
    let signed =
        [("server-", ExtendedKeyUsagePurpose::ServerAuth), ("", ExtendedKeyUsagePurpose::ClientAuth)];
    for (name, purpose) in signed {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress([127, 0, 0, 1].into())];
        params.extended_key_usages = vec![purpose];
        write(&format!("{name}cert.pem"), params.signed_by(&key, &issuer).unwrap().pem());
        write(&format!("{name}key.pem"), key.serialize_pem());
    }
}

/// A daemon on TCP that only lets clients of its authority in.
struct Guarded {
    daemon: Daemon,
    address: String,
    ours: tempfile::TempDir,
    foreign: tempfile::TempDir,
}

fn guarded() -> Guarded {
    let (ours, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    authority(ours.path());
    authority(foreign.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("tcp://127.0.0.1:{port}");
    let file = |name: &str| ours.path().join(name).display().to_string();
    let daemon = Daemon::start(
        &[
            &ALONE[..],
            &["-H", &address, "--tlsverify", "--tlscacert", &file("ca.pem")],
            &["--tlscert", &file("server-cert.pem"), "--tlskey", &file("server-key.pem")],
        ]
        .concat(),
    );
    Guarded { daemon, address, ours, foreign }
}

/// A client with nothing of the user's around it.
fn client(program: &str) -> Command {
    let mut command = match program {
        "shoal" => Command::new(programs().join("shoal")),
        program => Command::new(program),
    };
    for name in ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"] {
        command.env_remove(name);
    }
    command.env("DOCKER_CONFIG", "/nonexistent");
    command
}

impl Guarded {
    /// Asks over TLS for the server's name, with the certificates of `dir` or with none.
    fn ask(&self, program: &str, ca: &Path, own: Option<&Path>) -> Said {
        let mut command = client(program);
        command.args(["-H", &self.address, "--tlsverify", "--tlscacert"]).arg(ca.join("ca.pem"));
        // Both clients look for certificates in places of the user where none are named.
        let none = Path::new("/nonexistent");
        let own = own.unwrap_or(none);
        if own != none {
            command.arg("--tlscert").arg(own.join("cert.pem")).arg("--tlskey").arg(own.join("key.pem"));
        }
        run(command.args(["info", "--format", "{{.ID}}"]))
    }
}

#[test]
fn mutual_tls_lets_in_whom_the_authority_knows_and_nobody_else() {
    let guarded = guarded();
    let id = guarded.daemon.shoal(&["info", "--format", "{{.ID}}"]).ok();
    let (ours, foreign) = (guarded.ours.path(), guarded.foreign.path());
    for program in ["docker", "shoal"] {
        assert_eq!(guarded.ask(program, ours, Some(ours)).ok(), id, "{program}");
        let refused = [
            ("no certificate", guarded.ask(program, ours, None)),
            ("a foreign certificate", guarded.ask(program, ours, Some(foreign))),
            ("a server of a foreign authority", guarded.ask(program, foreign, Some(ours))),
            ("no TLS", run(client(program).args(["-H", &guarded.address, "info", "--format", "{{.ID}}"]))),
        ];
        for (what, said) in refused {
            assert_ne!(said.code, 0, "{program}, {what}: {}", said.out);
            assert!(!said.out.contains(&id), "{program}, {what}: {}", said.out);
        }
        // The certificates of the environment.
        let mut command = client(program);
        command
            .env("DOCKER_HOST", &guarded.address)
            .env("DOCKER_CERT_PATH", ours)
            .env("DOCKER_TLS_VERIFY", "1");
        assert_eq!(run(command.args(["info", "--format", "{{.ID}}"])).ok(), id, "{program}");
    }
}

#[test]
fn a_context_leads_both_clients_to_the_same_daemon() {
    let guarded = guarded();
    let id = guarded.daemon.shoal(&["info", "--format", "{{.ID}}"]).ok();
    let file = |name: &str| guarded.ours.path().join(name).display().to_string();
    let endpoint = format!(
        "host={},ca={},cert={},key={}",
        guarded.address,
        file("ca.pem"),
        file("cert.pem"),
        file("key.pem")
    );
    for (maker, user) in [("shoal", "docker"), ("docker", "shoal")] {
        let home = tempfile::tempdir().unwrap();
        let call =
            |program: &str, args: &[&str]| run(client(program).env("DOCKER_CONFIG", home.path()).args(args));
        call(maker, &["context", "create", "far", "--description", "a machine", "--docker", &endpoint]).ok();
        assert_eq!(call(user, &["--context", "far", "info", "--format", "{{.ID}}"]).ok(), id);
        let said = call(user, &["context", "inspect", "far", "--format", "{{.Endpoints.docker.Host}}"]);
        assert_eq!(said.ok(), guarded.address);
        call(user, &["context", "use", "far"]).ok();
        assert_eq!(call(maker, &["context", "show"]).ok(), "far");
        assert_eq!(call(maker, &["info", "--format", "{{.ID}}"]).ok(), id);
        let archive = home.path().join("far.tar").display().to_string();
        call(maker, &["context", "export", "far", &archive]).ok();
        call(user, &["context", "import", "again", &archive]).ok();
        assert_eq!(call(maker, &["--context", "again", "info", "--format", "{{.ID}}"]).ok(), id);
        assert_ne!(call(user, &["context", "rm", "far"]).code, 0, "it is in use");
        call(user, &["context", "rm", "-f", "far"]).ok();
        assert_eq!(call(maker, &["context", "ls", "-q"]).ok(), "again\ndefault");
    }
}

/// A directory with an `ssh` that runs its command here, where `shoal` and `docker` are both ours.
fn near_ssh(daemon: &Daemon) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let far = dir.path().join("far");
    fs::create_dir(&far).unwrap();
    let script = |path: PathBuf, text: String| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let shoal = programs().join("shoal").canonicalize().unwrap();
    std::os::unix::fs::symlink(&shoal, far.join("shoal")).unwrap();
    script(far.join("docker"), format!("#!/bin/sh\nexec {} \"$@\"\n", shoal.display()));
    let text = format!(
        "#!/bin/sh\necho \"$*\" >> {}\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\n\
         export PATH={}:$PATH SHOAL_HOST={}\nexec sh -c \"$*\"\n",
        dir.path().join("calls").display(),
        far.display(),
        daemon.host()
    );
    script(dir.path().join("ssh"), text);
    dir
}

#[test]
fn over_ssh_a_daemon_is_as_near_as_ours() {
    let daemon = Daemon::start(&ALONE);
    daemon.load_images();
    let ssh = near_ssh(&daemon);
    let path = format!("{}:{}", ssh.path().display(), std::env::var("PATH").unwrap());
    let docker = run(Command::new("sh").args(["-c", "command -v docker"])).ok();
    for program in ["shoal", &docker] {
        let call = |args: &[&str]| {
            let mut command = client(program);
            command.env("PATH", &path).args(["-H", "ssh://me@far:2222"]);
            run(command.args(args))
        };
        let said = call(&["run", "--rm", "--network", "none", "busybox", "sh", "-c", "echo hi; exit 7"]);
        assert_eq!((said.out.as_str(), said.code), ("hi\n", 7), "{program}: {}", said.err);
    }
    let calls = fs::read_to_string(ssh.path().join("calls")).unwrap();
    assert!(calls.lines().all(|line| line.contains("-l me") && line.contains("-p 2222")), "{calls}");
}

/// A daemon that is ended with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(self.0.id().cast_signed()),
            nix::sys::signal::Signal::SIGTERM,
        )
        .ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_socket_that_the_supervisor_opened_is_taken_over() {
    testkit::program::need_root();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let socket = UnixListener::bind(dir.path().join("sock")).unwrap();
    let activate = "exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=api; exec \"$@\"";
    let daemon = |host: &str, socket: OwnedFd| {
        let log = fs::File::options().append(true).create(true).open(dir.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", activate, "sh"]).arg(programs().join("shoald"));
        command.args([
            "--config-file",
            "/dev/null",
            "--data-root",
            &path("data"),
            "--exec-root",
            &path("exec"),
        ]);
        command.args(["--pidfile", &path("pid"), "-H", host]).args(ALONE);
        Ended(
            command.stdin(Stdio::from(socket)).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap(),
        )
    };
    let said = |args: &[&str]| {
        let host = format!("unix://{}", path("sock"));
        run(Command::new("docker").env_remove("DOCKER_HOST").args(["-H", &host]).args(args))
    };
    for host in ["fd://", "fd://3", "fd://api"] {
        let _ended = daemon(host, socket.try_clone().unwrap().into());
        // Nobody is refused while the daemon starts: the supervisor's socket holds the connection.
        assert_eq!(said(&["ps", "-q"]).ok(), "", "{host}");
    }
    let mut refused = daemon("fd://other", socket.try_clone().unwrap().into());
    let status = eventually("the daemon ends", || refused.0.try_wait().unwrap().ok_or("it runs"));
    let log = fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(!status.success() && log.contains("no such socket was handed over"), "{log}");
}
