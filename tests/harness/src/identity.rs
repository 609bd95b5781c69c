//! A fake identity provider: keys, tokens, and the place where it publishes the keys.

mod forgery;
mod key;
mod provider;

pub use forgery::{claims, seal, unsigned};
pub use key::SigningKey;
pub use provider::IdentityProvider;
