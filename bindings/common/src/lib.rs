//! What the bindings of all languages share. A binding lifts its language's values into these types and lowers what
//! comes back; nothing here knows a language.

mod calls;
mod guard;
mod manage;
mod open;
mod program;
mod runtime;

pub use calls::{PlannedRun, remote_execute, upload};
pub use guard::{guard, guarded};
pub use manage::manage;
pub use open::{ClientSpec, Opened, seconds};
pub use program::run_program;
pub use runtime::{runtime, spawn};
