//! What a sandboxed MCP server must not see of the router.

use std::io;
use std::path::{Component, Path, PathBuf};

use composio_contract::{Error, ErrorKind, Result};
use composio_vault::{MasterKey, MasterKeySource, private};

use crate::accounts;
use crate::config::RouterConfig;
use crate::store::Location;

/// Folders and files, by their real paths: a sandbox mounts something else over each of them, so that it must be there.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    /// Folders of the router's own. No server can have one of them as its working directory.
    pub(crate) own: Vec<PathBuf>,
    /// Folders of the users' files.
    pub(crate) users: Vec<PathBuf>,
    pub(crate) files: Vec<PathBuf>,
}

impl Hidden {
    /// Collects what the configuration names, and makes what is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] for something that cannot be made, or that lies where hiding it would hide too much.
    pub(crate) fn of(config: &RouterConfig) -> Result<Self> {
        let data = made(&config.data_dir()?)?;
        let mut hidden = Self { own: vec![data.clone()], ..Self::default() };
        if let Location::File(database) = config.database()? {
            hidden.own.extend(apart(database.parent().unwrap_or(Path::new("")), &data, "router.database")?);
        }
        if let Some(pattern) = &config.router.workspace {
            hidden.users.extend(apart(&before_placeholder(pattern), &data, "router.workspace")?);
        }
        if let Some(source @ MasterKeySource::File(_)) = accounts::master_key(config, &data)? {
            // Made now, for one that is made later would be seen.
            MasterKey::load(&source)?;
        }
        let files = config.accounts.master_key_file.iter().chain(&config.file).filter(|file| file.exists());
        for file in files {
            hidden.files.push(file.canonicalize().map_err(|error| unseen(file, &error))?);
        }
        Ok(hidden)
    }
}

/// A folder outside of the data folder; none for one in it.
fn apart(folder: &Path, data: &Path, key: &str) -> Result<Option<PathBuf>> {
    let folder = made(folder)?;
    if folder.starts_with(data) {
        return Ok(None);
    }
    // All that lies beside it is hidden as well.
    let depth = folder.components().filter(|part| matches!(part, Component::Normal(_))).count();
    if depth < 2 {
        let message =
            format!("`{key}` lies in {}, which cannot be hidden from a sandboxed MCP server", folder.display());
        return Err(Error::new(ErrorKind::Configuration, message).with_suggested_fix("give it a folder of its own"));
    }
    Ok(Some(folder))
}

fn made(folder: &Path) -> Result<PathBuf> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    private::make_folder(folder).and_then(|()| folder.canonicalize()).map_err(|error| unseen(folder, &error))
}

fn unseen(path: &Path, error: &io::Error) -> Error {
    let message = format!("{} cannot be hidden from a sandboxed MCP server: {error}", path.display());
    Error::new(ErrorKind::Configuration, message)
}

/// The folder that all users' folders are in.
fn before_placeholder(pattern: &Path) -> PathBuf {
    pattern.components().take_while(|part| !part.as_os_str().to_string_lossy().contains('{')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(folder: &Path, text: &str) -> RouterConfig {
        RouterConfig::from_toml(text, folder.join("composio.toml")).unwrap()
    }

    #[test]
    fn what_lies_apart_from_the_data_folder_is_hidden_too() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let text = "[router]\ndata_dir = 'data'\ndatabase = 'db/r.db'\nworkspace = 'users/{user_id}'\n\
                    [accounts]\nmaster_key_file = 'master.key'\n";
        std::fs::write(folder.path().join("composio.toml"), text).unwrap();
        let hidden = Hidden::of(&config(folder.path(), text)).unwrap();
        assert_eq!(hidden.own, [root.join("data"), root.join("db")]);
        assert_eq!(hidden.users, [root.join("users")]);
        // The key is there from now on, so that it can be hidden.
        assert_eq!(hidden.files, [root.join("master.key"), root.join("composio.toml")]);
        let inside = "[router]\ndata_dir = 'data'\nworkspace = 'data/w/{user_id}'\n";
        let hidden = Hidden::of(&config(folder.path(), inside)).unwrap();
        assert_eq!((hidden.own.len(), hidden.users.len()), (1, 0));
    }

    #[test]
    fn a_folder_with_too_much_in_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[router]\ndata_dir = 'data'\ndatabase = '/router.db'\n";
        let error = Hidden::of(&config(folder.path(), text)).unwrap_err();
        assert!(error.message().contains("`router.database` lies in /,"), "{error}");
    }
}
