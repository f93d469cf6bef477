//! Finding and reading `composio.toml`.

use std::path::{Path, PathBuf};

use composio_contract::{Error, ErrorKind, Result};
use secrecy::ExposeSecret as _;
use serde::Deserialize as _;
use toml::de::DeTable;

use super::RouterConfig;
use super::expand::expand;
use super::tree::{Fault, Node};
use crate::store;

/// Names the configuration file.
const VARIABLE: &str = "COMPOSIO_CONFIG";
/// Read where it exists and no file is named.
const DEFAULT_FILE: &str = "composio.toml";

impl RouterConfig {
    /// Reads the configuration: from the file given, else from the one that the environment variable `COMPOSIO_CONFIG`
    /// names, else from `./composio.toml` if there is one; else it is the default.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] with file, line, column and field where something is wrong, also where a file that
    /// was named does not exist.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        Self::find(file, Path::new(""), &|name| std::env::var(name).ok())
    }

    fn find(file: Option<&Path>, folder: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let named = file
            .map(Path::to_path_buf)
            .or_else(|| variable(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from));
        let default = folder.join(DEFAULT_FILE);
        let path = match &named {
            Some(path) => path,
            None if default.is_file() => &default,
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Configuration, format!("{} cannot be read: {error}", path.display()))
                .with_source(error)
        })?;
        Self::parse(&text, path, variable)
    }

    /// Reads a configuration in TOML. `${NAME}` in a text stands for the environment variable, `$$` for a dollar sign.
    /// Relative paths are meant from the folder that `file` lies in; errors name it.
    ///
    /// ```
    /// use composio_router::RouterConfig;
    ///
    /// let config = RouterConfig::from_toml("[router]\ncall_timeout = 5", "composio.toml")?;
    /// assert_eq!(config.router.call_timeout.as_secs(), 5);
    ///
    /// let error = RouterConfig::from_toml("[router]\ncall_timout = 5", "composio.toml").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "composio.toml:2:1: `router`: there is no key `call_timout`; did you mean `call_timeout`?",
    /// );
    /// # Ok::<(), composio_contract::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`RouterConfig::load`].
    pub fn from_toml(text: &str, file: impl AsRef<Path>) -> Result<Self> {
        Self::parse(text, file.as_ref(), &|name| std::env::var(name).ok())
    }

    /// Reads a configuration in JSON, with the same keys. Texts are taken as they are.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the field.
    pub fn from_json(value: serde_json::Value) -> Result<Self> {
        let refuse =
            |fault: Fault| Error::new(ErrorKind::Configuration, format!("the router's configuration: {fault}"));
        Self::from_tree(&Node::from_json(value)).map_err(refuse)
    }

    fn parse(text: &str, file: &Path, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let refuse = |fault: Fault| {
            let place = fault.at.map(|at| position(text, at)).unwrap_or_default();
            Error::new(ErrorKind::Configuration, format!("{}{place}: {fault}", file.display()))
        };
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map(|span| span.start);
            refuse(Fault { path: Vec::new(), message: error.message().to_owned(), at })
        })?;
        let tree = Node::from_toml(table.get_ref(), &|text| expand(text, variable)).map_err(refuse)?;
        let mut config = Self::from_tree(&tree).map_err(refuse)?;
        if let Some(folder) = file.parent() {
            config.resolve(folder);
        }
        config.file = Some(file.to_owned());
        Ok(config)
    }

    fn from_tree(tree: &Node) -> Result<Self, Fault> {
        let config = Self::deserialize(tree)?;
        match config.fault() {
            Some((path, message)) => Err(Fault { at: tree.locate(&path), path, message }),
            None => Ok(config),
        }
    }

    /// Makes relative paths those of a folder.
    fn resolve(&mut self, folder: &Path) {
        let servers = self.mcp.iter_mut().filter_map(|server| server.cwd.as_mut());
        let key = self.accounts.master_key_file.iter_mut();
        for path in self.router.data_dir.iter_mut().chain(&mut self.router.workspace).chain(servers).chain(key) {
            *path = folder.join(&*path);
        }
        for toolkit in &mut self.toolkit {
            if !toolkit.openapi.starts_with("http://") && !toolkit.openapi.starts_with("https://") {
                toolkit.openapi = folder.join(&toolkit.openapi).to_string_lossy().into_owned();
            }
        }
        if let Some(database) = &mut self.router.database
            && let Some(path) = store::in_folder(database.expose_secret(), folder)
        {
            *database = path.into();
        }
    }
}

