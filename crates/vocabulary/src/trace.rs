//! The W3C trace context: which trace and which span a request belongs to.

use std::fmt;

use crate::entropy::Entropy;

/// A trace: 16 bytes that are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(u128);

/// A span: 8 bytes that are not all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(u64);

impl TraceId {
    /// Its bytes in the order in which they are written.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl SpanId {
    /// A new one.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0u8; 8];
        entropy.fill(&mut bytes);
        Self(u64::from_be_bytes(bytes).max(1))
    }

    /// Its bytes in the order in which they are written.
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a request stands in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span that we do our part under.
    pub span: SpanId,
    /// The caller's span, where it gave one.
    pub parent: Option<SpanId>,
    /// Whether the caller recorded the trace.
    pub sampled: bool,
}

impl TraceContext {
    /// A trace that starts here.
    pub fn start(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0u8; 24];
        entropy.fill(&mut bytes);
        let [a, b, c] = halves(&bytes);
        let trace = (u128::from(a) << 64) | u128::from(b);
        Self { trace: TraceId(trace.max(1)), span: SpanId(c.max(1)), parent: None, sampled: false }
    }

    /// The trace of a `traceparent` header (W3C Trace Context, version 00); `None` if it is not one,
    /// in which case the standard asks us to start a trace of our own.
    pub fn join(traceparent: &str, entropy: &dyn Entropy) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, width: usize| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            plain && text.len() == width
        };
        if version != "00" || parts.next().is_some() || !hex(trace, 32) || !hex(span, 16) || !hex(flags, 2) {
            return None;
        }
        let trace = u128::from_str_radix(trace, 16).ok().filter(|value| *value != 0)?;
        let parent = u64::from_str_radix(span, 16).ok().filter(|value| *value != 0)?;
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        let own = Self::start(entropy);
        Some(Self { trace: TraceId(trace), span: own.span, parent: Some(SpanId(parent)), sampled })
    }

    /// The `traceparent` header that tells the next hop about our span.
    pub fn to_traceparent(self) -> String {
        format!("00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

fn halves(bytes: &[u8; 24]) -> [u64; 3] {
    let mut out = [0u64; 3];
    for (half, chunk) in out.iter_mut().zip(bytes.chunks_exact(8)) {
        *half = chunk.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte));
    }
    out
}

#[cfg(test)]
mod tests;
