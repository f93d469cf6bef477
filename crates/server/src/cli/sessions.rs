//! `composio sessions`

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use composio_contract::{Backend as _, Result};
use composio_router::store::{Prune, SessionSummary};
use composio_router::{Project, Router, SessionToken};
use serde_json::{Value, json};

use super::{Place, executions, say, table, time};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Whose sessions.
    #[arg(long, global = true, default_value = "default", value_parser = Project::new)]
    project: Project,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists a project's sessions, those changed last first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Prints a list of objects.
        #[arg(long)]
        json: bool,
    },
    /// Prints a session as the contract has it, an object.
    Show {
        /// The session's id.
        id: String,
        /// Changes nothing: it is an object either way.
        #[arg(long)]
        json: bool,
    },
    /// Prints a token that opens one session's MCP endpoint, and nothing else, as `Authorization: Bearer st_…`.
    Token {
        /// The session's id.
        id: String,
        /// Hours until it lapses. Deleting the session revokes it before, and so does `revoke-token`.
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u64).range(1..=720))]
        hours: u64,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a session's tokens: one, or all that were made until now, those in replies too.
    RevokeToken {
        /// The session's id.
        id: String,
        /// The token, or its id as `token` prints it; else every one.
        token: Option<String>,
        /// Prints an object with what was revoked.
        #[arg(long)]
        json: bool,
    },
    /// Deletes the project's sessions that nobody has used for long; their entries in the execution log stay.
    Prune {
        /// How long, such as `30d`. The last use is known to within an hour.
        #[arg(long, value_name = "AGE", value_parser = super::ago)]
        idle: i64,
        /// Only says how many there are.
        #[arg(long)]
        dry_run: bool,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Deletes a session; its entries in the execution log stay.
    Delete {
        /// The session's id.
        id: String,
        /// Prints the contract's answer.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(place: &Place, arguments: Arguments) -> Result<ExitCode> {
    let router = Router::builder().config(place.load()?).build()?.in_project(arguments.project)?;
    let done = answer(&router, arguments.command).await;
    router.close().await?;
    done
}

async fn answer(router: &Router, command: Command) -> Result<ExitCode> {
    match command {
        Command::List { limit, json } => {
            let sessions = router.store().sessions(router.project(), limit.into()).await?;
            if json {
                return say(&format!("{}\n", Value::Array(sessions.iter().map(object).collect())));
            }
            let mut rows = vec![["ID", "USER", "VERSION", "MADE", "CHANGED"].map(str::to_owned)];
            rows.extend(sessions.iter().map(|session| {
                let version = session.config_version.to_string();
                let (made, changed) = (time(session.created_at), time(session.updated_at));
                [session.session_id.clone(), session.user_id.clone(), version, made, changed]
            }));
            say(&table::headed(&rows))
        }
        Command::Show { id, json: _ } => say(&format!("{}\n", router.get_session(&id).await?.raw())),
        Command::Token { id, hours, json } => {
            let made = router.session_token(&id, Duration::from_secs(hours * 3_600)).await?;
            let SessionToken { id: token_id, token, expires_at } = made;
            if json {
                let object = json!({"session_id": id, "id": token_id, "token": token, "expires_at": expires_at});
                return say(&format!("{object}\n"));
            }
            eprintln!("{token_id}: until {expires_at} this opens the session {id} at /tool_router/{id}/mcp:");
            say(&format!("{token}\n"))
        }
        Command::RevokeToken { id, token, json } => {
            let revoked = router.revoke_session_token(&id, token.as_deref()).await?;
            match &revoked {
                Some(token_id) => eprintln!("The token {token_id} opens nothing any more."),
                None => eprintln!("No token of the session {id} that was made until now opens it any more."),
            }
            if json {
                return say(&format!("{}\n", json!({"session_id": id, "revoked": revoked})));
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Prune { idle, dry_run, json } => {
            let what = Prune::IdleSessions { project: Some(router.project().clone()), before: idle };
            executions::prune(router.store(), std::iter::once(what), dry_run, ("sessions", "sessions"), json).await
        }
        Command::Delete { id, json } => {
            let reply = router.delete_session(&id).await?;
            eprintln!("The session {id} is deleted.");
            if json { say(&format!("{}\n", reply.raw())) } else { Ok(ExitCode::SUCCESS) }
        }
    }
}

fn object(session: &SessionSummary) -> Value {
    json!({
        "session_id": session.session_id,
        "user_id": session.user_id,
        "config_version": session.config_version,
        "created_at": time(session.created_at),
        "updated_at": time(session.updated_at),
    })
}
