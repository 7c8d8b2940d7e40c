//! The strict reader: the stream that hyper reads from and writes to.
//!
//! Bytes are read into hyper's own buffer and judged there; only what cannot be handed on yet is kept in a
//! buffer of ours, so that the usual request is neither copied nor allocates. A head that breaks a rule
//! ends the stream for hyper, which finishes earlier answers; the refusal is then written when hyper shuts
//! the stream down. A body that breaks a rule fails the read, so the handler sees it and refuses.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use lockgate_vocabulary::{Clock, Entropy, TraceContext};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::judge::{Judge, Step};
use super::patience::{Patience, Terms};
use super::violation::Violation;
use crate::problem;

/// What all connections of a door share.
pub struct Manners {
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where trace ids of refusals come from.
    pub entropy: Arc<dyn Entropy>,
    /// Between messages.
    pub idle: Terms,
    /// From a head's first byte to its last.
    pub head: Terms,
    /// While a body arrives.
    pub body: Terms,
    /// While an answer is taken.
    pub answer: Terms,
}

impl Manners {
    /// The terms that the door gives by default: 60 s between messages, 10 s for a head, and for bodies
    /// and answers 30 s of waiting, with a second more for every 8 KiB.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        let flat = |seconds| Terms { most: Duration::from_secs(seconds), per_kib: Duration::ZERO };
        let flow = Terms { most: Duration::from_secs(30), per_kib: Duration::from_millis(125) };
        Self { clock, entropy, idle: flat(60), head: flat(10), body: flow, answer: flow }
    }
}

/// Why nothing more is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The peer said so, or kept us waiting.
    Quiet,
    /// A head broke a rule.
    Head(Violation),
    /// A body broke a rule.
    Body(Violation),
    /// A body did not arrive in time.
    Slow,
}

/// A stream of which only well-formed HTTP/1.1 is read.
pub struct Strict<S> {
    stream: S,
    manners: Arc<Manners>,
    judge: Judge,
    /// Bytes read and not handed on; the first `cleared` of them may be.
    held: Vec<u8>,
    cleared: usize,
    end: Option<End>,
    /// How many heads had been judged when the reading purse was last filled.
    heads: u64,
    reading: Patience,
    writing: Patience,
    /// What of the refusal is not yet written.
    farewell: Option<Vec<u8>>,
}

impl<S> Strict<S> {
    /// Puts the reader around a stream of plain text.
    pub fn new(stream: S, manners: Arc<Manners>) -> Self {
        let (reading, writing) = (Patience::new(manners.idle), Patience::new(manners.answer));
        let (held, judge) = (Vec::new(), Judge::default());
        Self { stream, manners, judge, held, cleared: 0, end: None, heads: 0, reading, writing, farewell: None }
    }

    /// The rule that a peer broke, if one was.
    pub fn violation(&self) -> Option<Violation> {
        match self.end {
            Some(End::Head(violation) | End::Body(violation)) => Some(violation),
            _ => None,
        }
    }

    /// The stream below.
    pub fn into_inner(self) -> S {
        self.stream
    }

    fn finish(&mut self, end: End) {
        if let End::Head(violation) = end {
            let trace = TraceContext::start(&*self.manners.entropy).trace;
            let refusal = violation.refusal().refuse().detail(violation.told());
            self.farewell = Some(problem::message(&refusal, trace));
        }
        self.end = Some(end);
    }

    fn broken(&self, violation: Violation) -> End {
        if self.judge.is_in_body() { End::Body(violation) } else { End::Head(violation) }
    }

