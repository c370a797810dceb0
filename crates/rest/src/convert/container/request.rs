//! The body of a create → the engine's spec.

use std::collections::BTreeMap;

use engine::spec::{Config, ContainerSpec, EndpointSpec, Port};
use engine_api::container::{ContainerConfig, ContainerCreateRequest};
use engine_api::network::{EndpointConfig, NetworkingConfig};

use super::host;
use crate::failure::Failure;

/// The name under which clients mean the default bridge.
const DEFAULT_NETWORK: &str = "default";
const BRIDGE: &str = "bridge";

/// The engine's spec; `name` is the parameter of that name.
pub(crate) fn spec(name: &str, mut request: ContainerCreateRequest) -> Result<ContainerSpec, Failure> {
    let host = host::spec(request.host_config.take().unwrap_or_default())?;
    let networks = networks(request.networking_config.take().unwrap_or_default())?;
    let name = name.strip_prefix('/').unwrap_or(name);
    let image = std::mem::take(&mut request.image);
    Ok(ContainerSpec {
        name: (!name.is_empty()).then(|| name.to_owned()),
        image,
        config: config(request)?,
        host,
        networks,
    })
}

/// What runs in a container, or what an image says of it.
pub(crate) fn config(request: ContainerConfig) -> Result<Config, Failure> {
    let mut exposed_ports = std::collections::BTreeSet::new();
    for port in request.exposed_ports.keys() {
        exposed_ports.extend(Port::parse_range(port)?);
    }
    Ok(Config {
        hostname: request.hostname,
        domainname: request.domainname,
        user: request.user,
        attach_stdin: request.attach_stdin,
        attach_stdout: request.attach_stdout,
        attach_stderr: request.attach_stderr,
        exposed_ports,
        tty: request.tty,
        open_stdin: request.open_stdin,
        stdin_once: request.stdin_once,
        env: request.env,
        cmd: request.cmd.filter(|words| !words.is_empty()),
        entrypoint: request.entrypoint.filter(|words| !words.is_empty()),
        labels: request.labels,
        volumes: request.volumes.unwrap_or_default().into_keys().collect(),
        working_dir: request.working_dir,
        stop_signal: (!request.stop_signal.is_empty()).then_some(request.stop_signal),
        stop_timeout: request.stop_timeout,
        healthcheck: request.healthcheck.map(super::health::asked),
        network_disabled: request.network_disabled,
        mac_address: request.mac_address,
        shell: request.shell.filter(|words| !words.is_empty()),
        on_build: request.on_build.filter(|lines| !lines.is_empty()),
    })
}

fn networks(request: NetworkingConfig) -> Result<BTreeMap<String, EndpointSpec>, Failure> {
    if request.endpoints_config.len() > 1 {
        return Err(Failure::missing("NetworkingConfig.EndpointsConfig with more than one network"));
    }
    let named = |(name, endpoint)| {
        let name = if name == DEFAULT_NETWORK { BRIDGE.to_owned() } else { name };
        (name, endpoint_spec(endpoint))
    };
    Ok(request.endpoints_config.into_iter().map(named).collect())
}

fn endpoint_spec(endpoint: EndpointConfig) -> EndpointSpec {
    EndpointSpec {
        ipv4_address: endpoint.ipam_config.unwrap_or_default().ipv4_address,
        mac_address: endpoint.mac_address,
        aliases: endpoint.aliases,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::spec::NetworkMode;
    use engine_api::decode::from_json;

    fn decoded(body: &str) -> Result<ContainerSpec, Failure> {
        spec("web", from_json(body.as_bytes())?)
    }

    /// What `docker run` sends when nothing is asked for.
    const PLAIN: &str = r#"{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":true,"AttachStderr":true,
        "Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":["true"],"Image":"busybox","Volumes":{},"WorkingDir":"",
        "Entrypoint":null,"OnBuild":null,"Labels":{},"HostConfig":{"Binds":null,"ContainerIDFile":"/tmp/id","LogConfig":{"Type":"",
        "Config":{}},"NetworkMode":"bridge","PortBindings":{},"RestartPolicy":{"Name":"no","MaximumRetryCount":0},
        "AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,
        "CgroupnsMode":"","Dns":[],"DnsOptions":[],"DnsSearch":[],"ExtraHosts":null,"GroupAdd":null,"IpcMode":"","Cgroup":"",
        "Links":null,"OomScoreAdj":0,"PidMode":"","Privileged":false,"PublishAllPorts":false,"ReadonlyRootfs":false,
        "SecurityOpt":null,"UTSMode":"","UsernsMode":"","ShmSize":0,"Isolation":"","CpuShares":0,"Memory":0,"NanoCpus":0,
        "CgroupParent":"","BlkioWeight":0,"BlkioWeightDevice":[],"BlkioDeviceReadBps":[],"BlkioDeviceWriteBps":[],
        "BlkioDeviceReadIOps":[],"BlkioDeviceWriteIOps":[],"CpuPeriod":0,"CpuQuota":0,"CpuRealtimePeriod":0,
        "CpuRealtimeRuntime":0,"CpusetCpus":"","CpusetMems":"","Devices":[],"DeviceCgroupRules":null,"DeviceRequests":null,
        "MemoryReservation":0,"MemorySwap":0,"MemorySwappiness":-1,"OomKillDisable":false,"PidsLimit":0,"Ulimits":[],
        "CpuCount":0,"CpuPercent":0,"IOMaximumIOps":0,"IOMaximumBandwidth":0,"MaskedPaths":null,"ReadonlyPaths":null},
        "NetworkingConfig":{"EndpointsConfig":{"default":{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"",
        "DriverOpts":null,"GwPriority":0,"NetworkID":"","EndpointID":"","Gateway":"","IPAddress":"","IPPrefixLen":0,
        "IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}}}"#;

    #[test]
    fn a_plain_run_is_taken() {
        let spec = decoded(PLAIN).expect("plain");
        assert_eq!(spec.name.as_deref(), Some("web"));
        assert_eq!(spec.image, "busybox");
        assert_eq!(spec.config.cmd, Some(vec!["true".to_owned()]));
        assert_eq!(spec.host.network_mode, NetworkMode::Bridge);
        assert_eq!(spec.host.console_size, None);
        assert_eq!(spec.host.resources.memory_swappiness, None);
        assert_eq!(spec.networks.keys().collect::<Vec<_>>(), ["bridge"]);
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        for (body, field) in [
            (r#"{"HostConfig":{"IOMaximumIOps":5}}"#, "Maximum IO IOps"),
            (r#"{"HostConfig":{"Isolation":"hyperv"}}"#, "isolation"),
            (r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{},"b":{}}}}"#, "EndpointsConfig"),
            (
                r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{"DriverOpts":{"x":"y"}}}}}"#,
                "EndpointsConfig.a.DriverOpts",
            ),
        ] {
            let failure = decoded(body).expect_err(field);
            assert!(failure.message.contains(field), "{field}: {}", failure.message);
            assert!(matches!(failure.status.as_u16(), 400 | 501), "{field}: {}", failure.status);
        }
    }

    #[test]
    fn words_are_a_list_or_one_string() {
        let spec = decoded(r#"{"Cmd":"date","Entrypoint":[""],"Image":"b"}"#).expect("words");
        assert_eq!(spec.config.cmd, Some(vec!["date".to_owned()]));
        assert_eq!(spec.config.entrypoint, Some(vec![String::new()]));
    }
}
