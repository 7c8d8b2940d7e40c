//! `lockgate delivery`: what was delivered, what became of it, and playing it again.

use clap::{Args, Subcommand};
use http::Method;
use serde_json::{Map, json};

use super::{Order, Page, Usage, put, segment};

/// What may be done with deliveries.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists deliveries, newest first.
    List {
        /// waiting, leased, delivered, dead, quarantined or replayed.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        page: Page,
    },
    /// Lists dead letters, newest first: what was given up, and what is in quarantine.
    Dead {
        /// Whose failure it was: endpoint (the tenant's), pipeline (ours) or conflict (in quarantine).
        #[arg(long)]
        cause: Option<String>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        page: Page,
    },
    /// Shows one with every try, and what it holds to whoever may play deliveries again or fetch them; that is recorded.
    Show {
        /// Its id.
        id: String,
    },
    /// Plays deliveries again, each under a new id: those named, or those of a subscription.
    Replay {
        /// Their ids, at most 1,000.
        ids: Vec<String>,
        /// Those of this subscription, the oldest 1,000 of them: id or name.
        #[arg(long, conflicts_with = "ids")]
        subscription: Option<String>,
        /// Of the subscription: those received at this moment or later (RFC 3339).
        #[arg(long, conflicts_with = "ids", requires = "subscription")]
        since: Option<String>,
        /// Of the subscription: those received before this moment (RFC 3339).
        #[arg(long, conflicts_with = "ids", requires = "subscription")]
        until: Option<String>,
        /// Of the subscription: those in this state, dead or delivered; dead by default.
        #[arg(long, conflicts_with = "ids", requires = "subscription")]
        state: Option<String>,
        /// Of the subscription: those behind this delivery, the cursor of the answer before.
        #[arg(long, conflicts_with = "ids", requires = "subscription")]
        cursor: Option<String>,
        /// Play those named even if they are in quarantine, once another operator has approved it.
        #[arg(long, conflicts_with = "subscription", requires = "ids")]
        quarantined: bool,
        /// Makes asking again harmless: under one nonce each delivery is played once in 7 days.
        #[arg(long)]
        nonce: Option<String>,
        /// Why, for whoever reads the trail: at most 200 letters.
        #[arg(long)]
        reason: String,
    },
}

/// Which deliveries.
#[derive(Debug, Clone, Args)]
pub struct Filters {
    /// Only of this subscription: id or name.
    #[arg(long)]
    subscription: Option<String>,
    /// Only those that tell of this type of event.
    #[arg(long)]
    event_type: Option<String>,
    /// Only those that the provider calls so.
    #[arg(long)]
    provider_id: Option<String>,
    /// Only those received at this moment or later (RFC 3339).
    #[arg(long)]
    since: Option<String>,
    /// Only those received before this moment (RFC 3339).
    #[arg(long)]
    until: Option<String>,
}

impl Filters {
    fn of(&self, page: &Page, path: &str, word: (&'static str, Option<&String>)) -> Order {
        let rest = [
            word,
            ("subscription", self.subscription.as_ref()),
            ("event_type", self.event_type.as_ref()),
            ("provider_id", self.provider_id.as_ref()),
            ("since", self.since.as_ref()),
            ("until", self.until.as_ref()),
        ];
        page.sought(path, rest)
    }
}

impl Verb {
    pub(super) fn order(&self) -> Result<Order, Usage> {
        Ok(match self {
            Self::List { state, filters, page } => filters.of(page, "/v1/deliveries", ("state", state.as_ref())),
            Self::Dead { cause, filters, page } => filters.of(page, "/v1/dead-letters", ("cause", cause.as_ref())),
            Self::Show { id } => Order::read(format!("/v1/deliveries/{}", segment(id))),
            Self::Replay { ids, subscription, since, until, state, cursor, quarantined, nonce, reason } => {
                if ids.is_empty() && subscription.is_none() {
                    return Err(Usage("delivery replay: name deliveries, or --subscription for its dead ones".into()));
                }
                let mut body = Map::from_iter([("reason".to_owned(), json!(reason))]);
                if !ids.is_empty() {
                    body.insert("deliveries".to_owned(), json!(ids));
                }
                let texts = [
                    ("subscription", subscription),
                    ("since", since),
                    ("until", until),
                    ("state", state),
                    ("cursor", cursor),
                    ("nonce", nonce),
                ];
                for (name, value) in texts {
                    put(&mut body, name, value.clone());
                }
                if *quarantined {
                    body.insert("quarantined".to_owned(), json!(true));
                }
                Order::send(Method::POST, "/v1/deliveries/replay", body)
            }
        })
    }
}
