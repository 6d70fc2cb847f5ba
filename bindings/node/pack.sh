#!/bin/sh
# pack.sh BUILT LIBRARY: makes BUILT/dist/perdure-VERSION.tgz of the package, the addon in BUILT and the library.
# Needs npm, but no registry.
set -eu
built=$(cd "$1" && pwd)
library=$(realpath "$2")
here=$(cd "$(dirname "$0")" && pwd)
platform=$(node -p '`${process.platform}-${process.arch}`')
rm -rf "$built/package" "$built/dist"
mkdir -p "$built/package/prebuilt/$platform" "$built/dist"
cp -r "$here/package.json" "$here/README.md" "$here/index.mjs" "$here/index.d.ts" "$here/index.d.mts" \
  "$here/testing.d.ts" "$here/lib" "$here/duroxide" \
  "$here/../../LICENSE" "$built/package"
# What is inside runs on this kind of machine only: npm then says so at the install.
node -e "
  const fs = require('node:fs');
  const [file] = process.argv.slice(1);
  const made = JSON.parse(fs.readFileSync(file));
  fs.writeFileSync(file, JSON.stringify({ ...made, cpu: [process.arch], libc: ['glibc'] }, null, 2));
" "$built/package/package.json"
strip --strip-unneeded -o "$built/package/prebuilt/$platform/perdure.node" "$built/perdure.node"
strip --strip-unneeded -o "$built/package/prebuilt/$platform/libdx.so" "$library"
cd "$built/dist"
npm pack --silent --offline "$built/package" >/dev/null
ls "$built"/dist/*.tgz
