//! From what is asked for to what is probed. Pure.

use crate::spec::{ContainerSpec, HealthProbe, Invalid};
use image::Healthcheck;
use shim::{HealthSpec, Probe};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
/// Docker's defaults.
const INTERVAL: i64 = 30 * SECOND;
const TIMEOUT: i64 = 30 * SECOND;
const START_INTERVAL: i64 = 5 * SECOND;
const RETRIES: u32 = 3;
/// The longest path of a page that is asked for, in bytes.
const PATH_MAX: usize = 1024;

/// Fills what the user leaves open from the image's check.
pub(crate) fn merge(user: &mut Option<Healthcheck>, image: Option<&Healthcheck>) {
    let Some(image) = image else { return };
    let Some(user) = user else {
        *user = Some(image.clone());
        return;
    };
    if user.test.is_empty() {
        user.test.clone_from(&image.test);
    }
    for (own, theirs) in [
        (&mut user.interval, image.interval),
        (&mut user.timeout, image.timeout),
        (&mut user.start_period, image.start_period),
        (&mut user.start_interval, image.start_interval),
        (&mut user.retries, image.retries),
    ] {
        if *own == 0 {
            *own = theirs;
        }
    }
}

/// What the shim probes; `None`: nothing.
///
/// # Errors
/// If a time or a probe is wrong.
pub(crate) fn plan(spec: &ContainerSpec) -> Result<Option<HealthSpec>, Invalid> {
    let check = spec.config.healthcheck.clone().unwrap_or_default();
    let retries = u32::try_from(check.retries)
        .map_err(|_| Invalid::Health("Retries in Healthcheck cannot be negative".to_owned()))?;
    let interval_ns = duration("Interval", check.interval, INTERVAL)?;
    let timeout_ns = duration("Timeout", check.timeout, TIMEOUT)?;
    let start_period_ns = duration("StartPeriod", check.start_period, 0)?;
    let start_interval_ns = duration("StartInterval", check.start_interval, START_INTERVAL)?;
    let probe = match &spec.host.shoal.health {
        Some(probe) => Some(connection(probe)?),
        None => program(&check.test, spec.config.shell.as_deref()),
    };
    Ok(probe.map(|probe| HealthSpec {
        probe,
        interval_ns,
        timeout_ns,
        retries: if retries == 0 { RETRIES } else { retries },
        start_period_ns,
        start_interval_ns,
    }))
}

/// In Docker's words.
fn duration(name: &str, ns: i64, default: i64) -> Result<u64, Invalid> {
    match ns {
        0 => Ok(default.unsigned_abs()),
        MS.. => Ok(ns.unsigned_abs()),
        _ => Err(Invalid::Health(format!("{name} in Healthcheck cannot be less than 1ms"))),
    }
}

/// As Docker: a kind that is not known is no check.
fn program(test: &[String], shell: Option<&[String]>) -> Option<Probe> {
    let (kind, words) = test.split_first()?;
    let args = match kind.as_str() {
        "CMD" => words.to_vec(),
        "CMD-SHELL" => {
            let shell = shell.filter(|shell| !shell.is_empty()).map(<[String]>::to_vec);
            let mut args = shell.unwrap_or_else(|| vec!["/bin/sh".to_owned(), "-c".to_owned()]);
            args.extend_from_slice(words);
            args
        }
        _ => return None,
    };
    (!words.is_empty()).then_some(Probe::Exec { args })
}

fn connection(probe: &HealthProbe) -> Result<Probe, Invalid> {
    match probe {
        HealthProbe::Tcp(text) => Ok(Probe::Tcp { address: address(text)? }),
        HealthProbe::Http(text) => {
            let rest = text.strip_prefix("http://").unwrap_or(text);
            let at = rest.find('/').unwrap_or(rest.len());
            let (place, path) = rest.split_at(at);
            let path = if path.is_empty() { "/" } else { path };
            // Nothing that could end the line of the request.
            if path.len() > PATH_MAX || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Invalid::Health(format!("invalid path {path:?} of a health probe")));
            }
            Ok(Probe::Http { address: address(place)?, path: path.to_owned() })
        }
    }
}

