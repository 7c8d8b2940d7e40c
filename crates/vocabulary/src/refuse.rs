//! Saying no: a refusal is expected, named, audited and shown.
//!
//! Each room has one enum of refusals, made with [`refusals!`](crate::refusals); its rows are the HTTP
//! answers, the audit records, the metric labels and the lines of the manual, all at once. On the way
//! out every room's enum becomes one [`Refusal`].

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::fault::Fault;

/// One line of the manual.
#[derive(Debug, PartialEq, Eq)]
pub struct RefusalInfo {
    /// The stable code: a dotted path such as `egress.address.private`.
    pub code: &'static str,
    /// The HTTP status that carries it.
    pub status: u16,
    /// What the caller reads.
    pub title: &'static str,
    /// What to do about it.
    pub cure: &'static str,
}

/// One thing that is wrong with the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Where: a JSON Pointer (RFC 6901), or the name of a header or parameter.
    pub pointer: String,
    /// What is wrong there.
    pub reason: String,
}

/// A named no.
#[derive(Debug, Clone)]
pub struct Refusal {
    info: &'static RefusalInfo,
    detail: Option<Cow<'static, str>>,
    violations: Vec<Violation>,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// The refusal with this line of the manual.
    pub const fn new(info: &'static RefusalInfo) -> Self {
        Self { info, detail: None, violations: Vec::new(), retry_after: None }
    }

    /// Adds what helps the caller; it must not help an attacker.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds where the input is wrong.
    #[must_use]
    pub fn violation(mut self, pointer: impl Into<String>, reason: impl Into<String>) -> Self {
        self.violations.push(Violation { pointer: pointer.into(), reason: reason.into() });
        self
    }

    /// Says when it is worth trying again.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The line of the manual.
    pub const fn info(&self) -> &'static RefusalInfo {
        self.info
    }

    /// The stable code.
    pub const fn code(&self) -> &'static str {
        self.info.code
    }

    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.info.status
    }

    /// What helps the caller, if anything was said.
    pub fn told(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Where the input is wrong.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// When it is worth trying again.
    pub const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.info.code, self.info.title)
    }
}

impl std::error::Error for Refusal {}

/// Why a story ended before its end: somebody was refused, or the house broke.
#[derive(Debug)]
pub enum Stop {
    /// A named no.
    Refused(Refusal),
    /// The house broke, which denies too.
    Fault(Fault),
}

impl<R: Into<Refusal>> From<R> for Stop {
    fn from(refusal: R) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for Stop {}

/// Makes a room's enum of refusals. Each row is `Variant = status, "code", "title", "cure";`.
///
/// The enum gets `ALL` (every line, for the manual), `info`, and a conversion into
/// [`Refusal`](crate::Refusal), so that `?` and `.into()` work in every story.
#[macro_export]
macro_rules! refusals {
    ($(#[$meta:meta])* $vis:vis enum $name:ident {
        $($(#[$doc:meta])* $variant:ident = $status:literal, $code:literal, $title:literal, $cure:literal;)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$doc])* #[doc = $title] $variant,)* }

        impl $name {
            /// Every line of this room's part of the manual.
            pub const ALL: &'static [$crate::RefusalInfo] = &[
                $($crate::RefusalInfo { code: $code, status: $status, title: $title, cure: $cure },)*
            ];

            /// This refusal's line of the manual.
            pub const fn info(self) -> &'static $crate::RefusalInfo {
                match self {
                    $(Self::$variant => {
                        const INFO: &$crate::RefusalInfo = &$crate::RefusalInfo {
                            code: $code, status: $status, title: $title, cure: $cure,
                        };
                        INFO
                    })*
                }
            }

            /// The refusal as every story returns it, open for a detail.
            pub const fn refuse(self) -> $crate::Refusal {
                $crate::Refusal::new(self.info())
            }
        }

        impl From<$name> for $crate::Refusal {
            fn from(refusal: $name) -> Self {
                refusal.refuse()
            }
        }
    };
}
