//! Installs what the demo and the tests need from the system's packages, and only what is missing.

use anyhow::{Result, bail};

use crate::process::{as_root, find, run};

/// A program and the package of Debian and Ubuntu that brings it.
pub(crate) struct Need {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// For images in tests: a shell and tools in one static file.
pub(crate) const BUSYBOX: Need = Need { program: "busybox", package: "busybox-static" };
/// A real registry.
pub(crate) const REGISTRY: Need = Need { program: "docker-registry", package: "docker-registry" };
/// Network namespaces and links.
pub(crate) const IP: Need = Need { program: "ip", package: "iproute2" };
/// Reads the rules that are in the kernel, in tests.
pub(crate) const NFT: Need = Need { program: "nft", package: "nftables" };
/// Lists the flows that the kernel tracks, in tests.
pub(crate) const CONNTRACK: Need = Need { program: "conntrack", package: "conntrack" };
/// A firewall that drops what is forwarded, beside which containers must work.
pub(crate) const UFW: Need = Need { program: "ufw", package: "ufw" };
/// The unmodified client. One package brings client and daemon; the daemon is not started by us.
pub(crate) const DOCKER: Need = Need { program: "docker", package: "docker.io" };
/// The projects of several services that people have, by the client that Debian has.
pub(crate) const COMPOSE: Need = Need { program: "docker-compose", package: "docker-compose" };
/// Asks the API without a client, in tests.
pub(crate) const CURL: Need = Need { program: "curl", package: "curl" };
/// An engine that runs its containers with the OCI runtime it is told to.
pub(crate) const PODMAN: Need = Need { program: "podman", package: "podman" };
/// Makes the file system whose storage driver is tested.
pub(crate) const BTRFS: Need = Need { program: "mkfs.btrfs", package: "btrfs-progs" };
/// What podman has each container watched by; only recommended by its package.
pub(crate) const CONMON: Need = Need { program: "conmon", package: "conmon" };
/// Copies images between archives, layouts and registries.
pub(crate) const SKOPEO: Need = Need { program: "skopeo", package: "skopeo" };
/// Asks a web server as fast as it answers.
pub(crate) const WRK: Need = Need { program: "wrk", package: "wrk" };
/// Freezes processes into files.
pub(crate) const CRIU: Need = Need { program: "criu", package: "criu" };
/// The OCI runtime that ours is compared with.
pub(crate) const RUNC: Need = Need { program: "runc", package: "runc" };

/// Installs the packages of those programs that are not there.
pub(crate) fn install(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| find(need.program).is_none()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let programs: Vec<_> = missing.iter().map(|need| need.program).collect();
    if find("apt-get").is_none() {
        bail!("missing programs: {}; install them with your system's package tool", programs.join(", "));
    }
    let mut install = as_root("apt-get");
    install.env("DEBIAN_FRONTEND", "noninteractive").args(["install", "-y", "-q", "--no-install-recommends"]);
    install.args(missing.iter().map(|need| need.package));
    // The list of packages may be old or absent: fetch it only when the first attempt fails.
    if run(&mut install).is_err() {
        run(as_root("apt-get").args(["update", "-q"]))?;
        run(&mut install)?;
    }
    match missing.iter().find(|need| find(need.program).is_none()) {
        Some(need) => bail!("the package {} did not bring the program {}", need.package, need.program),
        None => Ok(()),
    }
}
