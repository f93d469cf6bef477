//! JSON Schema for tools: checking arguments, and schemas that models accept.
