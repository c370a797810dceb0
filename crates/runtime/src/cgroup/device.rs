//! Which devices a container may open: lines for version 1, an eBPF program for version 2. Pure.

use std::borrow::Cow;

use crate::Result;
use crate::oci::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources};
use crate::plan::invalid;
use crate::sys::bpf::Instruction;

/// With the default devices allowed where the rules deny all: every container has them, whether its configuration names them or
/// not (config-linux.md, Default Devices), and making their nodes takes permission too.
pub(super) fn with_defaults(resources: &LinuxResources) -> Cow<'_, LinuxResources> {
    let rules = resources.devices().as_deref().unwrap_or_default();
    let denies_all =
        |rule: &LinuxDeviceCgroup| !rule.allow() && rule.typ().is_none_or(|typ| typ == LinuxDeviceType::A);
    let Some(last) = rules.iter().rposition(denies_all) else {
        return Cow::Borrowed(resources);
    };
    let mut missing = crate::default::device_rules();
    missing.retain(|rule| rule.allow() && !rules[last..].contains(rule));
    if missing.is_empty() {
        return Cow::Borrowed(resources);
    }
    let mut resources = resources.clone();
    // Before what the configuration allows or denies beyond its "deny all".
    let mut rules = rules.to_vec();
    rules.splice(last + 1..last + 1, missing);
    resources.set_devices(Some(rules));
    Cow::Owned(resources)
}

/// `c 1:3 rwm`, as the files of version 1 want it.
pub(super) fn v1_line(rule: &LinuxDeviceCgroup) -> String {
    let typ = rule.typ().unwrap_or(LinuxDeviceType::A);
    if typ == LinuxDeviceType::A {
        return "a *:* rwm".to_owned();
    }
    let number = |number: Option<i64>| match number {
        Some(number) if number >= 0 => number.to_string(),
        _ => "*".to_owned(),
    };
    format!(
        "{} {}:{} {}",
        if typ == LinuxDeviceType::B { "b" } else { "c" },
        number(rule.major()),
        number(rule.minor()),
        access(rule)
    )
}

fn access(rule: &LinuxDeviceCgroup) -> &str {
    rule.access().as_deref().filter(|a| !a.is_empty()).unwrap_or("rwm")
}

/// Registers of the program.
const RESULT: u8 = 0;
const CONTEXT: u8 = 1;
const TYPE: u8 = 2;
const ACCESS: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;
const SCRATCH: u8 = 6;

/// Instruction codes, as linux/bpf.h composes them.
const LOAD_WORD: u8 = 0x61;
const MOVE: u8 = 0xbf;
const MOVE_VALUE: u8 = 0xb7;
const AND_VALUE: u8 = 0x57;
const SHIFT_RIGHT_VALUE: u8 = 0x77;
const JUMP_EQ_VALUE: u8 = 0x15;
const JUMP_NE_VALUE: u8 = 0x55;
const EXIT: u8 = 0x95;

/// The last rule that matches decides, as if each had been written to the files of version 1 in order; nothing
/// matches: allowed.
pub(super) fn v2_program(rules: &[LinuxDeviceCgroup]) -> Result<Vec<Instruction>> {
    // struct bpf_cgroup_dev_ctx: access << 16 | type, major, minor.
    let mut program = vec![
        instruction(LOAD_WORD, TYPE, CONTEXT, 0, 0),
        instruction(MOVE, ACCESS, TYPE, 0, 0),
        instruction(AND_VALUE, TYPE, 0, 0, 0xffff),
        instruction(SHIFT_RIGHT_VALUE, ACCESS, 0, 0, 16),
        instruction(LOAD_WORD, MAJOR, CONTEXT, 4, 0),
        instruction(LOAD_WORD, MINOR, CONTEXT, 8, 0),
    ];
    for rule in rules.iter().rev() {
        program.extend(v2_rule(rule)?);
    }
    program.push(instruction(MOVE_VALUE, RESULT, 0, 0, 1));
    program.push(instruction(EXIT, 0, 0, 0, 0));
    Ok(program)
}

