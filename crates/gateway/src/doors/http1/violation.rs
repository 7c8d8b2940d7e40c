//! Every way in which a peer can break HTTP/1.1, by name.
//!
//! A violation says what was wrong with the bytes; [`Violation::refusal`] says which line of the manual
//! the peer gets. What a peer reads never depends on anything but the bytes that it sent.

use crate::refusal::GatewayRefusal;

/// One way to break the rules of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Violation {
    /// The body is longer than any that is served.
    BodyTooLarge,
    /// A chunk's data does not end in CRLF.
    ChunkEnd,
    /// A chunk's size is not one to eight hexadecimal digits and well-formed extensions.
    ChunkSize,
    /// A `Connection` field names something that is not an option of a connection.
    Connection,
    /// A control character.
    Control,
    /// An `Expect` other than `100-continue`.
    Expectation,
    /// A field line without a well-formed name, or one folded over two lines.
    Field,
    /// `Content-Length` or `Transfer-Encoding` in any but their one unambiguous form.
    Framing,
    /// More than 32 KiB of head, or more than 100 fields.
    HeadTooLarge,
    /// Not exactly one `Host` with a well-formed authority.
    Host,
    /// A line that does not end in CRLF.
    LineEnd,
    /// A method that is not an upper-case token.
    Method,
    /// A well-formed method that is not served.
    MethodUnknown,
    /// A field twice that may stand once.
    Repeated,
    /// A request line that is not three words with one space between each.
    RequestLine,
    /// A target that is not a path and a query.
    Target,
    /// A target of more than 8 KiB.
    TargetTooLong,
    /// Fields after the last chunk.
    Trailer,
    /// A version that is not `HTTP/1.1` or `HTTP/1.0`, though it looks like one.
    Version,
}

impl Violation {
    /// The line of the manual that the peer gets.
    pub const fn refusal(self) -> GatewayRefusal {
        match self {
            Self::BodyTooLarge => GatewayRefusal::BodyTooLarge,
            Self::ChunkEnd | Self::ChunkSize | Self::Trailer => GatewayRefusal::BodyMalformed,
            Self::HeadTooLarge => GatewayRefusal::HeadTooLarge,
            Self::MethodUnknown => GatewayRefusal::MethodUnknown,
            Self::TargetTooLong => GatewayRefusal::TargetTooLong,
            Self::Version => GatewayRefusal::VersionUnsupported,
            Self::Connection
            | Self::Control
            | Self::Expectation
            | Self::Field
            | Self::Framing
            | Self::Host
            | Self::LineEnd
            | Self::Method
            | Self::Repeated
            | Self::RequestLine
            | Self::Target => GatewayRefusal::HeadMalformed,
        }
    }

    /// What was wrong, for the peer to read.
    pub const fn told(self) -> &'static str {
        match self {
            Self::BodyTooLarge => "the body is longer than any that is served",
            Self::ChunkEnd => "a chunk does not end in CRLF",
            Self::ChunkSize => "a chunk size is not one to eight hexadecimal digits",
            Self::Connection => "Connection names something that is not an option of a connection",
            Self::Control => "the head contains a control character",
            Self::Expectation => "Expect is not 100-continue",
            Self::Field => "a header field has no well-formed name, or is folded",
            Self::Framing => "Content-Length and Transfer-Encoding do not say one unambiguous length",
            Self::HeadTooLarge => "the head has more than 32 KiB or more than 100 fields",
            Self::Host => "there is not exactly one Host with a well-formed authority",
            Self::LineEnd => "a line does not end in CRLF",
            Self::Method => "the method is not an upper-case token",
            Self::MethodUnknown => "the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
            Self::Repeated => "a header field that may stand once stands twice",
            Self::RequestLine => "the request line is not a method, a target and a version",
            Self::Target => "the target is not a path and a query",
            Self::TargetTooLong => "the target is longer than 8 KiB",
            Self::Trailer => "trailers are not taken",
            Self::Version => "the version is not HTTP/1.1",
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.told())
    }
}

impl std::error::Error for Violation {}
