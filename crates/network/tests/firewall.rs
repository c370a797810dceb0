//! Beside other programs' firewalls: a real ufw, and chains that drop.

mod testbed;

use std::fs;
use std::path::Path;

use network::{ForeignFirewall, Protocol};
use testbed::{HOST_IP, Host, OUTSIDE_IP, block_on, create, eventually, publish, run, start_on};

/// A ufw of a test's own: its files are copies, put over the machine's in a mount namespace of each call.
struct Ufw<'h> {
    host: &'h Host,
    files: tempfile::TempDir,
}

impl<'h> Ufw<'h> {
    fn new(host: &'h Host) -> Ufw<'h> {
        let files = tempfile::tempdir().expect("make a directory");
        let here = |name: &str| files.path().join(name).to_string_lossy().into_owned();
        run("cp", &["-a", "/etc/ufw", &here("etc")]);
        run("cp", &["-a", "/lib/ufw", &here("lib")]);
        // The machine's own settings of the kernel are none of a test's.
        let defaults = fs::read_to_string("/etc/default/ufw").expect("ufw is installed");
        let defaults = defaults.replace("\nIPT_SYSCTL=", "\n#IPT_SYSCTL=");
        fs::write(files.path().join("default"), defaults).expect("write");
        Ufw { host, files }
    }

    fn run(&self, arguments: &str) -> String {
        let files = self.files.path().display();
        let script = format!(
            "mount --bind {files}/etc /etc/ufw && mount --bind {files}/lib /lib/ufw && \
             mount --bind {files}/default /etc/default/ufw && exec ufw {arguments}"
        );
        let arguments =
            ["netns", "exec", &self.host.namespace.name, "unshare", "-m", "sh", "-c", script.as_str()];
        run("ip", &arguments)
    }
}

/// What the rules of `iptables` look like to `iptables` itself.
fn iptables(host: &Host, arguments: &[&str]) -> String {
    host.namespace.run("iptables", arguments)
}

#[test]
fn beside_ufw_our_own_traffic_goes_and_a_published_port_waits_for_leave() {
    if !Path::new("/usr/sbin/ufw").exists() {
        eprintln!("skipped: there is no ufw");
        return;
    }
    let host = Host::new();
    let ufw = Ufw::new(&host);
    ufw.run("--force enable");
    assert!(iptables(&host, &["-S", "FORWARD"]).contains("-P FORWARD DROP"), "ufw's default");
    let network = host.open();
    create(&network, "one", |_| {}).unwrap();
    let (a, at) = start_on(&network, "a", &["one"], &[publish(Protocol::Tcp, 8080, 80)]);
    let (b, _) = start_on(&network, "b", &["one"], &[]);
    a.namespace.serve_tcp(80, "a");
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)).unwrap(), format!("outside {HOST_IP}"));
    assert!(b.namespace.ask_tcp((testbed::ip(&at[0]), 80)).is_some());
    assert!(b.namespace.ask_tcp((HOST_IP, 8080)).is_some(), "published, from a container");
    assert!(host.namespace.ask_tcp((HOST_IP, 8080)).is_some(), "published, from the host itself");
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None, "closed until the administrator says otherwise");
    let report = block_on(network.firewall_report()).unwrap();
    let gates: Vec<_> = report.gates().collect();
    assert!(!gates.is_empty() && gates.iter().all(|chain| chain.lets_ours_through), "{report:?}");
    assert_eq!(report.ports.len(), 1);
    assert_eq!(report.ports[0].target.port(), 80);

    // The tools of its owner still read the table, and its owner still rules it.
    let listed = iptables(&host, &["-S", "FORWARD"]);
    assert!(listed.contains("--comment \"shoal: containers of shoal\" -j ACCEPT"), "{listed}");
    assert!(host.namespace.run("iptables-save", &[]).contains("shoal: containers of shoal"));
    assert!(iptables(&host, &["-L", "FORWARD"]).contains("mark match"));
    ufw.run("route allow proto tcp from any to any port 80");
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("a {OUTSIDE_IP}"));
    ufw.run("route delete allow proto tcp from any to any port 80");
    ufw.run("route deny proto tcp from any to any port 90");
    ufw.run("reload");
    block_on(network.reconcile()).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)), None, "what is denied explicitly stays denied");

    block_on(network.detach(&a.id)).unwrap();
    block_on(network.detach(&b.id)).unwrap();
    block_on(network.retire()).unwrap();
    assert!(!host.namespace.run("iptables-save", &[]).contains("shoal"));
}

