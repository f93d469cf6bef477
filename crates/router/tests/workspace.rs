//! The user's folder: what works inside it, and that nothing leads out of it.

#![cfg(unix)]
// What the lints allow in a test function, its fixtures need too.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use composio_contract::ErrorKind;
use composio_router::workspace::{FileKind, ListQuery, Workspace, WriteMode};
use proptest::prelude::*;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use tempfile::TempDir;

/// A folder beside others that nobody may touch.
struct Place {
    outer: TempDir,
    workspace: Workspace,
}

impl Place {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret.txt"), "secret").unwrap();
        fs::create_dir(outer.path().join("other")).unwrap();
        fs::write(outer.path().join("other/secret.txt"), "secret").unwrap();
        let workspace = Workspace::open(outer.path().join("user")).unwrap();
        Self { outer, workspace }
    }

    fn inside(&self) -> &Path {
        self.workspace.root()
    }

    fn assert_outside_untouched(&self) {
        let mut names: Vec<_> = fs::read_dir(self.outer.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["other", "secret.txt", "user"]);
        assert_eq!(fs::read_to_string(self.outer.path().join("secret.txt")).unwrap(), "secret");
        assert_eq!(fs::read_dir(self.outer.path().join("other")).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(self.outer.path().join("other/secret.txt")).unwrap(), "secret");
    }
}

fn query(folder: &str) -> ListQuery {
    ListQuery { folder: folder.to_owned(), recursive: true, files_only: false, limit: 1_000, after: None }
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let place = Place::new();
    let workspace = &place.workspace;
    for size in [0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000] {
        let content: Vec<u8> = (0..size).map(|byte| u8::try_from(byte % 251).unwrap()).collect();
        let written = workspace.write_bytes("a/b/c.bin", content.clone().into(), WriteMode::Replace).await.unwrap();
        assert_eq!((written.path.as_str(), written.kind, written.size), ("a/b/c.bin", FileKind::File, size));
        assert!(written.modified.is_some());
        assert_eq!(workspace.read_bytes("a/b/c.bin", 3_000_000).await.unwrap(), content);
    }
    let leftovers: Vec<_> = workspace.list(query("")).await.unwrap().items.into_iter().map(|item| item.path).collect();
    assert_eq!(leftovers, ["a", "a/b", "a/b/c.bin"]);
}

#[tokio::test]
async fn modes_of_writing() {
    let place = Place::new();
    let workspace = &place.workspace;
    workspace.write_bytes("log", "one".into(), WriteMode::Create).await.unwrap();
    let error = workspace.write_bytes("log", "two".into(), WriteMode::Create).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::File);
    assert!(error.message().contains("already"), "{error}");
    workspace.write_bytes("log", " two".into(), WriteMode::Append).await.unwrap();
    assert_eq!(workspace.read_bytes("log", 100).await.unwrap(), "one two");
    workspace.write_bytes("log", "three".into(), WriteMode::Replace).await.unwrap();
    assert_eq!(workspace.read_bytes("log", 100).await.unwrap(), "three");
    workspace.write_bytes("new/deep/file", "x".into(), WriteMode::Append).await.unwrap();
    for mode in [WriteMode::Create, WriteMode::Replace, WriteMode::Append] {
        assert_eq!(
            workspace.write_bytes("new", "x".into(), mode).await.unwrap_err().kind(),
            ErrorKind::File,
            "{mode:?}"
        );
        assert_eq!(
            workspace.write_bytes("log/x", "x".into(), mode).await.unwrap_err().kind(),
            ErrorKind::File,
            "{mode:?}"
        );
    }
}

#[tokio::test]
async fn limits_and_parts() {
    let place = Place::new();
    let workspace = &place.workspace;
    workspace.write_bytes("f", "0123456789".into(), WriteMode::Replace).await.unwrap();
    assert_eq!(workspace.read_bytes("f", 9).await.unwrap_err().kind(), ErrorKind::TooLarge);
    let part = workspace.read("f", 4, 3).await.unwrap();
    assert_eq!((part.bytes.as_slice(), part.size, part.next_offset()), (&b"456"[..], 10, Some(7)));
    let rest = workspace.read("f", 7, 100).await.unwrap();
    assert_eq!((rest.bytes.as_slice(), rest.next_offset()), (&b"789"[..], None));
    let beyond = workspace.read("f", u64::from(u32::MAX), 100).await.unwrap();
    assert_eq!((beyond.bytes.len(), beyond.next_offset()), (0, None));
}

