//! The published schema and documentation of `composio.toml`.

use std::path::{Path, PathBuf};

use composio_router::RouterConfig;

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// `UPDATE_SCHEMA=1 cargo test -p composio-router config::` writes the file anew.
#[test]
fn the_json_schema_is_in_step() {
    let path = file("composio.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(RouterConfig)).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    assert!(std::fs::read_to_string(&path).unwrap() == schema, "{} is out of step; see this test", path.display());
}

#[test]
fn the_documented_example_is_a_configuration_and_names_every_key() {
    let text = std::fs::read_to_string(file("../../docs/composio-toml.md")).unwrap();
    let (_, rest) = text.split_once("```toml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let given = example.replace("${", "$${");
    let config = RouterConfig::from_toml(&given, "composio.toml").unwrap();
    assert_eq!(config.mcp.len(), 3);
    let raw: serde_json::Value = toml::from_str(example).unwrap();
    let validator = jsonschema::validator_for(schemars::schema_for!(RouterConfig).as_value()).unwrap();
    assert!(validator.is_valid(&raw));

    let schema = serde_json::to_value(schemars::schema_for!(RouterConfig)).unwrap();
    let mut keys = Vec::new();
    property_names(&schema, &mut keys);
    for key in keys {
        assert!(text.contains(&format!("`{key}`")), "`{key}` is not documented");
    }
}

fn property_names(schema: &serde_json::Value, names: &mut Vec<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(properties) = fields.get("properties").and_then(|properties| properties.as_object()) {
                names.extend(properties.keys().cloned());
            }
            fields.values().for_each(|field| property_names(field, names));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| property_names(item, names)),
        _ => {}
    }
}
