//! `composio accounts`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use composio_contract::{Backend as _, ConnectedAccount, ConnectedAccountsQuery, Error, Result};
use composio_router::{Project, Router};
use composio_vault::{MasterKey, MasterKeySource};
use serde_json::{Value, json};

use super::{Place, check_lasts, say, table};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists a project's connected accounts, newest first, without their credentials.
    List(List),
    /// Has another master key open the stored credentials, and the present one no longer. Restart what shares the store with it.
    RotateKey(RotateKey),
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Whose accounts.
    #[arg(long, default_value = "default", value_parser = Project::new)]
    project: Project,
    /// Of this user only.
    #[arg(long, value_name = "USER_ID")]
    user: Option<String>,
    /// Of this toolkit only.
    #[arg(long, value_name = "SLUG")]
    toolkit: Option<String>,
    /// At most so many.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Prints the contract's page, an object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RotateKey {
    /// The file of the new key, which is made where it is missing.
    #[arg(long, required_unless_present = "variable", conflicts_with = "variable")]
    file: Option<PathBuf>,
    /// An environment variable with the new key, 32 bytes in Base64.
    #[arg(long, value_name = "NAME")]
    variable: Option<String>,
    /// Prints an object.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(place: &Place, command: Command) -> Result<ExitCode> {
    match command {
        Command::List(arguments) => {
            let router = Router::builder().config(place.load()?).build()?.in_project(arguments.project.clone())?;
            let done = list(&router, arguments).await;
            router.close().await?;
            done
        }
        Command::RotateKey(arguments) => {
            let config = place.load()?;
            check_lasts(&config.database()?, "credential")?;
            let router = Router::builder().config(config).build()?;
            let done = rotate(&router, &arguments).await;
            router.close().await?;
            done
        }
    }
}

async fn list(router: &Router, arguments: List) -> Result<ExitCode> {
    let mut query = ConnectedAccountsQuery { limit: Some(arguments.limit), ..ConnectedAccountsQuery::default() };
    for (name, value) in [("user_ids", arguments.user), ("toolkit_slugs", arguments.toolkit)] {
        if let Some(value) = value {
            query.extra.insert(name.to_owned(), json!([value]));
        }
    }
    let page = router.list_connected_accounts(&query).await?;
    if arguments.json {
        return say(&format!("{}\n", page.raw()));
    }
    let mut rows = vec![["ID", "USER", "TOOLKIT", "STATUS", "ALIAS", "REASON"].map(str::to_owned)];
    rows.extend(page.items.iter().map(row));
    say(&table::headed(&rows))
}

fn row(account: &ConnectedAccount) -> [String; 6] {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    [
        account.id.clone(),
        text(account.extra.get("user_id")),
        text(account.extra.get("toolkit").and_then(|toolkit| toolkit.get("slug"))),
        account.status.clone(),
        text(account.extra.get("alias")),
        account.status_reason.clone().unwrap_or_default(),
    ]
}

async fn rotate(router: &Router, arguments: &RotateKey) -> Result<ExitCode> {
    let (source, to_do) = match (&arguments.file, &arguments.variable) {
        (Some(file), _) => {
            // In the configuration a relative one would be meant from the configuration's folder.
            let file = std::path::absolute(file).map_err(|error| {
                Error::validation(format!("`--file`: {} cannot be used: {error}", file.display())).with_source(error)
            })?;
            let to_do = format!(
                "set `accounts.master_key_file` to {}, and leave `accounts.keyring` and COMPOSIO_MASTER_KEY out",
                file.display()
            );
            (MasterKeySource::File(file), to_do)
        }
        (None, Some(name)) => {
            (MasterKeySource::Variable(name.clone()), format!("set COMPOSIO_MASTER_KEY to what {name} is"))
        }
        (None, None) => return Err(Error::validation("give `--file` or `--variable`")),
    };
    router.rotate_master_key(&MasterKey::load(&source)?).await?;
    eprintln!("The new master key opens the stored credentials, and no other does. Before the next start, {to_do}.");
    if arguments.json { say(&format!("{}\n", json!({"rotated": true}))) } else { Ok(ExitCode::SUCCESS) }
}