#[test]
fn foreign_chains_that_drop_get_one_rule_that_comes_and_goes_with_need() {
    let host = Host::new();
    let nft = |text: &str| host.namespace.run("nft", &[text]);
    let network = host.open();
    let (a, _) = start_on(&network, "a", &["bridge"], &[publish(Protocol::Tcp, 8080, 80)]);
    a.namespace.serve_tcp(80, "a");
    host.outside.serve_tcp(90, "outside");
    assert!(block_on(network.firewall_report()).unwrap().chains.is_empty());
    assert!(!host.rules().unwrap().contains("shoal-mark"));

    // A policy in one, a last rule in another: what firewalld and another engine do.
    nft("add table inet other");
    nft("add chain inet other gate { type filter hook forward priority 10; policy drop; }");
    nft("add table ip wall");
    nft("add chain ip wall gate { type filter hook forward priority 0; }");
    nft("add rule ip wall gate ip daddr 192.0.2.1 drop");
    nft("add rule ip wall gate reject with icmp admin-prohibited");
    eventually("what leaves is let through", || a.namespace.ask_tcp((OUTSIDE_IP, 90)));
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
    let wall = host.namespace.run("nft", &["list", "chain", "ip", "wall", "gate"]);
    let (ours, last) = (wall.find("shoal: containers of shoal"), wall.find("reject"));
    assert!(ours.is_some() && ours < last && wall.find("192.0.2.1") < ours, "{wall}");
    // Nobody else's packets carry our mark out.
    assert!(host.rules().unwrap().contains("shoal-unmark"));

    nft("flush chain inet other gate");
    eventually("our rule is put back", || {
        let chain = host.namespace.run("nft", &["list", "chain", "inet", "other", "gate"]);
        chain.contains("shoal: containers of shoal").then_some(())
    });
    nft("add chain inet other gate { type filter hook forward priority 10; policy accept; }");
    nft("delete table ip wall");
    eventually("our rule goes when nothing needs it", || {
        let chain = host.namespace.run("nft", &["list", "chain", "inet", "other", "gate"]);
        (!chain.contains("shoal")).then_some(())
    });
    eventually("so do the marks", || (!host.rules().unwrap().contains("shoal-mark")).then_some(()));
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("a {OUTSIDE_IP}"));
}

#[test]
fn foreign_chains_are_left_alone_on_demand() {
    let host = Host::new();
    let nft = |text: &str| host.namespace.run("nft", &[text]);
    nft("add table inet other");
    nft("add chain inet other gate { type filter hook forward priority 10; policy drop; }");
    let mut config = host.config();
    config.foreign_firewall = ForeignFirewall::Leave;
    let network = host.open_with(config, Vec::new()).unwrap();
    let (a, _) = start_on(&network, "a", &["bridge"], &[]);
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)), None);
    let report = block_on(network.firewall_report()).unwrap();
    assert!(report.chains[0].drops && !report.chains[0].lets_ours_through);
    // Another daemon beside us does not take our table for a stranger's.
    let root = tempfile::tempdir().unwrap();
    let mut config = host.config();
    config.exec_root = root.path().to_owned();
    "second".clone_into(&mut config.name);
    "second0".clone_into(&mut config.bridge.name);
    let second = host.open_with(config, Vec::new()).unwrap();
    let report = block_on(second.firewall_report()).unwrap();
    let tables: Vec<_> = report.chains.iter().map(|chain| chain.table.as_str()).collect();
    assert_eq!(tables, ["other"]);
}
