//! Pages of lists: at most 1,000 rows, and a cursor that carries on behind the last one.
//!
//! A cursor is the identifier of the last object of a page; the next page has what sorts behind it, so
//! nothing that stays is skipped or shown twice, whatever is created meanwhile.

use std::fmt::Display;
use std::str::FromStr;

use lockgate_store::{Row, Value};
use lockgate_vocabulary::limit::{PAGE_DEFAULT, PAGE_MOST};
use lockgate_vocabulary::{Fault, Refusal};
use serde::{Deserialize, Serialize};

use crate::refusal::AccessRefusal;

/// Bytes of a cursor.
const CURSOR_BYTES: usize = 1024;

/// What a list is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PageAsk {
    /// How many rows, 1 to 1,000; 100 by default.
    pub limit: Option<u32>,
    /// Where the last page ended.
    pub cursor: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next page starts, if there is one.
    pub next: Option<String>,
}

impl PageAsk {
    /// How many rows.
    pub fn limit(&self) -> Result<usize, Refusal> {
        let limit = self.limit.unwrap_or(PAGE_DEFAULT);
        if (1..=PAGE_MOST).contains(&limit) {
            Ok(usize::try_from(limit).unwrap_or(usize::MAX))
        } else {
            Err(AccessRefusal::PageTooLarge.into())
        }
    }

    /// The text behind which the page starts: that of an identifier of the wanted kind, or none.
    pub fn behind<K: FromStr + Display>(&self) -> Result<String, Refusal> {
        let Some(cursor) = &self.cursor else { return Ok(String::new()) };
        let parsed = cursor.parse::<K>().ok().filter(|_| cursor.len() <= CURSOR_BYTES);
        parsed.map(|key| key.to_string()).ok_or_else(|| AccessRefusal::CursorMalformed.into())
    }

    /// How many rows are read: one more than shown, which tells whether there is a next page.
    pub fn rows(&self) -> Result<Value, Refusal> {
        Ok(Value::from(i64::try_from(self.limit()?).unwrap_or(i64::MAX).saturating_add(1)))
    }

    /// Makes the page of what was read.
    pub fn page<T>(
        &self,
        rows: &[Row],
        read: impl Fn(&Row) -> Result<T, Fault>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, lockgate_vocabulary::Stop> {
        let limit = self.limit()?;
        let items: Vec<T> = rows.iter().take(limit).map(read).collect::<Result<_, _>>()?;
        let next = if rows.len() > limit { items.last().map(key) } else { None };
        Ok(Page { items, next })
    }
}

#[cfg(test)]
mod tests;
