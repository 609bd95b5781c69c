//! The provider's keys, kept and renewed.
//!
//! A key that is known is used at once, and renewing goes on behind it. Two kinds of tokens
//! wait for the provider, at most for the one fetch that is under way: one whose key is not
//! known, and one whose key is old, unless the provider was away last time. Fetches are never
//! closer together than [`Pace::pause`], so that forged key ids cannot make us a nuisance.

use super::{
    key_set::{KeySet, VerifyingKey},
    key_source::KeySource,
    token_fault::TokenFault,
};
use crate::error::causes;
use async_trait::async_trait;
use copilot_core::port::{PortError, ready::ReadyPart};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::TaskTracker;

/// When keys are fetched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// From the begin of one fetch to the next, at least.
    pub(super) pause: Duration,
    /// Keys older than this are renewed when they are next used.
    pub(super) fresh: Duration,
    /// Keys older than this are used only if they cannot be renewed.
    pub(super) max_age: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(5),
            fresh: Duration::from_mins(5),
            max_age: Duration::from_mins(10),
        }
    }
}

/// The provider's keys.
#[derive(Clone, Debug)]
pub(super) struct KeyRing(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    source: KeySource,
    pace: Pace,
    tasks: TaskTracker,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    keys: Option<Fetched>,
    fetch: Option<Fetch>,
    last_failed: bool,
}

#[derive(Debug)]
struct Fetched {
    keys: KeySet,
    at: Instant,
}

/// The newest fetch. Its channel closes when it has ended.
#[derive(Debug)]
struct Fetch {
    began_at: Instant,
    ended: watch::Receiver<()>,
}

impl KeyRing {
    /// An empty ring. Fetches run on `tasks`, so that none ends with the request that began it.
    pub(super) fn new(source: KeySource, pace: Pace, tasks: TaskTracker) -> Self {
        Self(Arc::new(Shared {
            source,
            pace,
            tasks,
            held: Mutex::default(),
        }))
    }

    /// The key that a token names.
    pub(super) async fn key(&self, id: Option<&str>) -> Result<VerifyingKey, TokenFault> {
        if let Some((key, age)) = self.known(id)
            && (age < self.0.pace.max_age || self.held().last_failed)
        {
            if age >= self.0.pace.fresh {
                self.renew();
            }
            return Ok(key);
        }
        self.renewed().await;
        let known = self.known(id).map(|(key, _)| key);
        known.ok_or_else(|| self.unknown())
    }

    /// A key and its age.
    fn known(&self, id: Option<&str>) -> Option<(VerifyingKey, Duration)> {
        let held = self.held();
        let fetched = held.keys.as_ref()?;
        let key = fetched.keys.find(id)?;
        Some((key.clone(), fetched.at.elapsed()))
    }

    /// What a token is whose key is not known, after the newest fetch.
    fn unknown(&self) -> TokenFault {
        let held = self.held();
        if held.keys.is_none() || held.last_failed {
            TokenFault::NoKeys
        } else {
            TokenFault::Invalid("an unknown key")
        }
    }

    /// Waits for the fetch that is under way, or for one of its own if it is time for one.
    async fn renewed(&self) {
        if let Some(mut ended) = self.renew() {
            // An error is what tells that it has ended.
            let _closed = ended.changed().await;
        }
    }

    /// The fetch that is under way; begins one if it is time.
    fn renew(&self) -> Option<watch::Receiver<()>> {
        let mut held = self.held();
        if let Some(fetch) = &held.fetch {
            if fetch.ended.has_changed().is_ok() {
                return Some(fetch.ended.clone());
            }
            if fetch.began_at.elapsed() < self.0.pace.pause {
                return None;
            }
        }
        let (ending, ended) = watch::channel(());
        held.fetch = Some(Fetch {
            began_at: Instant::now(),
            ended: ended.clone(),
        });
        let ring = self.clone();
        self.0.tasks.spawn(async move {
            ring.fetch().await;
            drop(ending);
        });
        Some(ended)
    }

    async fn fetch(&self) {
        let fetched = self.0.source.fetch().await;
        let mut held = self.held();
        held.last_failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                held.keys = Some(Fetched {
                    keys,
                    at: Instant::now(),
                });
            }
            Err(error) => {
                let cause = causes(&error);
                tracing::warn!(%error, cause, "keys of auth.jwks_url not renewed");
            }
        }
    }

    fn lacks_keys(&self) -> bool {
        let held = self.held();
        held.keys
            .as_ref()
            .is_none_or(|fetched| fetched.keys.is_empty())
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // Nothing in it is ever half written.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ReadyPart for KeyRing {
    fn name(&self) -> &'static str {
        "jwks"
    }

    /// Old keys are good enough: the provider may be away.
    async fn check(&self) -> Result<(), PortError> {
        if self.lacks_keys() {
            self.renewed().await;
        }
        if self.lacks_keys() {
            let why = "auth.jwks_url has given none for RS256, ES256 or EdDSA";
            return Err(PortError::unavailable("get the provider's keys", why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
