//! `composio keys`

use std::process::ExitCode;

use clap::Subcommand;
use composio_contract::{Backend as _, Error, ErrorKind, Result};
use composio_router::store::KeyRow;
use composio_router::{Project, Router};
use serde_json::{Map, Value, json};

use super::{Place, check_lasts, say, table, time};
use crate::keys;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes a key and prints it to standard output, this once. With the first key, callers without one are refused.
    Create {
        /// The project whose sessions, files and logs the key opens; those of others it does not.
        #[arg(long, default_value = "default", value_parser = Project::new)]
        project: Project,
        /// What you know it by.
        #[arg(long, default_value = "")]
        name: String,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Lists the keys; what they are is kept nowhere.
    List {
        /// Prints a list of objects.
        #[arg(long)]
        json: bool,
    },
    /// Revokes a key; its callers are refused from then on, also by servers that run.
    Revoke {
        /// The key's id, as `list` shows it.
        id: String,
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
    /// Has session tokens and URLs of files signed with a new key. All that were made before end, at running servers within a
    /// second or so.
    RotateSigning {
        /// Prints an object.
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(place: &Place, command: Command) -> Result<ExitCode> {
    let (store, location) = place.store().await?;
    check_lasts(&location, "key")?;
    match command {
        Command::Create { project, name, json } => {
            let (row, key) = keys::make(project, &name)?;
            store.add_key(row.clone()).await?;
            if json {
                let mut fields = fields(&row);
                fields.insert("key".to_owned(), key.into());
                say(&format!("{}\n", Value::Object(fields)))?;
            } else {
                eprintln!("The key {} of the project {} is printed this once:", row.id, row.project);
                say(&format!("{key}\n"))?;
            }
        }
        Command::List { json } => {
            let rows = store.keys().await?;
            if json {
                let list = rows.iter().map(|row| Value::Object(fields(row))).collect();
                say(&format!("{}\n", Value::Array(list)))?;
            } else {
                let mut lines = vec![["ID", "PROJECT", "NAME", "MADE", "REVOKED"].map(str::to_owned)];
                lines.extend(rows.iter().map(|row| {
                    let revoked = row.revoked_at.map(time).unwrap_or_default();
                    [row.id.clone(), row.project.to_string(), row.name.clone(), time(row.created_at), revoked]
                }));
                say(&table::headed(&lines))?;
            }
        }
        Command::Revoke { id, json } => {
            if !store.revoke_key(&id).await? {
                return Err(Error::new(ErrorKind::NotFound, format!("there is no key `{id}` that is not revoked"))
                    .with_suggested_fix("`composio keys list` shows the ids"));
            }
            eprintln!("The key {id} is revoked.");
            if json {
                say(&format!("{}\n", json!({"id": id, "revoked": true})))?;
            }
        }
        Command::RotateSigning { json } => {
            let router = Router::builder().config(place.load()?).store(store).build()?;
            let done = router.rotate_signing_key().await;
            router.close().await?;
            done?;
            eprintln!(
                "Session tokens and URLs of files are signed with a new key; those made before are good no longer."
            );
            if json {
                say(&format!("{}\n", json!({"rotated": true})))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn fields(row: &KeyRow) -> Map<String, Value> {
    let fields = [
        ("id", row.id.as_str().into()),
        ("project", row.project.as_str().into()),
        ("name", row.name.as_str().into()),
        ("created_at", time(row.created_at).into()),
        ("revoked_at", row.revoked_at.map(time).into()),
    ];
    fields.into_iter().map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
}
