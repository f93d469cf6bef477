//! Texts of `composio.toml`.

use composio_router::RouterConfig;

/// Reads a configuration. What is wrong with it is said in one line with its place; what is right can be put to use.
///
/// # Panics
/// Where an error has no place, or a configuration that was read cannot say where its data lies.
pub fn composio_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match RouterConfig::from_toml(text, "/nowhere/composio.toml") {
        Ok(config) => {
            let _ = config.data_dir();
            let _ = config.database();
            let _ = format!("{config:?}");
        }
        Err(error) => assert!(error.message().contains("composio.toml:"), "no place: {error}"),
    }
}
