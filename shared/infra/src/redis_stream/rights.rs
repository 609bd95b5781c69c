//! Whether the Redis user may use channels. A script that may not still writes, so that
//! nothing but a try tells.

use copilot_core::port::PortError;

/// Readers would see entries late.
#[derive(Debug, thiserror::Error)]
pub enum ChannelFault {
    /// Redis cannot be asked.
    #[error(transparent)]
    Unknown(#[from] PortError),
    /// The server has no sharded channels.
    #[error("the server is older than Redis 7: it has no sharded channels")]
    TooOld,
    /// The user may not use the channels.
    #[error(
        "redis.url: the Redis user may not use channels, so that readers see entries late; run `ACL SETUSER <user> &{prefix}:* +spublish +ssubscribe +sunsubscribe`"
    )]
    NotAllowed {
        /// First part of every channel.
        prefix: String,
    },
}

impl ChannelFault {
    /// What the server's refusal means.
    pub(super) fn of(refusal: &str, prefix: &str) -> Self {
        if refusal.to_lowercase().contains("unknown") {
            Self::TooOld
        } else {
            Self::NotAllowed {
                prefix: prefix.to_owned(),
            }
        }
    }
}
