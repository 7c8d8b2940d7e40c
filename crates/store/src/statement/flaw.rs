//! What can be wrong with a statement's text: a reader of SQL just clever enough to see whether the
//! tenant is bound. Every room's tests run it over all statements of the room.
//!
//! It is the first of two walls and a coarse one: it asks that each tenant's table that is named has a
//! predicate `tenant = $1` (or `a.tenant = b.tenant`), or takes `$1` as the tenant of a new row. On
//! PostgreSQL row security is the second wall, and does not depend on any text.

use std::fmt;

use super::{Reach, Statement};
use crate::migrate::tenant_tables;

/// Why a statement must not be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It skips an argument, such as `$2` where there is `$3`; PostgreSQL could not tell its type.
    ArgumentSkipped,
    /// It reaches the tenant's rows and a table that belongs to no tenant.
    BeyondTenant,
    /// It is none of `SELECT`, `INSERT`, `UPDATE`, `DELETE` and `WITH`, or meddles with settings.
    NotOfRows,
    /// It is more than one statement.
    Several,
    /// It names more tables of tenants than it binds to the tenant.
    TenantUnbound,
    /// An `OR` stands beside the tenant's predicate, so that the predicate need not hold.
    TenantOptional,
    /// It sets a row's tenant to another value.
    TenantMoved,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ArgumentSkipped => "it skips an argument",
            Self::BeyondTenant => "it reaches the tenant's rows and a table that belongs to no tenant",
            Self::NotOfRows => "it does more than read and write rows",
            Self::Several => "it is more than one statement",
            Self::TenantUnbound => "it names more tables of tenants than it binds to the tenant",
            Self::TenantOptional => "an OR beside the tenant's predicate makes it optional",
            Self::TenantMoved => "it sets a row's tenant",
        })
    }
}

pub(super) fn find(statement: &Statement) -> Option<Flaw> {
    let words = words(statement.sql);
    let first = words.first().map_or("", String::as_str);
    let of_rows = matches!(first, "select" | "insert" | "update" | "delete" | "with");
    let meddles = words.iter().any(|word| matches!(word.as_str(), "set_config" | "current_setting" | "pragma"));
    if !of_rows || meddles {
        return Some(Flaw::NotOfRows);
    }
    if words.iter().any(|word| word == ";") {
        return Some(Flaw::Several);
    }
    if skips_argument(&words) {
        return Some(Flaw::ArgumentSkipped);
    }
    match statement.reach {
        Reach::House => None,
        Reach::Tenant => Reading::of(&words).flaw(),
    }
}

/// The text's words in lower case. A literal becomes the word `''`, punctuation is a word each.
fn words(sql: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        let belongs = |next: &char| next.is_alphanumeric() || *next == '_';
        if character == '\'' {
            while characters.next_if(|next| *next != '\'').is_some() {}
            characters.next();
            words.push("''".to_owned());
        } else if belongs(&character) || character == '$' {
            let mut word = String::from(character.to_ascii_lowercase());
            while let Some(next) = characters.next_if(belongs) {
                word.push(next.to_ascii_lowercase());
            }
            words.push(word);
        } else if !character.is_whitespace() {
            words.push(character.into());
        }
    }
    words
}

fn skips_argument(words: &[String]) -> bool {
    let mut numbers: Vec<usize> = words.iter().filter_map(|word| word.strip_prefix('$')?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.iter().enumerate().any(|(place, number)| *number != place + 1)
}

/// Which part of a statement a word stands in; only predicates can bind a tenant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Tables,
    Predicate,
    Assignments,
    Other,
}

/// What was read of a statement on a tenant's rows.
#[derive(Default)]
struct Reading {
    named: usize,
    bound: usize,
    beyond: bool,
    moved: bool,
    /// The groups of parentheses around each place where the tenant is bound.
    bound_in: Vec<usize>,
    /// The groups in which an `OR` stands among predicates.
    or_in: Vec<usize>,
}

impl Reading {
    fn of(words: &[String]) -> Self {
        let mut reading = Self::default();
        // Each opened parenthesis is a group with a number of its own and a part that it stands in.
        let mut groups = vec![(0, Part::Other)];
        let mut opened = 0;
        for (place, word) in words.iter().enumerate() {
            let (group, part) = groups.last().copied().unwrap_or((0, Part::Other));
            match word.as_str() {
                "(" => {
                    opened += 1;
                    groups.push((opened, part));
                }
                ")" => drop(groups.pop()),
                "or" if part == Part::Predicate => reading.or_in.push(group),
                _ => {
                    reading.take_in_table(words, place, part);
                    if reading.take_in_binding(words, place, part) {
                        reading.bound_in.extend(groups.iter().map(|(group, _)| *group));
                    }
                    if let (Some(next), Some(current)) = (begins(word, part), groups.last_mut()) {
                        current.1 = next;
                    }
                }
            }
        }
        reading
    }

