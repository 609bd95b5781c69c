//! All routes, and what every request passes on its way to them.

use crate::{
    body_limit, cors, error, error::ApiError, forwarded, guard::Guard, head_limit, measured,
    methods::Methods, openapi, request_id, routes::page, state::ApiState,
};
use poem::{
    Endpoint, EndpointExt, IntoEndpoint, Response, Route,
    endpoint::{BoxEndpoint, make_sync},
    get,
    middleware::CatchPanic,
    web::Html,
};
use std::{any::Any, sync::Arc};

/// The whole server as one endpoint.
#[must_use]
pub fn app(state: Arc<ApiState>) -> BoxEndpoint<'static, Response> {
    let ids = Arc::clone(&state.ids);
    let origins: Arc<[String]> = state.config.cors_origins.clone().into();
    let guard = Guard::new(&state.auth, &state.config);
    let proxies: Arc<[_]> = state.config.trusted_proxies.clone().into();
    let limits = Arc::clone(&state);
    let metrics = Arc::clone(&state.metrics);
    let methods = Arc::new(Methods::new(&state.config.base_path));
    routes(&state)
        .data(state)
        .around(move |endpoint, request| {
            body_limit::limited(endpoint, request, Arc::clone(&limits))
        })
        .around(cors::preflighted)
        .before(move |request| {
            let checked = guard
                .as_ref()
                .map_or(Ok(()), |guard| guard.let_in(&request))
                .and_then(|()| head_limit::check(&request));
            async move { checked.map(|()| request).map_err(Into::into) }
        })
        .with(CatchPanic::new().with_handler(panicked))
        .around(move |endpoint, request| error::shaped(endpoint, request, Arc::clone(&methods)))
        .around(move |endpoint, request| cors::crossed(endpoint, request, Arc::clone(&origins)))
        .around(move |endpoint, request| {
            measured::measured(endpoint, request, Arc::clone(&metrics))
        })
        .around(move |endpoint, request| forwarded::noted(endpoint, request, Arc::clone(&proxies)))
        .around(move |endpoint, request| request_id::named(endpoint, request, Arc::clone(&ids)))
        .boxed()
}

fn routes(state: &Arc<ApiState>) -> impl Endpoint + 'static {
    let service = openapi::service(&state.config);
    let document = openapi::document(&state.config);
    let shown = openapi::page(&state.config, &document);
    let docs = make_sync(move |_| Html(shown.clone()));
    let spec = document.to_string();
    let api = Arc::new(service.into_endpoint());
    let own = Route::new()
        .at("/", get(page::page))
        .at("/page/:file", get(page::asset))
        .nest("/docs", Route::new().at("/", get(docs)))
        .at("/openapi.json", get(make_sync(move |_| json(spec.clone()))))
        .nest_no_strip("/livez", Arc::clone(&api))
        .nest_no_strip("/readyz", Arc::clone(&api))
        .nest_no_strip("/api", api);
    if state.config.base_path.is_empty() {
        own
    } else {
        Route::new().nest(&state.config.base_path, own)
    }
}

fn json(body: String) -> Response {
    Response::builder()
        .content_type("application/json")
        .body(body)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature of a panic handler"
)]
fn panicked(panic: Box<dyn Any + Send>) -> ApiError {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(panic = said.unwrap_or("no text"), "a handler panicked");
    ApiError::internal()
}
