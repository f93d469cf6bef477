//! One session for the client that started the program, over standard input and output.

use std::future::Future;

use composio_contract::{Error, ErrorKind, Result};
use composio_router::Router;
use rmcp::ServiceExt as _;
use rmcp::service::ServerInitializeError;

use super::handler::Handler;
use super::target::Target;

/// Answers the client until it closes its end or `stop` resolves.
///
/// # Errors
/// [`ErrorKind::Connection`] where the client does not speak the protocol.
pub(crate) async fn converse(router: Router, session_id: &str, stop: impl Future<Output = ()>) -> Result<()> {
    let target = Target { router, session_id: session_id.into(), toolkit: None, caller: None };
    let conversation = async {
        let service = match Handler::of(target).serve(rmcp::transport::stdio()).await {
            Ok(service) => service,
            // It left before it said anything.
            Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
            Err(error) => {
                let message = format!("standard input is not what an MCP client sends: {error}");
                return Err(Error::new(ErrorKind::Connection, message).with_source(error));
            }
        };
        service
            .waiting()
            .await
            .map(drop)
            .map_err(|error| Error::new(ErrorKind::Internal, "answering the client failed").with_source(error))
    };
    tokio::select! {
        ended = conversation => ended,
        () = stop => Ok(()),
    }
}
