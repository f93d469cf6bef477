/** Native calls as promises. One queue a thread; its results come in batches. */

import { cancelled, onAbort } from "./abort.js";
import { decode } from "./json.js";
import { ComposioError } from "./errors.js";
import { lift, raise } from "./lift.js";
import { native, type Batch, type CallId, type NativeQueue } from "./native.js";

/** What every asynchronous method takes last. */
export interface RequestOptions {
  /** Stops the call: its request is dropped and the promise is rejected with `ComposioRequestCancelledError`. */
  signal?: AbortSignal | undefined;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
  forget?: () => void;
}

const waiting = new Map<CallId, Waiting>();
let made: NativeQueue | undefined;

/** The queue of this thread. */
export function queue(): NativeQueue {
  return (made ??= new (native().Queue)(settle));
}

const PLAIN = 0;
const JSON_TEXT = 1;

function settle(batch: Batch): void {
  for (let index = 0; index < batch.length; index += 3) {
    const id = batch[index] as CallId;
    const call = waiting.get(id);
    if (call === undefined) continue;
    waiting.delete(id);
    call.forget?.();
    const value = batch[index + 2];
    try {
      if (batch[index + 1] === PLAIN) call.resolve(value);
      else if (batch[index + 1] === JSON_TEXT) call.resolve(decode(value as string));
      else call.reject(raise(value as string));
    } catch (error) {
      call.reject(error);
    }
  }
}

/** Starts a native call. Gives null where there is nothing to wait for. */
export function begin<T>(
  start: (queue: NativeQueue) => CallId | null,
  signal: AbortSignal | undefined,
): Promise<T> | null {
  if (signal?.aborted) return Promise.reject(cancelled(signal));
  let id: CallId | null;
  try {
    id = start(queue());
  } catch (error) {
    return Promise.reject(lift(error));
  }
  if (id === null) return null;
  const number = id;
  return new Promise((resolve, reject) => {
    const call: Waiting = { resolve, reject };
    if (signal !== undefined) {
      call.forget = onAbort(signal, () => {
        waiting.delete(number);
        queue().cancel(number);
        reject(cancelled(signal));
      });
    }
    waiting.set(number, call);
  });
}

/** A native call that always answers. */
export async function call<T>(start: (queue: NativeQueue) => CallId, options: RequestOptions | undefined): Promise<T> {
  return traced(begin<T>(start, options?.signal) as Promise<T>);
}

/** The same promise; an error has the stack of those who wait for it, since it is made where nobody called. */
export async function traced<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ComposioError) Error.captureStackTrace(error, traced);
    throw error;
  }
}
