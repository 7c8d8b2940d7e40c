//! The OpenAPI 3.1 document, generated from the handlers; checked in as `docs/generated/openapi.json`.

use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lockgate admin API",
        description = "The operator's side of Lockgate. Refusals are application/problem+json (RFC 9457); their codes are listed in refusals.md. Unknown members are refused, arrays in place of objects, and query parameters that a path does not list. X-DryRun (other than false) on any request, and Idempotency-Key on one that writes, are refused with 400 admin.header.unsupported before anything is done. A caller acts in its own tenant alone.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    security(("apiKey" = []), ("bearer" = [])),
)]
struct Document;

/// The document as JSON, indented, with a line end.
pub fn document() -> String {
    let mut document = Document::openapi();
    document.merge(crate::api::described());
    let components = document.components.get_or_insert_with(Default::default);
    let header = SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-Api-Key")));
    components.add_security_scheme("apiKey", header);
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("at+jwt").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document.to_pretty_json().map(|text| text + "\n").unwrap_or_default()
}
