//! Wrong arguments: one sentence that names them, on standard error, with Docker's exit code, and no daemon is asked.

use crate::fake::{Ran, shoal};

fn run(args: &[&str]) -> Ran {
    let mut command = shoal(args);
    command.env("SHOAL_HOST", "unix:///nonexistent/shoal.sock").stdin(std::process::Stdio::null());
    Ran::from(command.output().expect("the program runs"))
}

/// Arguments, the exit code, and what must be told.
const WRONG: [(&[&str], i32, &str); 30] = [
    (&["foo"], 1, "shoal: 'foo' is not a shoal command.\nSee 'shoal --help'"),
    (&["swarm", "foo"], 1, "shoal: 'swarm foo' is not a shoal command."),
    (&["ps", "--nope"], 125, "unknown flag: --nope\n\nUsage:  shoal ps [OPTIONS]"),
    (&["run", "--nope", "x"], 125, "unknown flag: --nope\n\nUsage:  shoal run [OPTIONS] IMAGE"),
    (&["run", "-Z", "x"], 125, "unknown shorthand flag: 'Z' in -Z"),
    (&["service", "create", "--nope", "x"], 125, "unknown flag: --nope"),
    (&["run"], 1, "shoal: 'shoal run' requires at least 1 argument"),
    (&["stop"], 1, "shoal: 'shoal stop' requires at least 1 argument"),
    (&["tag", "a"], 1, "shoal: 'shoal tag' requires 2 arguments"),
    (&["ps", "foo"], 1, "shoal: 'shoal ps' accepts no arguments"),
    (&["kill", "-s"], 125, "flag needs an argument"),
    (
        &["run", "-m", "10x", "i"],
        125,
        "invalid argument \"10x\" for \"-m, --memory\" flag: invalid size: '10x'",
    ),
    (
        &["run", "-p", "80:99999", "i"],
        125,
        "invalid argument \"80:99999\" for \"-p, --publish\" flag: invalid containerPort: '99999'",
    ),
    (
        &["run", "-e", "=x", "i"],
        125,
        "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x",
    ),
    (
        &["run", "--mount", "foo=bar", "i"],
        125,
        "invalid argument \"foo=bar\" for \"--mount\" flag: unexpected key 'foo'",
    ),
    (
        &["run", "--restart", "foo", "i"],
        125,
        "invalid restart policy 'foo': no, always, unless-stopped or on-failure",
    ),
    (
        &["run", "--ulimit", "nofile=9:5", "i"],
        125,
        "ulimit soft limit must be less than or equal to hard limit: 9 > 5",
    ),
    (&["run", "--cpus", "x", "i"], 125, "'x' is not a number of CPUs"),
    (&["run", "--stop-timeout", "x", "i"], 125, "a whole number is expected, such as 10"),
    (&["run", "--init=foo", "i"], 125, "invalid value 'foo': true or false is expected"),
    (&["run", "--env-file", "/no/such", "i"], 125, "shoal: open /no/such: no such file or directory"),
    (
        &["run", "--rm", "--restart", "always", "i"],
        125,
        "conflicting options: cannot specify both --restart and --rm",
    ),
    (&["run", "-d", "-a", "stdin", "i"], 1, "conflicting options: cannot specify both --attach and --detach"),
    (&["run", "-it", "i"], 1, "the input device is not a TTY"),
    (&["service", "scale", "web"], 1, "invalid scale specifier 'web'"),
    (&["service", "create", "--restart-delay", "5", "i"], 125, "invalid duration \"5\""),
    (
        &["swarm", "init", "--availability", "x"],
        1,
        "invalid availability \"x\", only active, pause and drain are supported",
    ),
    (&["ps", "--format", "{{.Foo"], 1, "unclosed action"),
    (&["-H", "foo://x", "ps"], 1, "'foo://x': unix:///path, tcp://host[:port] or ssh://"),
    (&["pull", "Foo"], 1, "invalid reference format: 'Foo'"),
];

#[test]
fn each_wrong_argument_is_named() {
    for (args, code, want) in WRONG {
        let ran = run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert!(ran.err.contains(want), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_daemon_that_is_not_there_is_named() {
    let want = "cannot connect to the shoal daemon at unix:///nonexistent/shoal.sock. Is shoald running?";
    for (args, code) in
        [(&["ps"][..], 1), (&["run", "x"], 125), (&["service", "ls"], 1), (&["rm", "a", "b"], 1)]
    {
        let ran = run(args);
        assert_eq!(ran.code, Some(code), "{args:?}");
        assert_eq!(ran.err.matches(want).count(), 1, "{args:?}: {}", ran.err);
    }
}

#[test]
fn help_goes_to_standard_output() {
    for args in [&[][..], &["--help"], &["run", "--help"], &["swarm"], &["service", "create", "--help"]] {
        let ran = run(args);
        assert_eq!(ran.code, Some(0), "{args:?}");
        assert!(ran.out.starts_with("Usage:  shoal"), "{args:?}: {}", ran.out);
        assert_eq!(ran.err, "", "{args:?}");
    }
}
