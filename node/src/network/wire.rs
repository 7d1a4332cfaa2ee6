//! How a request and its answer travel on a stream: four bytes of length (big endian), then the encoding of
//! `updraft_protocol::codec`. One codec for all services.
//!
//! A length over the type's limit is refused before anything is allocated; memory grows with the bytes that
//! have come, never with those promised. Nothing is decided here about what a message means.

use std::{io, marker::PhantomData, time::Duration};

use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use libp2p::{StreamProtocol, request_response};
use tokio::{sync::oneshot, time::timeout};
use updraft_protocol::codec::{self, DecodeError, EncodeError, Wire};

/// The first byte of an answer, and each further piece, has to come within this.
pub(super) const STALL: Duration = Duration::from_secs(10);
/// A message of up to 4 MiB has to be through within this.
pub(super) const WHOLE: Duration = Duration::from_secs(30);
/// Larger ones get as much more as this rate gives, in bytes a second: 16 MiB then take two minutes at most.
const LARGE_RATE: u64 = 128 * 1024;
/// What the whole exchange may take, above all limits of its parts: request, thinking, largest answer.
pub(super) const EXCHANGE: Duration = Duration::from_secs(200);
/// Within this a room of this node has to have an answer ready.
pub(super) const ANSWER_READY: Duration = Duration::from_secs(8);
/// Pieces written at once: measured 15 % faster over noise than one large write.
const PIECE: usize = 64 * 1024;
/// From this size on, encoding and decoding leave the network's threads: 1 MiB takes about a millisecond.
const OFFLOAD: usize = 2 * 1024 * 1024;

/// What a service says and hears.
pub(super) trait Exchange: Clone + Send + Sync + 'static {
    /// The question.
    type Request: Wire + Send + 'static;
    /// The answer.
    type Answer: Wire + Send + 'static;

    /// About how many bytes an answer takes, if that may be more than a moment's work to encode.
    fn bulk(_: &Self::Answer) -> usize {
        0
    }
}

/// An answer on its way through libp2p: here already, or still being made by another room.
#[derive(Debug)]
pub(super) enum Reply<A> {
    /// It came from a peer.
    Here(A),
    /// It goes to a peer as soon as it is there. It reaches the stream without passing the swarm's loop.
    Coming(oneshot::Receiver<A>),
}

/// Why a message could not be read or written; travels inside `io::Error`, which is all libp2p lets through.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// More bytes than the type may take.
    #[error("{name} of {got} bytes announced, at most {limit} are allowed")]
    TooLarge {
        /// The type.
        name: &'static str,
        /// Bytes announced.
        got: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No message of its type.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A message of ours that breaks its rules.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The stream ended before the first byte: whoever is there does not want to say anything.
    #[error("closed without a message")]
    Closed,
    /// The stream ended in the middle.
    #[error("ended after {got} of {promised} bytes")]
    CutShort {
        /// Bytes that came.
        got: usize,
        /// Bytes announced.
        promised: usize,
    },
    /// Bytes came too slowly.
    #[error("too slow")]
    TooSlow,
    /// The room that should have answered gave nothing.
    #[error("nobody answered")]
    Unanswered,
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        Self::other(error)
    }
}

/// The codec of a service.
#[derive(Debug, Clone)]
pub(super) struct Codec<E>(PhantomData<fn() -> E>);

impl<E> Default for Codec<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<E: Exchange> request_response::Codec for Codec<E> {
    type Protocol = StreamProtocol;
    type Request = E::Request;
    type Response = Reply<E::Answer>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<E::Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(read::<E::Request, T>(io).await?)
    }

    async fn read_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
    ) -> io::Result<Reply<E::Answer>>
    where
        T: AsyncRead + Unpin + Send,
    {
        Ok(Reply::Here(read::<E::Answer, T>(io).await?))
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: E::Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        Ok(write(io, request, 0).await?)
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        reply: Reply<E::Answer>,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let answer = match reply {
            Reply::Here(answer) => answer,
            Reply::Coming(answer) => match timeout(ANSWER_READY, answer).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => return Err(WireError::Unanswered.into()),
            },
        };
        let bulk = E::bulk(&answer);
        Ok(write(io, answer, bulk).await?)
    }
}

/// Reads one message.
async fn read<M, T>(io: &mut T) -> Result<M, WireError>
where
    M: Wire + Send + 'static,
    T: AsyncRead + Unpin + Send,
{
    let mut length = [0; 4];
    match timeout(STALL, io.read_exact(&mut length)).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(WireError::Closed),
        Err(_) => return Err(WireError::TooSlow),
    }
    let promised = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if promised > M::MAX {
        return Err(WireError::TooLarge { name: M::NAME, got: promised, limit: M::MAX });
    }
    let body = match timeout(time_for(promised), read_body(io, promised)).await {
        Ok(body) => body?,
        Err(_) => return Err(WireError::TooSlow),
    };
    Ok(offload(body.len(), move || codec::decode(&body)).await??)
}

async fn read_body<T>(io: &mut T, promised: usize) -> Result<Vec<u8>, WireError>
where
    T: AsyncRead + Unpin + Send,
{
    let mut body = Vec::new();
    while body.len() < promised {
        let old = body.len();
        body.resize(promised.min(old + PIECE), 0);
        let got = match timeout(STALL, io.read(&mut body[old..])).await {
            Ok(Ok(got)) => got,
            Ok(Err(_)) => 0,
            Err(_) => return Err(WireError::TooSlow),
        };
        body.truncate(old + got);
        if got == 0 {
            return Err(WireError::CutShort { got: old, promised });
        }
    }
    Ok(body)
}

