//! From creation to removal.

use crate::world::{World, eventually, is_alive, spec};
use engine::{Error, ErrorKind, RemoveOptions, Status, StopOptions, StopTimeout, WaitCondition};
use futures_util::StreamExt;
use std::time::Duration;

const FORCE: RemoveOptions = RemoveOptions { force: true, volumes: false };

fn patience(seconds: u64) -> StopOptions {
    StopOptions { signal: None, timeout: Some(StopTimeout::After(Duration::from_secs(seconds))) }
}

#[test]
fn a_whole_life_leaves_nothing() {
    let world = World::new();
    let mut events = world.engine().events.subscribe(None, None, 0);
    let id = world.create("one", "echo hello; echo oops >&2; exit 3");
    assert_eq!(world.inspect("one").state.status, Status::Created);
    let waiting = world.containers().wait("one", WaitCondition::NextExit).unwrap();
    world.start("one");
    assert_eq!(world.wait(waiting).code, 3);
    let record = world.inspect("one");
    assert_eq!((record.state.status, record.state.exit_code, record.state.pid), (Status::Exited, 3, 0));
    assert!(record.state.started_ns > 0 && record.state.finished_ns >= record.state.started_ns);
    assert_eq!(world.logs("one"), "hello\noops\n");
    world.wait(world.containers().remove("one", RemoveOptions::default())).unwrap();

    assert!(world.containers().inspect(&id).is_err());
    world.nothing_is_left();
    let actions: Vec<String> = world.wait(async {
        let mut actions = Vec::new();
        while actions.last().is_none_or(|action| action != "destroy") {
            actions.push(events.next().await.unwrap().action.clone());
        }
        actions
    });
    assert_eq!(actions, ["create", "connect", "start", "disconnect", "die", "destroy"]);
}

#[test]
fn environment_and_names_are_dockers() {
    let world = World::new();
    let id = world.create("env", "hostname; echo $HOSTNAME $FROM_IMAGE $PATH $HOME; cat /etc/hostname; pwd");
    world.start("env");
    assert_eq!(world.exit_code("env"), 0);
    let short = &id[..12];
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(world.logs("env"), format!("{short}\n{short} yes {path} /root\n{short}\n/\n"));
}

#[test]
fn a_program_that_does_not_exist_leaves_nothing_and_says_so() {
    let world = World::new();
    let with_command = |name: &str, program: &str| {
        world.create_with(name, "", |spec| spec.config.cmd = Some(vec![program.to_owned()]));
        let error = world.wait(world.containers().start(name)).unwrap_err();
        let record = world.inspect(name);
        assert_eq!(record.state.status, Status::Created);
        assert_eq!(record.state.error, error.to_string());
        (record.state.exit_code, error.to_string(), error.kind())
    };
    let (code, message, kind) = with_command("missing", "nosuch");
    assert!(message.contains("exec: \"nosuch\": executable file not found in $PATH"), "{message}");
    assert_eq!((code, kind), (127, ErrorKind::Invalid));
    let (code, message, _) = with_command("forbidden", "/etc/passwd");
    assert!(message.contains("permission denied"), "{message}");
    assert_eq!(code, 126);
    let (code, message, _) = with_command("absolute", "/no/such");
    assert!(message.contains("no such file or directory"), "{message}");
    assert_eq!(code, 127);
    assert!(world.exec_dirs().is_empty());
    assert_eq!(world.cgroups(), Vec::<String>::new());
}

#[test]
fn stop_asks_first_and_kills_later() {
    let world = World::new();
    let ready = "echo ready; while :; do sleep 0.05; done";
    world.create("polite", &format!("trap 'exit 7' TERM; {ready}"));
    world.create("stubborn", &format!("trap '' TERM; {ready}"));
    for name in ["polite", "stubborn"] {
        world.start(name);
        eventually(
            "it is ready",
            || if world.logs(name).contains("ready") { Ok(()) } else { Err("no output") },
        );
    }
    world.wait(world.containers().stop("polite", patience(30))).unwrap();
    assert_eq!(world.inspect("polite").state.exit_code, 7);
    world.wait(world.containers().stop("stubborn", patience(0))).unwrap();
    assert_eq!(world.inspect("stubborn").state.exit_code, 137);
    let again = world.wait(world.containers().stop("polite", patience(0))).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotModified);
    let kill = world.wait(world.containers().kill("polite", "KILL")).unwrap_err();
    assert!(kill.to_string().contains("is not running"), "{kill}");
}

#[test]
fn start_twice_and_restart() {
    let world = World::new();
    world.create("one", "sleep 1000");
    world.start("one");
    let first = world.inspect("one").state.pid;
    let again = world.wait(world.containers().start("one")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::NotModified);
    world.wait(world.containers().restart("one", patience(0))).unwrap();
    let second = world.inspect("one").state.pid;
    assert!(first != second && !is_alive(first) && is_alive(second));
}

#[test]
fn what_was_written_stays_until_removal() {
    let world = World::new();
    world.create("one", "cat /kept 2>/dev/null; echo again >> /kept");
    for _ in 0..3 {
        world.start("one");
        assert_eq!(world.exit_code("one"), 0);
    }
    assert_eq!(world.logs("one"), "again\nagain\nagain\n");
}