    /// Counts the word if it names a table.
    fn take_in_table(&mut self, words: &[String], place: usize, part: Part) {
        let (before, word) = (at(words, place.wrapping_sub(1)), at(words, place));
        let listed = part == Part::Tables && before == ",";
        if !listed && !matches!(before, "from" | "join" | "update" | "into") {
            return;
        }
        if tenant_tables().contains(&word) {
            self.named += 1;
            self.bound += usize::from(before == "into" && inserts_tenant(words, place));
        } else if word != "house" {
            self.beyond |= is_table(word);
        }
    }

    /// Whether the word begins a predicate that binds the tenant.
    fn take_in_binding(&mut self, words: &[String], place: usize, part: Part) -> bool {
        if at(words, place) != "tenant" || at(words, place + 1) != "=" {
            return false;
        }
        self.moved |= part == Part::Assignments;
        let joined = at(words, place + 3) == "." && at(words, place + 4) == "tenant";
        let binds = part == Part::Predicate && (joined || at(words, place + 2) == "$1");
        self.bound += usize::from(binds);
        binds
    }

    fn flaw(self) -> Option<Flaw> {
        if self.moved {
            return Some(Flaw::TenantMoved);
        }
        if self.beyond {
            return Some(Flaw::BeyondTenant);
        }
        if self.named == 0 || self.bound < self.named {
            return Some(Flaw::TenantUnbound);
        }
        let optional = self.bound_in.iter().any(|group| self.or_in.contains(group));
        optional.then_some(Flaw::TenantOptional)
    }
}

fn at(words: &[String], place: usize) -> &str {
    words.get(place).map_or("", String::as_str)
}

/// Whether this is a table of ours that belongs to no tenant, rather than a name a `WITH` made.
fn is_table(word: &str) -> bool {
    crate::migrate::MIGRATIONS.iter().any(|migration| {
        migration.script.split("CREATE TABLE ").skip(1).any(|rest| rest.split([' ', '(']).next() == Some(word))
    })
}

/// The part that a word begins.
fn begins(word: &str, part: Part) -> Option<Part> {
    match word {
        "from" | "join" => Some(Part::Tables),
        "where" | "on" | "having" => Some(Part::Predicate),
        "set" => Some(Part::Assignments),
        "into" | "select" | "values" | "returning" | "order" | "group" | "limit" | "union" => Some(Part::Other),
        "update" if part != Part::Assignments => Some(Part::Tables),
        _ => None,
    }
}

/// Whether an `INSERT` takes `$1` for the column `tenant`: `INTO t (…, tenant, …) VALUES (…, $1, …)`
/// with both at the same place, or the same with `SELECT`.
fn inserts_tenant(words: &[String], table: usize) -> bool {
    let rest: Vec<&str> = words.iter().skip(table + 1).map(String::as_str).collect();
    let Some(closing) = rest.iter().position(|word| *word == ")") else { return false };
    let columns: Vec<&str> = rest.iter().take(closing).skip(1).copied().filter(|word| *word != ",").collect();
    let Some(place) = columns.iter().position(|column| *column == "tenant") else { return false };
    let rows = rest.get(closing + 1..).unwrap_or_default();
    match rows.split_first() {
        Some((&"values", rows)) => rows_take_tenant(rows, place, columns.len()),
        Some((&"select", row)) => item(row, place) == Some("$1"),
        _ => false,
    }
}

/// Whether each row behind `VALUES` takes `$1` at this place.
fn rows_take_tenant(words: &[&str], place: usize, width: usize) -> bool {
    let mut rest = words;
    let mut rows = 0;
    while let Some((&"(", row)) = rest.split_first() {
        if item(row, place) != Some("$1") || width == 0 {
            return false;
        }
        rows += 1;
        let mut depth = 1;
        let end = row.iter().position(|word| {
            depth += i32::from(*word == "(") - i32::from(*word == ")");
            depth == 0
        });
        rest = end.and_then(|end| row.get(end + 1..)).unwrap_or_default();
        rest = rest.strip_prefix(&[","]).unwrap_or(rest);
    }
    rows > 0
}

/// The first word of the item at this place of a list that is divided by commas, unless more words
/// follow in the item.
fn item<'a>(words: &[&'a str], place: usize) -> Option<&'a str> {
    let mut depth = 0;
    let mut at = 0;
    let mut found: Option<&str> = None;
    for word in words {
        match *word {
            "(" => depth += 1,
            ")" if depth == 0 => break,
            ")" => depth -= 1,
            "," if depth == 0 => {
                if at == place {
                    break;
                }
                at += 1;
                continue;
            }
            "from" | "where" | "on" if depth == 0 => break,
            _ => {}
        }
        if at == place {
            if found.is_some() {
                return None;
            }
            found = Some(*word);
        }
    }
    found
}

#[cfg(test)]
mod tests;
