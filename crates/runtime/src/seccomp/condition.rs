//! Comparisons of 64-bit arguments, in halves, since classic BPF has 32 bits.

use super::{code, jump, statement};
use crate::oci::{LinuxSeccompArg, LinuxSeccompOperator};
use crate::sys::process::Instruction;

/// Offset of the first argument in `struct seccomp_data`.
const ARGUMENTS_OFFSET: u32 = 16;

/// Where a comparison goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Next,
    Pass,
    Fail,
}

/// An instruction whose jumps have no distance yet.
type Draft = (Instruction, To, To);

/// Appends: if all of `arguments` match, return `answer`; else go on behind.
pub(super) fn emit(arguments: &[LinuxSeccompArg], answer: u32, program: &mut Vec<Instruction>) {
    let comparisons: Vec<Vec<Draft>> = arguments.iter().map(compare).collect();
    let mut left: usize = comparisons.iter().map(Vec::len).sum();
    for comparison in &comparisons {
        for (at, (instruction, yes, no)) in comparison.iter().enumerate() {
            left -= 1;
            // A rule has at most six arguments of five instructions: every distance fits.
            let distance = |to: To| match to {
                To::Next => 0,
                To::Pass => (comparison.len() - at - 1) as u8,
                To::Fail => (left + 1) as u8,
            };
            program.push(Instruction { jt: distance(*yes), jf: distance(*no), ..*instruction });
        }
    }
    program.push(statement(code::RETURN, answer));
}

fn compare(argument: &LinuxSeccompArg) -> Vec<Draft> {
    let low = ARGUMENTS_OFFSET + 8 * argument.index() as u32;
    let load_low = plain(statement(code::LOAD, low));
    let load_high = plain(statement(code::LOAD, low + 4));
    let value = argument.value();
    let (value_high, value_low) = ((value >> 32) as u32, value as u32);
    let test = |code, k, yes, no| (jump(code, k, 0, 0), yes, no);
    let ordered = |low_code, yes, no| {
        vec![
            load_high,
            test(code::JUMP_GT, value_high, yes, To::Next),
            test(code::JUMP_EQ, value_high, To::Next, no),
            load_low,
            test(low_code, value_low, yes, no),
        ]
    };
    match argument.op() {
        LinuxSeccompOperator::ScmpCmpEq => vec![
            load_high,
            test(code::JUMP_EQ, value_high, To::Next, To::Fail),
            load_low,
            test(code::JUMP_EQ, value_low, To::Pass, To::Fail),
        ],
        LinuxSeccompOperator::ScmpCmpNe => vec![
            load_high,
            test(code::JUMP_EQ, value_high, To::Next, To::Pass),
            load_low,
            test(code::JUMP_EQ, value_low, To::Fail, To::Pass),
        ],
        LinuxSeccompOperator::ScmpCmpGt => ordered(code::JUMP_GT, To::Pass, To::Fail),
        LinuxSeccompOperator::ScmpCmpGe => ordered(code::JUMP_GE, To::Pass, To::Fail),
        LinuxSeccompOperator::ScmpCmpLe => ordered(code::JUMP_GT, To::Fail, To::Pass),
        LinuxSeccompOperator::ScmpCmpLt => ordered(code::JUMP_GE, To::Fail, To::Pass),
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            let wanted = argument.value_two().unwrap_or(0);
            vec![
                load_high,
                plain(statement(code::AND, value_high)),
                test(code::JUMP_EQ, (wanted >> 32) as u32, To::Next, To::Fail),
                load_low,
                plain(statement(code::AND, value_low)),
                test(code::JUMP_EQ, wanted as u32, To::Pass, To::Fail),
            ]
        }
    }
}

fn plain(instruction: Instruction) -> Draft {
    (instruction, To::Next, To::Next)
}
