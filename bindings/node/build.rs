//! Linker settings for a Node module.

fn main() {
    napi_build::setup();
}
