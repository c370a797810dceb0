//! The flags of `run` and `create` that limit what the container may use and cannot change while it runs.

use clap::Args;
use serde_json::{Map, Value, json};

use super::limits::Limits;
use crate::flag::throttle::{self, Throttle};
use crate::flag::ulimit;

/// Limits and shares.
#[derive(Debug, Args)]
pub(super) struct Resources {
    /// Block IO weight (relative device weight)
    #[arg(long, value_name = "list", value_parser = throttle::weight)]
    blkio_weight_device: Vec<Throttle>,
    /// Limit read rate (bytes per second) from a device
    #[arg(long, value_name = "list", value_parser = throttle::bytes)]
    device_read_bps: Vec<Throttle>,
    /// Limit read rate (IO per second) from a device
    #[arg(long, value_name = "list", value_parser = throttle::operations)]
    device_read_iops: Vec<Throttle>,
    /// Limit write rate (bytes per second) to a device
    #[arg(long, value_name = "list", value_parser = throttle::bytes)]
    device_write_bps: Vec<Throttle>,
    /// Limit write rate (IO per second) to a device
    #[arg(long, value_name = "list", value_parser = throttle::operations)]
    device_write_iops: Vec<Throttle>,
    #[command(flatten)]
    limits: Limits,
    /// Tune container memory swappiness (0 to 100)
    #[arg(long, value_name = "int", default_value_t = -1)]
    pub(super) memory_swappiness: i64,
    /// Disable OOM Killer
    #[arg(long)]
    oom_kill_disable: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", default_value_t = 0, hide_default_value = true)]
    pub(super) oom_score_adj: i64,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = ulimit::parse)]
    pub(super) ulimit: Vec<ulimit::Ulimit>,
}

impl Resources {
    /// The fields of the API's host configuration that are set, but for those `request` takes itself.
    pub(super) fn json(&self) -> Map<String, Value> {
        let mut fields = self.limits.json();
        let devices = [
            ("BlkioWeightDevice", "Weight", &self.blkio_weight_device),
            ("BlkioDeviceReadBps", "Rate", &self.device_read_bps),
            ("BlkioDeviceReadIOps", "Rate", &self.device_read_iops),
            ("BlkioDeviceWriteBps", "Rate", &self.device_write_bps),
            ("BlkioDeviceWriteIOps", "Rate", &self.device_write_iops),
        ];
        for (name, amount, throttles) in devices.into_iter().filter(|(_, _, throttles)| !throttles.is_empty())
        {
            let list =
                throttles.iter().map(|throttle| json!({"Path": throttle.path, amount: throttle.amount}));
            fields.insert(name.to_owned(), list.collect());
        }
        if self.memory_swappiness >= 0 {
            fields.insert("MemorySwappiness".to_owned(), json!(self.memory_swappiness));
        }
        if self.oom_kill_disable {
            fields.insert("OomKillDisable".to_owned(), json!(true));
        }
        fields
    }
}
