// `npx eslint .`: strict and type-aware for what is TypeScript.

import js from "@eslint/js";
import tseslint from "typescript-eslint";

const safeCalls = [{ from: "package", package: "node:test", name: ["test", "it", "describe", "suite"] }];

export default tseslint.config(
  { ignores: ["**/dist/**", "**/.build*/**", "docs/**"] },
  js.configs.recommended,
  {
    languageOptions: {
      globals: { console: "readonly", process: "readonly", performance: "readonly", URL: "readonly" },
    },
  },
  {
    files: ["packages/*/src/**/*.ts", "tests/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ["packages/*/tsconfig.json", "tests/tsconfig.json"],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      // Callers in JavaScript, and vectors, may give what the types rule out.
      "@typescript-eslint/no-unnecessary-condition": "off",
      // The type parameters of providers have the names that their users know.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: safeCalls }],
      "@typescript-eslint/no-unused-vars": ["error", { ignoreRestSiblings: true, varsIgnorePattern: "^_" }],
      "@typescript-eslint/only-throw-error": ["error", { allow: [{ from: "file", name: "Refusal" }] }],
      // Whatever a user's function throws or rejects with goes on as it is.
      "@typescript-eslint/no-base-to-string": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
    },
  },
);
