//! Who calls.
//!
//! ```text
//! Authorization ── bearer ──> TokenCheck ──> UserId        TokenFault ──> 401 or 503
//!                               │ which key                     ▲
//!                             KeyRing ── KeySource (provider) ──┘
//! ```
//! A key decides what it is good for; what a token's header says of its algorithm only has to
//! agree. In local mode nothing of this is asked, and the guard keeps strangers out.

mod authenticator;
mod bearer;
mod caller;
mod dev_token;
mod key_ring;
mod key_set;
mod key_source;
mod token_check;
mod token_fault;
mod visitor;

pub use authenticator::Authenticator;
pub use key_source::KeySourceError;

pub(crate) use caller::Caller;
pub(crate) use dev_token::dev_token;
pub(crate) use visitor::Visitor;
