//! The doors: they turn bytes into words and refusals into answers, and decide nothing.

pub mod http1;
