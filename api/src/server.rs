//! Serving, and stopping in good order (CONTRACT §5.10).
//!
//! From the soft stop `/readyz` fails; after `shutdown_delay` nothing new is accepted; open
//! streams run on for `drain_timeout`, then break; what still hangs is cut off. The hard stop
//! cuts the waiting short.

use crate::{app::app, state::ApiState};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::{
    Endpoint, Response,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use std::{convert::Infallible, net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long broken streams may take to close.
const BREAK_LIMIT: Duration = Duration::from_secs(2);
/// Rest after a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves on `listener` until `soft_stop`, and returns when all connections are closed.
pub async fn serve(
    listener: TcpListener,
    state: Arc<ApiState>,
    soft_stop: CancellationToken,
    hard_stop: CancellationToken,
) {
    let connections = Connections {
        app: Arc::new(app(Arc::clone(&state))),
        open: TaskTracker::new(),
        head_timeout: state.config.head_timeout,
        closing: CancellationToken::new(),
        cut: CancellationToken::new(),
    };
    let stop = async {
        soft_stop.cancelled().await;
        state.stopping.cancel();
        first_of(sleep(state.config.shutdown_delay), &hard_stop).await;
    };
    tokio::select! {
        () = stop => {}
        () = connections.accept_all(listener) => {}
        () = hard_stop.cancelled() => state.stopping.cancel(),
    }
    connections.closing.cancel();
    connections.open.close();
    let drain = first_of(sleep(state.config.drain_timeout), &hard_stop);
    tokio::select! {
        () = connections.open.wait() => {}
        () = drain => {}
    }
    state.breaking.cancel();
    if tokio::time::timeout(BREAK_LIMIT, connections.open.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = connections.open.len(), "connections cut off");
        connections.cut.cancel();
        connections.open.wait().await;
    }
}

async fn first_of(limit: tokio::time::Sleep, stop: &CancellationToken) {
    tokio::select! {
        () = limit => {}
        () = stop.cancelled() => {}
    }
}

/// Open connections and how they are told to end.
struct Connections {
    app: Arc<BoxEndpoint<'static, Response>>,
    open: TaskTracker,
    head_timeout: Duration,
    /// No request after the one that is answered now.
    closing: CancellationToken,
    /// Now.
    cut: CancellationToken,
}

impl Connections {
    /// Accepts for ever.
    async fn accept_all(&self, listener: TcpListener) {
        let local = listener.local_addr().ok();
        loop {
            match listener.accept().await {
                Ok((socket, peer)) => self.accept(socket, local, peer),
                Err(error) => {
                    tracing::warn!(%error, "connection not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn accept(&self, socket: TcpStream, local: Option<SocketAddr>, peer: SocketAddr) {
        // Small events must not wait for each other.
        if let Err(error) = socket.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let local = LocalAddr(local.map(Into::into).unwrap_or_default());
        let connection = Connection {
            app: Arc::clone(&self.app),
            local,
            peer: RemoteAddr(peer.into()),
            head_timeout: self.head_timeout,
            closing: self.closing.clone(),
            cut: self.cut.clone(),
        };
        self.open.spawn(connection.serve(socket));
    }
}

struct Connection {
    app: Arc<BoxEndpoint<'static, Response>>,
    local: LocalAddr,
    peer: RemoteAddr,
    head_timeout: Duration,
    closing: CancellationToken,
    cut: CancellationToken,
}

impl Connection {
    async fn serve(self, socket: TcpStream) {
        let Self {
            app,
            local,
            peer,
            head_timeout,
            closing,
            cut,
        } = self;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let request = (request, local.clone(), peer.clone(), Scheme::HTTP).into();
            let app = Arc::clone(&app);
            async move { Ok::<hyper::Response<_>, Infallible>(app.get_response(request).await.into()) }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_timeout)
                .serve_connection(TokioIo::new(socket), service)
        );
        let result = tokio::select! {
            result = connection.as_mut() => result,
            () = closing.cancelled() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    result = connection.as_mut() => result,
                    () = cut.cancelled() => return,
                }
            }
        };
        if let Err(error) = result {
            // A client that went away, or a stream that was broken on purpose.
            tracing::debug!(%error, "connection ended early");
        }
    }
}
