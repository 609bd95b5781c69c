use super::{Check, Finding, body, client};
use crate::settings::ServerSettings;
use async_trait::async_trait;
use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::net::TcpListener;

/// Whether the HTTP address is free, or a copilot is behind it.
pub(super) struct Listen {
    address: SocketAddr,
    base_path: String,
}

impl Listen {
    pub(super) fn of(server: &ServerSettings) -> Self {
        Self {
            address: server.listen,
            base_path: server.base_path.clone(),
        }
    }
}

#[async_trait]
impl Check for Listen {
    fn name(&self) -> &'static str {
        "listen"
    }

    async fn run(&self) -> Finding {
        let address = self.address;
        match TcpListener::bind(address).await {
            Ok(_) if address.port() == 0 => Finding::ok("the system chooses a port at the start"),
            Ok(_) => Finding::ok(format!("{address} is free")),
            Err(error) if error.kind() == ErrorKind::AddrInUse => self.taken().await,
            Err(error) => Finding::failed(
                format!("cannot listen on {address}: {error}"),
                if error.kind() == ErrorKind::PermissionDenied {
                    "choose a port above 1023 in server.listen"
                } else {
                    "set server.listen to an address of this machine"
                },
            ),
        }
    }
}

impl Listen {
    async fn taken(&self) -> Finding {
        let address = self.address;
        if self.is_copilot().await {
            return Finding::ok(format!("{address} is taken by a running copilot"));
        }
        Finding::failed(
            format!("{address} is taken by another program"),
            "stop that one, or change server.listen",
        )
    }

    /// By a document that each of ours serves to everybody.
    async fn is_copilot(&self) -> bool {
        let url = format!(
            "http://{}{}/openapi.json",
            reachable(self.address),
            self.base_path
        );
        let title = async {
            let answer = client().ok()?.get(url).send().await.ok()?;
            let body = body(answer).await.ok()?;
            let document: serde_json::Value = serde_json::from_slice(&body).ok()?;
            document.pointer("/info/title")?.as_str().map(str::to_owned)
        };
        title.await.is_some_and(|title| title == "Copilot")
    }
}

/// Where a server that listens on `address` can be asked from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}
