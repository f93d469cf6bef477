//! TLS with roots that are part of the program, so that it works the same on every system, phones included.

use std::sync::Arc;

use composio_contract::{Error, ErrorKind, Result};
use rustls::{ClientConfig, RootCertStore};

/// Modern versions and ciphers, HTTP/2 where the server has it.
pub(super) fn config() -> Result<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot set up TLS: {error}")).with_source(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
