//! The TLS of this process.

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// Makes aws-lc-rs the provider of TLS: libraries bring several, and rustls does not choose. To
/// be called before the first connection; later calls change nothing.
pub fn install() {
    // An error says that there is one already.
    let _installed_before = CryptoProvider::install_default(aws_lc_rs::default_provider());
}
