//! The document as it is served: what the framework knows of the routes, and what it cannot say.

use super::{examples, polish, service, stream_event::StreamEvent};
use crate::config::ApiConfig;
use copilot_responses::{ToolResponse, published};
use serde_json::{Map, Value};

/// The whole document.
pub(crate) fn document(config: &ApiConfig) -> Value {
    complete(&service(config).spec())
}

/// Completes what the framework wrote.
pub(super) fn complete(spec: &str) -> Value {
    // The framework has just written it: it is JSON.
    let mut document: Value = serde_json::from_str(spec).unwrap_or_default();
    polish::polish(&mut document);
    if let Some(schemas) = schemas(&mut document) {
        schemas.extend(published::<ToolResponse>());
        schemas.extend(published::<StreamEvent>());
        examples::add(schemas);
    }
    document
}

fn schemas(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.pointer_mut("/components/schemas")?.as_object_mut()
}
