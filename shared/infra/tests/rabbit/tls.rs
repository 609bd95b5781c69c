//! `amqps://` with an authority of our own and a client certificate.

use crate::place::{Place, key, soon};
use copilot_harness::{port::Port, rabbit_server::RabbitServer};
use copilot_infra::rabbit::{RabbitClientCertificate, RabbitConnectError};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// Certificates in a directory, made by the program `openssl`.
struct Certificates {
    directory: tempfile::TempDir,
}

impl Certificates {
    /// An authority, another one, and a certificate of the first for `localhost`.
    fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let made = Self { directory };
        made.authority("ca");
        made.authority("other");
        made.openssl(
            "req -newkey rsa:2048 -nodes -keyout host.key -out host.csr -subj /CN=localhost",
        );
        let names =
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n";
        std::fs::write(made.path("names"), names).unwrap();
        made.openssl(
            "x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out host.pem -days 2 \
             -extfile names",
        );
        made
    }

    fn authority(&self, name: &str) {
        self.openssl(&format!(
            "req -x509 -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.pem -days 2 \
             -subj /CN=test-{name}"
        ));
    }

    fn openssl(&self, arguments: &str) {
        let done = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(self.directory.path())
            .output()
            .expect("the program openssl");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "openssl {arguments}: {said}");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

fn settings(port: &Port, files: &Certificates) -> String {
    let show = |path: &Path| path.display().to_string();
    format!(
        "listeners.ssl.1 = {}\nssl_options.cacertfile = {}\nssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\nssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true",
        port.address(),
        show(&files.path("ca.pem")),
        show(&files.path("host.pem")),
        show(&files.path("host.key")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_trusted_broker_is_talked_to() {
    let (files, port) = (Certificates::make(), Port::free());
    let _server = RabbitServer::start_with(&settings(&port, &files)).await;
    let mut place = Place::on(format!("amqps://guest:guest@localhost:{}", port.number()));
    place.config.tls.client = Some(RabbitClientCertificate {
        cert_file: files.path("host.pem"),
        key_file: files.path("host.key"),
    });

    place.config.tls.ca_file = Some(files.path("other.pem"));
    let refused = soon("a refusal", place.try_connect()).await;
    let error = refused.err().expect("it trusts a stranger");
    assert!(matches!(error, RabbitConnectError::Tls { .. }), "{error}");

    place.config.tls.ca_file = Some(files.path("missing.pem"));
    let refused = soon("a refusal", place.try_connect()).await;
    let line = refused.err().expect("it needs the file").to_string();
    assert!(line.starts_with("rabbitmq.tls_ca_file") && line.contains("missing.pem"));

    place.config.tls.ca_file = Some(files.path("ca.pem"));
    let rabbit = soon("a connection", place.connect()).await;
    let mut deliveries = rabbit.queue().consume(1).await.unwrap();
    let turn = key();
    rabbit.queue().publish(turn.into()).await.unwrap();
    let delivery = soon("the hint", deliveries.next()).await.unwrap();
    assert_eq!(delivery.hint.turn, turn);

    place.config.tls.client = None;
    let refused = soon("a refusal", place.try_connect()).await;
    assert!(refused.is_err(), "the broker wants a client certificate");
}
