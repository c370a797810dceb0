//! The body of a create → the engine's spec.

use std::collections::BTreeMap;

use engine::spec::{Config, ContainerSpec, EndpointSpec, Port};
use engine_api::container::{ContainerConfig, ContainerCreateRequest};
use engine_api::network::{EndpointConfig, NetworkingConfig};

use super::host;
use crate::failure::Failure;
use crate::http::version::Version;

/// The name under which clients mean the default bridge.
const DEFAULT_NETWORK: &str = "default";
const BRIDGE: &str = "bridge";
/// Since this version a container can be made on several networks.
const SEVERAL_SINCE: u16 = 44;

/// The engine's spec; `name` is the parameter of that name.
pub(crate) fn spec(
    name: &str,
    mut request: ContainerCreateRequest,
    version: Version,
) -> Result<ContainerSpec, Failure> {
    let host = host::spec(request.host_config.take().unwrap_or_default())?;
    let networks = networks(request.networking_config.take().unwrap_or_default(), version)?;
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

fn networks(request: NetworkingConfig, version: Version) -> Result<BTreeMap<String, EndpointSpec>, Failure> {
    let asked = request.endpoints_config;
    if asked.len() > 1 && !version.since(SEVERAL_SINCE) {
        let names = asked.into_keys().collect::<Vec<_>>().join(", ");
        return Err(Failure::invalid(format!("Container cannot be connected to network endpoints: {names}")));
    }
    let named = |(name, endpoint)| {
        let name = if name == DEFAULT_NETWORK { BRIDGE.to_owned() } else { name };
        (name, endpoint_spec(endpoint))
    };
    Ok(asked.into_iter().map(named).collect())
}

/// What is wanted of one network.
pub(crate) fn endpoint_spec(endpoint: EndpointConfig) -> EndpointSpec {
    let addresses = endpoint.ipam_config.unwrap_or_default();
    EndpointSpec {
        network_id: String::new(),
        ipv4_address: addresses.ipv4_address,
        ipv6_address: addresses.ipv6_address,
        mac_address: endpoint.mac_address,
        aliases: endpoint.aliases,
        links: endpoint.links,
        driver_opts: endpoint.driver_opts,
        gw_priority: endpoint.gw_priority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::spec::NetworkMode;
    use engine_api::decode::from_json;

    fn decoded(body: &str) -> Result<ContainerSpec, Failure> {
        spec("web", from_json(body.as_bytes())?, Version::NEWEST)
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
            (
                r#"{"NetworkingConfig":{"EndpointsConfig":{"a":{"IPAMConfig":{"LinkLocalIPs":["169.254.0.1"]}}}}}"#,
                "EndpointsConfig.a.IPAMConfig.LinkLocalIPs",
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

    #[test]
    fn several_networks_are_for_newer_clients() {
        let body = r#"{"NetworkingConfig":{"EndpointsConfig":{"b":{"GwPriority":3,"Links":["x:y"],"DriverOpts":{"o":"v"},
            "IPAMConfig":{"IPv6Address":"fd00::2"}},"a":null}}}"#;
        let spec = decoded(body).expect("networks");
        assert_eq!(spec.networks.keys().collect::<Vec<_>>(), ["a", "b"]);
        let wanted = &spec.networks["b"];
        assert_eq!((wanted.gw_priority, wanted.ipv6_address.as_str()), (3, "fd00::2"));
        assert_eq!((&wanted.links[0], &wanted.driver_opts["o"]), (&"x:y".to_owned(), &"v".to_owned()));
        let request = from_json(body.as_bytes()).unwrap();
        let failure = super::spec("web", request, Version(43)).expect_err("too old");
        assert_eq!(failure.message, "Container cannot be connected to network endpoints: a, b");
    }
}
