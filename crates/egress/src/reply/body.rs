//! The body of an answer on its way to the caller, and with it the end of the run.
//!
//! Frames go on as they come. The run is closed with the last byte, or with the break; the vendor's line
//! goes back to its place, and the connection's slot is free again.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use lockgate_traffic::{Health, Passage};

use crate::echo::Echo;
use crate::kept::Kept;
use crate::refusal::EgressRefusal;
use crate::run::Run;
use crate::wire::Line;

/// The body of an answer. Dropping it before its end ends the call.
#[derive(Default)]
pub struct ReplyBody {
    first: Option<Bytes>,
    flow: Option<Flow>,
    run: Option<Box<Run>>,
    passage: Option<Passage>,
}

/// The answer broke off. The door resets the stream, so that the caller does not take it for whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyBroken {
    /// The code under which it is recorded.
    pub code: &'static str,
}

impl fmt::Display for ReplyBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code)
    }
}

impl std::error::Error for ReplyBroken {}

/// What is still to come from the vendor.
pub(crate) struct Flow {
    body: Incoming,
    line: Line,
    /// Bytes that may still come.
    left: u64,
    /// Takes out what the vendor repeats of what it was lent.
    echo: Echo,
    /// What came and was not looked through yet.
    unread: Bytes,
    /// Others are let at the thread before more of it is.
    yields: bool,
    stall: Duration,
    /// Since when nothing came; a caller that does not read is not the vendor's fault.
    waiting_since: Option<Duration>,
    /// The vendor has said that nothing more comes.
    ended: bool,
}

impl Flow {
    /// The rest of an answer of which at most `left` bytes may come.
    pub(crate) fn new(body: Incoming, line: Line, left: u64, run: &Run) -> Self {
        let echo = Echo::of(run.lent.as_ref());
        let (stall, unread) = (run.inner.times.stall, Bytes::new());
        Self { body, line, left, echo, unread, yields: false, stall, waiting_since: None, ended: false }
    }

    /// Whether a field of its head repeats what was lent. Asked before the body is read.
    pub(crate) fn repeats(&mut self, field: &[u8]) -> bool {
        self.echo.is_in(field)
    }

    /// The same with less patience: for what is not passed on.
    pub(crate) fn within(self, stall: Duration) -> Self {
        Self { stall, ..self }
    }

    /// The next piece; none at the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, run: &mut Run) -> Poll<Result<Option<Bytes>, EgressRefusal>> {
        loop {
            if !self.unread.is_empty() {
                match ready!(self.poll_slice(cx, run))? {
                    // All of it may be held back until more tells whether it is the credential.
                    piece if piece.is_empty() => continue,
                    piece => return Poll::Ready(Ok(Some(piece))),
                }
            }
            if self.ended {
                break;
            }
            // A caller that reads slowly holds the vendor's line no longer than one that reads at once.
            if run.alarm.now() >= run.end {
                return Poll::Ready(Err(EgressRefusal::AnswerTimeout));
            }
            let frame = match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let since = *self.waiting_since.get_or_insert_with(|| run.alarm.now());
                    let deadline = since.saturating_add(self.stall).min(run.end);
                    ready!(run.alarm.poll(cx, deadline));
                    let late =
                        if deadline == run.end { EgressRefusal::AnswerTimeout } else { EgressRefusal::AnswerStalled };
                    return Poll::Ready(Err(late));
                }
            };
            self.waiting_since = None;
            let data = match frame {
                None => {
                    self.ended = true;
                    break;
                }
                Some(Err(_)) => return Poll::Ready(Err(EgressRefusal::AnswerTruncated)),
                Some(Ok(frame)) => frame.into_data(),
            };
            // Trailers say nothing that may go on.
            let Ok(data) = data else { continue };
            match self.left.checked_sub(data.len() as u64) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Err(EgressRefusal::AnswerTooLarge)),
            }
            self.line.delivered(data.len());
            self.ended = self.body.is_end_stream();
            self.unread = data;
        }
        let rest = self.echo.last();
        Poll::Ready(Ok((!rest.is_empty()).then_some(rest)))
    }

    /// The next slice of what came, looked through. A piece may be large and dear to look through, so others
    /// get their turn between two slices, and the call its end.
    fn poll_slice(&mut self, cx: &mut Context<'_>, run: &Run) -> Poll<Result<Bytes, EgressRefusal>> {
        if std::mem::take(&mut self.yields) {
            if run.alarm.now() >= run.end {
                return Poll::Ready(Err(EgressRefusal::AnswerTimeout));
            }
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.echo.pass(&mut self.unread);
        self.yields = !self.unread.is_empty();
        Poll::Ready(Ok(piece))
    }

    /// Whether nothing more will come.
    pub(crate) fn is_over(&self) -> bool {
        (self.ended || self.body.is_end_stream()) && self.unread.is_empty() && self.echo.held() == 0
    }

    /// How much is still to come, as far as the vendor has said.
    fn size_hint(&self) -> SizeHint {
        let (hint, held) = (self.body.size_hint(), (self.unread.len() + self.echo.held()) as u64);
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(held));
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper.saturating_add(held));
        }
        whole
    }

    /// Gives the line back.
    pub(crate) fn release(self, now: Duration) {
        self.line.release(now);
    }
}

