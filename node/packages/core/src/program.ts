#!/usr/bin/env node
/** The program `composio`, as this package installs it. */

import { ComposioClientError } from "./errors.js";
import { native } from "./native.js";

// Node's own handlers raise the signal again, without end where another has come before them. Once a listener is gone,
// the system's action is back, as the program expects it.
for (const signal of ["SIGINT", "SIGTERM"]) {
  const nothing = () => undefined;
  process.on(signal, nothing).off(signal, nothing);
}

try {
  process.exit(native().runProgram(["composio", ...process.argv.slice(2)]));
} catch (error) {
  if (!(error instanceof ComposioClientError)) throw error;
  console.error(`error: ${error.message}\n  fix: ${error.suggestedFix ?? "install the package anew"}`);
  process.exit(1);
}
