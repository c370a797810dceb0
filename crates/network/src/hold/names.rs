//! The daemon's side of the names: what `shoal-net` is told, and told again when it had to be started anew.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;

use super::{Answer, Keeper, Request};
use crate::dns::{Asker, Named, NamedKey};
use crate::resolver::Sockets;

/// So many names go into one message.
const NAMED_PER_MESSAGE: usize = 1000;

/// A copy of what `shoal-net` knows of names for us.
#[derive(Default)]
pub(super) struct Names {
    pub(super) named: BTreeMap<NamedKey, Named>,
    /// Who asks; without sockets if those went with a process that has ended.
    pub(super) askers: BTreeMap<String, (Asker, HasSockets)>,
}

/// Whether the process we are connected to has a container's sockets.
pub(super) type HasSockets = bool;

impl Keeper {
    /// Makes these names known, each instead of those the container had in the same network.
    pub(crate) fn set_names(&mut self, named: Vec<Named>) -> io::Result<()> {
        let changed: Vec<Named> =
            named.into_iter().filter(|named| self.names.named.get(&named.key()) != Some(named)).collect();
        self.names.named.extend(changed.iter().map(|named| (named.key(), named.clone())));
        for chunk in changed.chunks(NAMED_PER_MESSAGE) {
            done(self.call(&Request::Name(chunk.to_vec()))?)?;
        }
        Ok(())
    }

    /// Takes names away. They count as unknown at once, even if the process cannot be told.
    pub(crate) fn remove_names(&mut self, keys: &[NamedKey]) -> io::Result<()> {
        let known: Vec<NamedKey> =
            keys.iter().filter(|key| self.names.named.remove(key).is_some()).cloned().collect();
        if known.is_empty() { Ok(()) } else { self.tell(&Request::Unname(known)) }
    }

    /// The names of a container, in all its networks.
    pub(crate) fn names_of(&self, container_id: &str) -> Vec<NamedKey> {
        self.names.named.keys().filter(|key| key.container_id == container_id).cloned().collect()
    }

    /// Lets a container ask at these sockets, or without any at those it has. Where those have gone it is among
    /// [`Keeper::deaf`] from now on.
    pub(crate) fn admit(&mut self, asker: Asker, sockets: Option<&Sockets>) -> io::Result<()> {
        let container = asker.container_id.clone();
        if sockets.is_none() && self.names.askers.get(&container) == Some(&(asker.clone(), true)) {
            return Ok(());
        }
        self.names.askers.insert(container.clone(), (asker.clone(), false));
        let request = Request::Admit(asker);
        let answer = match sockets {
            Some(sockets) => {
                let files = [sockets.datagrams.as_fd(), sockets.listener.as_fd(), sockets.namespace.as_fd()];
                self.call_with_files(&request, &files)?
            }
            None => self.call(&request)?,
        };
        let is_heard = match answer {
            Answer::Unknown => false,
            answer => done(answer).map(|()| true)?,
        };
        if let Some((_, has_sockets)) = self.names.askers.get_mut(&container) {
            *has_sockets = is_heard;
        }
        Ok(())
    }

    /// A container asks no more; its sockets are closed, so that its network namespace can go.
    pub(crate) fn dismiss(&mut self, container_id: &str) -> io::Result<()> {
        match self.names.askers.remove(container_id) {
            Some(_) => self.tell(&Request::Dismiss(vec![container_id.to_owned()])),
            None => Ok(()),
        }
    }

    /// Who should be answered and has no sockets, those having gone with their process.
    pub(crate) fn deaf(&self) -> Vec<Asker> {
        let deaf = self.names.askers.values().filter(|(_, has_sockets)| !has_sockets);
        deaf.map(|(asker, _)| asker.clone()).collect()
    }

    /// The containers that are named or answered.
    pub(crate) fn known_containers(&self) -> Vec<String> {
        let named = self.names.named.keys().map(|key| key.container_id.clone());
        let mut containers: Vec<String> = named.chain(self.names.askers.keys().cloned()).collect();
        containers.sort();
        containers.dedup();
        containers
    }

    /// Asks a process that an earlier daemon has left for the names it has.
    pub(super) fn adopt_names(&mut self) -> io::Result<()> {
        let Answer::Names { named, askers } = self.exchange(&Request::Names, &[])? else {
            return Err(super::client::unexpected());
        };
        self.names.named = named.into_iter().map(|named| (named.key(), named)).collect();
        let asker = |asker: Asker| (asker.container_id.clone(), (asker, true));
        self.names.askers = askers.into_iter().map(asker).collect();
        Ok(())
    }

    /// Makes a process that has just been connected to know what it should, whatever it knows. The sockets a new one
    /// lacks are for whoever asks for [`Keeper::deaf`].
    pub(super) fn repeat_names(&mut self) -> io::Result<()> {
        if self.names.named.is_empty() && self.names.askers.is_empty() {
            return Ok(());
        }
        let Answer::Names { named, askers } = self.exchange(&Request::Names, &[])? else {
            return Err(super::client::unexpected());
        };
        let stale: Vec<NamedKey> =
            named.iter().map(Named::key).filter(|key| !self.names.named.contains_key(key)).collect();
        let strangers: Vec<String> = askers
            .iter()
            .map(|asker| asker.container_id.clone())
            .filter(|container| !self.names.askers.contains_key(container))
            .collect();
        for (asker, has_sockets) in self.names.askers.values_mut() {
            *has_sockets = askers.contains(asker);
        }
        done(self.exchange(&Request::Unname(stale), &[])?)?;
        done(self.exchange(&Request::Dismiss(strangers), &[])?)?;
        let named: Vec<Named> = self.names.named.values().cloned().collect();
        for chunk in named.chunks(NAMED_PER_MESSAGE) {
            done(self.exchange(&Request::Name(chunk.to_vec()), &[])?)?;
        }
        Ok(())
    }
}

fn done(answer: Answer) -> io::Result<()> {
    match answer {
        Answer::Done => Ok(()),
        Answer::Invalid(text) => Err(io::Error::new(io::ErrorKind::InvalidInput, text)),
        _ => Err(super::client::unexpected()),
    }
}