    /// What a reader sees after the end.
    fn ending(end: End) -> io::Result<()> {
        match end {
            End::Quiet | End::Head(_) => Ok(()),
            End::Body(violation) => Err(io::Error::new(io::ErrorKind::InvalidData, violation)),
            End::Slow => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// Judges what is held.
    fn judge_held(&mut self) {
        let sifted = sift(&mut self.judge, self.held.get_mut(self.cleared..).unwrap_or_default());
        self.held.drain(self.cleared + sifted.passed..self.cleared + sifted.used);
        self.cleared += sifted.passed;
        self.conclude(sifted.violation);
    }

    fn conclude(&mut self, violation: Option<Violation>) {
        if self.judge.heads() != self.heads {
            self.heads = self.judge.heads();
            self.reading.renew();
            self.writing.renew();
        }
        if let Some(violation) = violation {
            self.held.truncate(self.cleared);
            self.finish(self.broken(violation));
        } else if self.judge.is_over() {
            self.finish(End::Quiet);
        }
    }

    /// Hands on what may be; whether there was anything.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let count = self.cleared.min(out.remaining());
        out.put_slice(self.held.get(..count).unwrap_or_default());
        self.held.drain(..count);
        self.cleared -= count;
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        count > 0
    }
}

impl<S: AsyncRead + Unpin> Strict<S> {
    /// Reads from the stream behind what `out` has already; how many bytes came.
    fn receive(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let before = out.filled().len();
        match Pin::new(&mut self.stream).poll_read(cx, out)? {
            Poll::Ready(()) => {
                let count = out.filled().len() - before;
                self.reading.progress(&*self.manners.clock, count);
                if count == 0 {
                    self.finish(End::Quiet);
                }
                Poll::Ready(Ok(count))
            }
            Poll::Pending => {
                let idle = self.judge.is_idle() && self.held.is_empty();
                let in_body = self.judge.is_in_body();
                let manners = &self.manners;
                self.reading.turn(if idle {
                    manners.idle
                } else if in_body {
                    manners.body
                } else {
                    manners.head
                });
                ready!(self.reading.poll_spent(&*self.manners.clock, cx));
                self.finish(if in_body { End::Slow } else { End::Quiet });
                Poll::Ready(Ok(0))
            }
        }
    }

    /// Judges in place what was just read behind `before`; whether any of it may be handed on.
    fn judge_fresh(&mut self, before: usize, out: &mut ReadBuf<'_>) -> bool {
        let fresh = out.filled_mut().get_mut(before..).unwrap_or_default();
        let sifted = sift(&mut self.judge, fresh);
        self.held.extend_from_slice(fresh.get(sifted.used..).unwrap_or_default());
        out.set_filled(before + sifted.passed);
        self.conclude(sifted.violation);
        sifted.passed > 0
    }
}

/// What became of some bytes: the first `passed` may be handed on, those from `used` on need company.
struct Sifted {
    passed: usize,
    used: usize,
    violation: Option<Violation>,
}

/// Lets the judge see all of `bytes`, and closes the gaps that it leaves.
fn sift(judge: &mut Judge, bytes: &mut [u8]) -> Sifted {
    let (mut passed, mut used) = (0, 0);
    loop {
        match judge.step(bytes.get_mut(used..).unwrap_or_default()) {
            Err(violation) => return Sifted { passed, used: bytes.len(), violation: Some(violation) },
            Ok(Step { drop: 0, pass: 0 }) => return Sifted { passed, used, violation: None },
            Ok(Step { drop, pass }) => {
                let from = used + drop;
                if from != passed {
                    bytes.copy_within(from..from + pass, passed);
                }
                (passed, used) = (passed + pass, from + pass);
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if this.hand_on(out) || out.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            if let Some(end) = this.end {
                return Poll::Ready(Self::ending(end));
            }
            let before = out.filled().len();
            ready!(this.receive(cx, out))?;
            if this.held.is_empty() {
                if this.judge_fresh(before, out) {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.held.extend_from_slice(out.filled().get(before..).unwrap_or_default());
                out.set_filled(before);
                this.judge_held();
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Strict<S> {
    /// Lets the peer's purse decide what a wait for it comes to.
    fn paced<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
        bytes: fn(&T) -> usize,
    ) -> Poll<io::Result<T>> {
        match polled {
            Poll::Ready(done) => {
                if let Ok(done) = &done {
                    self.writing.progress(&*self.manners.clock, bytes(done));
                }
                Poll::Ready(done)
            }
            Poll::Pending => {
                ready!(self.writing.poll_spent(&*self.manners.clock, cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(cx, polled, |count| *count)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.paced(cx, polled, |count| *count)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        self.paced(cx, polled, |()| 0)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.farewell.take().filter(|rest| !rest.is_empty()) {
            let polled = Pin::new(&mut self.stream).poll_write(cx, &rest);
            let polled = self.paced(cx, polled, |count| *count);
            self.farewell = Some(match &polled {
                Poll::Ready(Ok(count)) => rest.get(*count..).unwrap_or_default().to_vec(),
                _ => rest,
            });
            if ready!(polled)? == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
        }
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.paced(cx, polled, |()| 0)
    }
}
