//! OCI system call rules to a classic BPF program. Pure.
//!
//! The kernel runs a filter on every system call, and, when it is installed, once for every number to learn
//! which are always allowed: a program must be short. System call numbers become intervals with the same answer, and those a
//! binary tree; only a system call with argument rules looks further.
//!
//! Not from the specification: under a default action that refuses, a number beyond all that the rules name, and a number
//! that we do not know, answers ENOSYS, so that programs fall back as they do on an older kernel; so does every
//! interface (32-bit, x32) that the rules do not name as an architecture.

mod condition;
mod table;
mod tree;

use std::path::PathBuf;

use crate::Result;
use crate::oci::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};
use crate::plan::invalid;
use crate::sys::process::Instruction;

use table::Interface;

/// An installable filter.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub(crate) flags: u32,
    /// Who decides on calls that the rules leave to another process.
    pub(crate) listener: Option<Listener>,
}

/// A process that decides on system calls of the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// The socket behind which it waits.
    pub(crate) path: PathBuf,
    /// What it is told beside the container's state.
    pub(crate) metadata: Option<String>,
}

/// What is answered to one system call.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    /// Always this.
    Always(u32),
    /// The first rule that matches, else the last value.
    ByArguments(Vec<Rule>, u32),
}

/// All arguments match: this answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    arguments: Vec<LinuxSeccompArg>,
    answer: u32,
}

const ENOSYS_ANSWER: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
/// Set in the number of an x32 system call.
const X32_BIT: u32 = 0x4000_0000;
/// The first number of a call that only the x32 interface has.
const X32_FIRST: u32 = 512;
/// Larger error numbers are cut by the kernel.
const MAX_ERRNO: u32 = 4095;
/// Offsets in `struct seccomp_data`.
const NUMBER_OFFSET: u32 = 0;
const ARCH_OFFSET: u32 = 4;

/// Instruction codes, as linux/bpf_common.h composes them.
mod code {
    pub(super) const LOAD: u16 = 0x20;
    pub(super) const AND: u16 = 0x54;
    pub(super) const JUMP: u16 = 0x05;
    pub(super) const JUMP_EQ: u16 = 0x15;
    pub(super) const JUMP_GT: u16 = 0x25;
    pub(super) const JUMP_GE: u16 = 0x35;
    pub(super) const RETURN: u16 = 0x06;
}

/// Compiles the rules of a specification.
///
/// # Errors
/// If the rules contradict themselves, or leave to another process what the way to it needs.
pub(crate) fn compile(rules: &LinuxSeccomp) -> Result<Filter> {
    let listener = listener(rules)?;
    let flags = flags(rules, listener.is_some())?;
    let default = action(rules.default_action(), rules.default_errno_ret())?;
    let syscalls = rules.syscalls().as_deref().unwrap_or_default();
    let mut named: Vec<(&str, usize)> = Vec::new();
    for (index, syscall) in syscalls.iter().enumerate() {
        named.extend(syscall.names().iter().map(|name| (name.as_str(), index)));
    }
    named.sort_unstable();
    let mut program = vec![statement(code::LOAD, ARCH_OFFSET)];
    let beyond = match rules.default_action() {
        LinuxSeccompAction::ScmpActAllow | LinuxSeccompAction::ScmpActLog => default,
        _ => ENOSYS_ANSWER,
    };
    let compiled = Rules { syscalls, named: &named, default, beyond };
    for interface in interfaces(rules) {
        let block = compiled.block(interface)?;
        // Over the whole block if the architecture is another one; too far for a conditional jump.
        program.push(jump(code::JUMP_EQ, interface.audit_arch(), 1, 0));
        program.push(statement(code::JUMP, block.len() as u32));
        program.extend(block);
    }
    program.push(statement(code::RETURN, ENOSYS_ANSWER));
    Ok(Filter { program, flags, listener })
}

/// The native interface, with x32 if the rules name it, and 32-bit x86 if they do.
fn interfaces(rules: &LinuxSeccomp) -> Vec<Interface> {
    let names = |wanted| rules.architectures().iter().flatten().any(|arch| *arch == wanted);
    let mut interfaces =
        vec![if names(Arch::ScmpArchX32) { Interface::X86_64AndX32 } else { Interface::X86_64 }];
    if names(Arch::ScmpArchX86) {
        interfaces.push(Interface::I386);
    }
    interfaces
}

/// What is the same for all interfaces.
struct Rules<'a> {
    syscalls: &'a [LinuxSyscall],
    /// Names with the index of their rule, sorted.
    named: &'a [(&'a str, usize)],
    default: u32,
    /// To numbers that the rules cannot mean.
    beyond: u32,
}

