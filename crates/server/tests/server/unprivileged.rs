//! The program as a user without rights, also if root runs the tests.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const NOBODY: u32 = 65_534;

/// Whom the program runs as.
pub(crate) fn uid() -> u32 {
    let own = rustix::process::geteuid();
    if own.is_root() { NOBODY } else { own.as_raw() }
}

/// A folder of that user's, with the program in it.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_composio"), folder.path().join("composio")).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(uid()), Some(uid())).unwrap_or_else(|error| {
        assert!(!rustix::process::geteuid().is_root(), "{error}");
    });
    std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
    folder
}

/// The program, with its data in the folder.
pub(crate) fn composio(folder: &Path, arguments: &[&str]) -> Command {
    let program = folder.join("composio");
    let command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("setpriv");
        let who = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}")];
        command.args(who).arg("--clear-groups").arg(program);
        command
    } else {
        Command::new(program)
    };
    prepared(command, folder, arguments)
}

/// The same as whoever runs the tests, who may be root.
pub(crate) fn composio_as_is(folder: &Path, arguments: &[&str]) -> Command {
    prepared(Command::new(folder.join("composio")), folder, arguments)
}

fn prepared(mut command: Command, folder: &Path, arguments: &[&str]) -> Command {
    command.args(arguments).arg("--data").arg(folder.join("data")).current_dir(folder);
    for name in ["COMPOSIO_CONFIG", "COMPOSIO_DATABASE", "COMPOSIO_LOG", "COMPOSIO_MASTER_KEY"] {
        command.env_remove(name);
    }
    command
}
