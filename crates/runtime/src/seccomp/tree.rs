//! Intervals of system call numbers to a binary search.

use super::{Answer, code, condition, jump, statement};
use crate::sys::process::Instruction;

/// Appends the search over `intervals` (first number, answer; sorted, the first one also covers all below it)
/// to `program`. The number is in the accumulator.
pub(super) fn emit(intervals: &[(u32, Answer)], program: &mut Vec<Instruction>) {
    let [(_, answer)] = intervals else {
        let (left, right) = intervals.split_at(intervals.len() / 2);
        let Some((first_right, _)) = right.first() else {
            return;
        };
        let mut below = Vec::new();
        emit(left, &mut below);
        match u8::try_from(below.len()) {
            Ok(length) => program.push(jump(code::JUMP_GE, *first_right, length, 0)),
            Err(_) => {
                program.push(jump(code::JUMP_GE, *first_right, 0, 1));
                program.push(statement(code::JUMP, below.len() as u32));
            }
        }
        program.extend(below);
        emit(right, program);
        return;
    };
    match answer {
        Answer::Always(answer) => program.push(statement(code::RETURN, *answer)),
        Answer::ByArguments(rules, otherwise) => {
            for rule in rules {
                condition::emit(&rule.arguments, rule.answer, program);
            }
            program.push(statement(code::RETURN, *otherwise));
        }
    }
}