fn v2_rule(rule: &LinuxDeviceCgroup) -> Result<Vec<Instruction>> {
    let mut tests = Vec::new();
    match rule.typ().unwrap_or(LinuxDeviceType::A) {
        LinuxDeviceType::A => {}
        LinuxDeviceType::B => tests.push((JUMP_NE_VALUE, TYPE, 1)),
        LinuxDeviceType::C | LinuxDeviceType::U => tests.push((JUMP_NE_VALUE, TYPE, 2)),
        LinuxDeviceType::P => return Err(invalid("a device rule cannot be about a pipe")),
    }
    for (register, number) in [(MAJOR, rule.major()), (MINOR, rule.minor())] {
        if let Some(number) = number.filter(|number| *number >= 0) {
            let number =
                i32::try_from(number).map_err(|_| invalid("a device number of a rule is out of range"))?;
            tests.push((JUMP_NE_VALUE, register, number));
        }
    }
    let mut bits = 0;
    for letter in access(rule).chars() {
        bits |= match letter {
            'm' => 1,
            'r' => 2,
            'w' => 4,
            _ => return Err(invalid("the access of a device rule is made of r, w and m")),
        };
    }
    // An allowance must cover all that is asked for; a denial strikes at any part of it.
    let (mask, skip) = if rule.allow() { (!bits & 7, JUMP_NE_VALUE) } else { (bits, JUMP_EQ_VALUE) };
    tests.push((skip, SCRATCH, 0));
    let mut code =
        vec![instruction(MOVE, SCRATCH, ACCESS, 0, 0), instruction(AND_VALUE, SCRATCH, 0, 0, mask)];
    let count = tests.len() as i16;
    for (at, (test, register, value)) in tests.into_iter().enumerate() {
        // Over the remaining tests and the two instructions of the verdict.
        let distance = count - at as i16 + 1;
        code.push(instruction(test, register, 0, distance, value));
    }
    code.push(instruction(MOVE_VALUE, RESULT, 0, 0, i32::from(rule.allow())));
    code.push(instruction(EXIT, 0, 0, 0, 0));
    Ok(code)
}

fn instruction(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> Instruction {
    Instruction { code, registers: destination | (source << 4), offset, immediate }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn allows(program: &[Instruction], typ: u32, access: u32, major: u32, minor: u32) -> bool {
        let context = [access << 16 | typ, major, minor];
        let mut registers = [0_i64; 7];
        let mut at = 0;
        loop {
            let i = program[at];
            let (to, from) = ((i.registers & 15) as usize, (i.registers >> 4) as usize);
            let value = i64::from(i.immediate);
            at += 1;
            match i.code {
                LOAD_WORD => registers[to] = context[i.offset as usize / 4].into(),
                MOVE => registers[to] = registers[from],
                MOVE_VALUE => registers[to] = value,
                AND_VALUE => registers[to] &= value,
                SHIFT_RIGHT_VALUE => registers[to] >>= value,
                JUMP_EQ_VALUE if registers[to] == value => at += i.offset as usize,
                JUMP_NE_VALUE if registers[to] != value => at += i.offset as usize,
                JUMP_EQ_VALUE | JUMP_NE_VALUE => {}
                EXIT => return registers[0] != 0,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn the_default_rules_allow_null_and_deny_disks() {
        let program = v2_program(&crate::default::device_rules()).unwrap();
        assert!(allows(&program, 2, 6, 1, 3), "read and write /dev/null");
        assert!(allows(&program, 2, 6, 136, 4), "a pseudo-terminal");
        assert!(allows(&program, 1, 1, 8, 0), "make a node of a disk");
        assert!(!allows(&program, 1, 2, 8, 0), "read a disk");
        assert!(!allows(&program, 1, 3, 8, 0), "read and make a disk");
        assert!(!allows(&program, 2, 2, 1, 1), "read /dev/mem");
    }

    #[test]
    fn default_devices_are_allowed_whatever_is_denied() {
        let of = |json: serde_json::Value| -> LinuxResources { serde_json::from_value(json).unwrap() };
        let denied = of(serde_json::json!({"devices": [
            {"allow": false, "access": "rwm"},
            {"allow": false, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
        ]}));
        let lines: Vec<_> = with_defaults(&denied).devices().iter().flatten().map(v1_line).collect();
        assert_eq!((lines[0].as_str(), lines[1].as_str()), ("a *:* rwm", "c *:* m"));
        assert_eq!(lines.last().unwrap(), "c 1:3 rwm", "the configuration has the last word");
        let complete = of(serde_json::json!({"devices": crate::default::device_rules()}));
        assert!(matches!(with_defaults(&complete), Cow::Borrowed(_)));
        assert!(matches!(with_defaults(&LinuxResources::default()), Cow::Borrowed(_)));
    }

    #[test]
    fn lines_are_what_the_kernel_documents() {
        let lines: Vec<_> = crate::default::device_rules().iter().map(v1_line).collect();
        assert_eq!(lines[0], "a *:* rwm");
        assert_eq!(lines[1], "c *:* m");
        assert!(lines.contains(&"c 136:* rwm".to_owned()));
    }
}
