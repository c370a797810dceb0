//! Other programs' chains that see what is forwarded: which of them drop, and the one rule of ours in those.
//!
//! What is found is read once, [`plan`] decides, and [`Firewall::apply`] does it. A chain is in the way if its policy
//! is to drop, or if some rule without a condition drops or rejects. Our rule comes before that rule, or last: what
//! the administrator refuses explicitly stays refused.

use std::collections::BTreeMap;
use std::io;

use nix::libc;

use super::batch::Batch;
use super::census::ask;
use super::firewall::Firewall;
use super::ruleset::{MARK_BIT, SIGNATURE};
use crate::kernel::parse;

const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_NUMBER: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFTA_IMMEDIATE_DATA: u16 = 2;
const NFTA_DATA_VERDICT: u16 = 2;
const NFTA_VERDICT_CODE: u16 = 1;
const NFTA_VERDICT_CHAIN: u16 = 2;
const NFTA_TARGET_NAME: u16 = 1;
/// The comment's type among a rule's user data.
const UDATA_COMMENT: u8 = 0;
/// The kernel follows no more jumps than this.
const JUMP_LIMIT: usize = 16;
/// What a rule may have without being a condition.
const UNCONDITIONAL: [&str; 5] = ["counter", "log", "immediate", "reject", "target"];

/// A chain of another program that sees what is forwarded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) family: u8,
    pub(crate) table: String,
    pub(crate) chain: String,
    pub(crate) priority: i32,
    /// Whether it drops what no rule of it accepts.
    pub(crate) drops: bool,
    /// Our rule, if it is there and where it should be.
    pub(crate) ours: Option<u64>,
    /// Rules of ours that should not be there.
    stray: Vec<u64>,
    /// The rule that ours must come before; `None` for the end.
    before: Option<u64>,
}

/// A rule, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    handle: u64,
    comment: Option<String>,
    is_conditional: bool,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// Drop or reject.
    Refuse,
    Jump(String),
    Other,
}

/// The rules of one table, by chain.
type Rules = BTreeMap<String, Vec<Seen>>;

impl Firewall {
    /// All chains of other programs at the forward hook, with what is known of them.
    pub(crate) fn foreign(&mut self) -> io::Result<Vec<Foreign>> {
        let mut chains: Vec<(u8, Chain)> = Vec::new();
        let dump = libc::NLM_F_DUMP;
        let unspecified = libc::NFPROTO_UNSPEC;
        ask(
            &mut self.socket,
            libc::NFT_MSG_GETCHAIN,
            unspecified,
            dump,
            |_| {},
            |family, payload| {
                chains.extend(read_chain(payload).map(|chain| (family, chain)));
            },
        )?;
        // Daemons of ours let everything through that is not for their own bridges.
        let is_ours = |family: u8, table: &str| {
            let is_of_us = |chain: &Chain| chain.table == table && chain.name == SIGNATURE;
            table == self.table || chains.iter().any(|(other, chain)| *other == family && is_of_us(chain))
        };
        let forward = chains.iter().filter(|(family, chain)| {
            let sees_packets =
                [libc::NFPROTO_IPV4, libc::NFPROTO_IPV6, libc::NFPROTO_INET].contains(&i32::from(*family));
            sees_packets && chain.is_forward && !is_ours(*family, &chain.table)
        });
        let mut found = Vec::new();
        for (family, chain) in forward {
            let rules = read_rules(&mut self.socket, *family, &chain.table)?;
            found.push(plan(*family, chain, &rules, &comment(&self.table)));
        }
        Ok(found)
    }

    /// Puts our rule into a chain, or takes it out. Answers whether anything had to be done.
    pub(crate) fn settle_foreign(&mut self, foreign: &Foreign, wanted: bool) -> io::Result<bool> {
        let stray = foreign.stray.iter().copied().chain(foreign.ours.filter(|_| !wanted));
        let stray: Vec<u64> = stray.collect();
        let is_missing = wanted && foreign.ours.is_none();
        if stray.is_empty() && !is_missing {
            return Ok(false);
        }
        let mut batch = Batch::new(i32::from(foreign.family), &foreign.table);
        for handle in stray {
            batch.delete_rule(&foreign.chain, handle);
        }
        if is_missing {
            batch.add_foreign_rule(&foreign.chain, foreign.before, &comment(&self.table), |rule| {
                rule.is_marked(MARK_BIT).count().accept();
            });
        }
        self.commit(batch)?;
        Ok(true)
    }
}

/// What our rules in other programs' chains are known by.
fn comment(daemon: &str) -> String {
    format!("shoal: containers of {daemon}")
}

