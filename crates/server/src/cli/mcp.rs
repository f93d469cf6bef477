//! `composio mcp`

use std::process::ExitCode;

use clap::Args;
use composio_contract::{Backend as _, CreateSession, Filter, Patch, Preload, PreloadTools, Result, Settings};
use composio_router::{Project, Router};

use super::Place;
use super::log::{Log, LogFormat};
use super::serve::stop_signal;
use crate::mcp;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whom the session acts for. It is a new one, and is deleted at the end.
    #[arg(long, required_unless_present = "session", conflicts_with = "session")]
    user: Option<String>,
    /// The toolkits of the new session, with commas between them; else all.
    #[arg(long, value_name = "SLUGS", value_delimiter = ',', conflicts_with = "session")]
    toolkits: Vec<String>,
    /// Lists every tool of the new session, beside those that find and run the others.
    #[arg(long, conflicts_with = "session")]
    all_tools: bool,
    /// A session that is there already, and stays.
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Whose session.
    #[arg(long, default_value = "default", value_parser = Project::new)]
    project: Project,
    /// Sends traces to this collector, over OTLP with HTTP; else to the one of OTEL_EXPORTER_OTLP_ENDPOINT, else to none.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    /// How log lines are written to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

pub(super) async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let log = Log::start(arguments.log_format, arguments.otlp.as_deref())?;
    let done = open(place, arguments).await;
    log.end().await;
    done
}

async fn open(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let router = Router::builder().config(place.load()?).build()?.in_project(arguments.project.clone())?;
    let done = serve(&router, arguments).await;
    router.close().await?;
    done
}

async fn serve(router: &Router, arguments: Arguments) -> Result<ExitCode> {
    let stop = stop_signal()?;
    match arguments.session {
        Some(id) => {
            router.get_session(&id).await?;
            mcp::converse(router.clone(), &id, stop).await?;
        }
        None => {
            let request = CreateSession {
                user_id: arguments.user.unwrap_or_default(),
                settings: settings(arguments.toolkits, arguments.all_tools),
                ..CreateSession::default()
            };
            let id = router.create_session(&request).await?.session_id.clone();
            let done = mcp::converse(router.clone(), &id, stop).await;
            router.delete_session(&id).await?;
            done?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(toolkits: Vec<String>, all_tools: bool) -> Settings {
    let mut settings = Settings::default();
    if !toolkits.is_empty() {
        settings.toolkits = Patch::Set(Filter { enable: Some(toolkits), ..Filter::default() });
    }
    if all_tools {
        settings.preload =
            Patch::Set(Preload { tools: Some(PreloadTools::Named("all".to_owned())), ..Preload::default() });
    }
    settings
}
