//! Identities without an authority, for tests of this room.

use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use time::OffsetDateTime;

use super::*;
use crate::role::Role;

const HOUR_NS: i64 = 3600 * 1_000_000_000;

fn name(parts: &[(DnType, &str)]) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    parts.iter().for_each(|(kind, text)| name.push(kind.clone(), *text));
    name
}

/// A manager of a swarm of its own, whose certificate ends so many hours from now.
pub(crate) fn lasting(hours: i64) -> Identity {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::default();
    root.distinguished_name = name(&[(DnType::CommonName, "swarm-ca")]);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("signs").pem();
    let key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::default();
    leaf.distinguished_name = name(&[
        (DnType::CommonName, "node"),
        (DnType::OrganizationalUnitName, Role::Manager.unit()),
        (DnType::OrganizationName, "cluster"),
    ]);
    leaf.subject_alt_names = vec![SanType::DnsName(MANAGER_NAME.try_into().expect("a name"))];
    let now = OffsetDateTime::now_utc();
    leaf.not_before = now - crate::default::CLOCK_SKEW;
    leaf.not_after = now + time::Duration::hours(hours);
    let leaf = leaf.signed_by(&key, &Issuer::new(root, root_key)).expect("signs");
    Identity::from_pem(&(leaf.pem() + &root_pem), &key.serialize_pem()).expect("an identity")
}

/// A manager of a swarm of its own.
pub(crate) fn identity() -> Identity {
    lasting(24)
}

#[test]
fn half_of_the_life_is_counted_from_when_it_was_made() {
    let identity = lasting(1);
    let left = identity.renew_at_ns() - crate::now_ns();
    assert!(
        (HOUR_NS / 4..=HOUR_NS / 2).contains(&left),
        "{left}: a certificate of an hour is not renewed at once"
    );
    assert!(!identity.is_over(crate::now_ns()) && lasting(-1).is_over(crate::now_ns()));
}

#[test]
fn it_is_told_as_the_authority_is() {
    let identity = identity();
    assert_eq!(identity.authority().trust_digest, identity.root_digest().hex());
    let tls = identity.tls();
    assert!(identity.chain_pem.ends_with(std::str::from_utf8(&tls.trust_root_pem).expect("text")));
    assert!(!tls.issuer_subject.is_empty() && !tls.issuer_public_key.is_empty());
}

#[tokio::test]
async fn who_waits_for_another_identity_hears_of_it() {
    let shared = SharedIdentity::new(identity());
    let seen = shared.get();
    let mut waiting = Box::pin(shared.replaced(&seen));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    shared.set(identity());
    waiting.await;
}
