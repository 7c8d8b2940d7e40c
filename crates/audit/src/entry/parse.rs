//! Reads entries, and accepts exactly what `emit` writes.

use lockgate_vocabulary::{AuditId, PrincipalKind, TenantId, Timestamp};

use super::cursor::{Cursor, Parsed};
use super::emit::most;
use super::{
    AttemptMade, BadEntry, ClosedRun, DeedDone, Entry, Facts, HeadsTold, LINE_BYTES, Measured, OpenedRun,
    RefusedRequest, Started, Who,
};
use crate::facts::{Detail, Outcome};

impl Entry {
    /// Reads a line without its newline.
    pub fn parse(line: &[u8]) -> Result<Self, BadEntry> {
        if line.len() > LINE_BYTES {
            return Err(BadEntry { wanted: "a shorter line", at: LINE_BYTES });
        }
        let mut cursor = Cursor { line, at: 0 };
        let entry = cursor.entry()?;
        if cursor.at == line.len() { Ok(entry) } else { Err(cursor.bad("the end of the line")) }
    }
}

/// Trace, actor and facts: what a tail says.
pub(crate) struct Tail {
    pub(crate) trace: Option<Box<str>>,
    pub(crate) actor: Option<Who>,
    pub(crate) facts: Facts,
}

impl Tail {
    /// Reads what the caller's thread writes, closing brace included.
    pub(crate) fn parse(tail: &[u8]) -> Result<Self, BadEntry> {
        let mut cursor = Cursor { line: tail, at: 0 };
        let parsed = cursor.tail()?;
        if cursor.at == tail.len() { Ok(parsed) } else { Err(cursor.bad("the end of the facts")) }
    }
}

/// What stands before the facts in the body of an outbox row.
pub(crate) struct OutboxHead {
    pub(crate) id: AuditId,
    pub(crate) time: Timestamp,
    pub(crate) tenant: Option<TenantId>,
    /// How long it is.
    pub(crate) length: usize,
}

/// Reads the beginning of an outbox row's body.
pub(crate) fn outbox_head(body: &[u8]) -> Result<OutboxHead, BadEntry> {
    let mut cursor = Cursor { line: body, at: 0 };
    cursor.literal("{\"node\":")?;
    cursor.text(most::NAME)?;
    cursor.literal(",\"id\":")?;
    let id = cursor.parsed("an entry's identifier")?;
    cursor.literal(",\"time\":")?;
    let time = Timestamp::from_micros(cursor.signed()?);
    cursor.literal(",\"tenant\":")?;
    let tenant = cursor.tenant()?;
    cursor.literal(",")?;
    Ok(OutboxHead { id, time, tenant, length: cursor.at })
}

/// Trace, actor and run as an entry that opens a run has them, to be repeated in the run's other entries.
///
/// The words that it looks for cannot stand within a text of the entry: quotes are escaped there.
pub(crate) fn run_context_of(line: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(line).ok()?;
    let (_, context) = text.split_once("\"kind\":\"opened\"")?;
    let (_, run) = context.split_once(",\"run\":\"")?;
    let (_, after) = run.split_once('"')?;
    context.as_bytes().get(..context.len() - after.len())
}

