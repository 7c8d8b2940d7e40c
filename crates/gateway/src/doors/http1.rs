//! The strict reader that stands between the socket and hyper.
//!
//! hyper reads HTTP/1.1 as liberally as RFC 9112 allows: a bare LF ends a line, `Content-Length` may stand
//! beside `Transfer-Encoding`, `Host` may stand twice. Each of these is a request that another reader takes
//! for two, or for another. So hyper reads from [`Strict`], which lets only bytes through that have one
//! reading. Not here: what a request means. The modules, from bytes to stream: [`field`], [`target`],
//! [`head`], [`chunk`], [`judge`], [`patience`], [`reader`].

mod chunk;
mod field;
mod head;
mod judge;
mod patience;
mod reader;
mod target;
mod violation;

pub use judge::{Judge, Step};
pub use patience::Terms;
pub use reader::{Manners, Strict};
pub use violation::Violation;

/// Whether the strict reader takes this target, in the form that it passes on.
pub(crate) fn takes_target(text: &str) -> bool {
    target::parse(text.as_bytes()).is_some_and(|target| target.path == 0)
}

#[cfg(test)]
mod tests;
