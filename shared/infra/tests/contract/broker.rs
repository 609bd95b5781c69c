//! `RabbitMQ`, each time under names of its own.

use copilot_infra::rabbit::{Rabbit, RabbitConfig, RabbitTls};
use std::env;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A connection to the broker of this test run.
pub(crate) async fn rabbit() -> Rabbit {
    let url = env::var("COPILOT_TEST_AMQP_URL")
        .expect("COPILOT_TEST_AMQP_URL is not set: run the tests by `./dev test`");
    let config = RabbitConfig {
        url,
        prefix: format!("t{:016x}", rand::random::<u64>()),
        tls: RabbitTls::default(),
        name: "contract".to_owned(),
    };
    Rabbit::connect(config, &TaskTracker::new(), &CancellationToken::new())
        .await
        .unwrap()
}
