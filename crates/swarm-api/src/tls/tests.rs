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

/// Managers of one swarm, whose certificates begin and end so many hours from now.
fn managers(lives: &[(i64, i64)]) -> Vec<Identity> {
    let root_key = KeyPair::generate().expect("a key");
    let mut root = CertificateParams::default();
    root.distinguished_name = name(&[(DnType::CommonName, "swarm-ca")]);
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_pem = root.self_signed(&root_key).expect("signs").pem();
    let issuer = Issuer::new(root, root_key);
    let now = OffsetDateTime::now_utc();
    let manager = |(begin, end): &(i64, i64)| {
        let key = KeyPair::generate().expect("a key");
        let mut leaf = CertificateParams::default();
        leaf.distinguished_name = name(&[
            (DnType::CommonName, "node"),
            (DnType::OrganizationalUnitName, Role::Manager.unit()),
            (DnType::OrganizationName, "cluster"),
        ]);
        leaf.subject_alt_names = vec![SanType::DnsName(MANAGER_NAME.try_into().expect("a name"))];
        leaf.not_before = now + time::Duration::hours(*begin);
        leaf.not_after = now + time::Duration::hours(*end);
        let leaf = leaf.signed_by(&key, &issuer).expect("signs");
        Identity::from_pem(&(leaf.pem() + &root_pem), &key.serialize_pem()).expect("an identity")
    };
    lives.iter().map(manager).collect()
}

/// A manager of a swarm of its own, whose certificate was just made and ends so many hours from now.
fn lasting(hours: i64) -> Identity {
    managers(&[(-1, hours)]).remove(0)
}

/// A manager of a swarm of its own.
pub(crate) fn identity() -> Identity {
    lasting(24)
}

#[test]
fn who_has_ended_trusts_whom_it_was_good_with() {
    let all = managers(&[(-100, -50), (-60, -10), (-40, -5), (-1, 24)]);
    let [first, second, third, fresh] = &all[..] else { panic!("four") };
    assert!(trusts(first, second) && trusts(second, first), "both were good for a while");
    assert!(trusts(second, third) && trusts(third, second));
    assert!(!trusts(first, third) && !trusts(third, first), "never at the same time");
    assert!(trusts(first, fresh) && trusts(third, fresh), "one that is good now is");
    assert!(!trusts(fresh, first) && !trusts(fresh, third), "who is good is strict");
    let other = managers(&[(-100, -50)]).remove(0);
    assert!(!trusts(first, &other), "of another root");
}

#[test]
fn half_of_the_life_is_counted_from_when_it_was_made() {
    let identity = lasting(1);
    let left = identity.renew_at_ns() - crate::now_ns();
    assert!(
        (HOUR_NS / 4..=HOUR_NS / 2).contains(&left),
        "{left}: a certificate of an hour is not renewed at once"
    );
    assert!(!identity.is_over(crate::now_ns()) && managers(&[(-2, -1)])[0].is_over(crate::now_ns()));
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
