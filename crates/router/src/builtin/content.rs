//! Bytes as a model can read them.

use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bytes are written in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Encoding {
    /// As UTF-8 text.
    #[default]
    Text,
    /// In base64, because they are not text.
    Base64,
}

/// Text where the bytes are UTF-8 without NUL, else base64. A character that a limit cut in two at the end is left out where
/// `cut` says that there is more; the number is how many bytes were used.
pub(super) fn encode(mut bytes: Vec<u8>, cut: bool) -> (String, Encoding, usize) {
    if let Err(error) = std::str::from_utf8(&bytes)
        && cut
        && error.error_len().is_none()
        && error.valid_up_to() > 0
    {
        bytes.truncate(error.valid_up_to());
    }
    let used = bytes.len();
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => (text, Encoding::Text, used),
        Ok(text) => (BASE64.encode(text.as_bytes()), Encoding::Base64, used),
        Err(error) => (BASE64.encode(error.as_bytes()), Encoding::Base64, used),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_character_is_left_for_the_next_part() {
        let bytes = "aé".as_bytes()[..2].to_vec();
        assert_eq!(encode(bytes.clone(), true), ("a".to_owned(), Encoding::Text, 1));
        assert_eq!(encode(bytes, false), ("YcM=".to_owned(), Encoding::Base64, 2));
    }

    #[test]
    fn what_is_not_text_is_base64() {
        assert_eq!(encode(vec![0xff, 0xfe], false), ("//4=".to_owned(), Encoding::Base64, 2));
        assert_eq!(encode(b"a\0b".to_vec(), false), ("YQBi".to_owned(), Encoding::Base64, 3));
    }
}
