//! `composio toolkits` and `composio tools`

use std::io::Read as _;
use std::process::ExitCode;

use clap::Subcommand;
use composio_contract::{
    Backend as _, CreateSession, Error, ErrorKind, ExecuteRequest, RawJson, Result, ResultType, ToolkitsQuery,
    ToolsQuery,
};
use composio_router::Router;
use serde_json::Value;

use super::progress::waiting;
use super::{Place, pins, say, table};

/// The longest description in a table, in characters.
const SHORT: usize = 80;

#[derive(Debug, clap::Args)]
pub(super) struct Toolkits {
    /// Prints the contract's list.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Finds tools by what is to be done, best first.
    Search {
        /// What is to be done, in words.
        use_case: String,
        /// At most so many.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Prints the contract's list.
        #[arg(long)]
        json: bool,
    },
    /// Shows a tool and its arguments.
    Show {
        /// The tool's slug.
        slug: String,
        /// Prints the tool as the contract has it.
        #[arg(long)]
        json: bool,
    },
    /// Runs a tool and prints what it returns; where it fails, the exit code is 1.
    Run {
        /// The tool's slug.
        slug: String,
        /// Its arguments, a JSON object; `-` reads them from standard input.
        #[arg(default_value = "{}")]
        arguments: String,
        /// Whose files and connections the tool has.
        #[arg(long, default_value = "default")]
        user: String,
        /// Prints the whole reply of the contract.
        #[arg(long)]
        json: bool,
    },
    /// Shows how tools that are held have changed since they were accepted.
    Diff(pins::Diff),
    /// Accepts changed definitions of tools, so that they run again. Running servers notice within a second.
    Trust(pins::Trust),
}

pub(super) async fn list_toolkits(place: &Place, arguments: Toolkits) -> Result<ExitCode> {
    with_router(place, async |router| {
        let reply = waiting("asking the toolkits", router.list_toolkits(&ToolkitsQuery::default())).await?;
        if arguments.json {
            return say(&format!("{}\n", reply.raw()));
        }
        let all_held = router.held_tools();
        let mut rows = vec![["SLUG", "NAME", "TOOLS", "HELD", "ABOUT"].map(str::to_owned)];
        rows.extend(reply.items.iter().map(|toolkit| {
            let count = toolkit.meta.extra.get("tools_count").map(Value::to_string).unwrap_or_default();
            let held = all_held.iter().filter(|tool| tool.toolkit == toolkit.slug).count();
            let held = if held == 0 { String::new() } else { held.to_string() };
            [toolkit.slug.clone(), toolkit.name.clone(), count, held, short(&toolkit.meta.description)]
        }));
        if !all_held.is_empty() {
            eprintln!("Some tools are held because their definitions have changed; `composio tools diff` shows how.");
        }
        say(&table::headed(&rows))
    })
    .await
}

pub(super) async fn run(place: &Place, command: Command) -> Result<ExitCode> {
    match command {
        Command::Search { use_case, limit, json } => {
            with_router(place, async |router| search(router, use_case, limit, json).await).await
        }
        Command::Show { slug, json } => with_router(place, async |router| show(router, &slug, json).await).await,
        Command::Run { slug, arguments, user, json } => {
            let arguments = read_arguments(arguments)?;
            with_router(place, async |router| execute(router, slug, arguments, user, json).await).await
        }
        Command::Diff(arguments) => pins::diff(place, &arguments).await,
        Command::Trust(arguments) => pins::trust(place, arguments).await,
    }
}

/// Runs with a router, which is closed afterwards, also where that failed.
async fn with_router(place: &Place, work: impl AsyncFnOnce(&Router) -> Result<ExitCode>) -> Result<ExitCode> {
    let router = Router::builder().config(place.load()?).build()?;
    let done = work(&router).await;
    router.close().await?;
    done
}

async fn search(router: &Router, use_case: String, limit: u32, json: bool) -> Result<ExitCode> {
    let query = ToolsQuery { query: Some(use_case), limit: Some(limit), ..ToolsQuery::default() };
    let reply = waiting("searching", router.list_tools(&query)).await?;
    if json {
        return say(&format!("{}\n", reply.raw()));
    }
    let rows: Vec<[String; 2]> = reply.items.iter().map(|tool| [tool.slug.clone(), short(&tool.description)]).collect();
    if rows.is_empty() {
        eprintln!("Nothing fits; `composio toolkits` lists what there is.");
    }
    say(&table::lines(&rows))
}

async fn show(router: &Router, slug: &str, json: bool) -> Result<ExitCode> {
    let reply = waiting("asking the toolkit", router.get_tool(slug)).await?;
    if json {
        return say(&format!("{}\n", reply.raw()));
    }
    let schema: Value = reply.input_parameters.decode("the tool's schema")?;
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let rows: Vec<[String; 4]> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, property)| {
            let kind = match property.get("type") {
                Some(Value::String(kind)) => kind.clone(),
                Some(kinds) => kinds.to_string(),
                None => "any".to_owned(),
            };
            let needed = if required.contains(&name.as_str()) { "required" } else { "" };
            let about = property.get("description").and_then(Value::as_str).unwrap_or_default();
            [format!("  {name}"), kind, needed.to_owned(), short(about)]
        })
        .collect();
    let arguments = if rows.is_empty() { "It takes no arguments.\n".to_owned() } else { table::lines(&rows) };
    let tags = if reply.tags.is_empty() { String::new() } else { format!("{}\n", reply.tags.join(", ")) };
    let text = format!("{}: {}\n{}\n{tags}", reply.slug, reply.name, reply.description);
    say(&format!("{}\n{arguments}", table::harmless(&text)))
}

async fn execute(router: &Router, slug: String, arguments: RawJson, user: String, json: bool) -> Result<ExitCode> {
    let session = router.create_session(&CreateSession { user_id: user, ..CreateSession::default() }).await?;
    let request = ExecuteRequest { tool_slug: slug, arguments: Some(arguments), ..ExecuteRequest::default() };
    let reply = waiting("running the tool", router.execute(&session.session_id, &request)).await;
    // The session was for this one call.
    router.delete_session(&session.session_id).await?;
    let reply = reply?;
    if json {
        say(&format!("{}\n", reply.raw()))?;
    } else if let Some(data) = &reply.data {
        let data: Value = data.decode("the result")?;
        say(&format!("{data:#}\n"))?;
    }
    if reply.result_type == Some(ResultType::Completed) {
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(error) = &reply.error {
        let style = table::BAD;
        anstream::eprintln!("{style}failed:{style:#} {}", table::harmless(error));
    }
    Ok(ExitCode::FAILURE)
}

fn read_arguments(text: String) -> Result<RawJson> {
    let text = if text == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| {
            Error::new(ErrorKind::File, format!("standard input cannot be read: {error}")).with_source(error)
        })?;
        text
    } else {
        text
    };
    let arguments = RawJson::parse(text)?;
    if !arguments.as_str().trim_start().starts_with('{') {
        return Err(Error::validation("the arguments of a tool are a JSON object"));
    }
    Ok(arguments)
}

/// The first line, cut where it is long.
fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or(line)),
        None => line.to_owned(),
    }
}
