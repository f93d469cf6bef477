//! Looks at JSON text byte by byte, where it is too long or too deep to be parsed.

use rmcp::model::RequestId;

/// How deeply a message may be nested. The parser stops at 128.
const MAX_DEPTH: usize = 120;

/// Stands where a value was nested too deeply.
const TOO_DEEP: &str = "[nested too deeply to be read]";

/// How much is kept of a key or an id.
const MAX_TOKEN: usize = 256;

/// Finds a message's own `id`.
#[derive(Debug, Default)]
pub(super) struct IdScan {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
    /// The key or the value that is being read, of the message itself.
    token: Vec<u8>,
    is_id: bool,
    id: Option<RequestId>,
}

impl IdScan {
    /// Reads on.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.step(*byte);
        }
    }

    /// The id, if there was one.
    pub(super) fn id(self) -> Option<RequestId> {
        self.id
    }

    fn step(&mut self, byte: u8) {
        if self.is_text {
            self.keep(byte);
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_text = false,
                _ => {}
            }
            return;
        }
        match byte {
            b'"' => {
                self.is_text = true;
                self.keep(byte);
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.end_value();
                self.depth = self.depth.saturating_sub(1);
            }
            b',' => self.end_value(),
            b':' if self.depth == 1 => {
                self.is_id = self.token == b"\"id\"";
                self.token.clear();
            }
            byte if byte.is_ascii_whitespace() => {}
            byte => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.depth == 1 && self.token.len() < MAX_TOKEN {
            self.token.push(byte);
        }
    }

    fn end_value(&mut self) {
        if self.depth == 1 {
            if self.is_id {
                self.id = serde_json::from_slice(&self.token).ok();
            }
            self.is_id = false;
            self.token.clear();
        }
    }
}

/// The same JSON text with [`TOO_DEEP`] in place of each value that is nested too deeply.
pub(super) fn without_depths(text: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(text.len());
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in text {
        let was_kept = depth <= MAX_DEPTH;
        if is_text {
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = true,
                b'"' => is_text = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => is_text = true,
                b'{' | b'[' => {
                    depth = depth.saturating_add(1);
                    if depth == MAX_DEPTH + 1 {
                        kept.push(b'"');
                        kept.extend_from_slice(TOO_DEEP.as_bytes());
                        kept.push(b'"');
                    }
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if was_kept && depth <= MAX_DEPTH {
            kept.push(*byte);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(parts: &[&str]) -> Option<String> {
        let mut scan = IdScan::default();
        parts.iter().for_each(|part| scan.feed(part.as_bytes()));
        scan.id().map(|id| id.to_string())
    }

    #[test]
    fn the_id_is_the_messages_own() {
        assert_eq!(id(&[r#"{"jsonrpc": "2.0", "id": 7, "result": {"id": 8}}"#]).as_deref(), Some("7"));
        assert_eq!(
            id(&[r#"{"result":{"id":8,"x":["id",":",{}]},"#, r#" "id" "#, r#": 12"#, "3}"]).as_deref(),
            Some("123")
        );
        assert_eq!(id(&[r#"{"result":"\",\"id\":5,","id":"a\"b"}"#]).as_deref(), Some("a\"b"));
        assert_eq!(id(&[r#"{"result": {"id": 8}}"#]), None);
        assert_eq!(id(&[r#"{"id": null}"#]), None);
        assert_eq!(id(&[r#"[{"id": 1}]"#]), None);
        assert_eq!(id(&["]]}}\"", "{"]), None);
    }

    #[test]
    fn what_is_too_deep_is_replaced_and_the_rest_stays() {
        let nested = |levels: usize| format!("{}1{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2));
        let shallow = nested(100);
        assert_eq!(without_depths(shallow.as_bytes()), shallow.as_bytes());
        let text = format!(r#"{{"a":{},"b\"[[":"]]","c":[2]}}"#, nested(100_000));
        let read: serde_json::Value = serde_json::from_slice(&without_depths(text.as_bytes())).unwrap();
        assert_eq!((&read["b\"[["], &read["c"][0]), (&"]]".into(), &2.into()));
        assert!(read["a"].to_string().contains(TOO_DEEP));
    }
}
