//! JSON Schemas (2020-12), compiled once and held as handles.
//!
//! A schema is an operator's text and may be hostile or careless: it reaches nothing outside itself, its
//! patterns run in linear time, and what one value can cost is bounded before it is taken: its size, and
//! how often its parts apply once every reference is followed. A schema that contains itself is refused,
//! because such a bound does not exist for it.
//!
//! What is found wrong with a value is told by place and rule, never by repeating the value.

mod cost;
mod reason;

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use lockgate_vocabulary::Violation;
use serde_json::Value;

use crate::json;

/// Violations that are told of one value.
const TOLD: usize = 16;
/// Memory that one compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// Why a schema was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaFlaw {
    /// It says that it is written for another version of JSON Schema.
    Dialect,
    /// It is no JSON Schema; what the compiler said, without values.
    Invalid(String),
    /// A reference leads out of the schema, or to nowhere in it.
    Reference,
    /// It contains itself.
    Recursive,
    /// It is too large, or too large once its references are followed.
    TooLarge,
}

impl fmt::Display for SchemaFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dialect => f.write_str("is for another version of JSON Schema than 2020-12"),
            Self::Invalid(reason) => write!(f, "is no JSON Schema: {reason}"),
            Self::Reference => f.write_str("has a reference that is not `#` or `#/…` to a part of itself"),
            Self::Recursive => f.write_str("contains itself; write out as many levels as are wanted"),
            Self::TooLarge => {
                f.write_str("is too large: at most 64 KiB, 32 levels, and 10,000 parts with references followed")
            }
        }
    }
}

impl std::error::Error for SchemaFlaw {}

/// A compiled schema. Cloning it gives another handle.
#[derive(Clone)]
pub struct Schema {
    validator: Arc<Validator>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles a schema.
    pub fn compile(schema: &Value) -> Result<Self, SchemaFlaw> {
        cost::check(schema)?;
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(patterns)
            .build(schema)
            .map_err(|error| SchemaFlaw::Invalid(reason::of(error.kind())))?;
        Ok(Self { validator: Arc::new(validator) })
    }

    /// Reads the text strictly and judges it; the violations, of which the first few are told.
    pub fn check(&self, text: &[u8], limits: &json::Limits) -> Result<(), Vec<Violation>> {
        json::check(text, limits).map_err(|finding| vec![finding.into()])?;
        let value = serde_json::from_slice(text)
            .map_err(|_| vec![Violation { pointer: String::new(), reason: json::Flaw::Syntax.as_str().into() }])?;
        self.judge(&value)
    }

    /// Judges a value that was read already.
    pub fn judge(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let told = self.validator.iter_errors(value).take(TOLD).map(|error| Violation {
            pointer: reason::pointer(error.instance_path().as_str()),
            reason: reason::of(error.kind()),
        });
        Err(told.collect())
    }
}

#[cfg(test)]
mod tests;
