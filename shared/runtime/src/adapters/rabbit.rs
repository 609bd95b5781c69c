//! Connecting to RabbitMQ.

use crate::{
    crypto,
    settings::{Program, RabbitMqSettings},
};
use copilot_infra::rabbit::{
    Rabbit, RabbitClientCertificate, RabbitConfig, RabbitConnectError, RabbitTls,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Connects to the broker of the settings; `program` is what the broker calls the connection.
pub async fn connect_rabbit(
    program: Program,
    settings: &RabbitMqSettings,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> Result<Rabbit, RabbitConnectError> {
    crypto::install();
    let client = settings.tls.client.as_ref();
    let config = RabbitConfig {
        url: settings.url.expose().to_owned(),
        prefix: settings.prefix.clone(),
        tls: RabbitTls {
            ca_file: settings.tls.ca_file.clone(),
            client: client.map(|client| RabbitClientCertificate {
                cert_file: client.cert_file.clone(),
                key_file: client.key_file.clone(),
            }),
        },
        name: program.name().to_owned(),
    };
    Rabbit::connect(config, tasks, stop).await
}
