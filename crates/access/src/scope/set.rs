//! Sets of scopes: parsing, testing, narrowing, and the one canonical spelling.
//!
//! A set is a bit for each word and, for calls, the operations that are allowed everywhere and those
//! that are allowed on named connections. What is allowed everywhere is never repeated by name, so two
//! sets that allow the same are equal and are spelled alike.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lockgate_vocabulary::{ConnectionId, Name, PrincipalKind};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{LIST_BYTES, Operations, Scope, ScopeClass, ScopeParse, Subject, WORD_BYTES, WORDS_MOST, operation_of};
use crate::spec::Operation;

/// What a credential may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeSet {
    words: u32,
    /// Calls allowed on every connection.
    everywhere: Operations,
    /// Calls allowed on some, sorted by subject; never what `everywhere` has already, never nothing.
    narrowed: Option<Arc<[(Subject, Operations)]>>,
}

impl ScopeSet {
    /// Nothing at all.
    pub const EMPTY: Self = Self { words: 0, everywhere: Operations::NONE, narrowed: None };

    /// The set of these words, none of them narrowed.
    pub fn of(scopes: &[Scope]) -> Self {
        let mut set = Self::EMPTY;
        for scope in scopes {
            set.add(*scope);
        }
        set
    }

    /// The set of these words.
    pub fn parse_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, ScopeParse> {
        let mut set = Self::EMPTY;
        let mut narrowed = BTreeMap::new();
        for (count, word) in words.into_iter().enumerate() {
            if count >= WORDS_MOST {
                return Err(ScopeParse::TooMany);
            }
            set.take(word, &mut narrowed)?;
        }
        Ok(set.narrowed_by(narrowed))
    }

    /// Whether it holds the word. A narrowed call does not count as the bare word.
    pub const fn has(&self, scope: Scope) -> bool {
        match scope {
            Scope::ConnectionsCall => self.everywhere.0 == Operations::ALL.0,
            plain => self.words & plain.bit() != 0,
        }
    }

    /// Whether this call may be made: everywhere, or on the connection under its name or its id.
    pub fn may_call(&self, name: &str, id: ConnectionId, operation: Operation) -> bool {
        self.everywhere.has(operation) || self.on(name, id).has(operation)
    }

    /// Whether the connection may be called at all.
    pub fn may_reach(&self, name: &str, id: ConnectionId) -> bool {
        !self.everywhere.is_none() || !self.on(name, id).is_none()
    }

    fn on(&self, name: &str, id: ConnectionId) -> Operations {
        let Some(narrowed) = self.narrowed.as_deref() else { return Operations::NONE };
        // Ids sort before names, and both ascend, so each is found by halving.
        let by_id = narrowed.binary_search_by(|(subject, _)| match subject {
            Subject::Id(known) => known.cmp(&id),
            Subject::Name(_) => Ordering::Greater,
        });
        let by_name = narrowed.binary_search_by(|(subject, _)| match subject {
            Subject::Id(_) => Ordering::Less,
            Subject::Name(known) => known.as_str().cmp(name),
        });
        let at = |found: Result<usize, usize>| {
            found.ok().and_then(|index| narrowed.get(index)).map_or(Operations::NONE, |(_, operations)| *operations)
        };
        at(by_id).or(at(by_name))
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// What both allow. A name and an id are never taken for the same connection here, so a set that
    /// was narrowed by one and a set that was narrowed by the other share nothing: fail closed.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let everywhere = self.everywhere.and(other.everywhere);
        let mut narrowed = BTreeMap::new();
        for (subject, _) in self.entries().chain(other.entries()) {
            let both = self.for_subject(subject).and(other.for_subject(subject)).without(everywhere);
            if !both.is_none() {
                narrowed.insert(subject.clone(), both);
            }
        }
        Self { words: self.words & other.words, everywhere, narrowed: None }.narrowed_by(narrowed)
    }

