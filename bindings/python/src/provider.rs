//! The formats of AI providers.

use composio_contract::RawJson;
use composio_core::provider::{self, ToolCall};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert::{decode, encode};
use crate::errors::guard;

/// How one AI provider writes tools, tool calls and results.
#[pyclass(frozen, module = "composio._native")]
pub(crate) struct Provider(provider::Provider);

impl Provider {
    pub(crate) fn format(&self) -> provider::Provider {
        self.0
    }
}

#[pymethods]
impl Provider {
    #[new]
    fn new(py: Python<'_>, name: &str) -> PyResult<Self> {
        guard(py, || name.parse()).map(Self)
    }

    #[getter]
    fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Tools of the catalogue as the provider's API takes them.
    fn format_tools<'py>(&self, tools: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, tools) = (tools.py(), encode("tools", tools)?);
        decode(py, guard(py, || self.0.format_tools(&tools))?.as_str())
    }

    /// The tool calls in a model's reply: `id`, `slug`, `arguments`, `problem` of each.
    fn tool_calls<'py>(&self, reply: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let (py, reply) = (reply.py(), encode("reply", reply)?);
        decode(py, guard(py, || RawJson::encode(&self.0.tool_calls(&reply)?))?.as_str())
    }

    /// The messages that give the results back to the model.
    fn format_results<'py>(
        &self,
        py: Python<'py>,
        calls: Vec<Bound<'py, PyDict>>,
        results: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let calls = calls.iter().map(lift).collect::<PyResult<Vec<_>>>()?;
        let results = results.iter().map(|result| encode("result", result)).collect::<PyResult<Vec<_>>>()?;
        decode(py, guard(py, || self.0.format_results(&calls, &results))?.as_str())
    }
}

fn lift(call: &Bound<'_, PyDict>) -> PyResult<ToolCall> {
    let field = |name| call.as_any().get_item(name);
    Ok(ToolCall {
        id: field("id")?.extract()?,
        slug: field("slug")?.extract()?,
        arguments: encode("arguments", &field("arguments")?)?,
        problem: field("problem")?.extract()?,
    })
}
