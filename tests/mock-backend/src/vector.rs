//! Reading the vectors: shared parts, prologues and placeholders are resolved here, once for every language.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::json::{Json, Object};

/// The key that every client of a vector gets, unless the vector says otherwise.
const API_KEY: &str = "ak_test_4f1c0ffee";

/// One rule: what is called, what goes over the wire, what comes back.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) rule: String,
    pub(crate) client: Json,
    #[serde(default)]
    pub(crate) env: IndexMap<String, String>,
    #[serde(default)]
    pub(crate) custom_tools: Vec<Json>,
    #[serde(default)]
    pub(crate) custom_toolkits: Vec<Json>,
    #[serde(default)]
    pub(crate) modifiers: Vec<Json>,
    /// Files in the run's folder, by their paths there.
    #[serde(default)]
    pub(crate) files: IndexMap<String, String>,
    /// Every file that must be in the folder in addition when the run is over.
    #[serde(default)]
    pub(crate) new_files: IndexMap<String, String>,
    #[serde(default)]
    pub(crate) unordered: bool,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) exchange: Vec<Exchange>,
}

impl Vector {
    pub(crate) fn api_key(&self) -> Option<&str> {
        self.client.get("api_key").and_then(Json::as_str).or(self.env.get("COMPOSIO_API_KEY").map(String::as_str))
    }
}

/// One call, and its result or error.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) call: String,
    #[serde(default)]
    pub(crate) with: Object,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expect: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) equals: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Object>,
}

/// One request and its answer; with `repeat`, the last one, for each request that is still to come.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    #[serde(default)]
    pub(crate) response: Response,
    #[serde(default)]
    pub(crate) repeat: bool,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) query: IndexMap<String, Json>,
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) headers: IndexMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) forbidden_headers: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_includes: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) not_before_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) off_contract: Option<String>,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Response {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(crate) headers: IndexMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<Json>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    pub(crate) drop_connection: bool,
    pub(crate) gzip: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) off_contract: Option<String>,
}

/// Every vector by `<file stem>/<name>`, with shared parts resolved and placeholders still in.
pub(crate) struct Vectors(BTreeMap<String, Json>);

impl Vectors {
    pub(crate) fn load(folder: &Path) -> Result<Self, Box<dyn Error>> {
        let shared = read(&folder.join("shared/shared.json"))?;
        let mut vectors = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if path.extension().is_none_or(|extension| extension != "json") || stem.ends_with(".schema") {
                continue;
            }
            let Json::Array(list) = read(&path)?.get("vectors").cloned().unwrap_or_default() else {
                return Err(format!("{}: no list `vectors`", path.display()).into());
            };
            for vector in list {
                let name = vector.get("name").and_then(Json::as_str).unwrap_or_default();
                let id = format!("{stem}/{name}");
                let resolved = resolve(vector, &shared).map_err(|error| format!("{id}: {error}"))?;
                typed(&resolved).map_err(|error| format!("{id}: {error}"))?;
                if vectors.insert(id.clone(), resolved).is_some() {
                    return Err(format!("{id}: there are two of that name").into());
                }
            }
        }
        Ok(Self(vectors))
    }

    pub(crate) fn names(&self) -> Vec<&String> {
        self.0.keys().collect()
    }

    pub(crate) fn all(&self) -> &BTreeMap<String, Json> {
        &self.0
    }

    /// A vector with its placeholders filled in.
    pub(crate) fn instantiate(&self, id: &str, host: &str, base_url: &str, folder: &Path) -> Result<Vector, String> {
        let mut vector = self.0.get(id).ok_or_else(|| format!("there is no vector {id:?}"))?.clone();
        vector.map_strings(&|text| {
            text.replace("{{base_url}}", base_url)
                .replace("{{origin}}", &format!("http://{host}"))
                .replace("{{host}}", host)
                .replace("{{folder}}", &folder.to_string_lossy())
        });
        let vector = typed(&vector).map_err(|error| error.to_string())?;
        fill(folder, &vector.files).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(vector)
    }
}

fn fill(folder: &Path, files: &IndexMap<String, String>) -> std::io::Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap_or(folder))?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Json, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Json::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn typed(vector: &Json) -> Result<Vector, serde_json::Error> {
    serde_json::from_str(&vector.to_string())
}

fn resolve(mut vector: Json, shared: &Json) -> Result<Json, String> {
    expand(&mut vector, shared)?;
    let Json::Object(fields) = &mut vector else { return Err("not an object".to_owned()) };
    if let Some(given) = fields.shift_remove("given") {
        let name = given.as_str().ok_or("`given` must be a name")?;
        let mut prologue = shared
            .get("given")
            .and_then(|given| given.get(name))
            .ok_or_else(|| format!("no prologue {name:?}"))?
            .clone();
        expand(&mut prologue, shared)?;
        for (key, value) in prologue.as_object().into_iter().flatten() {
            match (value, fields.entry(key.clone()).or_insert_with(|| Json::Array(Vec::new()))) {
                (Json::Array(first), Json::Array(rest)) => drop(rest.splice(0..0, first.iter().cloned())),
                _ => return Err(format!("prologue {name:?}: `{key}` must be a list")),
            }
        }
    }
    let mut client = Json::Object(Object::from([
        ("api_key".to_owned(), Json::String(API_KEY.to_owned())),
        ("base_url".to_owned(), Json::String("{{base_url}}".to_owned())),
    ]));
    client.merge(fields.get("client").unwrap_or(&Json::Object(Object::new())));
    fields.insert("client".to_owned(), client);
    Ok(vector)
}

/// Replaces `{"$shared": name, ...}` by the shared part of that name, merged with what else the object holds.
fn expand(value: &mut Json, shared: &Json) -> Result<(), String> {
    match value {
        Json::Array(items) => items.iter_mut().try_for_each(|item| expand(item, shared)),
        Json::Object(object) => {
            object.values_mut().try_for_each(|value| expand(value, shared))?;
            let Some(name) = object.shift_remove("$shared") else { return Ok(()) };
            let name = name.as_str().ok_or("`$shared` must be a name")?;
            let part = shared.get("parts").and_then(|parts| parts.get(name));
            let mut part = part.ok_or_else(|| format!("no shared part {name:?}"))?.clone();
            expand(&mut part, shared)?;
            if !object.is_empty() {
                part.merge(value);
            }
            *value = part;
            Ok(())
        }
        _ => Ok(()),
    }
}