#[tokio::test]
async fn lists_are_sorted_and_paged() {
    let place = Place::new();
    let workspace = &place.workspace;
    for path in ["b/2.txt", "a.txt", "b/10.txt", "b/c/d.txt", "b.txt", "c/x"] {
        workspace.write_bytes(path, path.into(), WriteMode::Replace).await.unwrap();
    }
    let all: Vec<_> = workspace.list(query("")).await.unwrap().items.into_iter().map(|item| item.path).collect();
    assert_eq!(all, ["a.txt", "b", "b/10.txt", "b/2.txt", "b/c", "b/c/d.txt", "b.txt", "c", "c/x"]);
    for limit in 1..=all.len() {
        let mut paged = Vec::new();
        let mut after = None;
        loop {
            let page = workspace.list(ListQuery { limit, after, ..query("") }).await.unwrap();
            assert!(page.items.len() <= limit);
            paged.extend(page.items.into_iter().map(|item| item.path));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(paged, all, "{limit}");
    }
    let files = workspace.list(ListQuery { files_only: true, ..query("b") }).await.unwrap();
    assert_eq!(
        files.items.iter().map(|item| item.path.as_str()).collect::<Vec<_>>(),
        ["b/10.txt", "b/2.txt", "b/c/d.txt"]
    );
    let flat = workspace.list(ListQuery { recursive: false, ..query("b") }).await.unwrap();
    assert_eq!(flat.items.len(), 3);
    assert_eq!(workspace.list(query("none")).await.unwrap_err().kind(), ErrorKind::FileNotFound);
    assert_eq!(workspace.list(query("a.txt")).await.unwrap_err().kind(), ErrorKind::File);
}

#[tokio::test]
async fn move_and_delete() {
    let place = Place::new();
    let workspace = &place.workspace;
    workspace.write_bytes("a", "a".into(), WriteMode::Replace).await.unwrap();
    workspace.write_bytes("b", "b".into(), WriteMode::Replace).await.unwrap();
    assert_eq!(workspace.rename("a", "b", false).unwrap_err().kind(), ErrorKind::File);
    assert_eq!(workspace.rename("a", "b", true).unwrap().path, "b");
    assert_eq!(workspace.read_bytes("b", 10).await.unwrap(), "a");
    assert_eq!(workspace.rename("a", "c", false).unwrap_err().kind(), ErrorKind::FileNotFound);
    workspace.rename("b", "x/y/z", false).unwrap();
    let error = workspace.delete("x", false).await.unwrap_err();
    assert!(error.message().contains("not empty"), "{error}");
    assert_eq!(workspace.delete("x", true).await.unwrap().kind, FileKind::Folder);
    assert_eq!(workspace.stat("x").unwrap_err().kind(), ErrorKind::FileNotFound);
    assert_eq!(workspace.delete("x", true).await.unwrap_err().kind(), ErrorKind::FileNotFound);
    assert_eq!(workspace.delete(".", true).await.unwrap_err().kind(), ErrorKind::UnsafePath);
}

#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let place = Place::new();
    let workspace = &place.workspace;
    workspace.write_bytes("real/file", "inside".into(), WriteMode::Replace).await.unwrap();
    symlink("real", place.inside().join("link")).unwrap();
    assert_eq!(workspace.read_bytes("link/file", 100).await.unwrap(), "inside");
    assert_eq!(workspace.delete("link", true).await.unwrap().kind, FileKind::Link);
    assert_eq!(workspace.read_bytes("real/file", 100).await.unwrap(), "inside");
}

#[tokio::test]
async fn links_that_lead_outside_are_refused() {
    let place = Place::new();
    let workspace = &place.workspace;
    let outer = place.outer.path();
    symlink(outer.join("secret.txt"), place.inside().join("absolute")).unwrap();
    symlink("../secret.txt", place.inside().join("relative")).unwrap();
    symlink(outer.join("other"), place.inside().join("folder")).unwrap();
    symlink("..", place.inside().join("up")).unwrap();
    fs::create_dir(place.inside().join("sub")).unwrap();
    symlink("../../other", place.inside().join("sub/other")).unwrap();
    for path in
        ["absolute", "relative", "folder/secret.txt", "up/secret.txt", "sub/other/secret.txt", "up/user/../secret.txt"]
    {
        assert_eq!(workspace.read_bytes(path, 100).await.unwrap_err().kind(), ErrorKind::UnsafePath, "{path}");
        assert_eq!(workspace.stat(path).unwrap_err().kind(), ErrorKind::UnsafePath, "{path}");
        let appended = workspace.write_bytes(path, "x".into(), WriteMode::Append).await;
        assert_eq!(appended.unwrap_err().kind(), ErrorKind::UnsafePath, "{path}");
    }
    for path in ["folder/secret.txt", "folder/new", "up/new", "sub/other/new", "folder/deep/new"] {
        let written = workspace.write_bytes(path, "x".into(), WriteMode::Replace).await;
        assert_eq!(written.unwrap_err().kind(), ErrorKind::UnsafePath, "{path}");
        assert!(workspace.delete(path, true).await.is_err(), "{path}");
        workspace.write_bytes("mine", "x".into(), WriteMode::Replace).await.unwrap();
        assert!(workspace.rename("mine", path, true).is_err(), "{path}");
    }
    assert_eq!(workspace.rename("folder/secret.txt", "got", true).unwrap_err().kind(), ErrorKind::UnsafePath);
    assert_eq!(workspace.list(query("folder")).await.unwrap_err().kind(), ErrorKind::UnsafePath);
    let listed = workspace.list(query("")).await.unwrap();
    assert!(listed.items.iter().all(|item| !item.path.contains("secret")), "{listed:?}");

    // Writing at a link takes the link's place; deleting a tree deletes the links in it. Neither follows them.
    workspace.write_bytes("absolute", "mine".into(), WriteMode::Replace).await.unwrap();
    assert_eq!(workspace.read_bytes("absolute", 100).await.unwrap(), "mine");
    workspace.delete("sub", true).await.unwrap();
    place.assert_outside_untouched();
}