#[test]
fn names_are_unique_until_given_back() {
    let world = World::new();
    let id = world.create("web", "true");
    let conflict = world.wait(world.containers().create(spec("web", "true"))).unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::Conflict);
    assert!(conflict.to_string().contains(&format!("is already in use by container \"{id}\"")), "{conflict}");
    world.wait(world.containers().rename("web", "shop")).unwrap();
    world.create("web", "true");
    assert_eq!(world.inspect("shop").id, id);
    assert_eq!(world.inspect(&id[..10]).name, "shop");
    let nameless = world.create_with("x", "true", |spec| spec.name = None);
    assert!(world.inspect(&nameless).name.contains('_'));
    world.wait(world.containers().remove("shop", FORCE)).unwrap();
    assert!(matches!(world.containers().inspect("shop"), Err(Error::NoSuchContainer(_))));
}

#[test]
fn removal_of_a_running_one_needs_force() {
    let world = World::new();
    world.create("one", "sleep 1000");
    world.start("one");
    let pid = world.inspect("one").state.pid;
    let refused = world.wait(world.containers().remove("one", RemoveOptions::default())).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    let waiting = world.containers().wait("one", WaitCondition::Removed).unwrap();
    world.wait(world.containers().remove("one", FORCE)).unwrap();
    assert_eq!(world.wait(waiting).code, 137);
    assert!(!is_alive(pid));
    world.nothing_is_left();
}

#[test]
fn auto_remove_tells_the_exit_code_to_those_who_wait() {
    let world = World::new();
    world.create_with("one", "exit 5", |spec| spec.host.auto_remove = true);
    let removed = world.containers().wait("one", WaitCondition::Removed).unwrap();
    let next = world.containers().wait("one", WaitCondition::NextExit).unwrap();
    world.start("one");
    assert_eq!(world.wait(next).code, 5);
    assert_eq!(world.wait(removed).code, 5);
    assert!(world.containers().list().is_empty());
    world.nothing_is_left();
}

#[test]
fn what_cannot_be_honoured_is_refused_by_name_and_leaves_nothing() {
    let world = World::new();
    let refused = |change: fn(&mut engine::spec::ContainerSpec)| {
        let mut spec = spec("bad", "true");
        change(&mut spec);
        world.wait(world.containers().create(spec)).unwrap_err().to_string()
    };
    assert_eq!(refused(|spec| spec.image = "nosuch".into()), "No such image: nosuch:latest");
    assert!(refused(|spec| spec.name = Some("no/slash".into())).starts_with("Invalid container name"));
    assert!(refused(|spec| spec.host.resources.memory = 4096).contains("6MB"));
    assert!(refused(|spec| spec.host.cap_add = vec!["FLY".into()]).contains("FLY"));
    assert!(refused(|spec| spec.host.binds = vec!["da/ta:/d".into()]).contains("da/ta"));
    assert!(refused(|spec| spec.host.security_opt = vec!["nosuch=x".into()]).contains("nosuch"));
    assert!(world.containers().list().is_empty());
    world.nothing_is_left();
    world.create("bad", "true");
}

#[test]
fn mounts_users_and_limits_reach_the_process() {
    let world = World::new();
    let shared = world.dir.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("file"), "from outside\n").unwrap();
    let script = "cat /in/file; touch /in/x 2>/dev/null || echo sealed; id -u; ulimit -n; \
                  touch /x 2>/dev/null || echo readonly; touch /scratch/x && echo scratch";
    world.create_with("one", script, |spec| {
        spec.host.binds = vec![format!("{}:/in:ro", shared.display())];
        spec.host.tmpfs = [("/scratch".to_owned(), "mode=1777".to_owned())].into();
        spec.config.user = "nobody".into();
        spec.host.readonly_rootfs = true;
        spec.host.resources.ulimits =
            vec![engine::spec::Ulimit { name: "nofile".into(), soft: 100, hard: 200 }];
        spec.host.resources.memory = 64 << 20;
        spec.host.resources.pids_limit = Some(50);
    });
    world.start("one");
    assert_eq!(world.exit_code("one"), 0, "{}", world.logs("one"));
    assert_eq!(world.logs("one"), "from outside\nsealed\n65534\n100\nreadonly\nscratch\n");
}

#[test]
fn what_is_not_there_to_join_is_not_taken_for_a_missing_image() {
    let world = World::new();
    let mut wrong = spec("one", "true");
    wrong.host.network_mode = "container:nosuch".parse().unwrap();
    let error = world.wait(world.containers().create(wrong)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    assert!(error.to_string().contains("nosuch"), "{error}");
    // A network is looked for when the container starts, as with Docker.
    world.create_with("two", "true", |spec| spec.host.network_mode = "nosuch".parse().unwrap());
    let error = world.wait(world.containers().start("two")).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, "network nosuch not found"));
}

#[test]
fn the_hosts_name_and_ipc_can_be_shared() {
    let world = World::new();
    world.create_with("one", "hostname", |spec| {
        spec.host.uts_mode = "host".parse().unwrap();
        spec.host.ipc_mode = "host".parse().unwrap();
    });
    world.start("one");
    assert_eq!(world.exit_code("one"), 0);
    assert_eq!(world.logs("one").trim(), nix::unistd::gethostname().unwrap().to_string_lossy());
}
