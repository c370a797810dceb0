//! Transactions: all of it or nothing.

use std::io;

use nix::libc;

use super::expression::{NFTA_DATA_VALUE, Rule, put_verdict};
use super::foreign::comment_data;
use super::network::TYPE_INTERFACE;
use crate::kernel::{Attributes, Socket, push_frame};

const NFTA_TABLE_NAME: u16 = 1;
const NFTA_CHAIN_TABLE: u16 = 1;
const NFTA_CHAIN_NAME: u16 = 3;
const NFTA_CHAIN_HOOK: u16 = 4;
const NFTA_CHAIN_POLICY: u16 = 5;
const NFTA_CHAIN_TYPE: u16 = 7;
const NFTA_HOOK_HOOKNUM: u16 = 1;
const NFTA_HOOK_PRIORITY: u16 = 2;
const NFTA_RULE_TABLE: u16 = 1;
const NFTA_RULE_CHAIN: u16 = 2;
const NFTA_RULE_HANDLE: u16 = 3;
const NFTA_RULE_EXPRESSIONS: u16 = 4;
const NFTA_RULE_POSITION: u16 = 6;
const NFTA_RULE_USERDATA: u16 = 7;
const NFTA_SET_TABLE: u16 = 1;
const NFTA_SET_NAME: u16 = 2;
const NFTA_SET_FLAGS: u16 = 3;
const NFTA_SET_KEY_TYPE: u16 = 4;
const NFTA_SET_KEY_LEN: u16 = 5;
const NFTA_SET_DATA_TYPE: u16 = 6;
const NFTA_SET_DATA_LEN: u16 = 7;
const NFTA_SET_ID: u16 = 10;
const NFTA_SET_USERDATA: u16 = 13;
const NFTA_LIST_TABLE: u16 = 1;
const NFTA_LIST_SET: u16 = 2;
const NFTA_LIST_ELEMENTS: u16 = 3;
const NFTA_LIST_SET_ID: u16 = 4;
const NFTA_LIST_ELEM: u16 = 1;
const NFTA_ELEM_KEY: u16 = 1;
const NFTA_ELEM_DATA: u16 = 2;

/// An attribute, and so a message's list of elements, is at most 64 KiB long.
const ELEMENTS_PER_MESSAGE: usize = 500;
/// Names of anonymous sets are made by the kernel after this pattern.
pub(super) const ANONYMOUS_MAP: &str = "__map%d";

/// Where a base chain is hooked in.
pub(super) struct Hook {
    /// `filter` or `nat`.
    pub(super) kind: &'static str,
    /// `NF_INET_…`
    pub(super) point: libc::c_int,
    /// Lower comes first.
    pub(super) priority: i32,
}

/// For nft alone: the keys are in the machine's own byte order. Type, length, value.
const KEYS_IN_HOST_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];

/// What a map maps: nft's numbers of the types (for those who list it), and the lengths in bytes.
pub(super) struct MapType {
    pub(super) key_type: u32,
    pub(super) key_len: u32,
    pub(super) data_type: u32,
    pub(super) data_len: u32,
}

/// What an element leads to.
pub(super) enum Value {
    /// Nothing: it is a set's.
    Member,
    /// An address and a port, padded.
    Target(Vec<u8>),
    /// `goto chain`
    Goto(String),
    /// `jump chain`
    Jump(String),
}

/// An element of a map.
pub(super) struct Element {
    pub(super) key: Vec<u8>,
    pub(super) value: Value,
}

/// A transaction under construction, for one table of one family.
pub(super) struct Batch<'a> {
    family: u8,
    table: &'a str,
    frames: Vec<u8>,
    next_set_id: u32,
}

