//! `shoal swarm ca`.

use engine_api::swarm::Swarm;
use serde_json::{Value, json};

use crate::client::{Client, Request};
use crate::console;
use crate::error::Error;
use crate::flag::{duration, external, pem};
use crate::progress::rotation;

/// Display and rotate the root CA
#[derive(Debug, clap::Args)]
#[command(override_usage = "shoal swarm ca [OPTIONS]")]
pub(crate) struct Args {
    /// Path to the PEM-formatted root CA certificate to use for the new cluster
    #[arg(long, value_name = "pem-file", value_parser = pem::read)]
    ca_cert: Option<String>,
    /// Path to the PEM-formatted root CA key to use for the new cluster
    #[arg(long, value_name = "pem-file", value_parser = pem::read)]
    ca_key: Option<String>,
    /// Validity period for node certificates (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    cert_expiry: Option<i64>,
    /// Exit immediately instead of waiting for the root rotation to converge
    #[arg(short, long)]
    detach: bool,
    /// Specifications of one or more certificate signing endpoints
    #[arg(long, value_name = "external-ca", value_parser = external::parse)]
    external_ca: Vec<Value>,
    /// Suppress progress output
    #[arg(short, long)]
    quiet: bool,
    /// Rotate the swarm CA - if no certificate or key are provided, new ones will be generated
    #[arg(long)]
    rotate: bool,
}

pub(super) async fn run(args: Args, client: &Client) -> Result<(), Error> {
    check(&args)?;
    if !args.rotate {
        return show(client).await;
    }
    let mut swarm: Value = client.json(Request::get("/swarm")).await?;
    let version = swarm["Version"]["Index"].as_u64().unwrap_or(0);
    let spec = &mut swarm["Spec"];
    change(spec, &args);
    client.done(Request::post("/swarm/update").query("version", version).json(spec)).await?;
    if args.detach {
        return Ok(());
    }
    rotation::until_rotated(client, args.quiet).await?;
    if args.quiet { Ok(()) } else { show(client).await }
}

/// What goes with what, in the words of Docker's client.
fn check(args: &Args) -> Result<(), Error> {
    let usage = |text: String| Err(Error::Usage(text));
    let external = !args.external_ca.is_empty();
    if !args.rotate {
        let given = [
            ("ca-cert", args.ca_cert.is_some()),
            ("ca-key", args.ca_key.is_some()),
            ("cert-expiry", args.cert_expiry.is_some()),
            ("external-ca", external),
        ];
        return match given.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                usage(format!("`--{flag}` flag requires the `--rotate` flag to update the CA"))
            }
            None => Ok(()),
        };
    }
    if external && args.ca_cert.is_none() {
        return usage("rotating to an external CA requires the `--ca-cert` flag to specify the external CA's cert - to add an external CA with the current root CA certificate, use the `update` command instead".to_owned());
    }
    if args.ca_cert.is_some() && args.ca_key.is_none() && !external {
        return usage(
            "the --ca-cert flag requires that a --ca-key flag and/or --external-ca flag be provided as well"
                .to_owned(),
        );
    }
    Ok(())
}

/// Asks for what the flags say in the swarm's specification.
fn change(spec: &mut Value, args: &Args) {
    if let Some(nanos) = args.cert_expiry {
        spec["CAConfig"]["NodeCertExpiry"] = json!(nanos);
    }
    if !args.external_ca.is_empty() {
        // The daemon refuses it by name as long as it has no external authorities.
        spec["CAConfig"]["ExternalCAs"] = json!(args.external_ca);
    }
    if args.ca_cert.is_none() && args.ca_key.is_none() {
        let force = spec["CAConfig"]["ForceRotate"].as_u64().unwrap_or(0);
        spec["CAConfig"]["ForceRotate"] = json!(force.wrapping_add(1));
    }
    for (field, pem) in [("SigningCACert", &args.ca_cert), ("SigningCAKey", &args.ca_key)] {
        if let Some(pem) = pem {
            spec["CAConfig"][field] = json!(pem);
        }
    }
}

async fn show(client: &Client) -> Result<(), Error> {
    let swarm: Swarm = client.json(Request::get("/swarm")).await?;
    match swarm.info.tls_info.trust_root.trim() {
        "" => Err(Error::Usage("No CA information available".to_owned())),
        root => console::line(root),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn args(words: &[&str]) -> Args {
        Line::try_parse_from([&["ca"], words].concat()).expect("parses").args
    }

    #[test]
    fn what_goes_with_what() {
        let refused = |words: &[&str]| check(&args(words)).expect_err("refused").to_string();
        assert!(check(&args(&[])).is_ok() && check(&args(&["--rotate", "-d", "-q"])).is_ok());
        assert!(refused(&["--cert-expiry", "2h"]).contains("`--cert-expiry` flag requires the `--rotate`"));
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(&file, "-----BEGIN X-----\n-----END X-----\n").expect("writes");
        let path = file.path().to_str().expect("a path");
        assert!(refused(&["--rotate", "--ca-cert", path]).contains("requires that a --ca-key"));
        let external = "protocol=cfssl,url=x";
        assert!(refused(&["--rotate", "--external-ca", external]).contains("requires the `--ca-cert`"));
        assert!(check(&args(&["--rotate", "--ca-cert", path, "--ca-key", path])).is_ok());
    }

    #[test]
    fn another_number_asks_for_a_fresh_root() {
        let mut spec = json!({"CAConfig": {"NodeCertExpiry": 1}});
        change(&mut spec, &args(&["--rotate"]));
        assert_eq!(spec, json!({"CAConfig": {"NodeCertExpiry": 1, "ForceRotate": 1}}));
        change(&mut spec, &args(&["--rotate", "--cert-expiry", "2h"]));
        assert_eq!(spec["CAConfig"], json!({"NodeCertExpiry": 7_200_000_000_000_u64, "ForceRotate": 2}));
    }
}