#[tokio::test]
async fn a_pipe_is_refused_at_once() {
    let place = Place::new();
    let made = std::process::Command::new("mkfifo").arg(place.inside().join("pipe")).status().unwrap();
    assert!(made.success());
    assert_eq!(place.workspace.read_bytes("pipe", 10).await.unwrap_err().kind(), ErrorKind::File);
    let appended = place.workspace.write_bytes("pipe", "x".into(), WriteMode::Append).await;
    assert_eq!(appended.unwrap_err().kind(), ErrorKind::File);
}

/// A folder that becomes a link and a folder again, while files are read and written through it, lets nothing out.
#[test]
fn a_folder_that_becomes_a_link_meanwhile_leads_nowhere() {
    let place = Place::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (folder, link) = (place.inside().join("swap"), place.inside().join("link"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("secret.txt"), "inside").unwrap();
    symlink("../other", &link).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &folder, CWD, &link, RenameFlags::EXCHANGE).unwrap();
            }
        });
        runtime.block_on(async {
            let (mut inside, mut refused) = (0, 0);
            while inside < 200 || refused < 200 {
                match place.workspace.read_bytes("swap/secret.txt", 100).await {
                    Ok(content) if content == "inside" => inside += 1,
                    Ok(_) => break,
                    Err(_) => refused += 1,
                }
                // Whether it works depends on what is there at the time; where it wrote is checked below.
                let _ = place.workspace.write_bytes("swap/planted", "x".into(), WriteMode::Replace).await;
            }
            done.store(true, Ordering::Relaxed);
            assert!(inside >= 200 && refused >= 200, "what lies outside was read");
        });
    });
    place.assert_outside_untouched();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever the path, nothing outside changes and nothing of it is read.
    #[test]
    fn no_path_touches_what_lies_outside(
        path in prop_oneof![
            any::<String>(),
            "[./\\\\a:~%\u{0}-\u{2} ]{0,24}",
            proptest::collection::vec(
                prop_oneof![
                    Just(".."), Just("."), Just(""), Just("up"), Just("link"), Just("secret.txt"), Just("other"), Just("user"),
                    Just("a"), Just("%2e%2e"), Just("..\\"), Just("~"), Just("C:"), Just("…"), Just("．．"),
                ],
                0..6,
            ).prop_map(|names| names.join("/")),
        ],
        second in "[./a]{0,8}",
    ) {
        let place = Place::new();
        symlink("..", place.inside().join("up")).unwrap();
        symlink(place.outer.path().join("other"), place.inside().join("link")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let workspace = &place.workspace;
            for mode in [WriteMode::Create, WriteMode::Append, WriteMode::Replace] {
                let _ = workspace.write_bytes(&path, "mine".into(), mode).await;
            }
            if let Ok(content) = workspace.read_bytes(&path, 1_000).await {
                assert!(!content.starts_with(b"secret"), "{path:?}");
            }
            let _ = workspace.stat(&path);
            let _ = workspace.list(query(&path)).await;
            let _ = workspace.rename(&path, &second, true);
            let _ = workspace.rename(&second, &path, true);
            let _ = workspace.delete(&path, true).await;
        });
        place.assert_outside_untouched();
    }
}

/// A program that runs in the folder can make one; no tool can.
#[tokio::test]
async fn a_hard_link_to_a_file_outside_is_neither_read_nor_appended_to() {
    let place = Place::new();
    fs::hard_link(place.outer.path().join("secret.txt"), place.inside().join("link")).unwrap();
    let read = place.workspace.read_bytes("link", 100).await.unwrap_err();
    let append = place.workspace.write_bytes("link", "more".into(), WriteMode::Append).await.unwrap_err();
    for error in [read, append] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::UnsafePath, Some(403)), "{error}");
        assert!(error.to_string().contains("it is a hard link"), "{error}");
    }
    // What takes the link's place is a file of its own.
    place.workspace.write_bytes("link", "mine".into(), WriteMode::Replace).await.unwrap();
    assert_eq!(place.workspace.read_bytes("link", 100).await.unwrap(), "mine");
    place.assert_outside_untouched();
}
