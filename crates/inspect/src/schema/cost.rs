//! How much a schema can cost, found out before it is compiled.
//!
//! The parts of a schema form a graph: a part leads to the parts in it and to what its `$ref` names. The
//! cost of a part is one and the cost of all it leads to, so a part that is named twice counts twice, as
//! it does when a value is judged. A graph with a circle has no such cost. Patterns are counted beside the
//! parts, because compiling one takes as long as compiling hundreds of parts.

use std::collections::HashMap;

use serde_json::Value;

use super::SchemaFlaw;

/// Bytes of a schema, written without blanks.
const BYTES: usize = 64 * 1024;
/// Objects and arrays inside each other.
const DEPTH: usize = 32;
/// The same with references followed.
const FOLLOWED: usize = 96;
/// Parts once every reference is followed.
const PARTS: u64 = 10_000;
/// Patterns once every reference is followed.
const PATTERNS: u64 = 64;

/// The version of JSON Schema that is spoken here.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Members whose values are data, not schemas.
const DATA: &[&str] = &["const", "default", "enum", "examples"];

/// Members whose values give a schema to each of some names.
const NAMES: &[&str] = &["dependencies", "dependentSchemas", "patternProperties", "properties"];

/// Members that lead elsewhere in ways that no bound could be found for, or to other documents.
const BANNED: &[&str] = &["$anchor", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveAnchor", "$recursiveRef"];

/// Members that cost more than one look at each node of a value.
const HEAVY: &[&str] = &["multipleOf", "unevaluatedItems", "unevaluatedProperties", "uniqueItems"];

/// How large a schema is once every reference is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Its parts, the values of an `enum` among them.
    pub parts: u64,
    /// Its patterns, the names in `patternProperties` among them.
    pub patterns: u64,
    /// Whether no part costs more than one look at each node of a value.
    pub(super) plain: bool,
}

impl Size {
    const ONE: Self = Self { parts: 1, patterns: 0, plain: true };

    fn with(self, other: Self) -> Self {
        Self {
            parts: self.parts.saturating_add(other.parts),
            patterns: self.patterns.saturating_add(other.patterns),
            plain: self.plain && other.plain,
        }
    }
}

/// Demands that the schema is small, stays within itself and does not contain itself.
pub(super) fn check(schema: &Value) -> Result<Size, SchemaFlaw> {
    if !is_shallow(schema, DEPTH) || schema.to_string().len() > BYTES {
        return Err(SchemaFlaw::TooLarge);
    }
    let mut walk = Walk { root: schema, costs: HashMap::new() };
    walk.cost(schema, Role::Schema, FOLLOWED)
}

fn is_shallow(value: &Value, levels: usize) -> bool {
    match value {
        Value::Object(members) => levels > 0 && members.values().all(|member| is_shallow(member, levels - 1)),
        Value::Array(elements) => levels > 0 && elements.iter().all(|element| is_shallow(element, levels - 1)),
        _ => true,
    }
}

/// How an object is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Role {
    /// Its members are keywords.
    Schema,
    /// Its members are names, each with a schema.
    Names,
}

/// What a part costs without those that it leads to.
fn own(part: &Value, role: Role) -> Size {
    let (Value::Object(members), Role::Schema) = (part, role) else { return Size::ONE };
    let named = members.get("patternProperties").and_then(Value::as_object).map_or(0, |names| names.len() as u64);
    let values =
        |name| members.get(name).and_then(Value::as_array).map_or(0, |values: &Vec<Value>| values.len() as u64);
    Size {
        parts: 1 + values("enum"),
        patterns: named + u64::from(members.get("pattern").is_some_and(Value::is_string)),
        plain: !members.keys().any(|name| HEAVY.contains(&name.as_str())),
    }
}

struct Walk<'a> {
    root: &'a Value,
    /// What parts cost, by where they lie in memory and how they are read; `None` while one is looked at.
    costs: HashMap<(*const Value, Role), Option<Size>>,
}

impl<'a> Walk<'a> {
    fn cost(&mut self, part: &'a Value, role: Role, levels: usize) -> Result<Size, SchemaFlaw> {
        let place = (std::ptr::from_ref(part), role);
        match self.costs.get(&place) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => return Err(SchemaFlaw::Recursive),
            None if levels == 0 => return Err(SchemaFlaw::TooLarge),
            None => {}
        }
        self.costs.insert(place, None);
        let mut cost = own(part, role);
        for (next, role) in self.leads_to(part, role)? {
            cost = cost.with(self.cost(next, role, levels - 1)?);
        }
        if cost.parts > PARTS || cost.patterns > PATTERNS {
            return Err(SchemaFlaw::TooLarge);
        }
        self.costs.insert(place, Some(cost));
        Ok(cost)
    }

    fn leads_to(&self, part: &'a Value, role: Role) -> Result<Vec<(&'a Value, Role)>, SchemaFlaw> {
        match (part, role) {
            (Value::Array(elements), _) => Ok(elements.iter().map(|element| (element, Role::Schema)).collect()),
            (Value::Object(names), Role::Names) => Ok(names.values().map(|named| (named, Role::Schema)).collect()),
            (Value::Object(members), Role::Schema) => {
                let mut next = Vec::with_capacity(members.len());
                for (name, member) in members {
                    next.extend(self.follow(name, member)?);
                }
                Ok(next)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Where a keyword leads. One that is unknown is taken for a schema, which can only cost more.
    fn follow(&self, name: &str, member: &'a Value) -> Result<Option<(&'a Value, Role)>, SchemaFlaw> {
        match name {
            "$ref" => {
                let reference = member.as_str().ok_or(SchemaFlaw::Reference)?;
                self.target(reference).map(|target| Some((target, Role::Schema)))
            }
            "$schema" => match member.as_str() {
                Some(DIALECT) => Ok(None),
                _ => Err(SchemaFlaw::Dialect),
            },
            banned if BANNED.contains(&banned) => Err(SchemaFlaw::Reference),
            // What is only defined costs nothing until it is named.
            "$defs" | "definitions" => Ok(None),
            data if DATA.contains(&data) => Ok(None),
            names if NAMES.contains(&names) => Ok(Some((member, Role::Names))),
            _ => Ok(Some((member, Role::Schema))),
        }
    }

    fn target(&self, reference: &str) -> Result<&'a Value, SchemaFlaw> {
        let pointer = reference.strip_prefix('#').filter(|pointer| !pointer.contains('%'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).ok_or(SchemaFlaw::Reference)
    }
}
