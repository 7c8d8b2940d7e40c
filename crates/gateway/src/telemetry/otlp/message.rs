//! Spans as OTLP writes them. Attributes are named as OpenTelemetry's conventions name them where they do.

use lockgate_egress::span::{Span, Work};
use lockgate_vocabulary::{Name, Timestamp};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as Written, Status};
use prost::Message;

use crate::routes::{ROUTES, Serves};

/// The node that sends.
pub(super) struct Node {
    resource: Resource,
}

impl Node {
    pub(super) fn of(name: &Name) -> Self {
        let attributes = vec![
            text("service.name", "lockgate"),
            text("service.version", env!("CARGO_PKG_VERSION")),
            text("service.instance.id", name.as_str()),
        ];
        Self { resource: Resource { attributes, ..Resource::default() } }
    }

    /// A message with these spans.
    pub(super) fn message(&self, spans: &[Span]) -> Vec<u8> {
        let scope = InstrumentationScope { name: "lockgate".to_owned(), ..InstrumentationScope::default() };
        let spans = spans.iter().map(written).collect();
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Some(self.resource.clone());
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }
}

fn written(span: &Span) -> Written {
    let mut attributes = vec![text("http.request.method", span.method), text("lockgate.run", span.run.to_string())];
    if let Some(status) = span.status {
        attributes.push(number("http.response.status_code", status.into()));
    }
    let (name, kind, worst) = match span.work {
        Work::Call { code } => {
            attributes.extend(ROUTES.get(Serves::Call as usize).map(|row| text("http.route", row.path)));
            attributes.extend(code.map(|code| text("error.type", code)));
            // What a caller did wrong is no failure of the server (the conventions' HTTP spans).
            ("call", SpanKind::Server, 500)
        }
        Work::Attempt { number: attempt, tenant, connection, outcome } => {
            attributes.push(number("lockgate.attempt", attempt.into()));
            attributes.push(text("lockgate.tenant", tenant.to_string()));
            attributes.push(text("lockgate.connection", connection.to_string()));
            attributes.push(text("lockgate.outcome", outcome));
            ("attempt", SpanKind::Client, 400)
        }
    };
    let failed = span.status.is_none_or(|status| status >= worst);
    let code = if failed { StatusCode::Error } else { StatusCode::Unset };
    Written {
        trace_id: span.trace.to_bytes().to_vec(),
        span_id: span.span.to_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.to_bytes().to_vec()).unwrap_or_default(),
        name: name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.begun),
        end_time_unix_nano: nanos(span.ended),
        attributes,
        status: Some(Status { code: code.into(), ..Status::default() }),
        ..Written::default()
    }
}

fn nanos(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_micros()).unwrap_or(0).saturating_mul(1_000)
}

fn text(key: &str, value: impl Into<String>) -> KeyValue {
    attribute(key, Value::StringValue(value.into()))
}

fn number(key: &str, value: i64) -> KeyValue {
    attribute(key, Value::IntValue(value))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
