//! What goes over the wire, apart from the domain on purpose.

pub(crate) mod ai_sdk;
pub(crate) mod cancel;
pub(crate) mod health;
pub(crate) mod message;
pub(crate) mod new_turn;
pub(crate) mod session;
pub(crate) mod title;
pub(crate) mod turn;

use poem_openapi::Object;

/// It is done.
#[derive(Object)]
pub(crate) struct Done {
    /// Always `ok`
    status: String,
}

impl Done {
    pub(crate) fn ok() -> Self {
        Self {
            status: "ok".to_owned(),
        }
    }
}
