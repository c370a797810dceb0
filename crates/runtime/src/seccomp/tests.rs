//! The compiled program, run by a small interpreter, against the rules read directly.

use proptest::prelude::*;

use super::*;
use crate::oci::{LinuxSeccompArgBuilder, LinuxSeccompOperator, LinuxSyscall};

struct Call {
    arch: u32,
    number: u32,
    arguments: [u64; 6],
}

fn run(program: &[Instruction], call: &Call) -> u32 {
    let word = |offset: u32| match offset {
        NUMBER_OFFSET => call.number,
        ARCH_OFFSET => call.arch,
        offset => {
            let argument = call.arguments[(offset as usize - 16) / 8];
            if offset.is_multiple_of(8) { argument as u32 } else { (argument >> 32) as u32 }
        }
    };
    let (mut at, mut accumulator) = (0, 0);
    loop {
        let instruction = program[at];
        let k = instruction.k;
        at += 1;
        let test = match instruction.code {
            code::LOAD => {
                accumulator = word(k);
                continue;
            }
            code::AND => {
                accumulator &= k;
                continue;
            }
            code::JUMP => {
                at += k as usize;
                continue;
            }
            code::RETURN => return k,
            code::JUMP_EQ => accumulator == k,
            code::JUMP_GT => accumulator > k,
            code::JUMP_GE => accumulator >= k,
            other => panic!("instruction {other:#x}"),
        };
        at += usize::from(if test { instruction.jt } else { instruction.jf });
    }
}

fn matches(argument: &LinuxSeccompArg, call: &Call) -> bool {
    let (actual, value) = (call.arguments[argument.index()], argument.value());
    match argument.op() {
        LinuxSeccompOperator::ScmpCmpNe => actual != value,
        LinuxSeccompOperator::ScmpCmpLt => actual < value,
        LinuxSeccompOperator::ScmpCmpLe => actual <= value,
        LinuxSeccompOperator::ScmpCmpEq => actual == value,
        LinuxSeccompOperator::ScmpCmpGe => actual >= value,
        LinuxSeccompOperator::ScmpCmpGt => actual > value,
        LinuxSeccompOperator::ScmpCmpMaskedEq => actual & value == argument.value_two().unwrap_or(0),
    }
}

fn expected(rules: &LinuxSeccomp, name: &str, call: &Call) -> u32 {
    for syscall in rules.syscalls().iter().flatten() {
        let named = syscall.names().iter().any(|n| n == name);
        let args = syscall.args().iter().flatten();
        if named && args.into_iter().all(|a| matches(a, call)) {
            return action(syscall.action(), syscall.errno_ret()).unwrap();
        }
    }
    action(rules.default_action(), rules.default_errno_ret()).unwrap()
}

fn call(name: &str, arguments: [u64; 6]) -> Call {
    let number = Interface::X86_64.numbers().find(|(n, _)| *n == name).unwrap().1;
    Call { arch: Interface::X86_64.audit_arch(), number, arguments }
}

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const DENY: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

fn default_filter() -> Vec<Instruction> {
    compile(&crate::default::seccomp(&crate::default::capabilities())).unwrap().program
}

