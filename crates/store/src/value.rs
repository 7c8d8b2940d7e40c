//! What goes into a statement and what comes out of one: four kinds of value that both engines have.
//!
//! Not here: what a value means. Times are microseconds, identifiers are their text, JSON is text,
//! and what is sealed or hashed is bytes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lockgate_vocabulary::{
    AlertId, ApprovalId, AuditId, ConnectionId, ConsentId, CredentialId, DeliveryId, EventId, Fault, KeyId, Name,
    OperationId, PolicyId, PrincipalId, ProviderId, RunId, ServiceId, SessionId, SubscriptionId, TenantId, Timestamp,
};

/// One value of a row or of a statement's arguments.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a time in microseconds, or a yes (1) or no (0).
    Int(i64),
    /// Text without the character NUL, which PostgreSQL cannot hold.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Value {
    /// Roughly the bytes that it takes in memory, by which the writer's queue is bounded.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Null | Self::Int(_) => 0,
                Self::Text(text) => text.len(),
                Self::Bytes(bytes) => bytes.len(),
            }
    }

    /// Whether both engines can hold it.
    pub(crate) fn is_storable(&self) -> bool {
        match self {
            Self::Text(text) => !text.as_bytes().contains(&0),
            Self::Null | Self::Int(_) | Self::Bytes(_) => true,
        }
    }
}

/// Values are other people's data, so only their kind and size are shown.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Int(_) => f.write_str("Int"),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(yes: bool) -> Self {
        Self::Int(i64::from(yes))
    }
}

impl From<u8> for Value {
    fn from(number: u8) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Self {
        Self::Int(moment.as_micros())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<Box<str>> for Value {
    fn from(text: Box<str>) -> Self {
        Self::Text(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::Text(text.as_ref().to_owned())
    }
}

impl From<&Name> for Value {
    fn from(name: &Name) -> Self {
        Self::Text(name.as_str().to_owned())
    }
}

impl From<Name> for Value {
    fn from(name: Name) -> Self {
        Self::from(&name)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! identifiers {
    ($($id:ty),* $(,)?) => {$(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Text(id.to_string())
            }
        }
    )*};
}

identifiers!(
    AlertId,
    ApprovalId,
    AuditId,
    ConnectionId,
    ConsentId,
    CredentialId,
    DeliveryId,
    EventId,
    KeyId,
    OperationId,
    PolicyId,
    PrincipalId,
    ProviderId,
    RunId,
    ServiceId,
    SessionId,
    SubscriptionId,
    TenantId,
);

/// Makes the arguments of a statement: `values![id, name, clock.now(), None::<i64>]`.
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::Value::from($value)),*] };
}

/// One row of an answer. Columns are told by their place, which the statement fixes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row(Box<[Value]>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_boxed_slice())
    }

    /// How many columns it has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no column.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value in this column.
    pub fn value(&self, column: usize) -> Result<&Value, Fault> {
        self.0.get(column).ok_or_else(|| Fault::violated("a row has every column that is asked of it"))
    }

    /// The number in this column.
    pub fn int(&self, column: usize) -> Result<i64, Fault> {
        self.opt_int(column)?.ok_or_else(unexpected_null)
    }

    /// The text in this column.
    pub fn text(&self, column: usize) -> Result<&str, Fault> {
        self.opt_text(column)?.ok_or_else(unexpected_null)
    }

    /// The bytes in this column.
    pub fn bytes(&self, column: usize) -> Result<&[u8], Fault> {
        self.opt_bytes(column)?.ok_or_else(unexpected_null)
    }

    /// The moment in this column.
    pub fn moment(&self, column: usize) -> Result<Timestamp, Fault> {
        self.int(column).map(Timestamp::from_micros)
    }

    /// The yes or no in this column.
    pub fn flag(&self, column: usize) -> Result<bool, Fault> {
        self.int(column).map(|number| number != 0)
    }

    /// What the text in this column stands for: an identifier, a name, an address.
    pub fn parsed<T>(&self, column: usize) -> Result<T, Fault>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        self.text(column)?.parse().map_err(|error: T::Err| Fault::broken("reading a stored word", error))
    }

    /// The number in this column, if there is one.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, Fault> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            Value::Text(_) | Value::Bytes(_) => Err(unexpected_kind()),
        }
    }

    /// The text in this column, if there is any.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>, Fault> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text)),
            Value::Int(_) | Value::Bytes(_) => Err(unexpected_kind()),
        }
    }

    /// The bytes in this column, if there are any.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<&[u8]>, Fault> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Int(_) | Value::Text(_) => Err(unexpected_kind()),
        }
    }

    /// The moment in this column, if there is one.
    pub fn opt_moment(&self, column: usize) -> Result<Option<Timestamp>, Fault> {
        Ok(self.opt_int(column)?.map(Timestamp::from_micros))
    }

    /// What the text in this column stands for, if there is any.
    pub fn opt_parsed<T>(&self, column: usize) -> Result<Option<T>, Fault>
    where
        T: FromStr,
        T::Err: std::error::Error + Send + Sync + 'static,
    {
        match self.value(column)? {
            Value::Null => Ok(None),
            _ => self.parsed(column).map(Some),
        }
    }
}

fn unexpected_null() -> Fault {
    Fault::violated("a column that must have a value has one")
}

fn unexpected_kind() -> Fault {
    Fault::violated("a column holds the kind of value that its reader expects")
}

#[cfg(test)]
mod tests;
