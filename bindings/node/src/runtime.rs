//! Where calls run, and how their results reach the event loop: many in one wake.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use composio_binding::guarded;
use composio_contract::{Error, ErrorKind, RawJson, Result};
use napi::bindgen_prelude::{Buffer, Either5, Env, Function, Null};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode, UnknownReturnValue};
use napi_derive::napi;
use tokio::task::AbortHandle;

use crate::errors::{self, describe};
use crate::session::Session;

/// What a call answers with.
pub(crate) enum Outcome {
    Nothing,
    Json(RawJson),
    Bytes(Bytes),
    Text(String),
    Session(composio_core::Session),
}

/// How to read the item that follows: as it is, as JSON, or as an error's fields in JSON.
#[derive(Clone, Copy)]
enum Form {
    Plain = 0,
    Json = 1,
    Error = 2,
}

type Item = Either5<u32, String, Null, Buffer, Session>;
/// Number of the call, form and value, three items a call.
type Batch = Vec<Item>;
/// Weak: by itself it does not keep the process alive.
type Wake = ThreadsafeFunction<(), UnknownReturnValue, Batch, napi::Status, false, true>;

/// The calls that one JavaScript thread waits for, and the results that have come in since it last looked.
#[napi]
#[derive(Clone)]
pub struct Queue(Arc<Shared>);

struct Shared {
    last: AtomicU32,
    waiting: Mutex<HashMap<u32, AbortHandle>>,
    done: Mutex<Vec<(u32, Result<Outcome>)>>,
    wake: Mutex<Option<Wake>>,
}

#[napi]
impl Queue {
    /// `settle` is called with the results that came in.
    #[napi(constructor)]
    pub fn new(env: Env, settle: Function<'_, Batch, UnknownReturnValue>) -> napi::Result<Self> {
        let shared = Arc::new(Shared {
            last: AtomicU32::new(0),
            waiting: Mutex::default(),
            done: Mutex::default(),
            wake: Mutex::new(None),
        });
        let drained = Arc::clone(&shared);
        let builder = settle.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>();
        *lock(&shared.wake) = Some(builder.build_callback(move |context| drained.drain(&context.env))?);
        // A worker that ends takes its calls along.
        env.add_env_cleanup_hook(Arc::clone(&shared), |shared| shared.abandon())?;
        Ok(Self(shared))
    }

    /// Stops a call: its request is dropped and its result never comes.
    #[napi]
    pub fn cancel(&self, env: Env, id: u32) -> napi::Result<()> {
        let mut waiting = lock(&self.0.waiting);
        if let Some(task) = waiting.remove(&id) {
            task.abort();
        }
        let over = waiting.is_empty();
        drop(waiting);
        if over { self.0.release(&env) } else { Ok(()) }
    }
}

impl Queue {
    /// Starts a call; gives the number that its result comes under.
    pub(crate) fn start(
        &self,
        env: &Env,
        work: impl Future<Output = Result<Outcome>> + Send + 'static,
    ) -> errors::Result<u32> {
        let id = self.0.last.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.0);
        // The result cannot be looked for before this function returns, since that happens on this thread.
        let task = errors::guard(|| composio_binding::spawn(async move { shared.push(id, guarded(work).await) }))?;
        let mut waiting = lock(&self.0.waiting);
        waiting.insert(id, task.abort_handle());
        let first = waiting.len() == 1;
        drop(waiting);
        if first {
            self.0.hold(env).map_err(|error| errors::lower(&Error::new(ErrorKind::Internal, error.reason.clone())))?;
        }
        Ok(id)
    }
}

impl Shared {
    fn push(&self, id: u32, result: Result<Outcome>) {
        let mut done = lock(&self.done);
        let first = done.is_empty();
        done.push((id, result));
        drop(done);
        if first && let Some(wake) = &*lock(&self.wake) {
            // It can only fail where the thread is ending, and nobody waits for the result then.
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn drain(&self, env: &Env) -> napi::Result<Batch> {
        let done = std::mem::take(&mut *lock(&self.done));
        let mut batch = Vec::with_capacity(done.len() * 3);
        let mut waiting = lock(&self.waiting);
        for (id, result) in done {
            if waiting.remove(&id).is_some() {
                let (form, value) = lower(result);
                batch.extend([Either5::A(id), Either5::A(form as u32), value]);
            }
        }
        let over = waiting.is_empty();
        drop(waiting);
        if over {
            self.release(env)?;
        }
        Ok(batch)
    }

    /// Keeps the process alive while calls are under way.
    #[allow(deprecated, reason = "the one way to do what Node-API calls ref")]
    fn hold(&self, env: &Env) -> napi::Result<()> {
        lock(&self.wake).as_mut().map_or(Ok(()), |wake| wake.refer(env))
    }

    #[allow(deprecated, reason = "the one way to do what Node-API calls unref")]
    fn release(&self, env: &Env) -> napi::Result<()> {
        lock(&self.wake).as_mut().map_or(Ok(()), |wake| wake.unref(env))
    }

    fn abandon(&self) {
        for (_, task) in lock(&self.waiting).drain() {
            task.abort();
        }
    }
}

fn lower(result: Result<Outcome>) -> (Form, Item) {
    match result {
        Ok(Outcome::Nothing) => (Form::Plain, Either5::C(Null)),
        Ok(Outcome::Json(json)) => (Form::Json, Either5::B(json.as_str().to_owned())),
        Ok(Outcome::Bytes(bytes)) => (Form::Plain, Either5::D(Vec::from(bytes).into())),
        Ok(Outcome::Text(text)) => (Form::Plain, Either5::B(text)),
        Ok(Outcome::Session(core)) => (Form::Plain, Either5::E(Session::new(core))),
        Err(error) => (Form::Error, Either5::B(describe(&error))),
    }
}

/// What a panicking thread leaves behind is still whole: every critical section here is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
