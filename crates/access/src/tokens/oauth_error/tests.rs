//! Tests stand here.
