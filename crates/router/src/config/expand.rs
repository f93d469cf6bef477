//! `${NAME}` in values.

/// Puts the variables' values in place of `${NAME}`; `$$` gives a dollar sign, and any other `$` stays.
///
/// # Errors
/// What is wrong, in words that follow a field's name.
pub(super) fn expand(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            expanded.push('$');
            after
        } else if let Some(after) = after.strip_prefix('{') {
            let (name, after) = after.split_once('}').ok_or("has `${` without `}`; write `$${` for the text itself")?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return Err(format!("has `${{{name}}}`, which does not name an environment variable"));
            }
            let value =
                variable(name).ok_or_else(|| format!("uses the environment variable `{name}`, which is not set"))?;
            expanded.push_str(&value);
            after
        } else {
            expanded.push('$');
            after
        };
    }
    expanded.push_str(rest);
    Ok(expanded)
}

#[cfg(test)]
mod tests {
    use super::expand;

    #[test]
    fn variables_escapes_and_faults() {
        let variable = |name: &str| (name == "KEY").then(|| "a$b".to_owned());
        let expand = |text| expand(text, &variable);
        assert_eq!(expand("Bearer ${KEY}!").unwrap(), "Bearer a$b!");
        assert_eq!(expand("$${KEY} costs $5 $").unwrap(), "${KEY} costs $5 $");
        assert_eq!(expand("${NONE}").unwrap_err(), "uses the environment variable `NONE`, which is not set");
        assert!(expand("${KEY").unwrap_err().contains("without `}`"));
        assert!(expand("${a-b}").unwrap_err().contains("`${a-b}`"));
    }
}
