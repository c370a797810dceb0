//! Between the library's requests and answers and the messages that travel between managers.

use openraft::raft::{
    AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest, VoteRequest,
    VoteResponse,
};
use swarm_api::pb;
use swarm_api::pb::append_answer::Outcome;
use thiserror::Error;

use super::convert::{self, Malformed};
use super::types::{LogId, Types, Vote};

/// A request or an answer that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum Rubbish {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error("a message without a vote")]
    Vote,
    #[error("a conflict that does not say where")]
    Conflict,
}

fn id(message: Option<pb::LogId>) -> Option<LogId> {
    message.map(convert::log_id)
}

fn id_to_message(id: Option<&LogId>) -> Option<pb::LogId> {
    id.map(convert::log_id_to_message)
}

pub(super) fn vote(message: Option<pb::RaftVote>) -> Result<Vote, Rubbish> {
    message.map(convert::vote).ok_or(Rubbish::Vote)
}

pub(super) fn vote_to_message(vote: &Vote) -> Option<pb::RaftVote> {
    Some(convert::vote_to_message(vote))
}

pub(super) fn append_to_message(to: u64, request: &AppendEntriesRequest<Types>) -> pb::AppendRequest {
    pb::AppendRequest {
        to,
        vote: vote_to_message(&request.vote),
        previous: id_to_message(request.prev_log_id.as_ref()),
        entries: request.entries.iter().map(convert::entry_to_message).collect(),
        committed: id_to_message(request.leader_commit.as_ref()),
    }
}

pub(super) fn append(message: pb::AppendRequest) -> Result<AppendEntriesRequest<Types>, Rubbish> {
    Ok(AppendEntriesRequest {
        vote: vote(message.vote)?,
        prev_log_id: id(message.previous),
        entries: message.entries.into_iter().map(convert::entry).collect::<Result<_, _>>()?,
        leader_commit: id(message.committed),
    })
}

pub(super) fn append_answer_to_message(answer: &StreamAppendResult<Types>) -> pb::AppendAnswer {
    let (outcome, log_id, vote) = match answer {
        Ok(matching) => (Outcome::Matching, id_to_message(matching.as_ref()), None),
        Err(StreamAppendError::Conflict(at)) => (Outcome::Conflict, id_to_message(Some(at)), None),
        Err(StreamAppendError::HigherVote(vote)) => (Outcome::HigherVote, None, vote_to_message(vote)),
    };
    pb::AppendAnswer { outcome: outcome.into(), log_id, vote }
}

pub(super) fn append_answer(message: pb::AppendAnswer) -> Result<StreamAppendResult<Types>, Rubbish> {
    Ok(match message.outcome() {
        Outcome::Matching => Ok(id(message.log_id)),
        Outcome::Conflict => Err(StreamAppendError::Conflict(id(message.log_id).ok_or(Rubbish::Conflict)?)),
        Outcome::HigherVote => Err(StreamAppendError::HigherVote(vote(message.vote)?)),
    })
}

/// `addr` is where the caller is reached.
pub(super) fn vote_request_to_message(to: u64, addr: &str, request: &VoteRequest<Types>) -> pb::VoteRequest {
    pb::VoteRequest {
        to,
        vote: vote_to_message(&request.vote),
        last: id_to_message(request.last_log_id.as_ref()),
        leadership_transfer: request.leadership_transfer,
        addr: addr.to_owned(),
    }
}

pub(super) fn vote_request(message: pb::VoteRequest) -> Result<VoteRequest<Types>, Rubbish> {
    let mut request = VoteRequest::new(vote(message.vote)?, id(message.last));
    request.leadership_transfer = message.leadership_transfer;
    Ok(request)
}

pub(super) fn vote_answer_to_message(answer: &VoteResponse<Types>) -> pb::VoteAnswer {
    pb::VoteAnswer {
        vote: vote_to_message(&answer.vote),
        last: id_to_message(answer.last_log_id.as_ref()),
        granted: answer.vote_granted,
    }
}

pub(super) fn vote_answer(message: pb::VoteAnswer) -> Result<VoteResponse<Types>, Rubbish> {
    Ok(VoteResponse::new(vote(message.vote)?, id(message.last), message.granted))
}

pub(super) fn transfer_to_message(
    to: u64,
    request: &TransferLeaderRequest<Types>,
) -> pb::TransferLeaderRequest {
    pb::TransferLeaderRequest {
        to,
        vote: vote_to_message(request.from_leader()),
        next: *request.to_node_id(),
        last: id_to_message(request.last_log_id()),
    }
}

pub(super) fn transfer(message: pb::TransferLeaderRequest) -> Result<TransferLeaderRequest<Types>, Rubbish> {
    Ok(TransferLeaderRequest::new(vote(message.vote)?, message.next, id(message.last)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::raft::types::{Command, Entry, LeaderId, Payload};

    fn log_id(term: u64, node_id: u64, index: u64) -> LogId {
        LogId::new(LeaderId { term, node_id }, index)
    }

    proptest! {
        #[test]
        fn appends_read_back(
            term in any::<u64>(),
            from in any::<u64>(),
            at in prop::option::of(0..1000_u64),
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..32), 0..8),
        ) {
            let entry = |(number, bytes): (usize, Vec<u8>)| Entry {
                log_id: log_id(term, from, number as u64),
                payload: Payload::Normal(Command(bytes.into())),
            };
            let written = AppendEntriesRequest::<Types> {
                vote: Vote { leader_id: LeaderId { term, node_id: from }, committed: true },
                prev_log_id: at.map(|index| log_id(term, from, index)),
                entries: entries.into_iter().enumerate().map(entry).collect(),
                leader_commit: at.map(|index| log_id(term, from, index)),
            };
            let read = append(append_to_message(7, &written)).expect("own message");
            prop_assert_eq!(format!("{read:?}"), format!("{written:?}"));
        }
    }

    #[test]
    fn answers_read_back() {
        let vote = Vote { leader_id: LeaderId { term: 3, node_id: 9 }, committed: false };
        let answers: [StreamAppendResult<Types>; 4] = [
            Ok(None),
            Ok(Some(log_id(1, 2, 3))),
            Err(StreamAppendError::Conflict(log_id(4, 5, 6))),
            Err(StreamAppendError::HigherVote(vote)),
        ];
        for answer in answers {
            assert_eq!(append_answer(append_answer_to_message(&answer)), Ok(answer));
        }
        let answer = VoteResponse::new(vote, Some(log_id(1, 2, 3)), true);
        assert_eq!(vote_answer(vote_answer_to_message(&answer)), Ok(answer));
    }

    #[test]
    fn what_lacks_its_vote_is_rubbish() {
        assert_eq!(vote_answer(pb::VoteAnswer::default()).err(), Some(Rubbish::Vote));
        assert!(append(pb::AppendRequest::default()).is_err());
        let conflict = pb::AppendAnswer { outcome: Outcome::Conflict.into(), ..Default::default() };
        assert_eq!(append_answer(conflict).err(), Some(Rubbish::Conflict));
    }
}
