//! Which methods a route has: what 405 and OPTIONS tell.

use crate::{error::ApiError, openapi::Routes};
use poem::{
    IntoResponse, Response,
    http::{Method, StatusCode, header::ALLOW},
};
use poem_openapi::OpenApi;

/// What a page or a document can be asked.
const READ: &str = "GET, HEAD, OPTIONS";

/// What was asked of a route that is there.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
}

/// The methods of every route.
pub(crate) struct Methods {
    base_path: String,
    routes: Vec<(String, String)>,
}

impl Methods {
    /// Of all routes, under `base_path`.
    pub(crate) fn new(base_path: &str) -> Self {
        let paths = Routes::meta().into_iter().flat_map(|api| api.paths);
        let routes = paths.map(|path| {
            let methods = path.operations.iter().map(|operation| &operation.method);
            (path.path, named(methods))
        });
        Self {
            base_path: base_path.to_owned(),
            routes: routes.collect(),
        }
    }

    /// The answer to a method that the route does not have.
    pub(crate) fn answer(&self, asked: &Asked) -> Response {
        let allowed = self.of(&asked.path).join(", ");
        if asked.method == Method::OPTIONS {
            return Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(ALLOW, allowed)
                .finish();
        }
        ApiError::method_not_allowed(allowed).into_response()
    }

    fn of(&self, path: &str) -> Vec<&str> {
        let path = path.strip_prefix(&self.base_path).unwrap_or(path);
        let mut found: Vec<&str> = self
            .routes
            .iter()
            .filter(|(route, _)| is_at(route, path))
            .flat_map(|(_, methods)| methods.split(", "))
            .collect();
        if found.is_empty() {
            found = READ.split(", ").collect();
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn named<'a>(methods: impl Iterator<Item = &'a Method>) -> String {
    let mut names = vec!["OPTIONS"];
    for method in methods {
        names.push(method.as_str());
        if method == Method::GET {
            names.push("HEAD");
        }
    }
    names.join(", ")
}

fn is_at(route: &str, path: &str) -> bool {
    let (mut parts, mut found) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), found.next()) {
            (None, None) => return true,
            (Some(part), Some(found)) if part == found || part.starts_with('{') => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_tells_its_methods() {
        let methods = Methods::new("/copilot");
        for (path, expected) in [
            ("/copilot/api/chat/sessions", "GET, HEAD, OPTIONS, POST"),
            ("/copilot/api/chat/sessions/x", "DELETE, GET, HEAD, OPTIONS"),
            ("/copilot/api/chat/sessions/x/title", "OPTIONS, PATCH"),
            ("/copilot/api/chat", "OPTIONS, POST"),
            ("/copilot/docs", "GET, HEAD, OPTIONS"),
        ] {
            assert_eq!(methods.of(path).join(", "), expected, "{path}");
        }
    }
}
