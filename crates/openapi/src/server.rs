//! Where an API is: servers, and the variables in their URLs.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use crate::Refused;

/// A server of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URL's template; relative ones are meant from where the document came from.
    pub url: String,
    /// What it is.
    pub description: Option<String>,
    /// The variables of the template, by name.
    pub variables: BTreeMap<String, ServerVariable>,
}

/// A variable in a server's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerVariable {
    /// What stands for it where nothing else is said.
    pub default: String,
    /// What may stand for it; anything where it is empty.
    pub allowed: Vec<String>,
    /// What it means.
    pub description: Option<String>,
}

pub(crate) fn read(servers: &Value) -> Vec<Server> {
    servers.as_array().into_iter().flatten().filter_map(server).collect()
}

fn server(value: &Value) -> Option<Server> {
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(|text| text.trim().to_owned());
    let variable = |(name, value): (&String, &Value)| {
        let allowed = value.get("enum").and_then(Value::as_array).into_iter().flatten();
        let allowed: Vec<String> = allowed.filter_map(Value::as_str).map(str::to_owned).collect();
        let default = match value.get("default") {
            Some(Value::String(default)) => default.clone(),
            Some(Value::Null) | None => allowed.first().cloned().unwrap_or_default(),
            Some(other) => other.to_string(),
        };
        let description = text(value, "description");
        (name.clone(), ServerVariable { default, allowed, description })
    };
    let variables = value.get("variables").and_then(Value::as_object).into_iter().flatten().map(variable).collect();
    Some(Server { url: text(value, "url")?, description: text(value, "description"), variables })
}

impl Server {
    /// The URL with `given` in place of the defaults of their variables.
    ///
    /// # Errors
    /// Where a variable may not have the value that is given, or has none.
    pub fn fill(&self, given: &BTreeMap<String, String>) -> Result<String, Refused> {
        let mut url = String::new();
        let mut rest = self.url.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, after)) = after.split_once('}') else { break };
            url.push_str(before);
            let known = self.variables.get(name);
            let value = given.get(name).or(known.map(|variable| &variable.default)).ok_or_else(|| {
                Refused::new(format!("the server `{}` needs a value for its variable `{name}`", self.url))
            })?;
            if let Some(known) = known
                && !known.allowed.is_empty()
                && !known.allowed.contains(value)
            {
                let allowed = known.allowed.join(", ");
                return Err(Refused::new(format!("the server variable `{name}` is `{value}`; it may be {allowed}")));
            }
            url.push_str(value);
            rest = after;
        }
        url.push_str(rest);
        Ok(url)
    }
}

pub(crate) fn base_url(
    servers: &[Server],
    document_url: Option<&Url>,
    variables: &BTreeMap<String, String>,
) -> Result<Url, Refused> {
    let url = match servers.first() {
        Some(server) => server.fill(variables)?,
        None if document_url.is_some() => "/".to_owned(),
        None => return Err(Refused::new("the document names no server; give its base URL")),
    };
    let parsed = match Url::parse(&url) {
        Err(url::ParseError::RelativeUrlWithoutBase) => match document_url {
            Some(base) => base.join(&url),
            None if url.starts_with("//") => Url::parse(&format!("https:{url}")),
            // `api.example.com/v1`, which lacks its scheme only.
            None if url.split('/').next().is_some_and(|host| host.contains('.')) => {
                Url::parse(&format!("https://{url}"))
            }
            None => {
                return Err(Refused::new(format!("its server `{url}` is relative; give the API's base URL")));
            }
        },
        parsed => parsed,
    };
    let parsed = parsed.map_err(|error| Refused::new(format!("its server `{url}` is no URL: {error}")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(Refused::new(format!("its server `{url}` is neither http nor https")));
    }
    Ok(parsed)
}