/// A chain as the kernel tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Chain {
    table: String,
    name: String,
    is_forward: bool,
    priority: i32,
    drops_by_policy: bool,
}

/// Decides what is to be done about a chain. Pure.
fn plan(family: u8, chain: &Chain, rules: &Rules, comment: &str) -> Foreign {
    let own = rules.get(&chain.name).map_or(&[][..], Vec::as_slice);
    let is_ours = |rule: &Seen| rule.comment.as_deref() == Some(comment);
    let last = own.iter().position(|rule| !is_ours(rule) && refuses(rule, rules, JUMP_LIMIT));
    let before = last.map(|index| own[index].handle);
    let drops = chain.drops_by_policy || last.is_some();
    let (mut ours, mut stray) = (None, Vec::new());
    for (index, rule) in own.iter().enumerate().filter(|(_, rule)| is_ours(rule)) {
        let is_in_time = last.is_none_or(|last| index < last);
        if drops && is_in_time && ours.is_none() { ours = Some(rule.handle) } else { stray.push(rule.handle) }
    }
    Foreign {
        family,
        table: chain.table.clone(),
        chain: chain.name.clone(),
        priority: chain.priority,
        drops,
        ours,
        stray,
        before,
    }
}

/// Whether no packet that comes to this rule gets past it.
fn refuses(rule: &Seen, rules: &Rules, limit: usize) -> bool {
    if rule.is_conditional || limit == 0 {
        return false;
    }
    match &rule.outcome {
        Outcome::Refuse => true,
        Outcome::Jump(chain) => rules
            .get(chain)
            .is_some_and(|rules_of| rules_of.iter().any(|rule| refuses(rule, rules, limit - 1))),
        Outcome::Other => false,
    }
}

fn read_chain(payload: &[u8]) -> Option<Chain> {
    let hook = find(payload, NFTA_CHAIN_HOOK);
    let number = |attributes: &[u8], kind| {
        find(attributes, kind).and_then(|value| value.try_into().ok()).map(u32::from_be_bytes)
    };
    let is_filter = find(payload, NFTA_CHAIN_TYPE).map(text).as_deref() == Some("filter");
    let at = hook.and_then(|hook| number(hook, NFTA_HOOK_NUMBER));
    Some(Chain {
        table: text(find(payload, NFTA_CHAIN_TABLE)?),
        name: text(find(payload, NFTA_CHAIN_NAME)?),
        is_forward: is_filter && at == Some(libc::NF_INET_FORWARD as u32),
        priority: hook.and_then(|hook| number(hook, NFTA_HOOK_PRIORITY)).unwrap_or(0) as i32,
        drops_by_policy: number(payload, NFTA_CHAIN_POLICY) == Some(libc::NF_DROP as u32),
    })
}

fn read_rules(socket: &mut crate::kernel::Socket, family: u8, table: &str) -> io::Result<Rules> {
    let mut rules = Rules::new();
    let outcome = ask(
        socket,
        libc::NFT_MSG_GETRULE,
        i32::from(family),
        libc::NLM_F_DUMP,
        |attributes| {
            attributes.text(NFTA_RULE_TABLE, table);
        },
        |_, payload| {
            if let Some((chain, rule)) = read_rule(payload, table) {
                rules.entry(chain).or_default().push(rule);
            }
        },
    );
    match outcome {
        // It has gone since the chains were listed.
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(Rules::new()),
        other => other.map(|()| rules),
    }
}

/// The kernel need not have listened to the wish for one table.
fn read_rule(payload: &[u8], table: &str) -> Option<(String, Seen)> {
    if text(find(payload, NFTA_RULE_TABLE)?) != table {
        return None;
    }
    let chain = text(find(payload, NFTA_RULE_CHAIN)?);
    let handle = u64::from_be_bytes(find(payload, NFTA_RULE_HANDLE)?.try_into().ok()?);
    let comment = find(payload, NFTA_RULE_USERDATA).and_then(read_comment);
    let (mut is_conditional, mut outcome) = (false, Outcome::Other);
    for (_, expression) in parse(find(payload, NFTA_RULE_EXPRESSIONS).unwrap_or(&[])) {
        let name = find(expression, NFTA_EXPR_NAME).map(text).unwrap_or_default();
        let data = find(expression, NFTA_EXPR_DATA).unwrap_or(&[]);
        is_conditional |= !UNCONDITIONAL.contains(&name.as_str());
        match name.as_str() {
            "reject" => outcome = Outcome::Refuse,
            "target" if find(data, NFTA_TARGET_NAME).map(text).as_deref() == Some("REJECT") => {
                outcome = Outcome::Refuse;
            }
            "immediate" => outcome = read_verdict(data).unwrap_or(outcome),
            _ => {}
        }
    }
    Some((chain, Seen { handle, comment, is_conditional, outcome }))
}

