//! Encrypted connections: the server's name is always verified, by the system's roots or by those that a URL names.

use runtime::ports::store::StoreError;
use rustls::{ClientConfig, RootCertStore};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Whose word is taken for who a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Whom the system believes.
    System,
    /// The certificates in this file (PEM), and no other.
    File(PathBuf),
}

impl Roots {
    /// What makes encrypted connections.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if there are no roots.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, StoreError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| StoreError::Unusable(format!("TLS: {error}")))?
            .with_root_certificates(self.certificates()?)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    fn certificates(&self) -> Result<RootCertStore, StoreError> {
        let (found, place) = match self {
            Self::System => (rustls_native_certs::load_native_certs(), "the system".to_owned()),
            Self::File(file) => {
                (rustls_native_certs::load_certs_from_paths(Some(file), None), file.display().to_string())
            }
        };
        let mut roots = RootCertStore::empty();
        // A root that does not read is one fewer to believe.
        let (usable, _) = roots.add_parsable_certificates(found.certs);
        if usable == 0 {
            let why = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
            return Err(StoreError::Unusable(format!("TLS: {place} has no usable root certificates{why}")));
        }
        Ok(roots)
    }
}
