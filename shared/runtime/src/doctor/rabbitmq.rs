use super::{Check, Finding};
use crate::{
    adapters::connect_rabbit,
    settings::{Program, RabbitMqSettings},
};
use async_trait::async_trait;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Whether `RabbitMQ` answers and takes messages. Declares what the start declares.
pub(super) struct RabbitMq {
    pub(super) program: Program,
    pub(super) settings: RabbitMqSettings,
}

#[async_trait]
impl Check for RabbitMq {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    async fn run(&self) -> Finding {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let broker = match connect_rabbit(self.program, &self.settings, &tasks, &stop).await {
            Ok(broker) => broker,
            Err(error) => {
                return Finding::failed(
                    error.to_string(),
                    "look whether the server runs, and at host, user, password, virtual host and TLS in rabbitmq.url",
                );
            }
        };
        let answer = broker.check().await;
        broker.close().await;
        match answer {
            Ok(()) => Finding::ok("answers and takes messages"),
            Err(error) => Finding::failed(
                error.to_string(),
                "look at the alarms of that server: memory, disk",
            ),
        }
    }
}
