//! Files that come and go piece by piece, so that none is ever in memory whole.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use cap_std::fs::{Dir, File};
use composio_contract::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::path::RelativePath;
use super::room::Reserved;
use super::{HardLinks, INLINE_BYTES, WriteMode, disk};

/// The bytes of a piece of a file that is read.
const PIECE: usize = 64 * 1024;

/// A file on its way into a user's folder. Until it is there whole, nothing of it is; dropping it leaves nothing behind.
pub(crate) struct Incoming {
    dir: Arc<Dir>,
    path: RelativePath,
    reserved: Reserved,
    size: u64,
    state: State,
}

impl std::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming").field("size", &self.size).finish_non_exhaustive()
    }
}

enum State {
    /// So little that it is written in one go.
    Small(BytesMut),
    /// A thread writes what comes.
    Large { pieces: mpsc::Sender<Piece>, writer: JoinHandle<Result<()>> },
}

enum Piece {
    Bytes(Bytes),
    /// Everything came; tell when it is written.
    End(oneshot::Sender<()>),
    /// The file takes its place.
    Keep,
}

impl Incoming {
    pub(super) fn new(dir: &Arc<Dir>, path: RelativePath, reserved: Reserved) -> Self {
        Self { dir: Arc::clone(dir), path, reserved, size: 0, state: State::Small(BytesMut::new()) }
    }

    /// Takes the next bytes, and waits while those before are written.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.reserved.grow_to(self.size)?;
        match &mut self.state {
            State::Small(buffer) if buffer.len().saturating_add(bytes.len()) <= INLINE_BYTES => {
                buffer.extend_from_slice(&bytes);
                Ok(())
            }
            State::Small(buffer) => {
                let begun = std::mem::take(buffer).freeze();
                // One piece is written while the next one comes.
                let (pieces, coming) = mpsc::channel(1);
                let (dir, path) = (Arc::clone(&self.dir), self.path.clone());
                let writer = tokio::task::spawn_blocking(move || receive(&dir, &path, coming));
                self.state = State::Large { pieces, writer };
                self.send(Piece::Bytes(begun)).await?;
                self.send(Piece::Bytes(bytes)).await
            }
            State::Large { .. } => self.send(Piece::Bytes(bytes)).await,
        }
    }

    async fn send(&mut self, piece: Piece) -> Result<()> {
        let State::Large { pieces, .. } = &self.state else { return Ok(()) };
        if pieces.send(piece).await.is_ok() {
            return Ok(());
        }
        Err(self.failure().await)
    }

    /// Why the thread ended before it was told to.
    async fn failure(&mut self) -> Error {
        let state = std::mem::replace(&mut self.state, State::Small(BytesMut::new()));
        let State::Large { writer, .. } = state else { return ended() };
        match writer.await {
            Ok(Err(error)) => error,
            _ => ended(),
        }
    }

    /// Puts the file in its place, once `permit` says that it may.
    pub(crate) async fn finish(mut self, permit: impl Future<Output = Result<()>>) -> Result<()> {
        if let State::Small(buffer) = &mut self.state {
            disk::prepare(&self.dir, &self.path)?;
            permit.await?;
            disk::write(&self.dir, &self.path, buffer, WriteMode::Replace, HardLinks::default())?;
        } else {
            let (written, all_written) = oneshot::channel();
            self.send(Piece::End(written)).await?;
            if all_written.await.is_err() {
                return Err(self.failure().await);
            }
            permit.await?;
            self.send(Piece::Keep).await?;
            let State::Large { pieces, writer } = self.state else { return Err(ended()) };
            drop(pieces);
            writer.await.map_err(|error| ended().with_source(error))??;
        }
        self.reserved.done();
        Ok(())
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a background task ended before its work did")
}

/// Writes what comes to a file without a name, and gives it its name at the end.
fn receive(dir: &Dir, path: &RelativePath, mut coming: mpsc::Receiver<Piece>) -> Result<()> {
    let fail = |error| disk::file_error("write", path.as_str(), error);
    let (folder, name) = path.split();
    // Beside its place, if that is there: a folder may lie on another disk. One that is not there is made at the end only.
    let parent = folder.map(|folder| dir.open_dir(folder)).and_then(Result::ok);
    let (place, name) = match (&parent, folder) {
        (Some(parent), _) => (parent, name),
        (None, _) => (dir, path.as_str()),
    };
    let mut file = disk::temporary(place).map_err(fail)?;
    while let Some(piece) = coming.blocking_recv() {
        match piece {
            Piece::Bytes(bytes) => file.write_all(&bytes).map_err(fail)?,
            Piece::End(written) => {
                disk::prepare(dir, path)?;
                // Whoever does not wait for it any more has gone, and the next piece does not come.
                let _ = written.send(());
            }
            Piece::Keep => return file.replace(name).map_err(fail),
        }
    }
    Ok(())
}

/// A file on its way out of a user's folder.
pub struct Outgoing {
    file: Option<File>,
    path: RelativePath,
    size: u64,
    rest: u64,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("size", &self.size).field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl Outgoing {
    pub(super) fn new(file: File, size: u64, path: RelativePath) -> Self {
        Self { file: Some(file), path, size, rest: size }
    }

    /// The bytes of the whole file. It has as many at the end, or reading it fails.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next piece; none at the end.
    ///
    /// # Errors
    /// [`ErrorKind::File`] where it cannot be read, or was made shorter meanwhile.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.rest == 0 {
            return Ok(None);
        }
        let Some(mut file) = self.file.take() else { return Err(ended()) };
        let length = usize::try_from(self.rest).unwrap_or(usize::MAX).min(PIECE);
        let mut piece = vec![0; length];
        let read = move || file.read(&mut piece).map(|read| (file, piece, read));
        let done = if self.size <= INLINE_BYTES as u64 {
            read()
        } else {
            let read = tokio::task::spawn_blocking(read).await;
            read.map_err(|error| ended().with_source(error))?
        };
        let (file, mut piece, read) = done.map_err(|error| disk::file_error("read", self.path.as_str(), error))?;
        if read == 0 {
            let message = format!("cannot read \"{}\": it was made shorter meanwhile", self.path);
            return Err(Error::new(ErrorKind::File, message).with_status(409));
        }
        self.file = Some(file);
        self.rest = self.rest.saturating_sub(read as u64);
        piece.truncate(read);
        Ok(Some(piece.into()))
    }
}