/// `[address]:port`; without an address the container's own loopback.
fn address(text: &str) -> Result<SocketAddr, Invalid> {
    let wrong =
        || Invalid::Health(format!("invalid address \"{text}\" of a health probe: want [ADDRESS]:PORT"));
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let ip = match host {
        "" | "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().map_err(|_| wrong())?,
    };
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(test: &[&str]) -> Healthcheck {
        Healthcheck { test: test.iter().map(|word| (*word).to_owned()).collect(), ..Healthcheck::default() }
    }

    fn planned(check: Healthcheck) -> Result<Option<HealthSpec>, Invalid> {
        let mut spec = ContainerSpec::default();
        spec.config.healthcheck = Some(check);
        plan(&spec)
    }

    fn connected(probe: HealthProbe) -> Result<Option<Probe>, Invalid> {
        let mut spec = ContainerSpec::default();
        spec.host.shoal.health = Some(probe);
        Ok(plan(&spec)?.map(|health| health.probe))
    }

    #[test]
    fn programs_are_run_as_docker_runs_them() {
        let args = |test: &[&str]| match planned(check(test)).unwrap().map(|health| health.probe) {
            Some(Probe::Exec { args }) => Some(args.join(" ")),
            _ => None,
        };
        assert_eq!(args(&["CMD", "curl", "x"]).as_deref(), Some("curl x"));
        assert_eq!(args(&["CMD-SHELL", "a || b"]).as_deref(), Some("/bin/sh -c a || b"));
        for none in [&[][..], &["NONE"], &["CMD"], &["SOMETHING", "x"]] {
            assert_eq!(args(none), None, "{none:?}");
        }
    }

    #[test]
    fn times_have_defaults_and_bounds() {
        let health = planned(check(&["CMD", "x"])).unwrap().unwrap();
        assert_eq!((health.interval_ns, health.retries, health.start_period_ns), (30_000_000_000, 3, 0));
        let wrong = Healthcheck { interval: 5, ..check(&["CMD", "x"]) };
        assert_eq!(
            planned(wrong).unwrap_err().to_string(),
            "Interval in Healthcheck cannot be less than 1ms"
        );
        let wrong = Healthcheck { retries: -1, ..check(&["CMD", "x"]) };
        assert_eq!(planned(wrong).unwrap_err().to_string(), "Retries in Healthcheck cannot be negative");
    }

    #[test]
    fn addresses_are_of_the_container() {
        let tcp = |text: &str| connected(HealthProbe::Tcp(text.to_owned()));
        let http = |text: &str| connected(HealthProbe::Http(text.to_owned()));
        assert_eq!(tcp(":80"), Ok(Some(Probe::Tcp { address: ([127, 0, 0, 1], 80).into() })));
        assert_eq!(tcp("[::1]:80"), Ok(Some(Probe::Tcp { address: "[::1]:80".parse().unwrap() })));
        let page =
            |path: &str| Ok(Some(Probe::Http { address: ([127, 0, 0, 1], 8080).into(), path: path.into() }));
        assert_eq!(http("http://localhost:8080/up?x=1"), page("/up?x=1"));
        assert_eq!(http(":8080"), page("/"));
        for wrong in ["80", ":0", ":99999", "example.com:80", ""] {
            assert!(tcp(wrong).is_err() && http(wrong).is_err(), "{wrong}");
        }
        assert!(http(":80/a\r\nX: y").is_err());
        assert!(http("https://localhost:1/").is_err());
    }

    #[test]
    fn the_image_fills_what_is_left_open() {
        let image = Healthcheck { interval: 7, retries: 9, ..check(&["CMD", "image"]) };
        let mut user = Some(Healthcheck { interval: 3, ..Healthcheck::default() });
        merge(&mut user, Some(&image));
        assert_eq!(user, Some(Healthcheck { interval: 3, ..image.clone() }));
        let mut user = Some(check(&["NONE"]));
        merge(&mut user, Some(&image));
        assert_eq!(user.unwrap().test, ["NONE"]);
        let mut user = None;
        merge(&mut user, Some(&image));
        assert_eq!(user, Some(image));
    }
}
