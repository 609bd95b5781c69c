//! What is measured: Copilot in one of its modes, or the floor.

use super::{
    program::Program,
    servers::{Servers, as_operated},
};
use crate::usage::Usage;
use anyhow::Context as _;
use copilot_harness::Copilot;
use std::{any::Any, net::SocketAddr};

pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) parts: Vec<Part>,
    /// Ends when this is dropped.
    _running: Box<dyn Any>,
}

/// A program that works for a contender.
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Whether the floor has such a part too, be it ours; a database it has not.
    pub(super) is_compared: bool,
    pid: u32,
}

impl Contender {
    /// All of them, started; they ask this model.
    pub(super) async fn all(servers: &Servers, model: &str) -> anyhow::Result<[Self; 3]> {
        Ok([
            Self::floor(servers, model).await?,
            Self::embedded(model).await?,
            Self::distributed(servers, model).await?,
        ])
    }

    async fn floor(servers: &Servers, model: &str) -> anyhow::Result<Self> {
        let arguments = [
            "--listen=127.0.0.1:0".to_owned(),
            format!("--amqp={}", servers.rabbit.url()),
            format!("--redis={}", servers.redis.url()),
            format!("--model={model}"),
        ];
        let program = Program::start("floor", &arguments).await?;
        let address = program.said().split_whitespace().last();
        let mut parts = vec![Part::new("floor", program.pid()?)];
        parts.extend(broker_and_streams(servers));
        Ok(Self {
            name: "floor",
            address: address.context("an address")?.parse()?,
            parts,
            _running: Box::new(program),
        })
    }

    async fn embedded(model: &str) -> anyhow::Result<Self> {
        let mut copilot = as_operated(Copilot::new().upstream(model));
        copilot.start().await;
        Ok(Self {
            name: "embedded",
            address: address_of(&copilot, 0)?,
            parts: vec![Part::new("copilot", copilot.pid())],
            _running: Box::new(copilot),
        })
    }

    async fn distributed(servers: &Servers, model: &str) -> anyhow::Result<Self> {
        let mut copilot = servers.copilot(model);
        copilot.start().await;
        let mut parts = vec![
            Part::new("api", copilot.pid()),
            Part::new("executor", copilot.executor(0).pid()),
        ];
        parts.extend(broker_and_streams(servers));
        parts.push(Part {
            is_compared: false,
            ..Part::new("Postgres", servers.postgres.pid())
        });
        Ok(Self {
            name: "distributed",
            address: address_of(&copilot, 0)?,
            parts,
            _running: Box::new(copilot),
        })
    }

    /// What each part has used so far.
    pub(super) fn usage(&self) -> Vec<Usage> {
        self.parts.iter().map(|part| Usage::of(part.pid)).collect()
    }
}

impl Part {
    fn new(name: &'static str, pid: u32) -> Self {
        Self {
            name,
            is_compared: true,
            pid,
        }
    }
}

fn broker_and_streams(servers: &Servers) -> [Part; 2] {
    [
        Part::new("RabbitMQ", servers.rabbit.pid()),
        Part::new("Redis", servers.redis.pid()),
    ]
}

/// Where an api listens.
pub(super) fn address_of(copilot: &Copilot, api: usize) -> anyhow::Result<SocketAddr> {
    let base = copilot.base_of(api);
    Ok(base.trim_start_matches("http://").parse()?)
}
