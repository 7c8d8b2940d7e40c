//! JSON Schemas (2020-12), compiled once and held as handles.
//!
//! A schema is an operator's text and may be hostile or careless: it reaches nothing outside itself, its
//! patterns run in linear time, and its size is bounded with every reference followed, before it is
//! compiled. A schema that contains itself is refused, because such a bound does not exist for it. What
//! judging one value takes is counted in bytes and patterns before any pattern runs, and refused where it is
//! too much; what is light can be told at once from what had better be done elsewhere.
//!
//! What is found wrong with a value is told by place and rule, never by repeating the value.

mod cost;
mod reason;
mod work;

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use lockgate_vocabulary::Violation;
use serde_json::Value;

use crate::json;

pub use cost::Size;

/// Violations that are told of one value.
const TOLD: usize = 16;
/// Memory that the largest pattern of a schema may take. The first that is enough tells how many states its
/// patterns can be in.
const PATTERN_BYTES: [usize; 4] = [1 << 10, 1 << 12, 1 << 14, 1 << 16];
/// Memory of one state of a pattern, at the least.
const STATE_BYTES: u64 = 32;
/// Memory in which one pattern remembers what it found out while it ran.
const MEMO_BYTES: usize = 1 << 16;
/// Bytes of a text that may be read where others wait.
const LIGHT_BYTES: usize = 64 * 1024;
/// Units of work that may be done where others wait: about a millisecond.
const LIGHT: u64 = 1 << 18;
/// Units of work after which it is still told where a value does not fit.
const TELLING: u64 = 1 << 21;
/// Units of work that judging one value may take: about a second.
const MOST: u64 = 1 << 28;

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
            Self::TooLarge => f.write_str(
                "is too large: at most 64 KiB, 32 levels, 10,000 parts and 64 patterns with references followed",
            ),
        }
    }
}

impl std::error::Error for SchemaFlaw {}

/// Why a value does not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misfit {
    /// It breaks these rules, of which the first few are told.
    Violations(Vec<Violation>),
    /// Judging it would take too much work, so it was not judged.
    TooCostly,
}

/// The size of a schema, which is bounded; what takes time, such as compiling its patterns, is not done.
pub fn size_of(schema: &Value) -> Result<Size, SchemaFlaw> {
    cost::check(schema)
}

/// A compiled schema. Cloning it gives another handle.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    validator: Validator,
    source: Value,
    size: Size,
    /// States that each of its patterns can be in, at the most.
    states: u64,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schema")
    }
}

impl Schema {
    /// Compiles a schema.
    pub fn compile(schema: &Value) -> Result<Self, SchemaFlaw> {
        let size = cost::check(schema)?;
        let mut flaw = SchemaFlaw::TooLarge;
        for bytes in PATTERN_BYTES {
            match validator(schema, bytes) {
                Ok(validator) => {
                    let states = bytes as u64 / STATE_BYTES;
                    return Ok(Self(Arc::new(Compiled { validator, source: schema.clone(), size, states })));
                }
                Err(failed) => flaw = failed,
            }
            if size.patterns == 0 {
                break;
            }
        }
        Err(flaw)
    }

    /// How large it is.
    pub fn size(&self) -> Size {
        self.0.size
    }

    /// Reads the text strictly and judges it, where that takes about a millisecond at the most; none where
    /// it could take longer.
    pub fn check_light(&self, text: &[u8], limits: &json::Limits) -> Option<Result<(), Misfit>> {
        if text.len() > LIGHT_BYTES {
            return None;
        }
        let value = match read(text, limits) {
            Ok(value) => value,
            Err(misfit) => return Some(Err(misfit)),
        };
        let light = self.at_most(text.len()) <= LIGHT || self.work(&value, LIGHT).is_some();
        light.then(|| self.judge(&value).map_err(Misfit::Violations))
    }

    /// Reads the text strictly and judges it, unless that would take too much work. It may take a second, so
    /// it is done where nobody waits.
    pub fn check(&self, text: &[u8], limits: &json::Limits) -> Result<(), Misfit> {
        let value = read(text, limits)?;
        let work = self.work(&value, MOST).ok_or(Misfit::TooCostly)?;
        if work <= TELLING {
            return self.judge(&value).map_err(Misfit::Violations);
        }
        // Telling where takes memory for every place, so that it is only done where there are few.
        if self.0.validator.is_valid(&value) {
            return Ok(());
        }
        let reason = "breaks a rule, and is too large for telling where".to_owned();
        Err(Misfit::Violations(vec![Violation { pointer: String::new(), reason }]))
    }

    /// Units that no text of so many bytes goes beyond: every part of the schema at every node, and every
    /// pattern at every byte.
    fn at_most(&self, bytes: usize) -> u64 {
        let Size { parts, patterns, plain } = self.0.size;
        let bytes = bytes as u64;
        let nodes = bytes / 2 + 1;
        // A name in `patternProperties` is tried by the keywords beside it again.
        let patterns = patterns.saturating_mul(3).saturating_mul(self.0.states);
        let units = nodes.saturating_mul(parts * 2 * work::STEP).saturating_add(bytes.saturating_mul(patterns));
        if plain { units } else { u64::MAX }
    }

    fn work(&self, value: &Value, most: u64) -> Option<u64> {
        work::of(&self.0.source, self.0.states, value, most).ok()
    }

    /// Judges a value that was read already, whatever work that takes.
    fn judge(&self, value: &Value) -> Result<(), Vec<Violation>> {
        if self.0.validator.is_valid(value) {
            return Ok(());
        }
        let told = self.0.validator.iter_errors(value).take(TOLD).map(|error| Violation {
            pointer: reason::pointer(error.instance_path().as_str()),
            reason: reason::of(error.kind()),
        });
        Err(told.collect())
    }
}

fn validator(schema: &Value, pattern_bytes: usize) -> Result<Validator, SchemaFlaw> {
    let patterns = PatternOptions::regex().size_limit(pattern_bytes).dfa_size_limit(MEMO_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(patterns)
        .build(schema)
        .map_err(|error| SchemaFlaw::Invalid(reason::of(error.kind())))
}

fn read(text: &[u8], limits: &json::Limits) -> Result<Value, Misfit> {
    json::check(text, limits).map_err(|finding| Misfit::Violations(vec![finding.into()]))?;
    serde_json::from_slice(text).map_err(|_| {
        let reason = json::Flaw::Syntax.as_str().into();
        Misfit::Violations(vec![Violation { pointer: String::new(), reason }])
    })
}

#[cfg(test)]
mod tests;