#[test]
fn the_default_profile_answers_as_docker_does() {
    let program = default_filter();
    let answer = |name, arguments| run(&program, &call(name, arguments));
    assert_eq!(answer("read", [0; 6]), ALLOW);
    assert_eq!(answer("execve", [0; 6]), ALLOW);
    assert_eq!(answer("chroot", [0; 6]), ALLOW);
    assert_eq!(answer("ptrace", [0; 6]), ALLOW);
    for denied in ["mount", "bpf", "kexec_load", "keyctl", "init_module", "setns", "reboot"] {
        assert_eq!(answer(denied, [0; 6]), DENY, "{denied}");
    }
    for denied in ["io_uring_setup", "userfaultfd", "open_by_handle_at", "unshare"] {
        assert_eq!(answer(denied, [0; 6]), DENY, "{denied}");
    }
    assert_eq!(answer("clone3", [0; 6]), ENOSYS_ANSWER);
    assert_eq!(answer("clone", [libc::SIGCHLD as u64, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer("clone", [libc::CLONE_NEWUSER as u64, 0, 0, 0, 0, 0]), DENY);
    assert_eq!(answer("socket", [libc::AF_INET as u64, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer("socket", [libc::AF_ALG as u64, 0, 0, 0, 0, 0]), DENY);
    assert_eq!(answer("socket", [libc::AF_VSOCK as u64, 0, 0, 0, 0, 0]), DENY);
    assert_eq!(answer("personality", [0xffff_ffff, 0, 0, 0, 0, 0]), ALLOW);
    assert_eq!(answer("personality", [1, 0, 0, 0, 0, 0]), DENY);
}

#[test]
fn what_is_newer_than_the_profile_does_not_exist() {
    let program = default_filter();
    for number in [467, 1000, X32_BIT, X32_BIT | 1, u32::MAX] {
        let call = Call { arch: Interface::X86_64.audit_arch(), number, arguments: [0; 6] };
        assert_eq!(run(&program, &call), ENOSYS_ANSWER, "{number}");
    }
    let foreign = Call { arch: 0xc000_00b7, number: 0, arguments: [0; 6] };
    assert_eq!(run(&program, &foreign), ENOSYS_ANSWER);
}

#[test]
fn thirty_two_bit_programs_have_their_own_numbers() {
    let program = default_filter();
    let answer =
        |number| run(&program, &Call { arch: Interface::I386.audit_arch(), number, arguments: [0; 6] });
    assert_eq!(answer(11), ALLOW, "execve");
    assert_eq!(answer(21), DENY, "mount");
}

#[test]
fn administrators_may_mount_and_clone() {
    let mut capabilities = crate::default::capabilities();
    capabilities.insert(crate::oci::Capability::SysAdmin);
    let program = compile(&crate::default::seccomp(&capabilities)).unwrap().program;
    assert_eq!(run(&program, &call("mount", [0; 6])), ALLOW);
    assert_eq!(run(&program, &call("clone3", [0; 6])), ALLOW);
    assert_eq!(run(&program, &call("clone", [libc::CLONE_NEWUSER as u64; 6])), ALLOW);
}

#[test]
fn the_default_program_is_short() {
    let length = default_filter().len();
    assert!(length < 600, "{length} instructions");
}

fn rules(json: serde_json::Value) -> Result<Filter> {
    compile(&serde_json::from_value(json).unwrap())
}

#[test]
fn x32_has_the_same_rules_if_it_is_named() {
    let filter = rules(serde_json::json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
        "syscalls": [{"names": ["read", "ioctl"], "action": "SCMP_ACT_ALLOW"}],
    }));
    let program = filter.unwrap().program;
    let answer =
        |number| run(&program, &Call { arch: Interface::X86_64.audit_arch(), number, arguments: [0; 6] });
    assert_eq!(answer(0), ALLOW);
    assert_eq!(answer(X32_BIT), ALLOW, "read");
    assert_eq!(answer(X32_BIT | 514), ALLOW, "its own ioctl");
    assert_eq!(answer(X32_BIT | 1), DENY, "write");
    assert_eq!(answer(X32_BIT | 520), DENY, "its own execve");
    assert_eq!(answer(X32_BIT | 600), ENOSYS_ANSWER);
    assert_eq!(answer(321), ENOSYS_ANSWER, "newer than the rules");
}

#[test]
fn a_list_of_what_is_denied_lets_everything_else_pass() {
    let filter = rules(serde_json::json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }));
    let program = filter.unwrap().program;
    let answer =
        |number| run(&program, &Call { arch: Interface::X86_64.audit_arch(), number, arguments: [0; 6] });
    assert_eq!(answer(83), ENOSYS_ANSWER);
    assert_eq!((answer(0), answer(400), answer(1000)), (ALLOW, ALLOW, ALLOW));
    assert_eq!(answer(X32_BIT | 83), ENOSYS_ANSWER, "not by another way in");
}

