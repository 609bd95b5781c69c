//! A component that is described by its Rust type rather than by the framework.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};

/// A reference to it.
pub(crate) fn reference(name: &str) -> MetaSchemaRef {
    MetaSchemaRef::Reference(name.to_owned())
}

/// Lets the framework know that it is there; the document puts the schema in its place.
pub(crate) fn register<T>(registry: &mut Registry, name: &str) {
    registry.create_schema::<T, _>(name.to_owned(), |_| MetaSchema::new("object"));
}
