//! The session that a request is for, and how far its calls may go.

use std::sync::Arc;

use composio_router::Router;

use crate::access::Identity;
use crate::app::App;

/// The session that a request is for, opened by whoever sent it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// In the caller's project.
    pub(crate) router: Router,
    pub(crate) session_id: Arc<str>,
    /// The one toolkit that is served, under its source's own names; else the session as it lists itself.
    pub(crate) toolkit: Option<Arc<str>>,
    /// Whose limits hold; none where the client is the only one.
    pub(crate) caller: Option<(App, Arc<Identity>)>,
}
