//! Weights and limits of single block devices: paths of the host become device numbers.

use crate::error::Result;
use crate::spec::{DeviceRate, DeviceWeight, Invalid, Resources};
use runtime::oci::{
    LinuxResources, LinuxThrottleDevice, LinuxThrottleDeviceBuilder, LinuxWeightDevice,
    LinuxWeightDeviceBuilder,
};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Adds what `wanted` says of single devices.
///
/// # Errors
/// If one of them is not there, in Docker's words.
pub(crate) fn limit(wanted: &Resources, resources: &mut LinuxResources) -> Result<()> {
    if wanted.blkio_weight_devices.is_empty()
        && [
            &wanted.blkio_read_bps,
            &wanted.blkio_write_bps,
            &wanted.blkio_read_iops,
            &wanted.blkio_write_iops,
        ]
        .iter()
        .all(|rates| rates.is_empty())
    {
        return Ok(());
    }
    let mut block = resources.block_io().clone().unwrap_or_default();
    let weights = wanted.blkio_weight_devices.iter().map(weight).collect::<Result<Vec<_>>>()?;
    block
        .set_weight_device(some(weights))
        .set_throttle_read_bps_device(rates(&wanted.blkio_read_bps)?)
        .set_throttle_write_bps_device(rates(&wanted.blkio_write_bps)?)
        .set_throttle_read_iops_device(rates(&wanted.blkio_read_iops)?)
        .set_throttle_write_iops_device(rates(&wanted.blkio_write_iops)?);
    resources.set_block_io(Some(block));
    Ok(())
}

fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

fn weight(wanted: &DeviceWeight) -> Result<LinuxWeightDevice> {
    let (major, minor) = number(&wanted.path)?;
    let built = LinuxWeightDeviceBuilder::default().major(major).minor(minor).weight(wanted.weight).build();
    Ok(built
        .map_err(|error| Invalid::BlockDevice { path: wanted.path.clone(), reason: error.to_string() })?)
}

fn rates(wanted: &[DeviceRate]) -> Result<Option<Vec<LinuxThrottleDevice>>> {
    let device = |wanted: &DeviceRate| {
        let (major, minor) = number(&wanted.path)?;
        let built = LinuxThrottleDeviceBuilder::default().major(major).minor(minor).rate(wanted.rate).build();
        Ok(built
            .map_err(|error| Invalid::BlockDevice { path: wanted.path.clone(), reason: error.to_string() })?)
    };
    wanted.iter().map(device).collect::<Result<Vec<_>>>().map(some)
}

fn number(path: &str) -> Result<(i64, i64)> {
    let wrong = |reason: String| Invalid::BlockDevice { path: path.to_owned(), reason };
    let number = fs::metadata(path).map_err(|error| wrong(crate::error::plain(&error)))?.rdev();
    Ok((nix::sys::stat::major(number) as i64, nix::sys::stat::minor(number) as i64))
}
