//! What a client may send, in one place.

/// Unicode characters of a message.
pub(crate) const MESSAGE_CHARS: usize = 64_000;
/// Files of one message.
pub(crate) const FILES: usize = 20;
/// Characters of a file id that are echoed when it is no file.
pub(crate) const ECHOED_FILE_ID_CHARS: usize = 64;
/// Keys of a context.
pub(crate) const CONTEXT_KEYS: usize = 16;
/// Characters of a context, keys and values together.
pub(crate) const CONTEXT_CHARS: usize = 200_000;
/// Characters of a message id, an idempotency key, or a chat's own id.
pub(crate) const CLIENT_ID_CHARS: usize = 128;
/// Bytes of a token.
pub(crate) const TOKEN_BYTES: usize = 16 << 10;
/// Characters of a user's id, which is the subject of a token.
pub(crate) const USER_ID_CHARS: usize = 255;
/// Characters of a title.
pub(crate) const TITLE_CHARS: usize = 200;
/// Characters of a request id that is kept.
pub(crate) const REQUEST_ID_CHARS: usize = 128;
/// Bytes of a request's address, query included.
pub(crate) const ADDRESS_BYTES: usize = 8_000;
/// Bytes of a request's headers, names and values together.
pub(crate) const HEADER_BYTES: usize = 32_000;
