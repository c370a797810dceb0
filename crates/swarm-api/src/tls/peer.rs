//! Who is at the other end of a connection.

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, Validity, X509Certificate};
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Name;

use crate::id::{ClusterId, NodeId};
use crate::role::Role;

/// The caller, as its connection proves it. Handlers find it in the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Somebody in this process: the API front end or the agent of this very node.
    Local {
        /// This node.
        node_id: NodeId,
    },
    /// A node that has presented its certificate.
    Node {
        /// Its id.
        node_id: NodeId,
        /// Its role by the certificate.
        role: Role,
    },
    /// A node with a manager's certificate that is no manager by what is known here: removed, demoted, or made a manager since.
    /// What members of the group say to each other is heard from it, since whoever is behind must be told by those it does not
    /// know yet; for all else it is a worker, if it is known at all.
    Unknown {
        /// Its id.
        node_id: NodeId,
        /// It is a node of the swarm.
        is_worker: bool,
    },
    /// No certificate was presented: somebody who wants to join.
    Anonymous,
}

impl Peer {
    /// The node the caller is on, unless it is anonymous.
    #[must_use]
    pub fn node_id(&self) -> Option<&NodeId> {
        match self {
            Self::Local { node_id } | Self::Node { node_id, .. } | Self::Unknown { node_id, .. } => {
                Some(node_id)
            }
            Self::Anonymous => None,
        }
    }
}

/// What a node's certificate says.
pub(super) struct Subject {
    pub(super) node_id: NodeId,
    pub(super) role: Role,
    pub(super) cluster_id: ClusterId,
    pub(super) not_before_ns: i64,
    pub(super) not_after_ns: i64,
}

pub(super) fn subject(certificate: &CertificateDer<'_>) -> Option<Subject> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let name = parsed.subject();
    let (not_before_ns, not_after_ns) = bounds(parsed.validity());
    Some(Subject {
        node_id: one(name, X509Name::iter_common_name)?.into(),
        role: Role::from_unit(one(name, X509Name::iter_organizational_unit)?)?,
        cluster_id: one(name, X509Name::iter_organization)?.into(),
        not_before_ns,
        not_after_ns,
    })
}

/// A certificate's subject and its public key, both as DER.
pub(super) fn name_and_key(certificate: &CertificateDer<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some((parsed.subject().as_raw().to_vec(), parsed.public_key().raw.to_vec()))
}

/// From when until when a certificate is good, in nanoseconds since the epoch.
pub(super) fn validity(certificate: &CertificateDer<'_>) -> Option<(i64, i64)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(bounds(parsed.validity()))
}

fn bounds(validity: &Validity) -> (i64, i64) {
    const NANOS: i64 = 1_000_000_000;
    let ns = |time: &ASN1Time| time.timestamp().saturating_mul(NANOS);
    (ns(&validity.not_before), ns(&validity.not_after))
}

/// The attribute's text, if there is exactly one: a name that says two things says nothing.
fn one<'a, I>(name: &'a X509Name<'a>, attributes: impl Fn(&'a X509Name<'a>) -> I) -> Option<&'a str>
where
    I: Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
{
    let mut found = attributes(name);
    let only = found.next()?.as_str().ok()?;
    found.next().is_none().then_some(only)
}

/// The peer of a finished handshake. The chain was verified against our root; a certificate of another swarm of the same
/// root, or without a node's subject, counts as none.
pub(crate) fn of_chain(chain: Option<&[CertificateDer<'_>]>, cluster_id: &ClusterId) -> Peer {
    match chain.and_then(<[_]>::first).and_then(subject) {
        Some(subject) if subject.cluster_id == *cluster_id => {
            Peer::Node { node_id: subject.node_id, role: subject.role }
        }
        _ => Peer::Anonymous,
    }
}
