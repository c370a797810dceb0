//! Which devices a request means: by full name, or `--gpus` by number and count. Pure.

use super::registry::Registry;
use crate::spec::{DeviceRequest, Invalid};

/// The driver of requests by full name.
const CDI: &str = "cdi";
/// The capability, and the class, of what `--gpus` asks for.
const GPU: &str = "gpu";
/// The name that vendors give to all their devices together.
const ALL: &str = "all";

/// Full names, each once.
pub(super) fn devices(requests: &[DeviceRequest], registry: &Registry) -> Result<Vec<String>, Invalid> {
    let mut names: Vec<String> = Vec::new();
    for request in requests {
        let more = match request.driver.as_str() {
            CDI => request.device_ids.clone(),
            _ => graphics(request, registry)?,
        };
        for name in more {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn graphics(request: &DeviceRequest, registry: &Registry) -> Result<Vec<String>, Invalid> {
    let nobody = || Invalid::DeviceDriver {
        driver: request.driver.clone(),
        capabilities: format!(
            "[{}]",
            request
                .capabilities
                .iter()
                .map(|set| format!("[{}]", set.join(" ")))
                .collect::<Vec<_>>()
                .join(" ")
        ),
    };
    if !request.capabilities.iter().any(|set| set.iter().any(|word| word == GPU)) {
        return Err(nobody());
    }
    let kind = kind(&request.driver, registry).ok_or_else(nobody)?;
    let full = |name: &str| format!("{kind}={name}");
    if !request.device_ids.is_empty() {
        return Ok(request.device_ids.iter().map(|id| full(id)).collect());
    }
    if request.count < 0 && registry.find(&full(ALL)).is_some() {
        return Ok(vec![full(ALL)]);
    }
    // Vendors also list each device by an id that means nothing to anybody; the numbers are the devices.
    let mut numbers: Vec<u32> = registry
        .names()
        .filter_map(|name| name.strip_prefix(&kind)?.strip_prefix('=')?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let count = usize::try_from(request.count).unwrap_or(numbers.len());
    if count > numbers.len() || numbers.is_empty() {
        return Err(nobody());
    }
    Ok(numbers.iter().take(count).map(|number| full(&number.to_string())).collect())
}

/// The vendor's kind: the driver's, else the first there is.
fn kind(driver: &str, registry: &Registry) -> Option<String> {
    let mut kinds = registry.names().filter_map(|name| {
        let (kind, _) = name.split_once('=')?;
        let (vendor, class) = kind.split_once('/')?;
        (class == GPU).then_some((vendor, kind))
    });
    let wanted = kinds.find(|(vendor, kind)| {
        driver.is_empty() || *kind == driver || *vendor == driver || vendor.split('.').next() == Some(driver)
    });
    wanted.map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(names: &[&str]) -> (tempfile::TempDir, Registry) {
        let dir = tempfile::tempdir().unwrap();
        let devices: Vec<_> = names.iter().map(|name| serde_json::json!({ "name": name })).collect();
        let json = serde_json::json!({"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu", "devices": devices});
        std::fs::write(dir.path().join("nvidia.json"), json.to_string()).unwrap();
        let registry = Registry::read(&[dir.path().to_owned()]);
        (dir, registry)
    }

    fn gpus(count: i64, ids: &[&str]) -> DeviceRequest {
        DeviceRequest {
            count,
            device_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            capabilities: vec![vec![GPU.to_owned()]],
            ..DeviceRequest::default()
        }
    }

    #[test]
    fn by_count_and_by_name() {
        let (_dir, all) = registry(&["0", "1", "GPU-abc", "all"]);
        let of = |request| devices(&[request], &all).unwrap();
        assert_eq!(of(gpus(-1, &[])), ["nvidia.com/gpu=all"]);
        assert_eq!(of(gpus(1, &[])), ["nvidia.com/gpu=0"]);
        assert_eq!(of(gpus(0, &["1", "1"])), ["nvidia.com/gpu=1"]);
        assert_eq!(of(DeviceRequest { driver: "nvidia".into(), ..gpus(2, &[]) }).len(), 2);
        let (_dir, some) = registry(&["0", "1", "GPU-abc"]);
        assert_eq!(devices(&[gpus(-1, &[])], &some).unwrap(), ["nvidia.com/gpu=0", "nvidia.com/gpu=1"]);
        assert!(devices(&[gpus(3, &[])], &some).is_err());
    }

    #[test]
    fn nobody_has_them() {
        let none = Registry::default();
        assert_eq!(
            devices(&[gpus(-1, &[])], &none).unwrap_err().to_string(),
            "could not select device driver \"\" with capabilities: [[gpu]]"
        );
        let request = DeviceRequest { driver: "tape".into(), ..DeviceRequest::default() };
        assert_eq!(
            devices(&[request], &none).unwrap_err().to_string(),
            "could not select device driver \"tape\" with capabilities: []"
        );
    }
}
