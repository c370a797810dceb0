//! A small DNS client and small servers, over another library than the one under test.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use simple_dns::rdata::{A, RData};
use simple_dns::{
    CLASS, Name, OPCODE, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, ResourceRecord, TYPE,
};

use super::{CLIENT_TIMEOUT, Namespace};

/// Where containers ask.
pub(crate) const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 0, 0, 11), 53);

/// An answer, as a program would take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) outcome: RCODE,
    pub(crate) is_truncated: bool,
    /// Addresses and names, as text, in order.
    pub(crate) records: Vec<String>,
}

/// A question with a number of its own.
pub(crate) fn question(name: &str, kind: TYPE) -> Vec<u8> {
    static NUMBER: AtomicUsize = AtomicUsize::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed) as u16;
    let mut packet = Packet::new_query(number);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    packet.questions.push(Question::new(
        Name::new(name).expect("a name"),
        QTYPE::TYPE(kind),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().expect("a message")
}

/// Reads an answer and checks that it is one to the question.
pub(crate) fn read(answer: &[u8], question: &[u8]) -> Found {
    let (answer, question) =
        (Packet::parse(answer).expect("a whole answer"), Packet::parse(question).expect("a question"));
    assert_eq!(answer.id(), question.id());
    assert_eq!(answer.opcode(), OPCODE::StandardQuery);
    assert!(answer.has_flags(PacketFlag::RESPONSE | PacketFlag::RECURSION_AVAILABLE));
    let records = answer.answers.iter().map(|record| match &record.rdata {
        RData::A(A { address }) => Ipv4Addr::from(*address).to_string(),
        RData::AAAA(record) => std::net::Ipv6Addr::from(record.address).to_string(),
        RData::PTR(name) => name.0.to_string(),
        other => format!("{other:?}"),
    });
    Found {
        outcome: answer.rcode(),
        is_truncated: answer.has_flags(PacketFlag::TRUNCATION),
        records: records.collect(),
    }
}

impl Namespace {
    /// Asks by UDP from inside; `None` if there is no answer.
    pub(crate) fn resolve_at(&self, server: impl Into<SocketAddr>, name: &str, kind: TYPE) -> Option<Found> {
        let (server, question) = (server.into(), question(name, kind));
        self.enter(|| {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
            socket.connect(server).ok()?;
            socket.set_read_timeout(Some(CLIENT_TIMEOUT * 4)).ok()?;
            socket.send(&question).ok()?;
            let mut buffer = [0; 4096];
            let len = socket.recv(&mut buffer).ok()?;
            Some(read(&buffer[..len], &question))
        })
    }

    /// Asks by TCP from inside.
    pub(crate) fn resolve_by_stream_at(
        &self,
        server: impl Into<SocketAddr>,
        name: &str,
        kind: TYPE,
    ) -> Option<Found> {
        let (server, question) = (server.into(), question(name, kind));
        self.enter(|| {
            let mut stream = TcpStream::connect_timeout(&server, CLIENT_TIMEOUT).ok()?;
            stream.set_read_timeout(Some(CLIENT_TIMEOUT * 4)).ok()?;
            send_framed(&mut stream, &question)?;
            Some(read(&receive_framed(&mut stream)?, &question))
        })
    }

    /// The addresses of a name as a container sees them; empty if there are none.
    pub(crate) fn addresses(&self, name: &str) -> Vec<String> {
        self.resolve_at(SERVER, name, TYPE::A).map(|found| found.records).unwrap_or_default()
    }

    /// Serves DNS inside for as long as the test runs, at one address.
    pub(crate) fn serve_names(&self, address: impl Into<IpAddr>, manner: Manner) -> Served {
        let served = Served::default();
        let address = SocketAddr::new(address.into(), 53);
        let (socket, listener) = self
            .enter(|| (UdpSocket::bind(address).expect("bind"), TcpListener::bind(address).expect("listen")));
        let datagrams = Arc::clone(&served.datagrams);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((len, peer)) = socket.recv_from(&mut buffer) {
                datagrams.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = manner.answer(&buffer[..len], false) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        let streams = Arc::clone(&served.streams);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                streams.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) =
                    receive_framed(&mut stream).and_then(|question| manner.answer(&question, true))
                {
                    let _ = send_framed(&mut stream, &answer);
                }
            }
        });
        served
    }
}

/// How often a server has been asked.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) datagrams: Arc<AtomicUsize>,
    pub(crate) streams: Arc<AtomicUsize>,
}

impl Served {
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.datagrams.load(Ordering::Relaxed), self.streams.load(Ordering::Relaxed))
    }
}

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It says this address of every name, for a minute.
    Address(Ipv4Addr),
    /// It has so many addresses of every name, from 10.9.0.0 on, too many for a datagram.
    Many(u8),
    /// It fails.
    Failure(RCODE),
    /// It says nothing.
    Silent,
    /// It answers with bytes that mean nothing, and then to another question.
    Hostile,
}

impl Manner {
    fn answer(self, bytes: &[u8], is_stream: bool) -> Option<Vec<u8>> {
        let mut packet = Packet::parse(bytes).ok()?.into_reply();
        packet.set_flags(PacketFlag::RECURSION_AVAILABLE);
        let name = packet.questions.first()?.qname.clone();
        let address = |address: Ipv4Addr| {
            ResourceRecord::new(name.clone(), CLASS::IN, 60, RData::A(A { address: address.into() }))
        };
        match self {
            Manner::Address(ip) => packet.answers.push(address(ip)),
            Manner::Many(_) if !is_stream => packet.set_flags(PacketFlag::TRUNCATION),
            Manner::Many(count) => {
                packet.answers.extend((0..count).map(|last| address(Ipv4Addr::new(10, 9, 0, last))));
            }
            Manner::Failure(outcome) => *packet.rcode_mut() = outcome,
            Manner::Silent => return None,
            Manner::Hostile => {
                return Some([&bytes[..2], &[0x80, 0, 0xff, 0xff, 0xff, 0xff, 0xc0, 0x0c]].concat());
            }
        }
        packet.build_bytes_vec_compressed().ok()
    }
}

pub(crate) fn send_framed(stream: &mut TcpStream, message: &[u8]) -> Option<()> {
    stream.write_all(&[&(message.len() as u16).to_be_bytes()[..], message].concat()).ok()
}

pub(crate) fn receive_framed(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}
