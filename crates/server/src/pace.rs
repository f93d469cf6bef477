//! Clients that stop to read or to send: how long the server waits for the next bytes.

use std::error::Error as StdError;
use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::connections::Peer;

/// Bytes that a client must take or send while it is waited for. One that is slower than this makes no progress.
const PROGRESS: usize = 16 << 10;

/// How long a client was waited for since it last made progress.
#[derive(Debug)]
struct Patience {
    limit: Duration,
    waited: Duration,
    since: Option<Instant>,
    done: usize,
    // Made when it is first needed: most clients are never waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { limit, waited: Duration::ZERO, since: None, done: 0, timer: None }
    }

    /// The client is waited for; ready once that was for too long.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            self.since = Some(Instant::now());
            let rest = self.limit.saturating_sub(self.waited);
            match &mut self.timer {
                Some(timer) => timer.as_mut().reset(tokio::time::Instant::now() + rest),
                None => self.timer = Some(Box::pin(tokio::time::sleep(rest))),
            }
        }
        self.timer.as_mut().map_or(Poll::Pending, |timer| timer.as_mut().poll(context))
    }

    /// The client did something.
    fn note(&mut self, bytes: usize) {
        if self.since.is_none() && self.waited.is_zero() {
            return;
        }
        self.waited += self.since.take().map_or(Duration::ZERO, |since| since.elapsed());
        self.done = self.done.saturating_add(bytes);
        if self.done >= PROGRESS {
            self.forgive();
        }
    }

    fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    fn forgive(&mut self) {
        (self.waited, self.since, self.done) = (Duration::ZERO, None, 0);
    }
}

/// A connection that ends when its client does not read what it asked for.
#[derive(Debug)]
pub(crate) struct Paced {
    stream: TcpStream,
    peer: Arc<Peer>,
    patience: Patience,
}

/// What a client did not read is thrown away with its connection. The system would else keep it, and wait for the client
/// much longer than the server did.
impl Drop for Paced {
    fn drop(&mut self) {
        if self.patience.is_waiting() || self.peer.has_left() {
            // If that cannot be said any more, the connection is gone.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl Paced {
    pub(crate) fn new(stream: TcpStream, peer: Arc<Peer>, limit: Duration) -> Self {
        Self { stream, peer, patience: Patience::new(limit) }
    }

    fn judge(&mut self, context: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Ready(Ok(bytes)) => {
                self.patience.note(bytes);
                Poll::Ready(Ok(bytes))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                ready!(self.patience.wait(context));
                Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, Stalled)))
            }
        }
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Everything there was to write is written.
        self.patience.forgive();
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A request's body, whose sender must go on with it.
struct PacedBody {
    body: Body,
    patience: Patience,
}

/// The same body, which fails with [`Stalled`] when its sender does not go on with it.
pub(crate) fn body(body: Body, limit: Duration) -> Body {
    if body.size_hint().exact() == Some(0) {
        return body;
    }
    Body::new(PacedBody { body, patience: Patience::new(limit) })
}

impl HttpBody for PacedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                self.patience.note(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.patience.wait(context));
                Poll::Ready(Some(Err(Stalled.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The next piece of a body; none at its end.
pub(crate) async fn piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    loop {
        match body.frame().await? {
            Ok(frame) => match frame.into_data() {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Some(Ok(bytes)),
                // Trailers say nothing here.
                Err(_) => {}
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

/// A client did not go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled;

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client made no progress")
    }
}

impl StdError for Stalled {}

impl Stalled {
    /// Whether an error is for this reason.
    pub(crate) fn is_cause(error: &(dyn StdError + 'static)) -> bool {
        std::iter::successors(Some(error), |&error| error.source()).any(|error| {
            // The error within an `io::Error` is not its source.
            error.is::<Self>()
                || error
                    .downcast_ref::<io::Error>()
                    .and_then(io::Error::get_ref)
                    .is_some_and(|error| error.is::<Self>())
        })
    }
}