impl ReplyBody {
    /// A body that belongs to no open run.
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { first: (!bytes.is_empty()).then_some(bytes), ..Self::default() }
    }

    /// What was read already and what is still to come, with the run that ends with it.
    pub(crate) fn of_run(first: Bytes, flow: Option<Flow>, mut run: Box<Run>, passage: Passage) -> Self {
        if flow.is_some() {
            run.streaming();
        }
        let first = (!first.is_empty()).then_some(first);
        let mut body = Self { first, flow, run: Some(run), passage: Some(passage) };
        if body.is_over() {
            body.end();
        }
        body
    }

    /// What is kept of it behind an operation, up to so many bytes. The run ends with it.
    pub(crate) fn kept(mut self, status: StatusCode, headers: HeaderMap, most: usize) -> Kept {
        let body = self.first.take().unwrap_or_default();
        if let Some(run) = &mut self.run {
            run.passed_on(body.len());
        }
        let whole = self.flow.is_none();
        self.end();
        if whole { Kept::answer(status, headers, body, most) } else { Kept::TooLarge }
    }

    fn is_over(&self) -> bool {
        self.first.is_none() && self.flow.as_ref().is_none_or(Flow::is_over)
    }

    fn end(&mut self) {
        if let Some(passage) = &mut self.passage {
            passage.report(Health::Good);
        }
        if let Some(mut run) = self.run.take() {
            run.complete();
            if let Some(flow) = self.flow.take() {
                flow.release(run.alarm.now());
            }
        }
        self.flow = None;
        self.passage = None;
    }

    fn break_off(&mut self, refusal: EgressRefusal) -> ReplyBroken {
        if let Some(passage) = &mut self.passage {
            // That the time was up may be the caller's doing, who read slowly.
            let vendors = matches!(refusal, EgressRefusal::AnswerStalled | EgressRefusal::AnswerTruncated);
            passage.report(if vendors { Health::Bad } else { Health::Neutral });
        }
        self.flow = None;
        if let Some(mut run) = self.run.take() {
            run.broke_off(refusal);
        }
        self.passage = None;
        ReplyBroken { code: refusal.info().code }
    }
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = ReplyBroken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyBroken>>> {
        let this = self.get_mut();
        let piece = match (this.first.take(), &mut this.flow, &mut this.run) {
            (Some(first), ..) => Ok(Some(first)),
            (None, Some(flow), Some(run)) => ready!(flow.poll(cx, run)),
            _ => return Poll::Ready(None),
        };
        Poll::Ready(match piece {
            Ok(Some(bytes)) => {
                if let Some(run) = &mut this.run {
                    run.passed_on(bytes.len());
                }
                // INVARIANT: the run ends with the piece that is the last, not when somebody asks for one
                // more: a server that knows the length does not ask.
                if this.is_over() {
                    this.end();
                }
                Some(Ok(Frame::data(bytes)))
            }
            Ok(None) => {
                this.end();
                None
            }
            Err(refusal) => Some(Err(this.break_off(refusal))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.flow.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        let mut hint = self.flow.as_ref().map_or_else(|| SizeHint::with_exact(0), Flow::size_hint);
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper.saturating_add(first));
        }
        hint.set_lower(hint.lower().saturating_add(first));
        hint
    }
}

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.flow.is_some() { "ReplyBody(streaming)" } else { "ReplyBody(whole)" })
    }
}
