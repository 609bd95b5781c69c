//! The page at `/`: where things are, until the chat page takes its place.

use crate::{forwarded::Way, state::Services};
use poem::{
    Response, handler,
    http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY},
};

/// Nothing but the page's own style sheet.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = "\
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 3rem auto; max-width: 44rem; padding: 0 1rem; }
pre { overflow-x: auto; padding: 1rem; border: 1px solid; border-radius: .4rem; }
";

/// The page.
#[handler]
#[expect(clippy::needless_pass_by_value, reason = "extractors come by value")]
pub(crate) fn page(request: &poem::Request, services: Services) -> Response {
    let config = &services.config;
    let origin = request.data::<Way>().and_then(Way::origin);
    let origin = origin.unwrap_or_else(|| "http://127.0.0.1:8006".to_owned());
    let here = format!("{origin}{}", config.base_path);
    let base = config.public_url.as_deref().unwrap_or(&here);
    Response::builder()
        .content_type("text/html; charset=utf-8")
        .header(CONTENT_SECURITY_POLICY, POLICY)
        .header(REFERRER_POLICY, "no-referrer")
        .body(html(&escaped(base)))
}

/// Its style sheet.
#[handler]
pub(crate) fn style() -> Response {
    Response::builder()
        .content_type("text/css; charset=utf-8")
        .body(STYLE)
}

fn html(base: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Copilot</title>
<link rel="stylesheet" href="{base}/page.css">
</head>
<body>
<h1>Copilot</h1>
<p>The server runs. The chat page will stand here; until then:</p>
<ul>
<li><a href="{base}/docs">The API, to read and to try</a></li>
<li><a href="{base}/openapi.json">The OpenAPI document</a></li>
<li><a href="{base}/api/chat/health">Health</a></li>
</ul>
<p>Or from a terminal:</p>
<pre><code>curl -N {base}/api/chat -H 'content-type: application/json' \
  -d '{{"id":"hello","messages":[{{"id":"1","role":"user","parts":[{{"type":"text","text":"What can you do?"}}]}}]}}'</code></pre>
</body>
</html>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