/// `:line:column`, both from 1; the column in characters.
fn position(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(":{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Location;

    fn parse(text: &str) -> Result<RouterConfig> {
        let variable = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        RouterConfig::parse(text, Path::new("conf/composio.toml"), &variable)
    }

    #[test]
    fn errors_name_file_line_column_and_field() {
        for (text, expected) in [
            ("[router\n", "conf/composio.toml:1:8: "),
            ("[routr]\n", "conf/composio.toml:1:2: there is no key `routr`; did you mean `router`?"),
            ("[router]\nmax_parallel = 0\n", "conf/composio.toml:2:16: `router.max_parallel`: "),
            (
                "[router]\ncall_timeout = -1\n",
                "conf/composio.toml:2:16: `router.call_timeout`: -1 is not a time in seconds",
            ),
            ("[router]\noutput_limit = 0\n", "conf/composio.toml:2:16: `router.output_limit`: must be at least 1"),
            (
                "[toolkits.files]\nenabled = 'no'\n",
                "conf/composio.toml:2:11: `toolkits.files.enabled`: invalid type: string \"no\"",
            ),
            ("[[mcp]]\nname = 'x'\n", "conf/composio.toml:1:1: `mcp.0`: the key `slug` is missing"),
            ("[[mcp]]\nslug = 'x'\n", "conf/composio.toml:1:1: `mcp.0`: has neither `command` nor `url`"),
            ("[[mcp]]\nslug = 'A b'\nurl = 'u'\n", "conf/composio.toml:2:8: `mcp.0.slug`: `A b` is not a slug"),
            ("[[toolkit]]\nslug = 'x'\n", "conf/composio.toml:1:1: `toolkit.0`: the key `openapi` is missing"),
            ("[[toolkit]]\nopenapi = '1.json'\n", "conf/composio.toml:2:11: `toolkit.0.openapi`: gives no slug"),
            (
                "[[toolkit]]\nopenapi = 'a.json'\nbase_url = 'x'\n",
                "conf/composio.toml:3:12: `toolkit.0.base_url`: is no http",
            ),
            (
                "[[toolkit]]\nopenapi = 'a.json'\nauth = { bearer = 'x', api_key = 'y' }\n",
                "conf/composio.toml:3:8: `toolkit.0.auth`: give either `bearer`",
            ),
            (
                "[[toolkit]]\nopenapi = 'a.json'\n[toolkit.auth]\napi_key = 'y'\nheader = 'a'\nquery = 'b'\n",
                "conf/composio.toml:6:9: `toolkit.0.auth.query`: stands beside another place",
            ),
            (
                "[[toolkit]]\nopenapi = 'a.json'\nauth = { bearer = 'x' }\nconnect = { scheme = 'oauth2' }\n",
                "conf/composio.toml:4:11: `toolkit.0.connect`: stands beside `auth`",
            ),
            (
                "[[toolkit]]\nopenapi = 'a.json'\n[toolkit.connect]\nscheme = 'api_key'\n",
                "conf/composio.toml:4:10: `toolkit.0.connect.scheme`: `api_key` needs its place",
            ),
            (
                "[[toolkit]]\nopenapi = 'a.json'\n[toolkit.connect]\nscheme = 'basic'\nquery = 'k'\n",
                "conf/composio.toml:5:9: `toolkit.0.connect.query`: is the place of an API key",
            ),
            (
                "[[mcp]]\nslug = 'x'\nurl = 'u'\nheaders = { \"ä\" = 'ö', Authorization = 'Bearer ${TOKN}' }\n",
                "conf/composio.toml:4:40: `mcp.0.headers.Authorization`: uses the environment variable `TOKN`, which is not set",
            ),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().starts_with(expected), "{error}\nexpected {expected}");
        }
    }

    #[test]
    fn secrets_are_expanded_and_not_shown() {
        let text = "[[mcp]]\nslug = 'x'\nurl = 'http://h/${TOKEN}'\nheaders = { Authorization = 'Bearer ${TOKEN}' }\n";
        let config = parse(text).unwrap();
        let header = config.mcp[0].headers.get("Authorization").unwrap();
        assert_eq!(header.expose_secret(), "Bearer s3cret");
        assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
    }

    #[test]
    fn the_url_of_a_database_is_a_secret_and_stays_as_it_is() {
        let config = parse("[router]\ndatabase = 'postgres://ada:${TOKEN}@db/x'\n").unwrap();
        assert_eq!(config.database().unwrap().to_string(), "postgres://ada@db/x");
        assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
        let error = parse("[router]\ndatabase = 'postgres://ada:${TOKEN}@db'\n").unwrap_err().to_string();
        assert!(error.starts_with("conf/composio.toml:2:12: `router.database`: the URL of the database"), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let toolkits = "[[toolkit]]\nopenapi = 'a.json'\n[[toolkit]]\nopenapi = 'https://h/b.json'\n";
        let router = "[router]\ndata_dir = 'data'\nworkspace = '/w/{user_id}'\ndatabase = ':memory:'\n";
        let config = parse(&format!("{router}{toolkits}")).unwrap();
        let documents: Vec<&str> = config.toolkit.iter().map(|toolkit| toolkit.openapi.as_str()).collect();
        assert_eq!(documents, ["conf/a.json", "https://h/b.json"]);
        assert_eq!(config.toolkit[0].slug(), "a");
        assert_eq!(config.router.data_dir.as_deref(), Some(Path::new("conf/data")));
        assert_eq!(config.router.workspace.as_deref(), Some(Path::new("/w/{user_id}")));
        assert_eq!(config.database().unwrap(), Location::Memory);
        let config = parse("[router]\ndatabase = 'r.db'\n").unwrap();
        assert_eq!(config.database().unwrap(), Location::File("conf/r.db".into()));
    }

    #[test]
    fn the_named_file_goes_before_the_default_one() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, limit: u32| {
            std::fs::write(folder.path().join(name), format!("[router]\noutput_limit = {limit}\n")).unwrap();
        };
        let none = |_: &str| None;
        let limit = |file: Option<&Path>, variable: &dyn Fn(&str) -> Option<String>| {
            RouterConfig::find(file, folder.path(), variable).map(|config| config.router.output_limit)
        };
        assert_eq!(limit(None, &none).unwrap(), RouterConfig::default().router.output_limit);
        write(DEFAULT_FILE, 1);
        write("variable.toml", 2);
        write("given.toml", 3);
        assert_eq!(limit(None, &none).unwrap(), 1);
        let variable =
            |name: &str| (name == VARIABLE).then(|| folder.path().join("variable.toml").to_string_lossy().into_owned());
        assert_eq!(limit(None, &variable).unwrap(), 2);
        assert_eq!(limit(Some(&folder.path().join("given.toml")), &variable).unwrap(), 3);
        assert_eq!(limit(Some(Path::new("missing.toml")), &none).unwrap_err().kind(), ErrorKind::Configuration);
    }

    #[test]
    fn json_has_the_same_keys() {
        let config = serde_json::json!({"router": {"call_timeout": 1.5, "data_dir": null}, "mcp": []});
        assert_eq!(RouterConfig::from_json(config).unwrap().router.call_timeout.as_millis(), 1_500);
        let error = RouterConfig::from_json(serde_json::json!({"mcp": [{"slugg": 1}]})).unwrap_err().to_string();
        assert_eq!(error, "the router's configuration: `mcp.0`: there is no key `slugg`; did you mean `slug`?");
    }
}