fn read_verdict(immediate: &[u8]) -> Option<Outcome> {
    let verdict = find(find(immediate, NFTA_IMMEDIATE_DATA)?, NFTA_DATA_VERDICT)?;
    let code = i32::from_be_bytes(find(verdict, NFTA_VERDICT_CODE)?.try_into().ok()?);
    match code {
        0 => Some(Outcome::Refuse),
        libc::NFT_JUMP | libc::NFT_GOTO => Some(Outcome::Jump(text(find(verdict, NFTA_VERDICT_CHAIN)?))),
        _ => Some(Outcome::Other),
    }
}

/// User data are type, length, value, one behind the other.
fn read_comment(mut data: &[u8]) -> Option<String> {
    while let [kind, len, rest @ ..] = data {
        let value = rest.get(..usize::from(*len))?;
        if *kind == UDATA_COMMENT {
            return Some(text(value));
        }
        data = &rest[value.len()..];
    }
    None
}

/// A comment as user data.
pub(super) fn comment_data(comment: &str) -> Vec<u8> {
    let mut data = vec![UDATA_COMMENT, (comment.len() + 1) as u8];
    data.extend_from_slice(comment.as_bytes());
    data.push(0);
    data
}

fn find(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    parse(attributes).find(|(kind, _)| *kind == wanted).map(|(_, value)| value)
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(drops_by_policy: bool) -> Chain {
        Chain {
            table: "filter".to_owned(),
            name: "FORWARD".to_owned(),
            is_forward: true,
            priority: 0,
            drops_by_policy,
        }
    }

    fn rule(handle: u64, is_conditional: bool, outcome: Outcome) -> Seen {
        Seen { handle, comment: None, is_conditional, outcome }
    }

    fn ours(handle: u64) -> Seen {
        Seen { comment: Some("us".to_owned()), ..rule(handle, true, Outcome::Other) }
    }

    fn planned(
        policy: bool,
        forward: Vec<Seen>,
        other: Vec<Seen>,
    ) -> (bool, Option<u64>, Vec<u64>, Option<u64>) {
        let rules = Rules::from([("FORWARD".to_owned(), forward), ("other".to_owned(), other)]);
        let plan = plan(2, &chain(policy), &rules, "us");
        (plan.drops, plan.ours, plan.stray, plan.before)
    }

    #[test]
    fn a_policy_or_a_last_rule_stands_in_the_way_and_a_condition_does_not() {
        let jump = || Outcome::Jump("other".to_owned());
        assert_eq!(planned(false, vec![rule(1, true, Outcome::Refuse)], vec![]), (false, None, vec![], None));
        assert_eq!(planned(true, vec![], vec![]), (true, None, vec![], None));
        let last = rule(2, false, Outcome::Refuse);
        assert_eq!(
            planned(false, vec![rule(1, true, jump()), last.clone()], vec![]),
            (true, None, vec![], Some(2))
        );
        assert_eq!(planned(false, vec![rule(1, false, jump())], vec![last]), (true, None, vec![], Some(1)));
        // A chain that leads to itself ends the search.
        let circle = vec![rule(3, false, jump())];
        assert_eq!(planned(false, circle.clone(), circle), (false, None, vec![], None));
    }

    #[test]
    fn our_rule_stays_where_it_is_of_use_and_nowhere_else() {
        let last = rule(2, false, Outcome::Refuse);
        assert_eq!(planned(true, vec![ours(1)], vec![]), (true, Some(1), vec![], None));
        assert_eq!(planned(false, vec![ours(1)], vec![]), (false, None, vec![1], None));
        assert_eq!(planned(false, vec![ours(1), last.clone()], vec![]), (true, Some(1), vec![], Some(2)));
        assert_eq!(planned(false, vec![last, ours(1)], vec![]), (true, None, vec![1], Some(2)));
        assert_eq!(planned(true, vec![ours(1), ours(5)], vec![]), (true, Some(1), vec![5], None));
    }

    #[test]
    fn a_comment_is_read_as_written() {
        assert_eq!(read_comment(&comment_data("shoal")).as_deref(), Some("shoal"));
        assert_eq!(read_comment(&[7, 1, 9, 0, 2, b'x', 0]).as_deref(), Some("x"));
        assert_eq!(read_comment(&[0, 200, 1]), None);
    }
}
