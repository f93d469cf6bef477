/** Abort signals. One listener a signal, however many calls it is given to: Node warns of more than ten. */

import { ComposioRequestCancelledError } from "./errors.js";

interface Watched {
  readonly actions: Set<() => void>;
  readonly listener: () => void;
}

const watched = new WeakMap<AbortSignal, Watched>();

/** Calls `action` when the signal is aborted; gives what takes that back. */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  let entry = watched.get(signal);
  if (entry === undefined) {
    const actions = new Set<() => void>();
    entry = { actions, listener: () => actions.forEach((act) => act()) };
    watched.set(signal, entry);
  }
  const { actions, listener } = entry;
  if (actions.size === 0) signal.addEventListener("abort", listener, { once: true });
  actions.add(action);
  return () => {
    actions.delete(action);
    if (actions.size === 0) signal.removeEventListener("abort", listener);
  };
}

/** What a call of an aborted signal is rejected with. */
export function cancelled(signal: AbortSignal): ComposioRequestCancelledError {
  return new ComposioRequestCancelledError("the call was cancelled", { cause: signal.reason });
}

/** The work's result, unless the signal is aborted first. */
export function unlessAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    if (signal.aborted) reject(cancelled(signal));
    const forget = onAbort(signal, () => reject(cancelled(signal)));
    work.then(resolve, reject).finally(forget);
  });
}
