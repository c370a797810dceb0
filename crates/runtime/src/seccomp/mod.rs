//! OCI system call rules to a classic BPF program. Pure.
//!
//! The kernel runs a filter on every system call, and, when it is installed, once for every number to learn
//! which are always allowed: a program must be short. System call numbers become intervals with the same answer, and those a
//! binary tree; only a system call with argument rules looks further.
//!
//! Not from the specification: a number beyond all that the rules name, and a number that we do not know, answers ENOSYS, so
//! that programs fall back as they do on an older kernel; so does the x32 interface.

mod condition;
mod table;
mod tree;

use crate::oci::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};
use crate::sys::process::Instruction;
use crate::{Error, Result};

/// An installable filter.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub(crate) flags: u32,
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
/// If the rules want something that a filter cannot do here: notification, tracing by other architectures.
pub(crate) fn compile(rules: &LinuxSeccomp) -> Result<Filter> {
    if rules.listener_path().is_some() {
        return Err(Error::NotImplemented("linux.seccomp.listenerPath"));
    }
    let flags = flags(rules)?;
    let default = action(rules.default_action(), rules.default_errno_ret())?;
    let syscalls = rules.syscalls().as_deref().unwrap_or_default();
    let mut named: Vec<(&str, usize)> = Vec::new();
    for (index, syscall) in syscalls.iter().enumerate() {
        named.extend(syscall.names().iter().map(|name| (name.as_str(), index)));
    }
    named.sort_unstable();
    let mut program = vec![statement(code::LOAD, ARCH_OFFSET)];
    for audit_arch in audit_arches(rules) {
        let block = block(syscalls, default, &named, audit_arch)?;
        // Over the whole block if the architecture is another one; too far for a conditional jump.
        program.push(jump(code::JUMP_EQ, audit_arch, 1, 0));
        program.push(statement(code::JUMP, block.len() as u32));
        program.extend(block);
    }
    program.push(statement(code::RETURN, ENOSYS_ANSWER));
    Ok(Filter { program, flags })
}

/// The native architecture, and 32-bit x86 if the rules name it.
fn audit_arches(rules: &LinuxSeccomp) -> Vec<u32> {
    let mut arches = vec![table::AUDIT_ARCH_X86_64];
    let named = rules.architectures().iter().flatten();
    if named.into_iter().any(|arch| *arch == Arch::ScmpArchX86) {
        arches.push(table::AUDIT_ARCH_I386);
    }
    arches
}

/// The instructions for one architecture. `named`: names with the index of their rule, sorted.
fn block(
    rules: &[LinuxSyscall],
    default: u32,
    named: &[(&str, usize)],
    audit_arch: u32,
) -> Result<Vec<Instruction>> {
    let mut answers: Vec<Answer> = Vec::new();
    let mut newest = None;
    for (name, number) in table::numbers(audit_arch) {
        let first = named.partition_point(|(other, _)| *other < name);
        let same = named[first..].iter().take_while(|(other, _)| *other == name);
        let mut matching = same.map(|(_, index)| &rules[*index]).peekable();
        // Numbers that the table does not have, and those beyond all rules, do not exist for the container.
        while answers.len() <= number as usize {
            answers.push(Answer::Always(ENOSYS_ANSWER));
        }
        if matching.peek().is_some() {
            newest = newest.max(Some(number as usize));
        }
        answers[number as usize] = answer(matching, default)?;
    }
    answers.truncate(newest.map_or(0, |newest| newest + 1));
    answers.push(Answer::Always(ENOSYS_ANSWER));
    let mut intervals: Vec<(u32, Answer)> = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        if intervals.last().is_none_or(|(_, last)| *last != answer) {
            intervals.push((number as u32, answer));
        }
    }
    // The x32 interface is beyond all rules too.
    debug_assert!(intervals.last().is_some_and(|(first, _)| *first < X32_BIT));
    let mut block = vec![statement(code::LOAD, NUMBER_OFFSET)];
    tree::emit(&intervals, &mut block);
    Ok(block)
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
    match action {
        LinuxSeccompAction::ScmpActNotify => Err(Error::NotImplemented("SCMP_ACT_NOTIFY")),
        other => {
            let errno = errno.unwrap_or(libc::EPERM as u32) & libc::SECCOMP_RET_DATA;
            Ok(other.as_u32(Some(errno)))
        }
    }
}

fn flags(rules: &LinuxSeccomp) -> Result<u32> {
    let mut flags = 0;
    for flag in rules.flags().iter().flatten() {
        flags |= match flag {
            LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
            LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW,
            // There is one thread when the filter is installed.
            LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
            LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
                return Err(Error::NotImplemented("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"));
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
