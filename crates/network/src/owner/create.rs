//! Making and removing networks.

use std::fs::File;
use std::io::Read;
use std::time::{SystemTime, UNIX_EPOCH};

use super::net::{Kind, Net};
use super::{Owner, Reply};
use crate::kernel::Route;
use crate::link::{check_support, enable_forwarding_v6, taken_subnets};
use crate::settle::{Ground, settle};
use crate::{Error, NetworkRecord, NetworkRequest, Result};

/// An id has as many random bytes.
const ID_LEN: usize = 32;
/// The digits of an id that people are shown.
const MIN_ID_LEN: usize = 12;

impl Owner {
    /// Settles a network and makes it in the kernel. On failure nothing is left.
    pub(super) fn create(&mut self, request: NetworkRequest) -> Result<NetworkRecord> {
        let id = match &request.id {
            Some(id) => self.given_id(id)?,
            None => random_id()?,
        };
        let taken = taken_subnets(&mut self.route)?;
        let ground = Ground {
            id,
            now_ns: now_ns(),
            bridge_prefix: self.config.bridge_prefix(),
            records: self.records().collect(),
            pools: &self.pools,
            taken: &taken,
            mtu: self.config.bridge.mtu,
        };
        let record = settle(request, ground)?;
        let mut net = Net::new(record.clone())?;
        if net.record.driver.is_bridge() && self.route.link(&net.record.interface)?.is_some() {
            tracing::info!(bridge = net.record.interface, "network uses a bridge that is there already");
        }
        if let Err(error) = self.make(&mut net) {
            self.sweep.bridge(&record.interface, &self.config.alias(&record.id));
            self.sweep.soon();
            return Err(error);
        }
        self.nets.insert(record.id.clone(), net);
        Ok(record)
    }

    /// An id that was chosen elsewhere: names in the kernel begin with it.
    fn given_id(&self, id: &str) -> Result<String> {
        let plain = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !plain || !(MIN_ID_LEN..=2 * ID_LEN).contains(&id.len()) {
            return Err(Error::InvalidRequest(format!("{id:?} is no id of a network")));
        }
        if self.nets.contains_key(id) {
            return Err(Error::NameInUse(id.to_owned()));
        }
        Ok(id.to_owned())
    }

    /// Makes what a network needs in the kernel: the bridge and its rules, or nothing but its parent's number.
    pub(super) fn make(&mut self, net: &mut Net) -> Result<()> {
        if net.record.enable_ipv6 && net.record.driver.is_bridge() && self.config.ip_forward {
            enable_forwarding_v6()?;
        }
        net.index =
            ensure_link(&mut self.route, net, self.config.alias(&net.record.id), self.firewall.is_some())?;
        let (Some(firewall), Some(rules)) = (&mut self.firewall, net.rules()) else { return Ok(()) };
        // The table as a whole is made later if it is to be made anew.
        if !self.table_is_stale
            && let Err(error) = firewall.add_network(&rules)
        {
            tracing::warn!(%error, "network cannot be added to the rules, the table is made anew");
            self.table_is_stale = true;
        }
        Ok(())
    }

    /// Removes a network that nobody uses. The reply follows when the kernel has forgotten it.
    pub(super) fn remove(&mut self, reference: &str, reply: Reply<NetworkRecord>) {
        let record = match self.removable(reference) {
            Ok(record) => record,
            Err(error) => return drop(reply.send(Err(error))),
        };
        if let Some(rules) = self.nets.remove(&record.id).and_then(|net| net.rules()) {
            if self.firewall.is_some() {
                self.sweep.pending.networks.push(rules);
            }
            self.sweep.bridge(&record.interface, &self.config.alias(&record.id));
        }
        self.sweep.pending.removed.push((record, reply));
        self.sweep.now();
    }

    fn removable(&self, reference: &str) -> Result<NetworkRecord> {
        let record = self.find(reference)?;
        if record.predefined {
            return Err(Error::Predefined(record.name, "removed"));
        }
        let users: Vec<String> = self
            .containers
            .iter()
            .filter(|(_, container)| container.on(&record.id).is_some())
            .map(|(id, container)| format!("name:{:?} id:{:?}", container.name, id.get(..12).unwrap_or(id)))
            .collect();
        if users.is_empty() {
            Ok(record)
        } else {
            Err(Error::InUse { name: record.name, id: record.id, endpoints: users.join(", ") })
        }
    }
}

/// Makes the bridge, or finds the parent. Answers its number.
pub(super) fn ensure_link(route: &mut Route, net: &Net, alias: String, localnet: bool) -> Result<u32> {
    match &net.kind {
        Kind::Bridge(_) => net.bridge(alias, localnet).map_or(Ok(0), |bridge| bridge.ensure(route)),
        Kind::Parent(options) => {
            check_support(route, net.record.driver)?;
            let parent = route.link(&options.parent)?.ok_or_else(|| {
                Error::InvalidRequest(format!(
                    "-o parent interface was not found on the host: {}",
                    options.parent
                ))
            })?;
            Ok(parent.header.index)
        }
        Kind::Plain => Ok(0),
    }
}

/// 64 hexadecimal digits nobody else has.
pub(super) fn random_id() -> Result<String> {
    let mut bytes = [0; ID_LEN];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut bytes))
        .map_err(Error::kernel("read /dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
