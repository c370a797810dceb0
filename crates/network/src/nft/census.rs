//! Counting: which generation of the kernel's rules there is, and what is in our table.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;

use nix::libc;

use super::firewall::Firewall;
use super::port::{INGRESS, port_maps};
use crate::kernel::{Attributes, Socket, parse, push_frame};

const NFTA_GEN_ID: u16 = 1;
const NFTA_TABLE: u16 = 1;
const NFTA_LIST_SET: u16 = 2;
const NFTA_LIST_ELEMENTS: u16 = 3;
/// `struct nfgenmsg`
const GENERIC_HEADER_LEN: usize = 4;

/// How much of everything is in our table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Census {
    rules: usize,
    elements: BTreeMap<&'static str, usize>,
}

impl Firewall {
    /// The number of the kernel's present rules, and how many transactions of ours there have been.
    pub(crate) fn generation(&mut self) -> io::Result<(u32, u32)> {
        let mut generation = None;
        ask(
            &mut self.socket,
            libc::NFT_MSG_GETGEN,
            libc::NFPROTO_UNSPEC,
            0,
            |_| {},
            |_, payload| {
                let id = parse(payload).find(|(kind, _)| *kind == NFTA_GEN_ID);
                generation = id.and_then(|(_, value)| value.try_into().ok()).map(u32::from_be_bytes);
            },
        )?;
        let generation = generation.ok_or(io::ErrorKind::InvalidData)?;
        Ok((generation, self.commits.load(Ordering::Relaxed)))
    }

    /// Counts what is in our table; nothing, if there is none.
    pub(crate) fn census(&mut self) -> io::Result<Census> {
        let mut rules = 0;
        let table = self.table.clone();
        let absent = |result: io::Result<()>| match result {
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            other => other,
        };
        let dump = libc::NLM_F_DUMP;
        absent(ask(
            &mut self.socket,
            libc::NFT_MSG_GETRULE,
            libc::NFPROTO_INET,
            dump,
            |attributes| {
                attributes.text(NFTA_TABLE, &table);
            },
            |_, _| rules += 1,
        ))?;
        let mut elements = BTreeMap::new();
        for map in port_maps().chain([INGRESS]).chain(super::network::MAPS) {
            let mut count = 0;
            absent(ask(
                &mut self.socket,
                libc::NFT_MSG_GETSETELEM,
                libc::NFPROTO_INET,
                dump,
                |attributes| {
                    attributes.text(NFTA_TABLE, &table).text(NFTA_LIST_SET, map);
                },
                |_, payload| {
                    let lists = parse(payload).filter(|(kind, _)| *kind == NFTA_LIST_ELEMENTS);
                    count += lists.map(|(_, list)| parse(list).count()).sum::<usize>();
                },
            ))?;
            elements.insert(map, count);
        }
        Ok(Census { rules, elements })
    }
}

/// Asks the kernel something, and shows each answer's family and attributes to `each`.
pub(super) fn ask(
    socket: &mut Socket,
    command: libc::c_int,
    family: libc::c_int,
    flags: libc::c_int,
    fill: impl FnOnce(&mut Attributes<'_>),
    mut each: impl FnMut(u8, &[u8]),
) -> io::Result<()> {
    let sequence = socket.next_sequence();
    let mut frames = Vec::with_capacity(64);
    let kind = ((libc::NFNL_SUBSYS_NFTABLES << 8) | command) as u16;
    push_frame(&mut frames, kind, (libc::NLM_F_REQUEST | flags) as u16, sequence, |payload| {
        payload.extend_from_slice(&[family as u8, 0, 0, 0]);
        fill(&mut Attributes::new(payload));
    });
    socket.send(&frames)?;
    let is_dump = flags & libc::NLM_F_DUMP == libc::NLM_F_DUMP;
    let mut outcome = Ok(());
    while !socket.receive(|frame| {
        if frame.sequence != sequence {
            return false;
        }
        if let Some(result) = frame.result() {
            outcome = result;
            return true;
        }
        if frame.is_done() {
            return true;
        }
        let family = frame.payload.first().copied().unwrap_or_default();
        each(family, frame.payload.get(GENERIC_HEADER_LEN..).unwrap_or(&[]));
        !is_dump
    })? {}
    outcome
}
