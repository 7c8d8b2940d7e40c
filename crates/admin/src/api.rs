//! The whole surface of the operator's side on one page.

use std::sync::Arc;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::admin::Parts;
use crate::answer::{nowhere, wrong_method};

pub(crate) mod api_keys;
mod approvals;
mod audit;
mod backends;
pub(crate) mod connections;
pub(crate) mod credentials;
mod dead_letters;
mod deliveries;
mod escalations;
mod events;
mod issuers;
mod principals;
mod providers;
mod runs;
mod signing_keys;
mod subscriptions;
mod tenants;

fn table() -> OpenApiRouter<Arc<Parts>> {
    OpenApiRouter::new()
        .routes(routes!(api_keys::list::list, api_keys::create::create))
        .routes(routes!(api_keys::show::show, api_keys::revoke::revoke))
        .routes(routes!(approvals::list::list))
        .routes(routes!(approvals::show::show))
        .routes(routes!(approvals::decide::decide))
        .routes(routes!(audit::list::list))
        .routes(routes!(backends::list::list))
        .routes(routes!(connections::list::list, connections::create::create))
        .routes(routes!(connections::show::show, connections::change::change))
        .routes(routes!(connections::connect::show, connections::connect::open))
        .routes(routes!(connections::connect::finish))
        .routes(routes!(connections::grant::show))
        .routes(routes!(connections::grant::disconnect))
        .routes(routes!(credentials::list::list, credentials::create::create))
        .routes(routes!(credentials::show::show))
        .routes(routes!(credentials::rotate::rotate))
        .routes(routes!(credentials::verify::verify))
        .routes(routes!(credentials::finish::finish))
        .routes(routes!(credentials::destroy::destroy))
        .routes(routes!(credentials::roll_back::roll_back))
        .routes(routes!(credentials::revoke::revoke))
        .routes(routes!(credentials::recover::recover))
        .routes(routes!(credentials::purge::purge))
        .routes(routes!(credentials::compromise::compromise))
        .routes(routes!(credentials::uses::uses))
        .routes(routes!(dead_letters::list::list))
        .routes(routes!(deliveries::list::list))
        .routes(routes!(deliveries::replay::replay))
        .routes(routes!(deliveries::show::show))
        .routes(routes!(escalations::list::list))
        .routes(routes!(escalations::resolve::resolve))
        .routes(routes!(events::list::list))
        .routes(routes!(issuers::list::list, issuers::create::create))
        .routes(routes!(issuers::show::show, issuers::change::change))
        .routes(routes!(principals::list::list, principals::create::create))
        .routes(routes!(principals::show::show, principals::change::change))
        .routes(routes!(providers::list::list, providers::create::create))
        .routes(routes!(providers::show::show, providers::change::change, providers::retire::retire))
        .routes(routes!(runs::list::list))
        .routes(routes!(runs::show::show))
        .routes(routes!(signing_keys::list::list))
        .routes(routes!(signing_keys::withdraw::withdraw))
        .routes(routes!(subscriptions::list::list, subscriptions::create::create))
        .routes(routes!(subscriptions::show::show, subscriptions::change::change))
        .routes(routes!(subscriptions::rotate::rotate))
        .routes(routes!(subscriptions::withdraw::withdraw))
        .routes(routes!(subscriptions::verify::verify))
        .routes(routes!(tenants::list::list, tenants::create::create))
        .routes(routes!(tenants::show::show, tenants::change::change))
}

/// The handlers.
pub(crate) fn router() -> Router<Arc<Parts>> {
    let (router, _) = table().split_for_parts();
    router
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], crate::openapi::document())))
        .method_not_allowed_fallback(wrong_method)
        .fallback(nowhere)
}

/// What the handlers say of themselves.
pub(crate) fn described() -> utoipa::openapi::OpenApi {
    table().split_for_parts().1
}
