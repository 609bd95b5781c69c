//! A fake identity provider: keys, tokens, and the place where it publishes the keys.

mod forgery;
mod key;
mod provider;

pub use forgery::{JWT_SECRET, claims, seal, token_of, unsigned};
pub use key::SigningKey;
pub use provider::IdentityProvider;
