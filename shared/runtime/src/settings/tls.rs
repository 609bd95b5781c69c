use std::path::PathBuf;

use super::fault::Fault;

/// Own certificates for one server; the files are read by the adapter that connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// The authority that signed the server's certificate.
    pub ca_file: Option<PathBuf>,
    /// What we show of ourselves.
    pub client: Option<ClientCertificate>,
}

/// A client certificate, never without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM.
    pub cert_file: PathBuf,
    /// PEM.
    pub key_file: PathBuf,
}

impl TlsSettings {
    /// `keys` names `tls_cert_file` and `tls_key_file` of the section.
    pub(super) fn checked(
        keys: [&'static str; 2],
        ca_file: Option<PathBuf>,
        cert_file: Option<PathBuf>,
        key_file: Option<PathBuf>,
    ) -> Result<Self, Fault> {
        let [cert_key, key_key] = keys;
        let client = match (cert_file, key_file) {
            (Some(cert_file), Some(key_file)) => Some(ClientCertificate {
                cert_file,
                key_file,
            }),
            (None, None) => None,
            (Some(_), None) => return Err(Fault::new(key_key, format!("needed with {cert_key}"))),
            (None, Some(_)) => return Err(Fault::new(cert_key, format!("needed with {key_key}"))),
        };
        Ok(Self { ca_file, client })
    }
}
