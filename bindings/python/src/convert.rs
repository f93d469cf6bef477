//! Python objects to JSON text and back: exact for integers of any size and for every finite float.

use std::fmt::Write as _;

use composio_contract::{Error, ErrorKind, RawJson};
use jiter::{PythonParse, StringCacheMode};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyMapping, PyString, PyTuple, PyType};

use crate::errors;

/// Deeper nesting is refused; it also ends a structure that contains itself.
const MAX_DEPTH: usize = 128;

/// JSON text as Python objects, in one parse.
pub(crate) fn decode<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    let parse = PythonParse { cache_mode: StringCacheMode::Keys, ..PythonParse::default() };
    parse.python_parse(py, text.as_bytes()).map_err(|error| {
        let message = format!("the reply cannot be read as JSON: {}", error.description(text.as_bytes()));
        errors::lower(py, &Error::new(ErrorKind::InvalidReply, message))
    })
}

/// A Python object as JSON text. `what` names the object in error messages.
pub(crate) fn encode(what: &str, value: &Bound<'_, PyAny>) -> PyResult<RawJson> {
    let mut text = String::new();
    let written = write(&mut text, value, MAX_DEPTH).map_err(|refusal| refusal.raise(value.py(), what));
    written.and_then(|()| RawJson::parse(text).map_err(|error| errors::lower(value.py(), &error)))
}

/// Why a value has no JSON form. The path is built while the writer unwinds, innermost step first.
enum Refusal {
    Value { path: Vec<String>, reason: String },
    Raised(PyErr),
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Self {
        Self::Value { path: Vec::new(), reason: reason.into() }
    }

    fn at(mut self, step: impl FnOnce() -> String) -> Self {
        if let Self::Value { path, .. } = &mut self {
            path.push(step());
        }
        self
    }

    fn raise(self, py: Python<'_>, what: &str) -> PyErr {
        match self {
            Self::Raised(error) => error,
            Self::Value { path, reason } => {
                let path: String = path.into_iter().rev().collect();
                errors::lower(py, &Error::validation(format!("{what}{path}: {reason}")))
            }
        }
    }
}

impl From<PyErr> for Refusal {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

type Written = Result<(), Refusal>;

fn write(out: &mut String, value: &Bound<'_, PyAny>, depth: usize) -> Written {
    if value.is_none() {
        out.push_str("null");
    } else if let Ok(text) = value.cast::<PyString>() {
        write_string(out, text)?;
    } else if let Ok(flag) = value.cast::<PyBool>() {
        out.push_str(if flag.is_true() { "true" } else { "false" });
    } else if let Ok(integer) = value.cast::<PyInt>() {
        write_integer(out, integer)?;
    } else if let Ok(float) = value.cast::<PyFloat>() {
        write_float(out, float.value())?;
    } else {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Refusal::new(format!("is nested more than {MAX_DEPTH} deep, or contains itself")));
        };
        if let Ok(dict) = value.cast::<PyDict>() {
            write_object(out, dict.iter().map(Ok), depth)?;
        } else if let Ok(list) = value.cast::<PyList>() {
            write_array(out, list.iter(), depth)?;
        } else if let Ok(tuple) = value.cast::<PyTuple>() {
            write_array(out, tuple.iter(), depth)?;
        } else {
            write_foreign(out, value, depth)?;
        }
    }
    Ok(())
}

fn write_array<'py>(out: &mut String, items: impl Iterator<Item = Bound<'py, PyAny>>, depth: usize) -> Written {
    out.push('[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(out, &item, depth).map_err(|refusal| refusal.at(|| format!("[{index}]")))?;
    }
    out.push(']');
    Ok(())
}

type Entry<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>);

fn write_object<'py>(out: &mut String, entries: impl Iterator<Item = PyResult<Entry<'py>>>, depth: usize) -> Written {
    out.push('{');
    for (index, entry) in entries.enumerate() {
        let (key, value) = entry?;
        if index > 0 {
            out.push(',');
        }
        let Ok(key) = key.cast::<PyString>() else {
            return Err(Refusal::new(format!("has a key of type {}; JSON keys are strings", type_name(&key))));
        };
        write_string(out, key)?;
        out.push(':');
        write(out, &value, depth).map_err(|refusal| refusal.at(|| format!(".{key}")))?;
    }
    out.push('}');
    Ok(())
}

