//! How much work judging one value is, counted before it is done.
//!
//! The walk goes where the validator goes, but where that runs a pattern it multiplies: the bytes that the
//! pattern sees by the states that it can be in, which is what a pattern costs at its worst. It stops as
//! soon as there is more than may be, so counting itself is bounded too. Where it cannot know which way the
//! validator goes, it goes every way.

use serde_json::{Map, Value};

/// What it costs to look at one part of a schema, or at one node of a value. One unit is one state of a
/// pattern at one byte, a few nanoseconds.
pub(super) const STEP: u64 = 8;
/// What a division of two doubles that need not be whole costs: it is done in big fractions.
const DIVISION: u64 = 4_096;
/// How often an element is compared where all have to differ.
const COMPARED: u64 = 16;
/// How often what is said about a value as a whole is evaluated again to find what nothing was said about.
const AGAIN: u64 = 96;
/// Bytes of a text that patterns see.
const SEEN: usize = 64 * 1024;

/// Members that apply to the very value that their schema applies to.
const IN_PLACE: &[&str] =
    &["$ref", "allOf", "anyOf", "dependencies", "dependentSchemas", "else", "if", "not", "oneOf", "then"];

/// There is more work than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMuch;

/// What a schema applies to: a value, or the name of a member.
#[derive(Clone, Copy)]
enum Subject<'v> {
    Value(&'v Value),
    Name(&'v str),
}

impl<'v> Subject<'v> {
    fn text(self) -> Option<&'v str> {
        match self {
            Self::Value(value) => value.as_str(),
            Self::Name(name) => Some(name),
        }
    }

    fn elements(self) -> &'v [Value] {
        match self {
            Self::Value(Value::Array(elements)) => elements,
            _ => &[],
        }
    }

    fn members(self) -> Option<&'v Map<String, Value>> {
        match self {
            Self::Value(value) => value.as_object(),
            Self::Name(_) => None,
        }
    }
}

/// The count.
pub(super) struct Work<'s> {
    root: &'s Value,
    /// States that each pattern of the schema can be in, at the most.
    states: u64,
    spent: u64,
    most: u64,
}

/// The units of judging the value, unless there are more than so many.
pub(super) fn of(root: &Value, states: u64, value: &Value, most: u64) -> Result<u64, TooMuch> {
    let mut work = Work { root, states, spent: 0, most };
    work.part(root, Subject::Value(value))?;
    Ok(work.spent)
}

impl<'s> Work<'s> {
    fn spend(&mut self, units: u64) -> Result<(), TooMuch> {
        self.spent = self.spent.saturating_add(units);
        if self.spent > self.most { Err(TooMuch) } else { Ok(()) }
    }

    fn part(&mut self, part: &'s Value, subject: Subject<'_>) -> Result<(), TooMuch> {
        self.spend(STEP)?;
        let Some(keywords) = part.as_object() else { return Ok(()) };
        let before = self.spent;
        let is_in_place = |keyword: &String| IN_PLACE.contains(&keyword.as_str());
        for (keyword, member) in keywords.iter().filter(|(keyword, _)| is_in_place(keyword)) {
            self.in_place(keyword, member, subject)?;
        }
        let once = self.spent - before;
        for (keyword, member) in keywords.iter().filter(|(keyword, _)| !is_in_place(keyword)) {
            self.spend(STEP)?;
            self.keyword(keywords, keyword, member, subject)?;
            if keyword.starts_with("unevaluated") {
                self.spend(once.saturating_mul(AGAIN))?;
            }
        }
        Ok(())
    }

    fn in_place(&mut self, keyword: &str, member: &'s Value, subject: Subject<'_>) -> Result<(), TooMuch> {
        match (keyword, member) {
            ("$ref", Value::String(reference)) => {
                let target = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
                target.map_or(Ok(()), |target| self.part(target, subject))
            }
            ("dependencies" | "dependentSchemas", Value::Object(schemas)) => {
                schemas.values().try_for_each(|schema| self.part(schema, subject))
            }
            (_, Value::Array(schemas)) => schemas.iter().try_for_each(|schema| self.part(schema, subject)),
            _ => self.part(member, subject),
        }
    }

