//! What a server counts.

use copilot_core::{clock::millis, id::SessionId};
use copilot_runtime::metrics::{Buckets, Registry, histogram};
use poem::http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use std::{sync::Arc, time::Duration};

/// The route of what has none.
const UNMATCHED: &str = "unmatched";

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct AnswerLabels {
    method: &'static str,
    route: Arc<str>,
    status: u16,
}

/// Handles on the metrics of one server.
#[derive(Debug)]
pub struct ApiMetrics {
    requests: Family<AnswerLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    user_messages: Counter,
    cancel_seconds: Histogram,
    sse_connections: Gauge,
    sse_events: Counter,
    unmatched: Arc<str>,
}

impl ApiMetrics {
    /// Registers them.
    pub fn register(registry: &mut Registry) -> Arc<Self> {
        let short = (|| histogram(Buckets::Short)) as fn() -> _;
        let metrics = Self {
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(short),
            user_messages: Counter::default(),
            cancel_seconds: histogram(Buckets::Short),
            sse_connections: Gauge::default(),
            sse_events: Counter::default(),
            unmatched: UNMATCHED.into(),
        };
        registry.register(
            "copilot_http_requests",
            "Answers to HTTP requests",
            metrics.requests.clone(),
        );
        registry.register(
            "copilot_http_request_seconds",
            "From a request's head to its answer's head",
            metrics.request_seconds.clone(),
        );
        registry.register(
            "copilot_user_messages",
            "Messages of people that became turns",
            metrics.user_messages.clone(),
        );
        registry.register(
            "copilot_cancel_seconds",
            "From a cancel to the end of what it stopped",
            metrics.cancel_seconds.clone(),
        );
        registry.register(
            "copilot_sse_connections",
            "Open event streams",
            metrics.sse_connections.clone(),
        );
        registry.register(
            "copilot_sse_events",
            "Events written to event streams",
            metrics.sse_events.clone(),
        );
        Arc::new(metrics)
    }

    /// A request to `route`, a template, was answered; none: it was refused before routing, or
    /// there is no such route.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: Option<Arc<str>>,
        status: StatusCode,
        took: Duration,
    ) {
        let route = route.unwrap_or_else(|| Arc::clone(&self.unmatched));
        let method = name_of(method);
        let timed = RouteLabels {
            method,
            route: Arc::clone(&route),
        };
        let took = took.as_secs_f64();
        self.request_seconds.get_or_create(&timed).observe(took);
        let status = status.as_u16();
        let counted = AnswerLabels {
            method,
            route,
            status,
        };
        self.requests.get_or_create(&counted).inc();
    }

    /// A message of a person became a turn.
    pub(crate) fn user_message(&self) {
        self.user_messages.inc();
    }

    /// A cancel has stopped what it was meant for.
    pub(crate) fn cancelled(&self, session: SessionId, outcome: &'static str, waited: Duration) {
        self.cancel_seconds.observe(waited.as_secs_f64());
        told_cancel(session, outcome, waited);
    }

    /// A cancel has found nothing to stop.
    pub(crate) fn cancelled_nothing(session: SessionId, waited: Duration) {
        told_cancel(session, "no_active_session", waited);
    }

    /// An event stream opens.
    pub(crate) fn stream_opened(&self) -> OpenStream {
        self.sse_connections.inc();
        OpenStream {
            connections: self.sse_connections.clone(),
            events: self.sse_events.clone(),
        }
    }
}

/// An event stream, open for as long as this is held. Counting takes no lock.
#[derive(Debug)]
pub(crate) struct OpenStream {
    connections: Gauge,
    events: Counter,
}

impl OpenStream {
    /// So many further events were written.
    pub(crate) fn wrote(&self, events: u64) {
        self.events.inc_by(events);
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.connections.dec();
    }
}

fn told_cancel(session: SessionId, outcome: &'static str, waited: Duration) {
    let waited = millis(waited);
    tracing::info!(session_id = session.tag(), outcome, waited, "cancel");
}

/// A client may invent methods, but no labels.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_stream_is_counted_until_it_is_dropped() {
        let metrics = ApiMetrics::register(&mut Registry::default());
        let (one, two) = (metrics.stream_opened(), metrics.stream_opened());
        one.wrote(3);
        assert_eq!(metrics.sse_connections.get(), 2);
        drop(one);
        drop(two);
        assert_eq!(metrics.sse_connections.get(), 0);
        assert_eq!(metrics.sse_events.get(), 3);
    }

    #[test]
    fn invented_methods_share_one_label() {
        let invented = Method::from_bytes(b"BREW").unwrap();
        assert_eq!(name_of(&invented), "other");
        assert_eq!(name_of(&Method::PATCH), "PATCH");
    }
}
