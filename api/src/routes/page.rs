//! The chat page at `/`: plain files, compiled in.

use crate::{forwarded::Way, state::Services};
use include_dir::{Dir, include_dir};
use poem::{
    Response, handler,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS},
    },
    web::Path,
};
use url::Url;

/// Nothing but the page's own files and this server's routes. No inline script or style: what a
/// model or a tool says can never run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// Stands in `index.html` for the path in front of all routes.
const BASE: &str = "{base}";
/// Stands in `index.html` for the address of this server.
const ADDRESS: &str = "{address}";

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/page");

/// The page.
#[handler]
#[expect(clippy::needless_pass_by_value, reason = "extractors come by value")]
pub(crate) fn page(request: &poem::Request, services: Services) -> Response {
    let config = &services.config;
    let public_url = config.public_url.as_deref();
    let base = base_of(public_url, &config.base_path);
    let origin = request.data::<Way>().and_then(Way::origin);
    let here = format!("{}{}", origin.unwrap_or_default(), config.base_path);
    let html = FILES
        .get_file("index.html")
        .and_then(|file| file.contents_utf8());
    let html = html
        .unwrap_or_default()
        .replace(BASE, &escaped(&base))
        .replace(ADDRESS, &escaped(public_url.unwrap_or(&here)));
    answer("text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(REFERRER_POLICY, "no-referrer")
        .body(html)
}

/// One of its files.
#[handler]
#[expect(clippy::needless_pass_by_value, reason = "extractors come by value")]
pub(crate) fn asset(name: Path<String>) -> Response {
    let kind = name
        .0
        .rsplit_once('.')
        .and_then(|(_, ending)| kind_of(ending));
    match (FILES.get_file(&name.0), kind) {
        (Some(file), Some(kind)) => answer(kind).body(file.contents()),
        _ => StatusCode::NOT_FOUND.into(),
    }
}

fn answer(kind: &'static str) -> poem::ResponseBuilder {
    Response::builder()
        .content_type(kind)
        // A new version of the server is seen at once.
        .header(CACHE_CONTROL, "no-cache")
        .header(X_CONTENT_TYPE_OPTIONS, "nosniff")
}

/// The page itself is not among them: it is made anew.
fn kind_of(ending: &str) -> Option<&'static str> {
    match ending {
        "js" => Some("text/javascript; charset=utf-8"),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// The path in front of all routes, as a browser sees it: a proxy may add one.
fn base_of(public_url: Option<&str>, base_path: &str) -> String {
    let public = public_url.and_then(|url| Url::parse(url).ok());
    let path = public.map_or_else(|| base_path.to_owned(), |url| url.path().to_owned());
    path.trim_end_matches('/').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_what_a_browser_sees_in_front_of_the_routes() {
        for (public_url, base_path, base) in [
            (None, "", ""),
            (None, "/copilot", "/copilot"),
            (Some("https://chat.example.org"), "", ""),
            (Some("https://example.org/copilot/"), "", "/copilot"),
        ] {
            assert_eq!(base_of(public_url, base_path), base);
        }
    }

    #[test]
    fn every_file_of_the_page_has_a_kind_and_says_nothing_inline() {
        for file in FILES.files() {
            let name = file.path().to_str().unwrap();
            let (_, ending) = name.rsplit_once('.').unwrap();
            assert!(name == "index.html" || kind_of(ending).is_some(), "{name}");
        }
        let html = FILES.get_file("index.html").unwrap();
        let html = html.contents_utf8().unwrap();
        assert!(!html.contains("<style") && !html.contains(" style="));
        assert!(!html.contains("<script>") && !html.contains(" onclick"));
    }
}