/// Writes one message of about `bulk` bytes.
async fn write<M, T>(io: &mut T, message: M, bulk: usize) -> Result<(), WireError>
where
    M: Wire + Send + 'static,
    T: AsyncWrite + Unpin + Send,
{
    let body = offload(bulk, move || codec::encode(&message)).await??;
    let length = u32::try_from(body.len()).map_err(|_| WireError::TooLarge {
        name: M::NAME,
        got: body.len(),
        limit: M::MAX,
    })?;
    let send = async {
        piece(io, &length.to_be_bytes()).await?;
        for part in body.chunks(PIECE) {
            piece(io, part).await?;
        }
        match timeout(STALL, io.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(WireError::Closed),
            Err(_) => Err(WireError::TooSlow),
        }
    };
    timeout(time_for(body.len()), send).await.unwrap_or(Err(WireError::TooSlow))
}

async fn piece<T: AsyncWrite + Unpin + Send>(io: &mut T, bytes: &[u8]) -> Result<(), WireError> {
    match timeout(STALL, io.write_all(bytes)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(WireError::Closed),
        Err(_) => Err(WireError::TooSlow),
    }
}

/// How long this many bytes may take.
fn time_for(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    WHOLE.max(Duration::from_secs(bytes / LARGE_RATE))
}

/// Runs work on `bytes` bytes where it holds nobody up.
async fn offload<R: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> R + Send + 'static,
) -> Result<R, WireError> {
    if bytes < OFFLOAD {
        return Ok(work());
    }
    // The task can only be lost when the runtime shuts down, and the stream with it.
    tokio::task::spawn_blocking(work).await.map_err(|_| WireError::Unanswered)
}

#[cfg(test)]
mod tests {
    use futures::io::Cursor;
    use updraft_protocol::{Digest, TransferAnswer, TransferRequest, limits::MAX_RESPONSE};

    use super::*;

    async fn read_bytes<M: Wire + Send + 'static>(bytes: Vec<u8>) -> Result<M, WireError> {
        read(&mut Cursor::new(bytes)).await
    }

    async fn written(answer: TransferAnswer) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut Cursor::new(&mut bytes), answer, OFFLOAD).await.expect("within limits");
        bytes
    }

    #[tokio::test]
    async fn a_message_reads_back_from_its_bytes() {
        for size in [0, 1, PIECE, 3 * PIECE + 7, 5 * 1024 * 1024] {
            let answer = TransferAnswer::Object(vec![7; size]);
            let bytes = written(answer.clone()).await;
            assert_eq!(read_bytes::<TransferAnswer>(bytes).await.expect("whole"), answer);
        }
    }

    #[tokio::test]
    async fn a_length_over_the_limit_is_refused_unread() {
        let over = u32::try_from(MAX_RESPONSE).expect("fits") + 1;
        for length in [over, u32::MAX] {
            let mut io = Cursor::new(length.to_be_bytes().to_vec());
            let error = read::<TransferAnswer, _>(&mut io).await.expect_err("too long");
            assert!(matches!(error, WireError::TooLarge { .. }), "{error}");
        }
    }

    #[tokio::test]
    async fn memory_follows_what_came_and_not_what_was_promised() {
        let mut bytes = u32::try_from(MAX_RESPONSE).expect("fits").to_be_bytes().to_vec();
        bytes.extend([0; 10]);
        let error = read_bytes::<TransferAnswer>(bytes).await.expect_err("cut short");
        assert!(matches!(error, WireError::CutShort { got: 10, promised: MAX_RESPONSE }));
    }

    #[tokio::test]
    async fn garbage_and_truncation_are_errors_at_every_byte() {
        let whole = written(TransferAnswer::Chunk(vec![1; 40])).await;
        for end in 0..whole.len() {
            let cut = whole.get(..end).expect("inside").to_vec();
            assert!(read_bytes::<TransferAnswer>(cut).await.is_err(), "cut at {end}");
        }
        let garbage = [&8_u32.to_be_bytes()[..], &[0xff; 8]].concat();
        let error = read_bytes::<TransferRequest>(garbage).await.expect_err("garbage");
        assert!(matches!(error, WireError::Decode(_)), "{error}");
    }

    #[tokio::test]
    async fn a_stream_closed_at_once_is_a_refusal_and_not_an_offence() {
        let error = read_bytes::<TransferAnswer>(Vec::new()).await.expect_err("nothing");
        assert!(matches!(error, WireError::Closed));
    }

    #[tokio::test]
    async fn an_answer_that_breaks_its_rules_is_not_sent() {
        let mut bytes = Vec::new();
        let over = TransferAnswer::Object(vec![0; MAX_RESPONSE]);
        let error = write(&mut Cursor::new(&mut bytes), over, 0).await.expect_err("too large");
        assert!(matches!(error, WireError::Encode(_)));
        assert!(bytes.is_empty());
    }

    #[tokio::test]
    async fn requests_are_small() {
        let mut bytes = Vec::new();
        let request = TransferRequest::Have(Digest::of(b"blob"));
        write(&mut Cursor::new(&mut bytes), request, 0).await.expect("small");
        assert_eq!(read_bytes::<TransferRequest>(bytes).await.expect("whole"), request);
    }

    #[test]
    fn large_answers_get_more_time() {
        assert_eq!(time_for(256 * 1024), WHOLE);
        assert_eq!(time_for(16 * 1024 * 1024), Duration::from_secs(128));
        assert!(time_for(MAX_RESPONSE) + ANSWER_READY + WHOLE < EXCHANGE);
    }
}