impl Cursor<'_> {
    fn entry(&mut self) -> Parsed<Entry> {
        self.literal("{\"index\":")?;
        let index = self.unsigned()?;
        self.literal(",\"id\":")?;
        let id = self.parsed("an entry's identifier")?;
        self.literal(",\"node\":")?;
        let node = self.text(most::NAME)?;
        self.literal(",\"time\":")?;
        let time = Timestamp::from_micros(self.signed()?);
        self.literal(",\"tenant\":")?;
        let tenant = self.tenant()?;
        self.literal(",\"seq\":")?;
        let sequence = self.unsigned()?;
        self.literal(",\"prev\":")?;
        let previous = self.hash()?;
        self.literal(",")?;
        let start = self.at;
        let Tail { trace, actor, facts } = self.tail()?;
        // There is one way to write an actor: its tenant only where it is not the entry's.
        if actor.as_ref().is_some_and(|actor| actor.tenant.is_some() && actor.tenant == tenant) {
            return Err(BadEntry { wanted: "an actor without the entry's own tenant", at: start });
        }
        Ok(Entry { index, id, node, time, tenant, sequence, previous, trace, actor, facts })
    }

    fn tenant(&mut self) -> Parsed<Option<TenantId>> {
        if self.is_at("null") { Ok(None) } else { self.parsed("a tenant").map(Some) }
    }

    fn tail(&mut self) -> Parsed<Tail> {
        self.literal("\"kind\":\"")?;
        let words = ["opened", "attempt", "closed", "refused", "deed", "started", "stopped", "heads"];
        let kind = words.into_iter().find(|word| self.is_at(word)).ok_or_else(|| self.bad("a kind of entry"))?;
        self.literal("\"")?;
        let trace = if self.is_at(",\"trace\":") { Some(self.digits(32)?) } else { None };
        let actor = if self.is_at(",\"actor\":{") { Some(self.who()?) } else { None };
        let facts = match kind {
            "opened" => Facts::Opened(self.opened()?),
            "attempt" => Facts::Attempt(self.attempt()?),
            "closed" => Facts::Closed(self.closed()?),
            "refused" => Facts::Refused(self.refused()?),
            "deed" => Facts::Deed(self.deed()?),
            "started" => Facts::Started(self.started()?),
            "heads" => Facts::Heads(self.heads()?),
            _ => Facts::Stopped,
        };
        self.literal("}")?;
        Ok(Tail { trace, actor, facts })
    }

    fn who(&mut self) -> Parsed<Who> {
        let tenant: Option<TenantId> = if self.is_at("\"tenant\":") {
            let tenant = self.parsed("a tenant")?;
            self.literal(",")?;
            Some(tenant)
        } else {
            None
        };
        self.literal("\"principal\":")?;
        let principal = self.parsed("a principal")?;
        self.literal(",\"kind\":")?;
        let kind = PrincipalKind::parse(&self.string(most::WORD)?).ok_or_else(|| self.bad("a kind of principal"))?;
        self.literal(",\"name\":")?;
        let name = self.text(most::NAME)?;
        self.literal("}")?;
        Ok(Who { tenant, principal, kind, name })
    }

    fn opened(&mut self) -> Parsed<OpenedRun> {
        self.literal(",\"run\":")?;
        let run = self.parsed("a run")?;
        let key = self.optional(",\"key\":", "a key")?;
        self.literal(",\"connection\":")?;
        let connection = self.parsed("a connection")?;
        self.literal(",\"connection_name\":")?;
        let connection_name = self.text(most::NAME)?;
        self.literal(",\"provider\":")?;
        let provider = self.text(most::NAME)?;
        self.literal(",\"method\":")?;
        let method = self.text(most::METHOD)?;
        self.literal(",\"endpoint\":")?;
        let endpoint = self.text(most::ENDPOINT)?;
        self.literal(",\"target\":")?;
        let target = self.digits(64)?;
        self.literal(",\"operation\":")?;
        let operation = self.text(most::WORD)?;
        self.literal(",\"dry_run\":")?;
        let dry_run = self.flag()?;
        self.literal(",\"idempotency\":")?;
        let idempotency = self.flag()?;
        self.literal(",\"peer\":")?;
        let peer = self.address()?;
        Ok(OpenedRun {
            run,
            key,
            connection,
            connection_name,
            provider,
            method,
            endpoint,
            target,
            operation,
            dry_run,
            idempotency,
            peer,
        })
    }

    fn attempt(&mut self) -> Parsed<AttemptMade> {
        self.literal(",\"run\":")?;
        let run = self.parsed("a run")?;
        self.literal(",\"number\":")?;
        let number = self.small()?;
        let address = if self.is_at(",\"address\":") { Some(self.address()?) } else { None };
        let status = self.status()?;
        self.literal(",\"outcome\":")?;
        let outcome = self.text(most::WORD)?;
        self.literal(",\"took_us\":")?;
        let took_micros = self.unsigned()?;
        self.literal(",\"sent\":")?;
        let sent = self.flag()?;
        let (credential, version) = match self.is_at(",\"credential\":") {
            true => {
                let credential = self.parsed("a credential")?;
                self.literal(",\"version\":")?;
                (Some(credential), Some(self.small()?))
            }
            false => (None, None),
        };
        Ok(AttemptMade { run, number, address, status, outcome, took_micros, sent, credential, version })
    }

    fn closed(&mut self) -> Parsed<ClosedRun> {
        self.literal(",\"run\":")?;
        let run = self.parsed("a run")?;
        self.literal(",\"outcome\":")?;
        let outcome = Outcome::parse(&self.string(most::WORD)?).ok_or_else(|| self.bad("an outcome"))?;
        let status = self.status()?;
        let code = self.optional_text(",\"code\":", most::WORD)?;
        let measured = if self.is_at(",\"request_bytes\":") {
            let request_bytes = self.unsigned()?;
            self.literal(",\"answer_bytes\":")?;
            let answer_bytes = self.unsigned()?;
            self.literal(",\"took_us\":")?;
            Some(Measured { request_bytes, answer_bytes, took_micros: self.unsigned()? })
        } else {
            None
        };
        // Only an end that was seen can have told the caller something in the vendor's place.
        let fallback = measured.is_some() && self.is_at(",\"fallback\":true");
        Ok(ClosedRun { run, outcome, status, code, measured, fallback })
    }

    fn refused(&mut self) -> Parsed<RefusedRequest> {
        let run = self.optional(",\"run\":", "a run")?;
        let key = self.optional(",\"key\":", "a key")?;
        self.literal(",\"door\":")?;
        let door = self.text(most::WORD)?;
        self.literal(",\"code\":")?;
        let code = self.text(most::WORD)?;
        let status = self.status()?.ok_or_else(|| self.bad("a status"))?;
        let method = self.optional_text(",\"method\":", most::METHOD)?;
        let connection = self.optional(",\"connection\":", "a connection")?;
        let connection_name = self.optional_text(",\"connection_name\":", most::NAME)?;
        let endpoint = self.optional_text(",\"endpoint\":", most::ENDPOINT)?;
        let target = if self.is_at(",\"target\":") { Some(self.digits(64)?) } else { None };
        self.literal(",\"peer\":")?;
        let peer = self.address()?;
        Ok(RefusedRequest { run, key, door, code, status, method, connection, connection_name, endpoint, target, peer })
    }

    fn deed(&mut self) -> Parsed<DeedDone> {
        self.literal(",\"action\":")?;
        let action = self.text(most::WORD)?;
        self.literal(",\"object\":")?;
        let object = self.text(most::DETAIL)?;
        let relayed = self.is_at(",\"relayed\":true");
        self.literal(",\"details\":[")?;
        let mut details = Vec::new();
        while !self.is_at("]") {
            self.literal(if details.is_empty() { "[" } else { ",[" })?;
            if details.len() >= most::DETAILS {
                return Err(self.bad("fewer details"));
            }
            details.push(self.detail()?);
        }
        Ok(DeedDone { action, object, relayed, details })
    }

    fn detail(&mut self) -> Parsed<(Box<str>, Detail)> {
        let name = self.text(most::WORD)?;
        self.literal(",")?;
        let detail = match self.rest().first() {
            Some(b'"') => Detail::Text(self.string(most::DETAIL)?.into_owned()),
            Some(b't' | b'f') => Detail::Flag(self.flag()?),
            _ => Detail::Number(self.signed()?),
        };
        self.literal("]")?;
        Ok((name, detail))
    }

    fn started(&mut self) -> Parsed<Started> {
        self.literal(",\"unsigned\":")?;
        let unsigned = self.unsigned()?;
        self.literal(",\"torn_bytes\":")?;
        let torn_bytes = self.unsigned()?;
        self.literal(",\"unfinished\":")?;
        let unfinished = self.unsigned()?;
        Ok(Started { unsigned, torn_bytes, unfinished })
    }

    fn heads(&mut self) -> Parsed<HeadsTold> {
        self.literal(",\"trails\":")?;
        let trails = self.unsigned()?;
        self.literal(",\"root\":")?;
        let root = self.hash()?;
        Ok(HeadsTold { trails, root })
    }
}