impl<'a> Batch<'a> {
    pub(super) fn new(family: libc::c_int, table: &'a str) -> Batch<'a> {
        let mut frames = Vec::with_capacity(1024);
        put_border(&mut frames, libc::NFNL_MSG_BATCH_BEGIN);
        Batch { family: family as u8, table, frames, next_set_id: 1 }
    }

    pub(super) fn add_table(&mut self) {
        self.message(libc::NFT_MSG_NEWTABLE, libc::NLM_F_CREATE, |message, table| {
            message.text(NFTA_TABLE_NAME, table);
        });
    }

    pub(super) fn delete_table(&mut self) {
        self.message(libc::NFT_MSG_DELTABLE, 0, |message, table| {
            message.text(NFTA_TABLE_NAME, table);
        });
    }

    pub(super) fn add_chain(&mut self, name: &str, hook: Option<Hook>) {
        self.message(libc::NFT_MSG_NEWCHAIN, libc::NLM_F_CREATE, |message, table| {
            message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
            if let Some(hook) = hook {
                message
                    .nested(NFTA_CHAIN_HOOK, |attributes| {
                        attributes.number(NFTA_HOOK_HOOKNUM, hook.point as u32);
                        attributes.number(NFTA_HOOK_PRIORITY, hook.priority as u32);
                    })
                    .number(NFTA_CHAIN_POLICY, libc::NF_ACCEPT as u32)
                    .text(NFTA_CHAIN_TYPE, hook.kind);
            }
        });
    }

    pub(super) fn delete_chain(&mut self, name: &str) {
        self.message(libc::NFT_MSG_DELCHAIN, 0, |message, table| {
            message.text(NFTA_CHAIN_TABLE, table).text(NFTA_CHAIN_NAME, name);
        });
    }

    /// Removes all rules of a chain.
    pub(super) fn flush_chain(&mut self, name: &str) {
        self.message(libc::NFT_MSG_DELRULE, 0, |message, table| {
            message.text(NFTA_RULE_TABLE, table).text(NFTA_RULE_CHAIN, name);
        });
    }

    /// Appends a rule to a chain.
    pub(super) fn add_rule(&mut self, chain: &str, fill: impl FnOnce(&mut Rule<'_, '_>)) {
        let flags = libc::NLM_F_CREATE | libc::NLM_F_APPEND;
        self.message(libc::NFT_MSG_NEWRULE, flags, |message, table| {
            message
                .text(NFTA_RULE_TABLE, table)
                .text(NFTA_RULE_CHAIN, chain)
                .nested(NFTA_RULE_EXPRESSIONS, |list| fill(&mut Rule::new(list)));
        });
    }

    /// Adds a rule with a comment to a chain of another program: before the rule of this handle, or last.
    pub(super) fn add_foreign_rule(
        &mut self,
        chain: &str,
        before: Option<u64>,
        comment: &str,
        fill: impl FnOnce(&mut Rule<'_, '_>),
    ) {
        let place = if before.is_some() { 0 } else { libc::NLM_F_APPEND };
        self.message(libc::NFT_MSG_NEWRULE, libc::NLM_F_CREATE | place, |message, table| {
            message
                .text(NFTA_RULE_TABLE, table)
                .text(NFTA_RULE_CHAIN, chain)
                .nested(NFTA_RULE_EXPRESSIONS, |list| fill(&mut Rule::new(list)));
            if let Some(handle) = before {
                message.bytes(NFTA_RULE_POSITION, &handle.to_be_bytes());
            }
            message.bytes(NFTA_RULE_USERDATA, &comment_data(comment));
        });
    }

    /// Removes one rule of a chain.
    pub(super) fn delete_rule(&mut self, chain: &str, handle: u64) {
        self.message(libc::NFT_MSG_DELRULE, 0, |message, table| {
            message
                .text(NFTA_RULE_TABLE, table)
                .text(NFTA_RULE_CHAIN, chain)
                .bytes(NFTA_RULE_HANDLE, &handle.to_be_bytes());
        });
    }

    pub(super) fn add_map(&mut self, name: &str, types: &MapType) {
        let id = self.take_set_id();
        self.put_map(name, types, id, libc::NFT_SET_MAP);
    }

    /// Makes a set of keys.
    pub(super) fn add_set(&mut self, name: &str, types: &MapType) {
        let id = self.take_set_id();
        self.put_map(name, types, id, 0);
    }

    /// Makes a map that lives as long as the rule that uses it. Answers the id to name it by in this transaction.
    pub(super) fn add_anonymous_map(&mut self, types: &MapType, elements: &[Element]) -> u32 {
        let id = self.take_set_id();
        self.put_map(
            ANONYMOUS_MAP,
            types,
            id,
            libc::NFT_SET_ANONYMOUS | libc::NFT_SET_CONSTANT | libc::NFT_SET_MAP,
        );
        self.put_elements(libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE, ANONYMOUS_MAP, Some(id), elements);
        id
    }

    pub(super) fn add_elements(&mut self, map: &str, elements: &[Element]) {
        self.put_elements(libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE, map, None, elements);
    }

    pub(super) fn delete_elements(&mut self, map: &str, elements: &[Element]) {
        self.put_elements(libc::NFT_MSG_DELSETELEM, 0, map, None, elements);
    }

    /// Hands the transaction to the kernel, which has decided when this returns.
    pub(super) fn commit(mut self, socket: &mut Socket) -> io::Result<()> {
        put_border(&mut self.frames, libc::NFNL_MSG_BATCH_END);
        socket.send(&self.frames)?;
        // No acknowledgement was asked for: only failures are queued, the first one is the cause.
        let mut outcome = Ok(());
        while socket
            .receive_queued(|frame| {
                if let (Some(Err(error)), Ok(())) = (frame.result(), &outcome) {
                    outcome = Err(error);
                }
                false
            })?
            .is_some()
        {}
        outcome
    }

    fn take_set_id(&mut self) -> u32 {
        let id = self.next_set_id;
        self.next_set_id += 1;
        id
    }

    fn put_map(&mut self, name: &str, types: &MapType, id: u32, flags: libc::c_int) {
        self.message(libc::NFT_MSG_NEWSET, libc::NLM_F_CREATE, |message, table| {
            message
                .text(NFTA_SET_TABLE, table)
                .text(NFTA_SET_NAME, name)
                .number(NFTA_SET_FLAGS, flags as u32)
                .number(NFTA_SET_KEY_TYPE, types.key_type)
                .number(NFTA_SET_KEY_LEN, types.key_len)
                .number(NFTA_SET_ID, id);
            if types.key_type == TYPE_INTERFACE {
                message.bytes(NFTA_SET_USERDATA, &KEYS_IN_HOST_ORDER);
            }
            if flags & libc::NFT_SET_MAP != 0 {
                message.number(NFTA_SET_DATA_TYPE, types.data_type).number(NFTA_SET_DATA_LEN, types.data_len);
            }
        });
    }

    fn put_elements(
        &mut self,
        command: libc::c_int,
        flags: libc::c_int,
        map: &str,
        set_id: Option<u32>,
        elements: &[Element],
    ) {
        for chunk in elements.chunks(ELEMENTS_PER_MESSAGE) {
            self.message(command, flags, |message, table| {
                message.text(NFTA_LIST_TABLE, table).text(NFTA_LIST_SET, map);
                if let Some(id) = set_id {
                    message.number(NFTA_LIST_SET_ID, id);
                }
                message.nested(NFTA_LIST_ELEMENTS, |list| {
                    for element in chunk {
                        list.nested(NFTA_LIST_ELEM, |attributes| put_element(attributes, element));
                    }
                });
            });
        }
    }

    fn message(
        &mut self,
        command: libc::c_int,
        flags: libc::c_int,
        fill: impl FnOnce(&mut Attributes<'_>, &str),
    ) {
        let kind = ((libc::NFNL_SUBSYS_NFTABLES << 8) | command) as u16;
        push_frame(&mut self.frames, kind, (libc::NLM_F_REQUEST | flags) as u16, 0, |payload| {
            payload.extend_from_slice(&[self.family, 0, 0, 0]);
            fill(&mut Attributes::new(payload), self.table);
        });
    }
}

/// Asks for a table by its name.
pub(super) fn table_exists(socket: &mut Socket, family: libc::c_int, table: &str) -> io::Result<bool> {
    let sequence = socket.next_sequence();
    let mut frames = Vec::with_capacity(64);
    let kind = ((libc::NFNL_SUBSYS_NFTABLES << 8) | libc::NFT_MSG_GETTABLE) as u16;
    push_frame(&mut frames, kind, libc::NLM_F_REQUEST as u16, sequence, |payload| {
        payload.extend_from_slice(&[family as u8, 0, 0, 0]);
        Attributes::new(payload).text(NFTA_TABLE_NAME, table);
    });
    socket.send(&frames)?;
    let mut answer = Ok(());
    while !socket.receive(|frame| {
        let ours = frame.sequence == sequence;
        if ours {
            answer = frame.result().unwrap_or(Ok(()));
        }
        ours
    })? {}
    match answer {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

fn put_element(attributes: &mut Attributes<'_>, element: &Element) {
    attributes.nested(NFTA_ELEM_KEY, |data| {
        data.bytes(NFTA_DATA_VALUE, &element.key);
    });
    let verdict = |code, chain| Some((code, chain));
    let jump = match &element.value {
        Value::Member => return,
        Value::Target(target) => {
            attributes.nested(NFTA_ELEM_DATA, |data| {
                data.bytes(NFTA_DATA_VALUE, target);
            });
            None
        }
        Value::Goto(chain) => verdict(libc::NFT_GOTO, chain),
        Value::Jump(chain) => verdict(libc::NFT_JUMP, chain),
    };
    if let Some((code, chain)) = jump {
        attributes.nested(NFTA_ELEM_DATA, |data| put_verdict(data, code, Some(chain)));
    }
}

/// The messages around a transaction; the last two bytes of the header name the subsystem.
fn put_border(frames: &mut Vec<u8>, kind: libc::c_int) {
    push_frame(frames, kind as u16, libc::NLM_F_REQUEST as u16, 0, |payload| {
        payload.extend_from_slice(&[libc::AF_UNSPEC as u8, 0]);
        payload.extend_from_slice(&(libc::NFNL_SUBSYS_NFTABLES as u16).to_be_bytes());
    });
}
