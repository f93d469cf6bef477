//! The `files` toolkit: the user's folder.

mod search;

use composio_contract::{Error, Result};
use data_encoding::BASE64;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Builtin;
use super::content::{self, Encoding};
use crate::source::{CallContext, Tag};
use crate::workspace::{FileInfo, ListQuery, WriteMode};

/// The most that one read returns, in bytes.
const MAX_READ: usize = 1024 * 1024;

/// The toolkit.
#[must_use]
pub fn toolkit() -> Builtin {
    Builtin::new("files", "Files", "Reads, writes, searches and arranges files in the user's own folder.")
        .tool(
            "list",
            "List files",
            "Lists files and folders in the user's folder, sorted by path, with size and time of change.",
            &[Tag::ReadOnly, Tag::Idempotent],
            list,
        )
        .tool(
            "read",
            "Read a file",
            "Reads a file, or a part of a large one: text as it is, anything else in base64. Where `next_offset` is given, \
             there is more: call again with it as `offset`.",
            &[Tag::ReadOnly, Tag::Idempotent],
            read,
        )
        .tool(
            "write",
            "Write a file",
            "Writes a file and makes the folders it lies in. By default it replaces a file that exists.",
            &[Tag::Create, Tag::Update, Tag::Destructive],
            write,
        )
        .tool(
            "search",
            "Search files",
            "Finds lines in text files, by text or regular expression, and files by name. Give `text`, `regex`, or only \
             `name` to find files.",
            &[Tag::ReadOnly, Tag::Idempotent],
            search::search,
        )
        .tool(
            "move",
            "Move or rename a file",
            "Moves or renames a file or folder and makes the folders it then lies in.",
            &[Tag::Update, Tag::Destructive],
            rename,
        )
        .tool(
            "delete",
            "Delete a file",
            "Deletes a file or folder for good.",
            &[Tag::Destructive],
            delete,
        )
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListArguments {
    /// The folder to list, relative to the user's folder; empty for the user's folder itself.
    #[serde(default)]
    path: String,
    /// Whether to list what lies in its folders too.
    #[serde(default)]
    recursive: bool,
    /// At most so many entries.
    #[serde(default = "default_list")]
    #[schemars(range(min = 1, max = 1000))]
    limit: usize,
    /// For the next page: `next_cursor` of the page before.
    cursor: Option<String>,
}

fn default_list() -> usize {
    200
}

#[derive(Serialize, JsonSchema)]
struct ListResult {
    /// Files and folders, sorted by path.
    entries: Vec<FileInfo>,
    /// Give it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn list(arguments: ListArguments, context: CallContext) -> Result<ListResult> {
    let query = ListQuery {
        folder: arguments.path,
        recursive: arguments.recursive,
        files_only: false,
        limit: arguments.limit.clamp(1, 1_000),
        after: arguments.cursor,
    };
    let page = context.workspace.list(query).await?;
    Ok(ListResult { entries: page.items, next_cursor: page.next })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ReadArguments {
    /// The file, relative to the user's folder.
    path: String,
    /// Where to start, in bytes.
    #[serde(default)]
    offset: u64,
    /// At most so many bytes.
    #[serde(default = "default_read")]
    #[schemars(range(min = 4, max = 1_048_576))]
    limit: usize,
}

fn default_read() -> usize {
    64 * 1024
}

#[derive(Serialize, JsonSchema)]
struct ReadResult {
    /// The file.
    path: String,
    /// The size of the whole file in bytes.
    size: u64,
    /// The content from `offset` on.
    content: String,
    /// How `content` is written.
    encoding: Encoding,
    /// Where the rest starts, in bytes; absent where nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<u64>,
}

async fn read(arguments: ReadArguments, context: CallContext) -> Result<ReadResult> {
    // Base64 and escapes make the result longer than the bytes; what is still too long is refused by the caller.
    let limit = arguments.limit.clamp(4, MAX_READ).min(context.output_limit / 2);
    let part = context.workspace.read(&arguments.path, arguments.offset, limit).await?;
    let more = part.next_offset().is_some();
    let (content, encoding, used) = content::encode(part.bytes, more);
    let end = part.offset.saturating_add(used as u64);
    Ok(ReadResult {
        path: part.path,
        size: part.size,
        content,
        encoding,
        next_offset: (end < part.size).then_some(end),
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WriteArguments {
    /// The file, relative to the user's folder.
    path: String,
    /// The content.
    content: String,
    /// How `content` is written: as plain text, or bytes in base64.
    #[serde(default)]
    encoding: Encoding,
    /// What to do where the file exists: replace it, append to it, or leave it and fail.
    #[serde(default)]
    if_exists: IfExists,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum IfExists {
    /// Replace it.
    #[default]
    Replace,
    /// Add at its end.
    Append,
    /// Leave it and fail.
    Fail,
}

async fn write(arguments: WriteArguments, context: CallContext) -> Result<FileInfo> {
    let bytes = match arguments.encoding {
        Encoding::Text => arguments.content.into_bytes(),
        Encoding::Base64 => BASE64
            .decode(arguments.content.as_bytes())
            .map_err(|error| Error::validation(format!("`content` is not base64: {error}")).with_source(error))?,
    };
    let mode = match arguments.if_exists {
        IfExists::Replace => WriteMode::Replace,
        IfExists::Append => WriteMode::Append,
        IfExists::Fail => WriteMode::Create,
    };
    context.workspace.write_bytes(&arguments.path, bytes.into(), mode).await
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MoveArguments {
    /// The file or folder, relative to the user's folder.
    from: String,
    /// Its new path.
    to: String,
    /// Whether to replace a file that exists at the new path.
    #[serde(default)]
    overwrite: bool,
}

async fn rename(arguments: MoveArguments, context: CallContext) -> Result<FileInfo> {
    context.workspace.rename(&arguments.from, &arguments.to, arguments.overwrite)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DeleteArguments {
    /// The file or folder, relative to the user's folder.
    path: String,
    /// Whether to delete a folder with all it holds.
    #[serde(default)]
    recursive: bool,
}

#[derive(Serialize, JsonSchema)]
struct DeleteResult {
    /// What was deleted.
    deleted: FileInfo,
}

async fn delete(arguments: DeleteArguments, context: CallContext) -> Result<DeleteResult> {
    Ok(DeleteResult { deleted: context.workspace.delete(&arguments.path, arguments.recursive).await? })
}
