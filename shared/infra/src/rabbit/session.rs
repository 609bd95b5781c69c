//! One connection while it lasts.

use super::{dial::Dialer, error::RabbitConnectError, publisher::PublishError, topology::Topology};
use futures::StreamExt as _;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ErrorKind, Event,
    options::{BasicPublishOptions, ConfirmSelectOptions},
};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// For anything that the broker answers at once.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How often the state is asked for, beside the events.
const LOOK_EVERY: Duration = Duration::from_secs(1);

const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;

/// A message to publish.
pub(super) struct Outgoing {
    pub exchange: String,
    pub routing_key: &'static str,
    pub payload: Vec<u8>,
    pub properties: BasicProperties,
    /// A message that reaches no queue is told back.
    pub options: BasicPublishOptions,
}

/// A connection on which everything is declared.
pub(super) struct Session {
    connection: Connection,
    topology: Arc<Topology>,
    publishing: Mutex<Option<Channel>>,
    ended: CancellationToken,
}

impl Session {
    /// Dials and declares.
    pub(super) async fn open(
        dialer: &Dialer,
        prefix: &str,
        topology: &Arc<Topology>,
    ) -> Result<Self, RabbitConnectError> {
        let session = Self {
            connection: dialer.dial().await?,
            topology: Arc::clone(topology),
            publishing: Mutex::default(),
            ended: CancellationToken::new(),
        };
        match tokio::time::timeout(ANSWER_LIMIT, session.publishing_channel()).await {
            Ok(Ok(_)) => Ok(session),
            Ok(Err(error)) => Err(explain(dialer, prefix, error)),
            Err(_) => Err(RabbitConnectError::Silent {
                server: dialer.server(),
                limit: ANSWER_LIMIT,
            }),
        }
    }

    /// A channel on which everything is declared.
    pub(super) async fn channel(&self) -> lapin::Result<Channel> {
        let channel = self.connection.create_channel().await?;
        self.topology.declare(&channel).await?;
        Ok(channel)
    }

    /// Publishes once, and waits for the broker's word.
    pub(super) async fn publish(&self, message: &Outgoing) -> Result<(), PublishError> {
        if self.is_blocked() {
            return Err(PublishError::Blocked);
        }
        let channel = self.publishing_channel().await?;
        let confirmation = channel
            .basic_publish(
                message.exchange.as_str().into(),
                message.routing_key.into(),
                message.options,
                &message.payload,
                message.properties.clone(),
            )
            .await?
            .await?;
        match confirmation {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) => {
                self.forget(&channel).await;
                Err(PublishError::Unroutable)
            }
            Confirmation::Nack(_) | Confirmation::NotRequested => Err(PublishError::Refused),
        }
    }

    /// Asks the broker something small that leaves no trace.
    pub(super) async fn probe(&self) -> lapin::Result<()> {
        let channel = self.connection.create_channel().await?;
        channel.close(200, "OK".into()).await
    }

    /// Whether the broker takes no messages, for want of memory or disk.
    pub(super) fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Whether it still stands.
    pub(super) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }

    /// Cancelled when the connection has ended.
    pub(super) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Waits until the connection has ended.
    pub(super) async fn watch(&self) {
        let mut events = pin!(self.connection.events_listener());
        while self.is_connected() {
            match tokio::time::timeout(LOOK_EVERY, events.next()).await {
                Ok(Some(Event::ConnectionBlocked(reason))) => {
                    tracing::warn!(reason, "RabbitMQ takes no messages");
                }
                Ok(Some(Event::ConnectionUnblocked)) => {
                    tracing::info!("RabbitMQ takes messages again");
                }
                // Whatever else happened shows in the state.
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => break,
            }
        }
    }

    /// Closes the connection in good order, if the broker answers.
    pub(super) async fn close(&self) {
        let closing = self.connection.close(200, "OK".into());
        // Closed or not, nothing of it is used any more.
        tokio::time::timeout(ANSWER_LIMIT, closing).await.ok();
    }

    /// The channel for publishing; opened again if the broker has closed it.
    async fn publishing_channel(&self) -> lapin::Result<Channel> {
        let mut publishing = self.publishing.lock().await;
        if let Some(channel) = publishing.as_ref()
            && channel.status().connected()
        {
            return Ok(channel.clone());
        }
        let channel = self.channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        *publishing = Some(channel.clone());
        Ok(channel)
    }

    /// Has everything declared again before the next publish.
    async fn forget(&self, channel: &Channel) {
        let mut publishing = self.publishing.lock().await;
        publishing.take_if(|present| present.id() == channel.id());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

fn explain(dialer: &Dialer, prefix: &str, error: lapin::Error) -> RabbitConnectError {
    let (server, prefix) = (dialer.server(), prefix.to_owned());
    match error.kind() {
        ErrorKind::ProtocolError(said) if said.get_id() == PRECONDITION_FAILED => {
            RabbitConnectError::Declaration {
                server,
                prefix,
                said: said.get_message().to_string(),
            }
        }
        ErrorKind::ProtocolError(said) if said.get_id() == ACCESS_REFUSED => {
            RabbitConnectError::Permission {
                server,
                user: dialer.user(),
                prefix,
                said: said.get_message().to_string(),
            }
        }
        _ => RabbitConnectError::Unreachable {
            server,
            source: Box::new(error),
        },
    }
}
