//! One session for the client that started the program, over standard input and output.

use std::borrow::Cow;
use std::future::Future;

use composio_contract::{Error, ErrorKind, Result};
use composio_router::Router;
use rmcp::model::{ClientNotification, ClientRequest, ProtocolVersion, ServerConfig, ServerResult};
use rmcp::service::{NotificationContext, RequestContext, ServerInitializeError, Service};
use rmcp::{ErrorData, RoleServer, ServiceExt as _};

use super::handler::Handler;
use super::outcome;
use super::target::Target;

/// Answers the client until it closes its end or `stop` resolves.
///
/// # Errors
/// [`ErrorKind::Connection`] where the client does not speak the protocol.
pub(crate) async fn converse(router: Router, session_id: &str, stop: impl Future<Output = ()>) -> Result<()> {
    let target = Target { router, session_id: session_id.into(), toolkit: None, caller: None };
    let conversation = async {
        let service = match Noting(Handler::of(target)).serve(rmcp::transport::stdio()).await {
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

/// Notes how the list of tools is when the client subscribes to its changes.
#[derive(Debug)]
struct Noting(Handler);

impl Service<RoleServer> for Noting {
    async fn handle_request(
        &self,
        request: ClientRequest,
        mut context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if matches!(request, ClientRequest::SubscriptionsListenRequest(_)) {
            let seen = self.0.target(&context.extensions)?.listing_state().await;
            context.extensions.insert(seen.map_err(|error| outcome::protocol_error(&error))?);
        }
        self.0.handle_request(request, context).await
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.0)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.0)
    }
}