#[test]
fn every_action_is_the_kernels() {
    for (name, errno, expected) in [
        ("SCMP_ACT_KILL", None, libc::SECCOMP_RET_KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", None, libc::SECCOMP_RET_KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", None, libc::SECCOMP_RET_KILL_PROCESS),
        ("SCMP_ACT_TRAP", None, libc::SECCOMP_RET_TRAP),
        ("SCMP_ACT_ERRNO", Some(13), libc::SECCOMP_RET_ERRNO | 13),
        ("SCMP_ACT_TRACE", Some(5000), libc::SECCOMP_RET_TRACE | 5000),
        ("SCMP_ACT_LOG", None, libc::SECCOMP_RET_LOG),
        ("SCMP_ACT_NOTIFY", None, libc::SECCOMP_RET_USER_NOTIF),
    ] {
        let filter = rules(serde_json::json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": "/run/listener",
            "syscalls": [{"names": ["mkdir"], "action": name, "errnoRet": errno}],
        }));
        let filter = filter.unwrap();
        assert_eq!(run(&filter.program, &call("mkdir", [0; 6])), expected, "{name}");
        assert_eq!(filter.listener.is_some(), name == "SCMP_ACT_NOTIFY");
    }
}

#[test]
fn contradictions_are_refused() {
    for bad in [
        serde_json::json!({"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/x"}),
        serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}),
        serde_json::json!({"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}),
        serde_json::json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}),
        serde_json::json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
        }),
        serde_json::json!({
            "defaultAction": "SCMP_ACT_ALLOW",
            "listenerPath": "/x",
            "syscalls": [{"names": ["sendmsg"], "action": "SCMP_ACT_NOTIFY"}],
        }),
    ] {
        assert!(rules(bad.clone()).is_err(), "{bad}");
    }
}

fn operator() -> impl Strategy<Value = LinuxSeccompOperator> {
    prop::sample::select(vec![
        LinuxSeccompOperator::ScmpCmpNe,
        LinuxSeccompOperator::ScmpCmpLt,
        LinuxSeccompOperator::ScmpCmpLe,
        LinuxSeccompOperator::ScmpCmpEq,
        LinuxSeccompOperator::ScmpCmpGe,
        LinuxSeccompOperator::ScmpCmpGt,
        LinuxSeccompOperator::ScmpCmpMaskedEq,
    ])
}

/// Numbers whose halves collide often.
fn number() -> impl Strategy<Value = u64> {
    (0_u64..3, 0_u64..3).prop_map(|(high, low)| (high << 32) | low)
}

fn argument() -> impl Strategy<Value = LinuxSeccompArg> {
    (0_usize..6, number(), number(), operator()).prop_map(|(index, value, two, op)| {
        LinuxSeccompArgBuilder::default().index(index).value(value).value_two(two).op(op).build().unwrap()
    })
}

const NAMES: [&str; 6] = ["read", "write", "clone", "socket", "mseal", "personality"];

fn syscall() -> impl Strategy<Value = LinuxSyscall> {
    (
        prop::sample::subsequence(&NAMES[..], 1..=3),
        prop::collection::vec(argument(), 0..4),
        prop::sample::select(vec![
            LinuxSeccompAction::ScmpActAllow,
            LinuxSeccompAction::ScmpActErrno,
            LinuxSeccompAction::ScmpActKillProcess,
        ]),
    )
        .prop_map(|(names, args, action)| {
            let mut syscall = LinuxSyscall::default();
            syscall
                .set_names(names.into_iter().map(String::from).collect())
                .set_args(Some(args))
                .set_action(action);
            syscall
        })
}

proptest! {
    #[test]
    fn the_program_does_what_the_rules_say(
        syscalls in prop::collection::vec(syscall(), 1..12),
        name in prop::sample::select(NAMES.to_vec()),
        arguments in prop::array::uniform6(number()),
    ) {
        let newest_named = syscalls.iter().flat_map(|s| s.names()).map(|n| call(n, [0; 6]).number).max().unwrap();
        let mut rules = LinuxSeccomp::default();
        rules.set_default_action(LinuxSeccompAction::ScmpActErrno).set_syscalls(Some(syscalls));
        let call = call(name, arguments);
        let program = compile(&rules).unwrap().program;
        let wanted = if call.number > newest_named { ENOSYS_ANSWER } else { expected(&rules, name, &call) };
        prop_assert_eq!(run(&program, &call), wanted);
    }
}
