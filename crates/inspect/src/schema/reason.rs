//! What is told of a violation: the rule that was broken, in the schema's words and never in the value's.

use std::borrow::Cow;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use crate::json::{clip, push_name};
use crate::personal;

/// Characters of a name from the schema that are told.
const NAME: usize = 64;

/// The rule that was broken.
pub(super) fn of(kind: &Kind) -> String {
    let text: Cow<'static, str> = match kind {
        Kind::AdditionalItems { limit } => format!("has more than {limit} elements").into(),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("has {} members that are not allowed", unexpected.len()).into()
        }
        Kind::UnevaluatedItems { unexpected } => {
            format!("has {} elements that are not allowed", unexpected.len()).into()
        }
        Kind::AnyOf { .. } => "fits none of the forms that are allowed".into(),
        Kind::OneOfNotValid { .. } => "fits none of the forms that are allowed".into(),
        Kind::OneOfMultipleValid { .. } => "fits more than one of the forms that are allowed".into(),
        Kind::Constant { .. } => "is not the one value that is allowed".into(),
        Kind::Enum { .. } => "is not one of the values that are allowed".into(),
        Kind::Contains => "does not contain what it must".into(),
        Kind::ContentEncoding { .. } | Kind::ContentMediaType { .. } | Kind::FromUtf8 { .. } => {
            "is not encoded as it must be".into()
        }
        Kind::ExclusiveMaximum { limit } => format!("is not below {}", number(limit)).into(),
        Kind::ExclusiveMinimum { limit } => format!("is not above {}", number(limit)).into(),
        Kind::Maximum { limit } => format!("is above {}", number(limit)).into(),
        Kind::Minimum { limit } => format!("is below {}", number(limit)).into(),
        Kind::MultipleOf { multiple_of } => format!("is no multiple of {multiple_of}").into(),
        Kind::Format { format } => format!("is not of the format {}", named(format)).into(),
        Kind::MaxItems { limit } => format!("has more than {limit} elements").into(),
        Kind::MinItems { limit } => format!("has less than {limit} elements").into(),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters").into(),
        Kind::MinLength { limit } => format!("is shorter than {limit} characters").into(),
        Kind::MaxProperties { limit } => format!("has more than {limit} members").into(),
        Kind::MinProperties { limit } => format!("has less than {limit} members").into(),
        Kind::Pattern { .. } => "does not have the form that is wanted".into(),
        Kind::PropertyNames { .. } => "has a member whose name is not allowed".into(),
        Kind::Required { property } => {
            format!("lacks the member {}", named(property.as_str().unwrap_or_default())).into()
        }
        Kind::Type { kind } => format!("is not of the type {}", types(kind)).into(),
        Kind::UniqueItems => "has the same element twice".into(),
        Kind::FalseSchema | Kind::Not { .. } => "is not allowed here".into(),
        Kind::Referencing(_) => "has a reference that leads nowhere".into(),
        _ => "breaks a rule".into(),
    };
    text.into_owned()
}

/// The place, with what may be personal or secret in member names masked.
pub(super) fn pointer(path: &str) -> String {
    let mut out = String::new();
    for name in path.split('/').skip(1) {
        let plain = name.replace("~1", "/").replace("~0", "~");
        push_name(&mut out, &personal::mask(&plain));
    }
    clip(out)
}

fn number(limit: &Value) -> String {
    if limit.is_number() { limit.to_string() } else { "its limit".to_owned() }
}

fn named(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(NAME).collect()
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => one.to_string(),
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
    }
}