impl Rules<'_> {
    /// The instructions for one interface.
    fn block(&self, interface: Interface) -> Result<Vec<Instruction>> {
        let mut answers: Vec<Answer> = Vec::new();
        let mut newest = None;
        for (name, number) in interface.numbers() {
            let first = self.named.partition_point(|(other, _)| *other < name);
            let same = self.named[first..].iter().take_while(|(other, _)| *other == name);
            let mut matching = same.map(|(_, index)| &self.syscalls[*index]).peekable();
            if answers.len() <= number as usize {
                answers.resize(number as usize + 1, Answer::Always(self.beyond));
            }
            if matching.peek().is_some() && number < X32_FIRST {
                newest = newest.max(Some(number as usize));
            }
            answers[number as usize] = answer(matching, self.default)?;
        }
        // Numbers that the table does not have, and those beyond all rules, do not exist for the container.
        if let Some(newest) = newest {
            let common = answers.len().min(X32_FIRST as usize);
            answers[newest + 1..common].fill(Answer::Always(self.beyond));
        }
        answers.push(Answer::Always(self.beyond));
        let mut intervals: Vec<(u32, Answer)> = Vec::new();
        for (number, answer) in answers.into_iter().enumerate() {
            if intervals.last().is_none_or(|(_, last)| *last != answer) {
                intervals.push((number as u32, answer));
            }
        }
        let mut block = vec![statement(code::LOAD, NUMBER_OFFSET)];
        if interface == Interface::X86_64AndX32 {
            // The same calls by the same numbers, but for those of its own.
            block.push(statement(code::AND, !X32_BIT));
        } else {
            // Its numbers are beyond all: an interface that nobody has named does not exist.
            intervals
                .extend((self.beyond != ENOSYS_ANSWER).then_some((X32_BIT, Answer::Always(ENOSYS_ANSWER))));
        }
        tree::emit(&intervals, &mut block);
        Ok(block)
    }
}

/// Rules in their order, up to one that always matches.
fn answer<'a>(rules: impl Iterator<Item = &'a LinuxSyscall>, default: u32) -> Result<Answer> {
    let mut conditional = Vec::new();
    for syscall in rules {
        let answer = action(syscall.action(), syscall.errno_ret())?;
        let arguments = syscall.args().as_deref().unwrap_or_default();
        if arguments.is_empty() {
            return Ok(if conditional.is_empty() {
                Answer::Always(answer)
            } else {
                Answer::ByArguments(conditional, answer)
            });
        }
        conditional.push(Rule { arguments: arguments.to_vec(), answer });
    }
    Ok(if conditional.is_empty() {
        Answer::Always(default)
    } else {
        Answer::ByArguments(conditional, default)
    })
}

fn action(action: LinuxSeccompAction, errno: Option<u32>) -> Result<u32> {
    let takes_errno = matches!(action, LinuxSeccompAction::ScmpActErrno | LinuxSeccompAction::ScmpActTrace);
    match errno {
        Some(errno) if !takes_errno => Err(invalid(&format!("{action} takes no errnoRet ({errno})"))),
        Some(errno) if errno > MAX_ERRNO && action == LinuxSeccompAction::ScmpActErrno => {
            Err(invalid(&format!("there is no error number {errno}")))
        }
        errno => Ok(action.as_u32(Some(errno.unwrap_or(libc::EPERM as u32) & libc::SECCOMP_RET_DATA))),
    }
}

/// Who decides, if any rule leaves it to somebody.
fn listener(rules: &LinuxSeccomp) -> Result<Option<Listener>> {
    let is_notify = |action: LinuxSeccompAction| action == LinuxSeccompAction::ScmpActNotify;
    if is_notify(rules.default_action()) {
        return Err(invalid("SCMP_ACT_NOTIFY cannot be the default action"));
    }
    let mut left = rules.syscalls().iter().flatten().filter(|rule| is_notify(rule.action())).peekable();
    let path = rules.listener_path().clone().filter(|path| !path.as_os_str().is_empty());
    match (left.peek().is_some(), path) {
        // A path alone does nothing.
        (false, _) => Ok(None),
        (true, None) => Err(invalid("SCMP_ACT_NOTIFY needs a listenerPath")),
        (true, Some(path)) => {
            // With these the container tells of the listener itself.
            if left.flat_map(|rule| rule.names()).any(|name| matches!(name.as_str(), "sendmsg" | "sendto")) {
                return Err(invalid("SCMP_ACT_NOTIFY cannot be used for sendmsg and sendto"));
            }
            Ok(Some(Listener { path, metadata: rules.listener_metadata().clone() }))
        }
    }
}

fn flags(rules: &LinuxSeccomp, has_listener: bool) -> Result<u32> {
    let mut flags = if has_listener { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER as u32 } else { 0 };
    for flag in rules.flags().iter().flatten() {
        flags |= match flag {
            LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
            LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            // There is one thread when the filter is installed.
            LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
            LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv if has_listener => {
                libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
            }
            LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
                return Err(invalid(
                    "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV needs a rule with SCMP_ACT_NOTIFY",
                ));
            }
        } as u32;
    }
    Ok(flags)
}

fn statement(code: u16, k: u32) -> Instruction {
    jump(code, k, 0, 0)
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

#[cfg(test)]
mod tests;
