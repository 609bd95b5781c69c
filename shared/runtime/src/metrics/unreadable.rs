use std::fmt;

use copilot_infra::rabbit::Rabbit;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;

/// Tells how many of the broker's messages could not be read.
pub(crate) struct Unreadable(pub(crate) Rabbit);

impl fmt::Debug for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Unreadable")
            .field(&self.0.unreadable())
            .finish()
    }
}

impl Collector for Unreadable {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counter = ConstCounter::new(self.0.unreadable());
        let metric = encoder.encode_descriptor(
            "copilot_unreadable_messages",
            "Messages of RabbitMQ that could not be read; they are dead-lettered",
            None,
            counter.metric_type(),
        )?;
        counter.encode(metric)
    }
}
