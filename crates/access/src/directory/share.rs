//! Sharing: what many connections have alike is kept once.
//!
//! A hundred thousand connections of one provider differ in name, credential and host at the most. What
//! else they have is recognised by its text, so that it is parsed once and kept once.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::resolve::{self, Dangers, ResolvedConnection, ResolvedProvider};
use super::{Base, Endpoint, Settings};
use crate::spec::ConnectionSpec;
use crate::violations::Violations;

/// What stands between two texts of a key; JSON has no such byte outside of strings, and inside them it
/// is escaped.
const GAP: char = '\u{1f}';

/// What was parsed already, by its text.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: HashSet<Arc<str>>,
    endpoints: HashMap<Box<str>, Arc<[Arc<Endpoint>]>>,
    settings: HashMap<Box<str>, Arc<Settings>>,
    /// How many there were when what nobody uses any more was last dropped.
    swept: usize,
}

/// A connection's stored settings, its parts still as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Texts<'a> {
    #[serde(default, borrow)]
    base_url: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    endpoints: Option<&'a RawValue>,
    #[serde(default, borrow)]
    limits: Option<&'a RawValue>,
    #[serde(default, borrow)]
    breaker: Option<&'a RawValue>,
    #[serde(default, borrow)]
    retries: Option<&'a RawValue>,
    #[serde(default, borrow)]
    redirects: Option<&'a RawValue>,
    #[serde(default, borrow)]
    trust_pem: Option<&'a RawValue>,
    #[serde(default, borrow)]
    pins: Option<&'a RawValue>,
    #[serde(default, borrow)]
    danger_private_networks: Option<&'a RawValue>,
    #[serde(default, borrow)]
    danger_plain_http: Option<&'a RawValue>,
}

impl Texts<'_> {
    fn settings_key(&self) -> String {
        let parts = [
            self.limits,
            self.breaker,
            self.retries,
            self.redirects,
            self.trust_pem,
            self.pins,
            self.danger_private_networks,
            self.danger_plain_http,
        ];
        let mut key = String::with_capacity(128);
        for part in parts {
            key.push_str(part.map_or("", RawValue::get));
            key.push(GAP);
        }
        key
    }
}

impl Shared {
    /// Resolves a connection's stored settings.
    pub(super) fn connection(
        &mut self,
        spec: &str,
        provider: &ResolvedProvider,
    ) -> Result<ResolvedConnection, Violations> {
        let mut wrong = Violations::default();
        let Some(texts) = wrong.take(serde_json::from_str::<Texts<'_>>(spec), "") else { return Err(wrong) };
        let key = texts.settings_key();
        let endpoints_key = texts.endpoints.map(RawValue::get);
        let known = self.settings.get(key.as_str()).cloned();
        let endpoints = match endpoints_key {
            None => Some(Arc::clone(&provider.endpoints)),
            Some(text) => self.endpoints.get(text).cloned(),
        };
        let (Some(settings), Some(endpoints)) = (known, endpoints) else {
            return self.resolve(spec, provider, (key, endpoints_key), wrong);
        };
        let dangers = Dangers::of(&settings);
        match resolve::own_base(texts.base_url.as_deref(), provider, dangers, &mut wrong) {
            Some(base) if wrong.is_empty() => Ok(ResolvedConnection { base: self.keep(base), endpoints, settings }),
            _ => Err(wrong),
        }
    }

    /// Resolves what was not seen yet, and keeps its parts.
    fn resolve(
        &mut self,
        spec: &str,
        provider: &ResolvedProvider,
        (settings_key, endpoints_key): (String, Option<&str>),
        mut wrong: Violations,
    ) -> Result<ResolvedConnection, Violations> {
        let Some(spec) = wrong.take(serde_json::from_str::<ConnectionSpec>(spec), "") else { return Err(wrong) };
        let resolved = resolve::connection(spec, provider, &mut wrong);
        let Some(resolved) = resolved.filter(|_| wrong.is_empty()) else { return Err(wrong) };
        let settings = Arc::clone(self.settings.entry(settings_key.into()).or_insert(resolved.settings));
        let endpoints = match endpoints_key {
            None => resolved.endpoints,
            Some(text) => Arc::clone(self.endpoints.entry(text.into()).or_insert(resolved.endpoints)),
        };
        Ok(ResolvedConnection { base: self.keep(resolved.base), endpoints, settings })
    }

    fn keep(&mut self, base: Base) -> Base {
        Base { host: self.text(&base.host), prefix: self.text(&base.prefix), ..base }
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let kept: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&kept));
        kept
    }

    /// Drops what nobody uses any more, once there is twice as much as after the last time.
    pub(super) fn sweep(&mut self) {
        let count = self.texts.len() + self.endpoints.len() + self.settings.len();
        if count < self.swept.saturating_mul(2).max(1_000) {
            return;
        }
        self.texts.retain(|text| Arc::strong_count(text) > 1);
        self.endpoints.retain(|_, endpoints| Arc::strong_count(endpoints) > 1);
        self.settings.retain(|_, settings| Arc::strong_count(settings) > 1);
        self.swept = self.texts.len() + self.endpoints.len() + self.settings.len();
    }
}

#[cfg(test)]
mod tests;
