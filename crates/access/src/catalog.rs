//! Well-known vendors as data: `catalog/*.toml`, compiled in, parsed once when the room opens.
//!
//! A tenant's connections may use any of them; a vendor that is not here is a provider of the tenant's
//! own. Not here: what the fields mean (`spec`), and which of them make sense (`directory`).

use std::collections::BTreeMap;
use std::sync::Arc;

use lockgate_vocabulary::{Fault, Name};

use crate::directory::ResolvedProvider;
use crate::directory::resolve;
use crate::spec::ProviderSpec;
use crate::violations::Violations;

/// The files.
const FILES: &[&str] = &[
    include_str!("../../../catalog/airtable.toml"),
    include_str!("../../../catalog/anthropic.toml"),
    include_str!("../../../catalog/github.toml"),
    include_str!("../../../catalog/gitlab.toml"),
    include_str!("../../../catalog/google-calendar.toml"),
    include_str!("../../../catalog/google-drive.toml"),
    include_str!("../../../catalog/hubspot.toml"),
    include_str!("../../../catalog/intercom.toml"),
    include_str!("../../../catalog/jira.toml"),
    include_str!("../../../catalog/linear.toml"),
    include_str!("../../../catalog/mailchimp.toml"),
    include_str!("../../../catalog/microsoft-graph.toml"),
    include_str!("../../../catalog/notion.toml"),
    include_str!("../../../catalog/openai.toml"),
    include_str!("../../../catalog/openweather.toml"),
    include_str!("../../../catalog/pagerduty.toml"),
    include_str!("../../../catalog/paypal.toml"),
    include_str!("../../../catalog/postmark.toml"),
    include_str!("../../../catalog/salesforce.toml"),
    include_str!("../../../catalog/sendgrid.toml"),
    include_str!("../../../catalog/sentry.toml"),
    include_str!("../../../catalog/shopify.toml"),
    include_str!("../../../catalog/slack.toml"),
    include_str!("../../../catalog/stripe.toml"),
    include_str!("../../../catalog/twilio.toml"),
    include_str!("../../../catalog/zendesk.toml"),
];

/// One vendor of the catalogue.
#[derive(Debug, Clone)]
pub struct Listed {
    /// As the file has it.
    pub spec: Arc<ProviderSpec>,
    /// As connections use it.
    pub resolved: Arc<ResolvedProvider>,
}

/// All vendors of the catalogue, by name.
#[derive(Debug, Clone)]
pub struct Catalog {
    vendors: Arc<BTreeMap<Name, Listed>>,
}

impl Catalog {
    /// Parses what is compiled in. It fails only where a file is broken, which a test rules out.
    pub fn compiled() -> Result<Self, Fault> {
        let vendors: Result<BTreeMap<_, _>, Fault> = FILES.iter().map(|text| read(text)).collect();
        Ok(Self { vendors: Arc::new(vendors?) })
    }

    /// The vendor with this name.
    pub fn vendor(&self, name: &str) -> Option<&Listed> {
        self.vendors.get(name)
    }

    /// Every vendor, by name.
    pub fn vendors(&self) -> impl Iterator<Item = &Listed> {
        self.vendors.values()
    }
}

fn read(text: &str) -> Result<(Name, Listed), Fault> {
    let spec: ProviderSpec = toml::from_str(text).map_err(|error| Fault::broken("reading the catalogue", error))?;
    let mut wrong = Violations::default();
    let resolved = resolve::provider(spec.clone(), &mut wrong).filter(|_| wrong.is_empty());
    let name = spec.name.clone();
    let resolved = resolved.ok_or_else(|| Fault::broken("resolving the catalogue", format!("{name}: {wrong}")))?;
    Ok((name, Listed { spec: Arc::new(spec), resolved: Arc::new(resolved) }))
}

#[cfg(test)]
mod tests;