fn write_string(out: &mut String, text: &Bound<'_, PyString>) -> Written {
    let text = text.to_str().map_err(|_| {
        Refusal::new("holds a lone surrogate, which is not text; re-read it with the right encoding or replace it")
    })?;
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(text.get(plain..index).unwrap_or_default());
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
        plain = index + 1;
    }
    out.push_str(text.get(plain..).unwrap_or_default());
    out.push('"');
    Ok(())
}

fn write_integer(out: &mut String, integer: &Bound<'_, PyInt>) -> Written {
    if let Ok(small) = integer.extract::<i64>() {
        let _ = write!(out, "{small}");
        return Ok(());
    }
    // `int.__repr__` itself, because a subclass such as `IntEnum` may print as something else.
    let digits = integer.py().get_type::<PyInt>().call_method1(intern!(integer.py(), "__repr__"), (integer,));
    let digits = digits.map_err(|_| Refusal::new("is an integer with more digits than Python converts to text"))?;
    out.push_str(digits.cast::<PyString>().map_err(PyErr::from)?.to_str()?);
    Ok(())
}

fn write_float(out: &mut String, float: f64) -> Written {
    if !float.is_finite() {
        return Err(Refusal::new("is NaN or infinite, which JSON cannot say"));
    }
    // `Debug` gives the shortest text that reads back as the same number, with a fraction or an exponent.
    let _ = write!(out, "{float:?}");
    Ok(())
}

/// What is neither JSON nor a plain container: the usual carriers of structured data, recognised by how they behave so
/// that none of their modules needs to be imported.
fn write_foreign(out: &mut String, value: &Bound<'_, PyAny>, depth: usize) -> Written {
    let py = value.py();
    let is_class = value.is_instance_of::<PyType>();
    let method = |name| if is_class { Ok(None) } else { value.getattr_opt(name) };
    if let Some(dump) = method(intern!(py, "model_dump"))? {
        let arguments = PyDict::new(py);
        arguments.set_item(intern!(py, "mode"), intern!(py, "json"))?;
        return write(out, &dump.call((), Some(&arguments))?, depth);
    }
    if let Some(to_dict) = method(intern!(py, "to_dict"))? {
        return write(out, &to_dict.call0()?, depth);
    }
    if let Some(fields) = method(intern!(py, "__dataclass_fields__"))? {
        let names = fields.cast::<PyDict>().map_err(PyErr::from)?.keys();
        return write_object(
            out,
            names.iter().map(|name| Ok((name.clone(), value.getattr(name.cast::<PyString>()?)?))),
            depth,
        );
    }
    if let Ok(mapping) = value.cast::<PyMapping>() {
        let items = mapping.items()?;
        return write_object(out, items.iter().map(|item| item.extract::<Entry<'_>>()), depth);
    }
    let class = value.get_type();
    match (class.module()?.to_str()?, class.name()?.to_str()?) {
        ("decimal", "Decimal") => {
            let finite: bool = value.call_method0(intern!(py, "is_finite"))?.extract()?;
            if !finite {
                return Err(Refusal::new("is NaN or infinite, which JSON cannot say"));
            }
            out.push_str(value.str()?.to_str()?);
            return Ok(());
        }
        ("uuid", "UUID") => return write_string(out, &value.str()?),
        _ => {}
    }
    if let Some(isoformat) = method(intern!(py, "isoformat"))? {
        return write(out, &isoformat.call0()?, depth);
    }
    if let Some(path) = method(intern!(py, "__fspath__"))? {
        return write(out, &path.call0()?, depth);
    }
    if class.hasattr(intern!(py, "__members__"))? {
        return write(out, &value.getattr(intern!(py, "value"))?, depth);
    }
    Err(Refusal::new(format!("is of type {}, which has no JSON form", type_name(value))))
}

fn type_name(value: &Bound<'_, PyAny>) -> String {
    value.get_type().qualname().map_or_else(|_| "?".to_owned(), |name| name.to_string())
}
