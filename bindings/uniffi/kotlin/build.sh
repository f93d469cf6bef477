#!/usr/bin/env bash
# build.sh [build|test|demo|story] [--release]     builds the library, the generated code and the package; runs the tests, the demo or
#                                            the story of tests/story/run.py
# build.sh bench URL COUNT                   measures what was built last; prints the median of an execute in µs
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
servers=${MCP_SERVERS:-$root/.mcp-servers}

command=build
profile=debug
arguments=()
for argument in "$@"; do
  case $argument in
    --release) profile=release ;;
    build | test | demo | story | bench) command=$argument ;;
    *) arguments+=("$argument") ;;
  esac
done

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) place=linux-x86-64 library=libcomposio_uniffi.so ;;
  Linux-aarch64) place=linux-aarch64 library=libcomposio_uniffi.so ;;
  Darwin-arm64) place=darwin-aarch64 library=libcomposio_uniffi.dylib ;;
  Darwin-x86_64) place=darwin-x86-64 library=libcomposio_uniffi.dylib ;;
  *) echo "build.sh does not know $(uname -s) on $(uname -m)" >&2; exit 1 ;;
esac

# Copies only what has changed, so that what is newer than it is not built again.
refresh() { cmp --silent "$1" "$2" || install -D -m 755 "$1" "$2"; }

build() {
  local flags=()
  [[ $profile == release ]] && flags=(--release)
  (cd "$root" && cargo build --quiet --locked -p composio-uniffi "${flags[@]}")
  refresh "$target/$profile/$library" "$here/target/native/$place/$library"
  # The symbols that the generator reads are stripped from a release; the interface is the same.
  (cd "$root" && cargo build --quiet --locked -p composio-uniffi -p composio-bindgen)
  local described=$target/debug/$library
  local generated=$here/target/generated-sources/uniffi
  (cd "$root" && "$target/debug/composio-bindgen" generate "$described" --language kotlin --no-format --out-dir "$generated")
  # The structure that a call's status is read from takes longer to make than the call itself, so that each thread keeps one. An
  # argument's own calls are over, and have succeeded, before the call begins.
  local own='var status = UniffiRustCallStatus()' code=$generated/dev/composio/ffi/composio_uniffi.kt
  [[ $(grep -cF "$own" "$code") == 1 ]] || { echo "build.sh does not know the code of this generator: $code" >&2; exit 1; }
  sed -i "s/$own/val status = uniffiStatuses.get().apply { code = 0 }/" "$code"
  echo 'private val uniffiStatuses = ThreadLocal.withInitial { UniffiRustCallStatus() }' >>"$code"
}

# Each Kotlin program of the documentation becomes a package of its own; prints their names.
write_readme_programs() {
  local folder=$here/target/generated-test-sources/programs
  rm -rf "$folder" && mkdir -p "$folder"
  awk -v folder="$folder" '
    /^```kotlin$/ {
      name = "dev.composio.documented.program" ++count
      file = folder "/Program" count ".kt"
      print "@file:JvmName(\"ProgramKt\")\npackage " name "\n// " FILENAME ":" FNR >file
      printf "%s ", name
      inside = 1
      next
    }
    /^```$/ && inside { inside = 0; close(file); next }
    inside { print >file }
  ' "$root/README.md" "$here/README.md"
}

maven() { mvn --quiet --batch-mode --file "$here/pom.xml" "$@"; }

java_with() { java -Djna.library.path="$here/target/native/$place" -cp "$1:$here/target/classes:$(<"$here/target/classpath")" "${@:2}"; }

case $command in
  build) build && maven package -DskipTests ;;
  test)
    build
    programs=$(write_readme_programs)
    maven test -Ddocumented.programs="$programs" -Dmock.backend="$target/debug/mock-backend" -Dmcp.servers="$servers" "${arguments[@]}"
    ;;
  demo)
    build
    maven test-compile
    java_with "$here/target/test-classes" dev.composio.demo.DemoKt "$servers"
    ;;
  story)
    build
    maven test-compile
    java_with "$here/target/test-classes" dev.composio.story.StoryKt
    ;;
  bench) java_with "$here/target/test-classes" dev.composio.bench.BenchKt "${arguments[@]}" ;;
esac
