//! Reads a JSON body field by field, so that an error names every field that is wrong.
//! Unknown fields are ignored; null is as good as absent.

use crate::{error::ApiError, problem::FieldError};
use poem::{Request, RequestBody, Result, http::header::CONTENT_ENCODING};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    payload::{Json, Payload},
    registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry},
    types::Type,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A body that knows how to read itself.
pub(crate) trait ReadFields: Type + Send {
    /// Takes its fields; what is wrong is refused there.
    fn read(fields: &mut Fields) -> Self;
}

/// The fields of a body, and what is wrong with them.
pub(crate) struct Fields {
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads a whole body.
    pub(crate) fn parse<T: ReadFields>(body: &[u8]) -> Result<T, ApiError> {
        let value = serde_json::from_slice(body).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            ApiError::bad_request("invalid_json", format!("the body is no JSON: {place}"))
        })?;
        let Value::Object(values) = value else {
            return Err(ApiError::invalid("body", "must be an object"));
        };
        let mut fields = Self {
            values,
            errors: Vec::new(),
        };
        let read = T::read(&mut fields);
        if fields.errors.is_empty() {
            Ok(read)
        } else {
            Err(ApiError::invalid_fields(fields.errors))
        }
    }

    /// A field's value; null is none.
    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            _ => self.refuse(name, "must be a string"),
        }
    }

    /// A text of 1 to `most` characters.
    pub(crate) fn short_text(&mut self, name: &str, most: usize) -> Option<String> {
        let text = self.text(name)?;
        if (1..=most).contains(&text.chars().count()) {
            return Some(text);
        }
        self.refuse(name, format!("must have 1 to {most} characters"))
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.take(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.refuse(name, "must be true or false"),
        }
    }

    /// One of some names.
    pub(crate) fn choice<T: Copy>(&mut self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        if let Some((_, choice)) = choices.iter().find(|(known, _)| *known == text) {
            return Some(*choice);
        }
        let known: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
        self.refuse(name, format!("must be one of {}", known.join(", ")))
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let texts: Option<Vec<String>> = match self.take(name)? {
            Value::Array(items) => items.into_iter().map(into_text).collect(),
            _ => None,
        };
        texts.or_else(|| self.refuse(name, "must be a list of strings"))
    }

    /// An object whose values are texts.
    pub(crate) fn text_map(&mut self, name: &str) -> Option<BTreeMap<String, String>> {
        let map: Option<BTreeMap<_, _>> = match self.take(name)? {
            Value::Object(fields) => fields
                .into_iter()
                .map(|(key, value)| Some((key, into_text(value)?)))
                .collect(),
            _ => None,
        };
        map.or_else(|| self.refuse(name, "must be an object whose values are strings"))
    }

    /// Whether a field was said to be wrong.
    pub(crate) fn is_refused(&self, name: &str) -> bool {
        self.errors.iter().any(|error| error.is_about(name))
    }

    /// Says that a field is wrong.
    pub(crate) fn refuse<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.errors.push(FieldError::new(name, message));
        None
    }
}

fn into_text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<'a, T: ReadFields> ApiExtractor<'a> for JsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(request_meta(T::schema_ref(), true))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        expect_plain(request)?;
        match request.content_type() {
            Some(kind) if is_json(kind) => {}
            Some(_) => return Err(not_json().into()),
            None => {
                return Err(ApiError::unsupported_media_type("a content-type is missing").into());
            }
        }
        let bytes = body.take()?.into_bytes().await?;
        Ok(Self(Fields::parse(&bytes)?))
    }
}

/// A JSON body that may be left out, and its content-type with it.
pub(crate) struct OptionalJsonBody<T>(pub(crate) Option<T>);

impl<'a, T: ReadFields> ApiExtractor<'a> for OptionalJsonBody<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(request_meta(T::schema_ref(), false))
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let bytes = body.take()?.into_bytes().await?;
        if bytes.trim_ascii().is_empty() {
            return Ok(Self(None));
        }
        expect_plain(request)?;
        if request.content_type().is_some_and(|kind| !is_json(kind)) {
            return Err(not_json().into());
        }
        Ok(Self(Some(Fields::parse(&bytes)?)))
    }
}

fn request_meta(schema: MetaSchemaRef, required: bool) -> MetaRequest {
    MetaRequest {
        description: None,
        content: vec![MetaMediaType {
            content_type: "application/json",
            schema,
        }],
        required,
    }
}

/// A compressed body would have to be bounded twice; nobody needs one here.
fn expect_plain(request: &Request) -> Result<(), ApiError> {
    match request.header(CONTENT_ENCODING) {
        None | Some("identity") => Ok(()),
        Some(_) => Err(ApiError::unsupported_media_type(
            "the body must not be compressed",
        )),
    }
}

fn is_json(kind: &str) -> bool {
    Json::<Value>::check_content_type(kind)
}

fn not_json() -> ApiError {
    ApiError::unsupported_media_type("the body must be application/json")
}
