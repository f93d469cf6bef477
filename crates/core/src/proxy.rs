//! Raw API calls with the user's credentials.

use composio_contract::{Error, ProxyExecuteRequest, ProxyParameter, ProxyReply, RawJson, Reply, Result, ResultType};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::outcome::{input_required, unknown_result_type};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"];

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    toolkit: String,
    #[serde(default)]
    endpoint: String,
    #[serde(default)]
    method: String,
    #[serde(default)]
    body: Option<RawJson>,
    #[serde(default)]
    parameters: Option<Vec<Parameter>>,
}

#[derive(Deserialize)]
struct Parameter {
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: Option<Value>,
    #[serde(default, rename = "in")]
    location: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

pub(crate) fn read(options: &RawJson) -> Result<ProxyExecuteRequest> {
    let options: Options = options.decode("proxy_execute")?;
    if options.toolkit.trim().is_empty() {
        return Err(Error::validation("toolkit: must not be empty"));
    }
    if options.endpoint.trim().is_empty() {
        return Err(Error::validation("endpoint: must not be empty"));
    }
    if !METHODS.contains(&options.method.as_str()) {
        return Err(Error::validation(format!(
            "method: expected one of {}, got {:?}",
            METHODS.join(", "),
            options.method
        )));
    }
    let parameters = options.parameters.map(|list| list.into_iter().map(parameter).collect::<Result<Vec<_>>>());
    Ok(ProxyExecuteRequest {
        toolkit_slug: options.toolkit,
        endpoint: options.endpoint,
        method: options.method,
        body: options.body.filter(|body| body.as_str() != "null"),
        parameters: parameters.transpose()?,
    })
}

fn parameter(given: Parameter) -> Result<ProxyParameter> {
    if given.name.trim().is_empty() {
        return Err(Error::validation("parameters: each needs a name"));
    }
    let location = match (given.location, given.kind) {
        (Some(location), Some(kind)) if location != kind => {
            return Err(Error::validation(format!(
                "parameters.{}: \"in\" says {location:?} and \"type\" says {kind:?}; give one",
                given.name
            )));
        }
        (location, kind) => location.or(kind).unwrap_or_else(|| "header".to_owned()),
    };
    if !matches!(location.as_str(), "query" | "header") {
        return Err(Error::validation(format!(
            "parameters.{}: expected \"query\" or \"header\", got {location:?}",
            given.name
        )));
    }
    let value = match given.value {
        Some(Value::String(text)) => text,
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => {
            return Err(Error::validation(format!(
                "parameters.{}: the value must be a string, number or boolean",
                given.name
            )));
        }
    };
    Ok(ProxyParameter { name: given.name, value, location })
}

pub(crate) fn reply(reply: Reply<ProxyReply>) -> Result<RawJson> {
    match &reply.result_type {
        Some(ResultType::InputRequired) => Err(input_required("the API call", reply.raw())),
        Some(other @ (ResultType::Other(_) | ResultType::Failed)) => Err(unknown_result_type(Some(other))),
        _ => RawJson::encode(&json!({
            "status": reply.status,
            "data": reply.data,
            "headers": reply.headers,
            "binary_data": reply.binary_data,
        })),
    }
}
