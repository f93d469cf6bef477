//! Files and folders of which only their owner may see anything, whatever the folder around them or the umask allows.
//!
//! On Unix. Elsewhere what is made has the permissions of the folder that it lies in.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder, and those that it lies in, for their owner alone. One that is there stays as it is.
///
/// # Errors
/// Where the system makes none.
pub fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Options that make a file for its owner alone, where they make one.
#[must_use]
pub fn options() -> OpenOptions {
    #[allow(unused_mut, reason = "only Unix has modes")]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes an empty file for its owner alone, if there is none.
///
/// It gets its name when it is closed already: to close a file gives up all locks that the process has on it, as another
/// thread may that has found it meanwhile.
///
/// # Errors
/// Where the system makes none.
pub fn make_file(path: &Path) -> io::Result<()> {
    if path.try_exists()? {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match tempfile::NamedTempFile::new_in(folder)?.into_temp_path().persist_noclobber(path) {
        Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
        _ => Ok(()),
    }
}

/// The mode of what lies at a path, if others than its owner may do anything with it.
///
/// # Errors
/// Where there is something at the path that cannot be looked at.
pub fn wider_mode(path: &Path) -> io::Result<Option<u32>> {
    #[cfg(unix)]
    {
        let mode = match std::fs::metadata(path) {
            Ok(found) => std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok((mode & 0o077 != 0).then_some(mode))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}

/// Takes what others may do with a file away from them, and says so in the log. That there is none is well.
///
/// # Errors
/// Where the mode cannot be changed, with the mode.
pub fn narrow(path: &Path) -> io::Result<()> {
    let Some(mode) = wider_mode(path)? else { return Ok(()) };
    #[cfg(unix)]
    {
        let narrowed = std::os::unix::fs::PermissionsExt::from_mode(mode & 0o700);
        match std::fs::set_permissions(path, narrowed) {
            // Another process that shares it has come to its end meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                let message = format!(
                    "others may use {} (mode {mode:03o}), which cannot be changed: {error}; set it to 600",
                    path.display()
                );
                return Err(io::Error::new(error.kind(), message));
            }
            Ok(()) => {}
        }
    }
    tracing::warn!(
        file = %path.display(),
        mode = format!("{mode:03o}"),
        "others could use what holds secrets; from now on its owner alone can"
    );
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_the_owners_alone() {
        let place = tempfile::tempdir().unwrap();
        std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let folder = place.path().join("a/b");
        make_folder(&folder).unwrap();
        assert_eq!((mode(&place.path().join("a")), mode(&folder)), (0o700, 0o700));
        make_file(&folder.join("c")).unwrap();
        std::fs::write(folder.join("c"), "kept").unwrap();
        make_file(&folder.join("c")).unwrap();
        options().write(true).create_new(true).open(folder.join("d")).unwrap();
        assert_eq!((mode(&folder.join("c")), mode(&folder.join("d"))), (0o600, 0o600));
        assert_eq!(std::fs::read(folder.join("c")).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn a_wider_mode_is_narrowed() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        narrow(&file).unwrap();
        std::fs::write(&file, "").unwrap();
        for wide in [0o644, 0o640, 0o604, 0o666, 0o601] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(wide)).unwrap();
            assert_eq!(wider_mode(&file).unwrap(), Some(wide));
            narrow(&file).unwrap();
            assert_eq!((wider_mode(&file).unwrap(), mode(&file)), (None, 0o600));
        }
        // Nobody may change the mode of what the kernel shows of a process.
        #[cfg(target_os = "linux")]
        let error = narrow(Path::new("/proc/self/status")).unwrap_err().to_string();
        #[cfg(target_os = "linux")]
        assert!(error.contains("mode 444") && error.contains("set it to 600"), "{error}");
    }
}
