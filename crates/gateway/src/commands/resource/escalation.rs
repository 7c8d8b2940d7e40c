//! `lockgate escalation`: runs of which nobody knew the outcome, and what was found out about them.

use clap::{Subcommand, ValueEnum};
use http::Method;
use serde_json::{Map, json};

use super::{Order, Page, put, query, segment};

/// Whether somebody has looked.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum State {
    /// Nobody has.
    Open,
    /// Somebody has.
    Resolved,
}

/// What was found at the vendor.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Finding {
    /// The vendor did it.
    Done,
    /// The vendor did not do it.
    NotDone,
    /// It cannot be found out.
    Unclear,
}

/// What may be done with escalations.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists escalations, newest first.
    List {
        /// Only those in this state.
        #[arg(long)]
        state: Option<State>,
        #[command(flatten)]
        page: Page,
    },
    /// Says what was found out about a run.
    Resolve {
        /// The run, as the list and the X-Lockgate-Run header gave it.
        run: String,
        /// What was found at the vendor.
        #[arg(long)]
        reason: Finding,
        /// How it was found out, at most 1,000 letters.
        #[arg(long)]
        note: Option<String>,
    },
}

impl Verb {
    pub(super) fn order(&self) -> Order {
        match self {
            Self::List { state, page } => {
                let state = state.map(|state| match state {
                    State::Open => "open".to_owned(),
                    State::Resolved => "resolved".to_owned(),
                });
                let pairs = [
                    ("state", state),
                    ("limit", page.limit.map(|limit| limit.to_string())),
                    ("cursor", page.cursor.clone()),
                ];
                let pairs = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
                Order::read(query("/v1/escalations", pairs))
            }
            Self::Resolve { run, reason, note } => {
                let reason = match reason {
                    Finding::Done => "done",
                    Finding::NotDone => "not_done",
                    Finding::Unclear => "unclear",
                };
                let mut body = Map::from_iter([("reason".to_owned(), json!(reason))]);
                put(&mut body, "note", note.clone());
                Order::send(Method::POST, format!("/v1/escalations/{}/resolve", segment(run)), body)
            }
        }
    }
}
