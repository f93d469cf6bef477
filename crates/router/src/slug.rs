//! Slugs of toolkits and tools, stable from run to run.
