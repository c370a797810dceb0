//! Health probes, with the real `shoal-shim`. Needs root and busybox-static.

mod container;

use container::{Container, eventually};
use shim::{HealthReport, HealthSpec, HealthStatus, Probe, Request, Response};

const MS: u64 = 1_000_000;

fn spec(probe: Probe) -> HealthSpec {
    HealthSpec {
        probe,
        interval_ns: 20 * MS,
        timeout_ns: 5_000 * MS,
        retries: 2,
        start_period_ns: 0,
        start_interval_ns: 20 * MS,
    }
}

fn shell(script: &str) -> Probe {
    Probe::Exec { args: vec!["sh".into(), "-c".into(), script.into()] }
}

/// The first report of this status, waited for as the engine does.
fn until(container: &Container, status: HealthStatus) -> HealthReport {
    let mut after = None;
    for _ in 0..1000 {
        match container.ask(&Request::Health { after }) {
            Response::Health(report) if report.status == status => return report,
            Response::Health(report) => after = Some(report.sequence),
            other => panic!("{other:?}"),
        }
    }
    panic!("never {status:?}");
}

#[test]
fn a_probe_runs_inside_and_its_results_are_kept() {
    let mut container = Container::shell("sleep 60");
    container.spec.health =
        Some(spec(shell("test -e /tmp/sick || { echo fine; exit 0; }; yes | head -c 9000; exit 3")));
    container.start();
    let report = until(&container, HealthStatus::Healthy);
    assert_eq!((report.results[0].exit_code, report.results[0].output.as_str()), (0, "fine\n"));
    assert!(report.results[0].end_ns > report.results[0].start_ns);
    let Response::Execs { execs } = container.ask(&Request::ExecList) else { panic!("no list") };
    assert!(execs.is_empty(), "probes are nobody's execs");
    let pid = match container.ask(&Request::State) {
        Response::State(state) => state.pid,
        other => panic!("{other:?}"),
    };
    std::fs::create_dir_all(format!("/proc/{pid}/root/tmp")).unwrap();
    std::fs::write(format!("/proc/{pid}/root/tmp/sick"), "").unwrap();
    let report = until(&container, HealthStatus::Unhealthy);
    assert!(report.failing_streak >= 2);
    let last = report.results.last().unwrap();
    assert_eq!((last.exit_code, last.output.len()), (3, shim::MAX_OUTPUT_BYTES + 3));
    assert!(last.output.ends_with("y\n..."), "{}", last.output);
}

#[test]
fn a_probe_that_hangs_or_cannot_run_has_failed() {
    let mut container = Container::shell("sleep 60");
    let mut health = spec(shell("echo begun; sleep 61"));
    health.timeout_ns = 50 * MS;
    container.spec.health = Some(health);
    container.start();
    let report = until(&container, HealthStatus::Unhealthy);
    assert_eq!(report.results[0].exit_code, -1);
    assert_eq!(report.results[0].output, "Health check exceeded timeout (50ms): begun\n");
    let mut container = Container::shell("sleep 60");
    container.spec.health = Some(spec(Probe::Exec { args: vec!["nosuch".into()] }));
    container.start();
    let report = until(&container, HealthStatus::Unhealthy);
    assert_eq!(report.results[0].exit_code, -1);
    assert!(report.results[0].output.contains("executable file not found"), "{report:?}");
}

#[test]
fn connections_are_made_inside_without_a_process() {
    let answer = "printf 'HTTP/1.0 200 OK\\r\\n\\r\\n'";
    for (probe, sentence) in [
        (Probe::Http { address: ([127, 0, 0, 1], 8080).into(), path: "/up".into() }, "HTTP/1.0 200 OK"),
        (Probe::Tcp { address: ([127, 0, 0, 1], 8080).into() }, "connected"),
    ] {
        let script =
            format!("test -e /tmp/x; while :; do nc -l -p 8080 -e sh -c \"read line; {answer}\"; done");
        let mut container = Container::shell(&script);
        container.spec.health = Some(spec(probe));
        container.start();
        let report = until(&container, HealthStatus::Healthy);
        assert_eq!(report.results.last().unwrap().output, sentence);
    }
    let mut container = Container::shell("sleep 60");
    container.spec.health = Some(spec(Probe::Tcp { address: ([127, 0, 0, 1], 8080).into() }));
    container.start();
    let report = until(&container, HealthStatus::Unhealthy);
    assert_eq!(report.results[0].output, "connect: connection refused");
}

#[test]
fn whoever_waits_hears_of_the_end_and_nothing_is_left() {
    let mut container = Container::shell("sleep 60");
    container.spec.health = Some(spec(shell("sleep 61")));
    container.start();
    assert!(matches!(container.ask(&Request::Health { after: None }), Response::Health(_)));
    let mut waiting = container.connect();
    shim::write(&mut waiting, &Request::Health { after: Some(99) }).unwrap();
    container.ask(&Request::Signal { signal: 9, all: false });
    assert_eq!(shim::read::<Response>(&mut waiting).unwrap(), None);
    container.wait();
    eventually("the cgroup is gone", || !container.cgroup().exists());
    let mut container = Container::shell("sleep 60");
    container.start();
    assert!(matches!(container.ask(&Request::Health { after: None }), Response::Error { .. }));
}
