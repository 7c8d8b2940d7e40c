//! Lists come in pages: 100 rows by default, at most 1,000, and more is refused.

use lockgate_vocabulary::{Refusal, limit};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::Answer;
use crate::refusal::AdminRefusal;

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Rows at the most, 1 to 1,000; 100 by default.
    pub(crate) limit: Option<u32>,
    /// The `next` of the page before.
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    /// How many rows.
    pub(crate) fn size(&self) -> Answer<u32> {
        size(self.limit)
    }
}

/// How many rows a list gives.
pub(crate) fn size(limit: Option<u32>) -> Answer<u32> {
    match limit.unwrap_or(limit::PAGE_DEFAULT) {
        rows @ 1..=limit::PAGE_MOST => Ok(rows),
        _ => Err(unfit("limit", "1 to 1000").into()),
    }
}

/// A cursor that this list gave.
pub(crate) fn cursor<T: std::str::FromStr>(text: Option<&str>) -> Answer<Option<T>> {
    match text.map(str::parse) {
        None => Ok(None),
        Some(Ok(cursor)) => Ok(Some(cursor)),
        Some(Err(_)) => Err(unfit("cursor", "not a cursor that this list gave").into()),
    }
}

/// A parameter that does not fit.
pub(crate) fn unfit(parameter: &str, reason: &str) -> Refusal {
    AdminRefusal::QueryInvalid.refuse().violation(parameter, reason)
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    pub(crate) items: Vec<T>,
    /// The `cursor` of the next page; null if this is the last.
    pub(crate) next: Option<String>,
}
