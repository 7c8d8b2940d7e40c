//! Whether anything of a request left, and how much comes before an answer: a socket that counts.
//!
//! A write that provably never left may be sent again, whatever its method. The count is of bytes that
//! HTTP handed over, so bytes that wait in the TLS layer count as sent: wrong on the safe side. Interim
//! answers (1xx) have no end of their own, so what comes before the head of the answer is bounded here. Nor
//! have HTTP/2's frames that carry nothing (settings, pings, windows), so on a line that is shared what comes
//! without a call that begins, a head or a piece of a body is bounded for as long as the line is there.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that may be read before the head of an answer is whole: the head itself, some interim ones, and
/// what of the body came along with the same reads.
const BEFORE_HEAD: u64 = 1024 * 1024;

/// Bytes that may be read on a shared line while nothing comes of them: twice what its windows let be under way
/// (`line`), which may be of calls that were given up.
const SHARED: u64 = 4 * 1024 * 1024;

/// Bytes that a frame has beside what is in it, with as much padding as there may be.
const FRAME: u64 = 9 + 1 + 255;

/// How many bytes were written to a socket so far, and how many may still be read before a head.
#[derive(Debug, Clone, Default)]
pub(super) struct Gauge(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    written: AtomicU64,
    /// Counted down from [`BEFORE_HEAD`] while a head is awaited, and from [`SHARED`] once a shared line had one;
    /// zero where nothing is counted.
    left: AtomicU64,
    /// Whether more was read than that.
    spent: AtomicBool,
}

/// The peer sent more than any head has, and no head.
#[derive(Debug)]
pub(super) struct Babble;

impl fmt::Display for Babble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("more came before the head of an answer than is read")
    }
}

impl std::error::Error for Babble {}

impl Gauge {
    /// Bytes written so far.
    pub(super) fn read(&self) -> u64 {
        self.0.written.load(Ordering::Acquire)
    }

    /// From here on the head of an answer is awaited.
    pub(super) fn await_head(&self) {
        self.0.left.store(BEFORE_HEAD, Ordering::Release);
    }

    /// It has come.
    pub(super) fn has_head(&self) {
        self.0.left.store(0, Ordering::Release);
    }

    /// On a shared line a call begins.
    pub(super) fn begins(&self) {
        self.0.left.fetch_max(BEFORE_HEAD, Ordering::AcqRel);
    }

    /// On a shared line the head of an answer has come, so that bodies may be under way.
    pub(super) fn progresses(&self) {
        self.0.left.store(SHARED, Ordering::Release);
    }

    /// The same of so many bytes of a body; nothing where the line is not shared.
    pub(super) fn delivered(&self, bytes: u64) {
        self.change(|left| Some(left.saturating_add(bytes).saturating_add(FRAME).min(SHARED)));
    }

    /// Whether the peer said more than is read.
    pub(super) fn is_spent(&self) -> bool {
        self.0.spent.load(Ordering::Acquire)
    }

    fn heard(&self, bytes: u64) -> io::Result<()> {
        if bytes == 0 || self.change(|left| left.checked_sub(bytes).filter(|rest| *rest > 0)) {
            return Ok(());
        }
        self.0.spent.store(true, Ordering::Release);
        Err(io::Error::new(io::ErrorKind::InvalidData, Babble))
    }

    /// Changes what is left, where it is counted; whether it could be. Where the head was taken meanwhile nothing
    /// is awaited any more, and it stays so.
    fn change(&self, to: impl Fn(u64) -> Option<u64>) -> bool {
        let changed =
            self.0.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| (left > 0).then(|| to(left))?);
        !matches!(changed, Err(left) if left > 0)
    }
}

/// A socket with its gauge.
pub(super) struct Gauged<S> {
    inner: S,
    gauge: Gauge,
}

impl<S> Gauged<S> {
    pub(super) fn new(inner: S) -> (Self, Gauge) {
        let gauge = Gauge::default();
        (Self { inner, gauge: gauge.clone() }, gauge)
    }

    fn count(&self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = written {
            self.gauge.0.written.fetch_add(*written as u64, Ordering::AcqRel);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gauged<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        self.gauge.heard((buf.filled().len() - before) as u64)?;
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gauged<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.count(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.count(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