    /// What either allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut narrowed = BTreeMap::<Subject, Operations>::new();
        for (subject, operations) in self.entries().chain(other.entries()) {
            let held = narrowed.entry(subject.clone()).or_default();
            *held = held.or(*operations);
        }
        let everywhere = self.everywhere.or(other.everywhere);
        Self { words: self.words | other.words, everywhere, narrowed: None }.narrowed_by(narrowed)
    }

    /// What of this only operators may hold.
    #[must_use]
    pub fn elevated(&self) -> Self {
        let elevated: Vec<_> = self.scopes().filter(|scope| scope.class() == ScopeClass::Elevated).collect();
        Self::of(&elevated)
    }

    /// Whether all that this allows is allowed by the other as well.
    pub fn is_within(&self, other: &Self) -> bool {
        self.intersect(other) == *self
    }

    /// The first word that a principal of this kind may not hold.
    pub fn misfit(&self, kind: PrincipalKind) -> Option<Scope> {
        self.scopes().find(|scope| !scope.fits(kind))
    }

    /// The words of which it holds something, narrowed or not.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> + '_ {
        Scope::ALL.iter().copied().filter(|scope| match scope {
            Scope::ConnectionsCall => !self.everywhere.is_none() || self.narrowed.is_some(),
            plain => self.has(*plain),
        })
    }

    /// Every word in its canonical spelling and order.
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        for scope in self.scopes() {
            if scope != Scope::ConnectionsCall {
                words.push(scope.as_str().to_owned());
                continue;
            }
            words.extend(self.everywhere.suffixes().map(|suffix| format!("{scope}{suffix}")));
            for (subject, operations) in self.entries() {
                words.extend(operations.suffixes().map(|suffix| format!("{scope}:{subject}{suffix}")));
            }
        }
        words
    }

    fn add(&mut self, scope: Scope) {
        if scope == Scope::ConnectionsCall {
            self.everywhere = Operations::ALL;
        } else {
            self.words |= scope.bit();
        }
    }

    fn take(&mut self, word: &str, narrowed: &mut BTreeMap<Subject, Operations>) -> Result<(), ScopeParse> {
        if word.is_empty() {
            return Err(ScopeParse::Blank);
        }
        if word.len() > WORD_BYTES {
            return Err(ScopeParse::TooMany);
        }
        let (bare, narrowing) = match word.split_once(':') {
            Some((bare, narrowing)) => (bare, Some(narrowing)),
            None => (word, None),
        };
        let scope = Scope::parse(bare).ok_or(ScopeParse::Unknown)?;
        match narrowing {
            None => self.add(scope),
            Some(narrowing) if scope == Scope::ConnectionsCall => self.narrow(narrowing, narrowed)?,
            Some(_) => return Err(ScopeParse::Narrowing),
        }
        Ok(())
    }

    fn narrow(&mut self, narrowing: &str, narrowed: &mut BTreeMap<Subject, Operations>) -> Result<(), ScopeParse> {
        if let Some(operation) = operation_of(narrowing) {
            self.everywhere = self.everywhere.or(Operations::one(operation));
            return Ok(());
        }
        let (subject, operations) = match narrowing.split_once(':') {
            Some((subject, word)) => (subject, Operations::one(operation_of(word).ok_or(ScopeParse::Narrowing)?)),
            None => (narrowing, Operations::ALL),
        };
        let reserved = operation_of(subject).is_some();
        let subject = Subject::parse(subject).filter(|_| !reserved).ok_or(ScopeParse::Narrowing)?;
        let held = narrowed.entry(subject).or_default();
        *held = held.or(operations);
        Ok(())
    }

    fn narrowed_by(mut self, narrowed: BTreeMap<Subject, Operations>) -> Self {
        let beyond = narrowed.into_iter().map(|(subject, operations)| (subject, operations.without(self.everywhere)));
        let kept: Arc<[_]> = beyond.filter(|(_, operations)| !operations.is_none()).collect();
        self.narrowed = (!kept.is_empty()).then_some(kept);
        self
    }

    fn entries(&self) -> impl Iterator<Item = &(Subject, Operations)> {
        self.narrowed.as_deref().unwrap_or_default().iter()
    }

    fn for_subject(&self, subject: &Subject) -> Operations {
        let named = self.entries().find(|(known, _)| known == subject).map_or(Operations::NONE, |(_, held)| *held);
        self.everywhere.or(named)
    }

    /// The connections that it names, for a check that they exist.
    pub fn named(&self) -> impl Iterator<Item = &Name> {
        self.entries().filter_map(|(subject, _)| match subject {
            Subject::Name(name) => Some(name),
            Subject::Id(_) => None,
        })
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeParse;

    /// The `scope` of a token or a token request (RFC 6749 section 3.3). An empty text is an empty set.
    fn from_str(text: &str) -> Result<Self, ScopeParse> {
        if text.len() > LIST_BYTES {
            return Err(ScopeParse::TooMany);
        }
        if text.is_empty() {
            return Ok(Self::EMPTY);
        }
        Self::parse_words(text.split(' '))
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(" "))
    }
}

impl Serialize for ScopeSet {
    /// A JSON array of words.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.words())
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        Self::parse_words(words.iter().map(String::as_str)).map_err(de::Error::custom)
    }
}
