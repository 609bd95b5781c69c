//! Throw-away certificates, made by the program `openssl`.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// An authority, and a certificate that it signed for `localhost` and 127.0.0.1. All are PEM
/// files, gone with this handle.
pub struct Certificates {
    directory: TempDir,
}

impl Certificates {
    /// Makes them.
    pub fn make() -> Self {
        let directory = TempDir::with_prefix("copilot-certificates-").expect("a directory");
        let made = Self { directory };
        let key = [
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
        ];
        made.openssl(&[
            &["req", "-x509", "-days", "2", "-subj", "/CN=test authority"],
            &key[..],
            &["-addext", "basicConstraints=critical,CA:TRUE"],
            &["-keyout", "ca.key", "-out", "ca.pem"],
        ]);
        made.openssl(&[
            &["req", "-x509", "-days", "2", "-subj", "/CN=localhost"],
            &key[..],
            &["-CA", "ca.pem", "-CAkey", "ca.key"],
            &["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
            &["-addext", "basicConstraints=critical,CA:FALSE"],
            &["-keyout", "server.key", "-out", "server.pem"],
        ]);
        made
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// The signed certificate, for a server or a client.
    pub fn certificate(&self) -> PathBuf {
        self.file("server.pem")
    }

    /// Its key.
    pub fn key(&self) -> PathBuf {
        self.file("server.key")
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::join(self.directory.path(), name)
    }

    fn openssl(&self, arguments: &[&[&str]]) {
        let made = Command::new("openssl")
            .args(arguments.concat())
            .current_dir(self.directory.path())
            .output()
            .expect("the program openssl, of the package openssl");
        let said = String::from_utf8_lossy(&made.stderr);
        assert!(made.status.success(), "openssl: {said}");
    }
}
