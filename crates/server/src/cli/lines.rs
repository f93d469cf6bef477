//! Lines for standard error, written by a thread of their own: who logs waits for no terminal, pipe or disk.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// How long lines are gathered after a write; what a killed process loses.
const WINDOW: Duration = Duration::from_millis(10);
/// Bytes that may wait. Whoever reads the log may be slow or have stopped, which must hold up no call.
const ROOM: usize = 4 << 20;
/// A buffer that grew beyond this is not kept.
const KEPT: usize = 256 << 10;

/// Takes lines from everywhere in the process. A clone is the same.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to do for the thread.
    work: Condvar,
    /// Everything was written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    /// Lines that found no room, since this was last said.
    lost: u64,
    /// The thread waits for the first line, so that it must be woken; else it looks by itself.
    is_idle: bool,
    /// Somebody waits for the end of what there is.
    is_hurried: bool,
}

impl State {
    fn has_work(&self) -> bool {
        !self.waiting.is_empty() || self.lost > 0
    }
}

impl Lines {
    /// Starts the thread, which lives as long as the process.
    ///
    /// # Errors
    /// Where the system starts no further thread.
    pub(super) fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        std::thread::Builder::new().name("composio-lines".to_owned()).spawn(move || shared.run(output))?;
        Ok(lines)
    }

    /// Returns once every line is written, or after `patience`.
    pub(super) fn flush(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut state = self.0.lock();
        while state.has_work() || !state.is_idle {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state.is_hurried = true;
            self.0.work.notify_one();
            state = self.0.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for &Lines {
    /// Takes a whole line, or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock();
        if state.waiting.len() + line.len() > ROOM {
            state.lost += 1;
        } else {
            state.waiting.extend_from_slice(line);
        }
        if std::mem::take(&mut state.is_idle) {
            self.0.work.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut output: impl Write) {
        let mut batch = Vec::new();
        loop {
            let lost = {
                let mut state = self.lock();
                while !state.has_work() {
                    state.is_idle = true;
                    state.is_hurried = false;
                    self.done.notify_all();
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.is_idle = false;
                std::mem::swap(&mut state.waiting, &mut batch);
                std::mem::take(&mut state.lost)
            };
            write(&mut output, &batch);
            batch.clear();
            batch.shrink_to(KEPT);
            if lost > 0 {
                // Through the log itself it would have its form, and go round again when that is full.
                tracing::warn!(lines = lost, "the log is not read as fast as it is written; lines are lost");
            }
            let state = self.lock();
            if !state.is_hurried {
                // Woken early, it only writes earlier.
                drop(self.work.wait_timeout_while(state, WINDOW, |state| !state.is_hurried));
            }
        }
    }
}

/// Writes all of it, also to a pipe whose other end made it answer at once that it is full. What cannot be written is gone, as
/// there is nowhere to say so.
fn write(output: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match output.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(WINDOW),
            Err(_) => return,
        }
    }
    // Standard error has no buffer of its own.
    let _ = output.flush();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// Takes each write only once it is let.
    struct Gate {
        open: mpsc::Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once nobody holds the key any more it stays open.
            let _ = self.open.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn gate() -> (Lines, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (key, open) = mpsc::channel();
        let written = Arc::default();
        (Lines::start(Gate { open, written: Arc::clone(&written) }).unwrap(), key, written)
    }

    #[test]
    fn a_flush_waits_for_every_line_of_every_thread() {
        let (lines, key, written) = gate();
        drop(key);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let mut lines = &lines;
                scope.spawn(move || {
                    (0..500).for_each(|line| lines.write_all(format!("{thread} {line}\n").as_bytes()).unwrap());
                });
            }
        });
        lines.flush(LONG);
        let text = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        for thread in 0..4 {
            let of: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(&format!("{thread} "))).collect();
            assert_eq!(of, (0..500).map(|line| line.to_string()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_nobody_reads_holds_nobody_up_and_takes_no_more_than_its_room() {
        let (lines, key, written) = gate();
        let line = [b'x'; 1 << 10];
        for _ in 0..2 * ROOM / line.len() + 1 {
            assert_eq!((&lines).write(&line).unwrap(), line.len());
        }
        lines.flush(Duration::ZERO);
        assert!(written.lock().unwrap().is_empty());
        assert!(lines.0.lock().waiting.len() <= ROOM && lines.0.lock().lost > 0);
        drop(key);
        lines.flush(LONG);
        let kept = written.lock().unwrap().len();
        // What was being written and what waited.
        assert!((ROOM..=2 * ROOM).contains(&kept), "{kept}");
        assert_eq!(lines.0.lock().lost, 0);
    }

    #[test]
    fn a_pipe_that_is_full_for_a_moment_loses_nothing() {
        struct Full(u32, Arc<Mutex<Vec<u8>>>);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 % 3 {
                    0 => Err(io::ErrorKind::WouldBlock.into()),
                    1 => Err(io::ErrorKind::Interrupted.into()),
                    _ => {
                        let count = bytes.len().min(3);
                        self.1.lock().unwrap().extend_from_slice(&bytes[..count]);
                        Ok(count)
                    }
                }
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let written = Arc::default();
        let lines = Lines::start(Full(0, Arc::clone(&written))).unwrap();
        (&lines).write_all(b"one line\n").unwrap();
        lines.flush(LONG);
        assert_eq!(*written.lock().unwrap(), b"one line\n");
    }
}
