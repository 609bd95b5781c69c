use std::net::SocketAddr;

use super::fault::Fault;
use super::program::Program;
use super::raw::RawMetrics;
use super::value::FromText;

/// Prometheus metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsSettings {
    /// Own address of `/metrics`, another than the HTTP server's; none: off.
    pub listen: Option<SocketAddr>,
}

/// An address, or `off`.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetricsListen(Option<SocketAddr>);

impl FromText for MetricsListen {
    fn from_text(text: &str) -> Result<Self, String> {
        if text.trim() == "off" {
            return Ok(Self(None));
        }
        SocketAddr::from_text(text)
            .map(|address| Self(Some(address)))
            .map_err(|problem| format!("{problem} (or \"off\")"))
    }
}

impl MetricsSettings {
    pub(super) fn checked(
        program: Program,
        server: SocketAddr,
        raw: &RawMetrics,
    ) -> Result<Self, Fault> {
        let listen = raw.listen.0;
        if program != Program::Executor && server.port() != 0 && listen == Some(server) {
            return Err(Fault::new(
                "metrics.listen",
                format!("{server} is server.listen already"),
            ));
        }
        Ok(Self { listen })
    }
}
