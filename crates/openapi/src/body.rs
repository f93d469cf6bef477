//! The body of a request.

/// A body, whose files are still to be read: this crate opens none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// The bytes.
    Bytes {
        /// The `Content-Type`.
        media_type: String,
        /// The content.
        content: Vec<u8>,
    },
    /// A file as it is.
    File {
        /// The `Content-Type`.
        media_type: String,
        /// The file's path, as the caller gave it.
        path: String,
    },
    /// `multipart/form-data`
    Multipart(Vec<Part>),
}

/// A part of a multipart body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The field.
    pub name: String,
    /// What it holds.
    pub content: PartContent,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartContent {
    /// A text.
    Text {
        /// The `Content-Type`, where it is not plain text.
        media_type: Option<String>,
        /// The text.
        text: String,
    },
    /// A file.
    File {
        /// The `Content-Type`.
        media_type: String,
        /// The file's path, as the caller gave it.
        path: String,
    },
}

impl Body {
    /// The paths of the files that it needs.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        match self {
            Self::Empty | Self::Bytes { .. } => Vec::new(),
            Self::File { path, .. } => vec![path],
            Self::Multipart(parts) => parts
                .iter()
                .filter_map(|part| match &part.content {
                    PartContent::File { path, .. } => Some(path.as_str()),
                    PartContent::Text { .. } => None,
                })
                .collect(),
        }
    }

    /// The content type and the bytes, with what `file` answers for each of [`Body::files`]; none for no body.
    pub fn encode<'a>(&self, file: impl Fn(&str) -> &'a [u8]) -> Option<(String, Vec<u8>)> {
        match self {
            Self::Empty => None,
            Self::Bytes { media_type, content } => Some((media_type.clone(), content.clone())),
            Self::File { media_type, path } => Some((media_type.clone(), file(path).to_vec())),
            Self::Multipart(parts) => Some(multipart(parts, &|path| file(path))),
        }
    }
}

fn multipart<'a>(parts: &[Part], file: &dyn Fn(&str) -> &'a [u8]) -> (String, Vec<u8>) {
    let mut contents: Vec<(&Part, std::borrow::Cow<'_, [u8]>)> = Vec::with_capacity(parts.len());
    for part in parts {
        contents.push(match &part.content {
            PartContent::Text { text, .. } => (part, text.as_bytes().into()),
            PartContent::File { path, .. } => (part, file(path).into()),
        });
    }
    let boundary = boundary(&contents);
    let mut body = Vec::new();
    for (part, content) in &contents {
        body.extend_from_slice(
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name)).as_bytes(),
        );
        let media_type = match &part.content {
            PartContent::Text { media_type, .. } => media_type.as_deref(),
            PartContent::File { media_type, path } => {
                let name = path.rsplit('/').next().unwrap_or_default();
                body.extend_from_slice(format!("; filename=\"{}\"", quoted(name)).as_bytes());
                Some(media_type.as_str())
            }
        };
        if let Some(media_type) = media_type {
            body.extend_from_slice(format!("\r\nContent-Type: {media_type}").as_bytes());
        }
        body.extend_from_slice(b"\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// A line that no part has in it.
fn boundary(contents: &[(&Part, std::borrow::Cow<'_, [u8]>)]) -> String {
    let mut place = 0_usize;
    loop {
        let boundary = format!("composio-part-boundary-{place}");
        let occurs = |content: &[u8]| content.windows(boundary.len()).any(|window| window == boundary.as_bytes());
        if !contents.iter().any(|(_, content)| occurs(content)) {
            return boundary;
        }
        place += 1;
    }
}

/// A name between quotes, by the rules of the HTML standard.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        let text = "composio-part-boundary-0".to_owned();
        let parts = vec![
            Part { name: "a\"b".to_owned(), content: PartContent::Text { media_type: None, text } },
            Part {
                name: "f".to_owned(),
                content: PartContent::File { media_type: "image/png".to_owned(), path: "x/y.png".to_owned() },
            },
        ];
        let body = Body::Multipart(parts);
        assert_eq!(body.files(), ["x/y.png"]);
        let (media_type, content) = body.encode(|_| &b"\x89PNG"[..]).unwrap();
        assert_eq!(media_type, "multipart/form-data; boundary=composio-part-boundary-1");
        assert_eq!(
            String::from_utf8_lossy(&content),
            "--composio-part-boundary-1\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n\
             composio-part-boundary-0\r\n--composio-part-boundary-1\r\nContent-Disposition: form-data; name=\"f\"; \
             filename=\"y.png\"\r\nContent-Type: image/png\r\n\r\n\u{fffd}PNG\r\n--composio-part-boundary-1--\r\n",
        );
    }
}