    fn keyword(
        &mut self,
        keywords: &'s Map<String, Value>,
        keyword: &str,
        member: &'s Value,
        subject: Subject<'_>,
    ) -> Result<(), TooMuch> {
        match keyword {
            "properties" => self.properties(member, subject),
            "additionalProperties" | "patternProperties" | "propertyNames" | "unevaluatedProperties" => {
                self.members(keywords, keyword, member, subject)
            }
            "prefixItems" => {
                let schemas = member.as_array().into_iter().flatten();
                let mut pairs = schemas.zip(subject.elements());
                pairs.try_for_each(|(schema, element)| self.part(schema, Subject::Value(element)))
            }
            "items" | "additionalItems" | "contains" | "unevaluatedItems" => {
                let mut elements = subject.elements().iter();
                elements.try_for_each(|element| self.part(member, Subject::Value(element)))
            }
            "pattern" => subject.text().map_or(Ok(()), |text| self.pattern(text)),
            "minLength" | "maxLength" | "contentEncoding" | "contentMediaType" => {
                self.spend(subject.text().map_or(0, |text| text.len() as u64))
            }
            "uniqueItems" => {
                let before = self.spent;
                subject.elements().iter().try_for_each(|element| self.node(element))?;
                self.spend((self.spent - before).saturating_mul(COMPARED))
            }
            "const" | "enum" | "required" | "dependentRequired" => self.node(member),
            "multipleOf" => self.spend(DIVISION),
            _ => Ok(()),
        }
    }

    fn properties(&mut self, schemas: &'s Value, subject: Subject<'_>) -> Result<(), TooMuch> {
        let (Some(schemas), Some(members)) = (schemas.as_object(), subject.members()) else { return Ok(()) };
        for (name, schema) in schemas {
            self.spend(STEP)?;
            if let Some(value) = members.get(name) {
                self.part(schema, Subject::Value(value))?;
            }
        }
        Ok(())
    }

    /// What applies to the members that no keyword names.
    fn members(
        &mut self,
        keywords: &'s Map<String, Value>,
        keyword: &str,
        member: &'s Value,
        subject: Subject<'_>,
    ) -> Result<(), TooMuch> {
        let patterns = keywords.get("patternProperties").and_then(Value::as_object);
        let named = keywords.get("properties").and_then(Value::as_object);
        for (name, value) in subject.members().into_iter().flatten() {
            if keyword == "propertyNames" {
                self.part(member, Subject::Name(name))?;
                continue;
            }
            for _ in patterns.into_iter().flatten() {
                self.pattern(name)?;
            }
            if keyword == "patternProperties" {
                let mut schemas = patterns.into_iter().flat_map(Map::values);
                schemas.try_for_each(|schema| self.part(schema, Subject::Value(value)))?;
            } else if !named.is_some_and(|named| named.contains_key(name)) {
                self.part(member, Subject::Value(value))?;
            }
        }
        Ok(())
    }

    fn pattern(&mut self, text: &str) -> Result<(), TooMuch> {
        if text.len() > SEEN {
            return Err(TooMuch);
        }
        self.spend(self.states.saturating_mul(text.len() as u64 + 1))
    }

    /// What looking at all of a value costs, such as comparing it.
    fn node(&mut self, value: &Value) -> Result<(), TooMuch> {
        self.spend(STEP)?;
        match value {
            Value::String(text) => self.spend(text.len() as u64 / 8),
            Value::Array(elements) => elements.iter().try_for_each(|element| self.node(element)),
            Value::Object(members) => members.iter().try_for_each(|(name, member)| {
                self.spend(name.len() as u64 / 8)?;
                self.node(member)
            }),
            _ => Ok(()),
        }
    }
}
