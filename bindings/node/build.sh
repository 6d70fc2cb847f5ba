#!/bin/sh
# build.sh OUT: compiles the addon with plain cc. The headers are those of the Node that is on the PATH: beside
# it, or where Debian's libnode-dev puts them; NODE_INCLUDE names another place.
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
prefix=$(node -p 'path.resolve(process.execPath, "../..")')
include=${NODE_INCLUDE:-}
for place in "$prefix/include/node" /usr/include/node /usr/include/nodejs/src; do
  [ -n "$include" ] || [ ! -f "$place/node_api.h" ] || include=$place
done
if [ -z "$include" ]; then
  echo "build.sh: node_api.h is neither in $prefix/include/node nor in /usr/include/node; set NODE_INCLUDE" >&2
  exit 1
fi
dx=$here/include
[ -f "$dx/dx.h" ] || dx=$here/../../include
mkdir -p "$(dirname "$out")"
# -z nodelete: threads of ours may still run when the worker thread that loaded the addon has ended.
exec ${CC:-cc} -std=gnu11 -O2 -g -fPIC -shared -fvisibility=hidden -pthread ${CFLAGS:-} \
  -Wall -Wextra -Wshadow=local -Werror -I "$include" -I "$dx" \
  -Wl,-z,nodelete -Wl,--as-needed -o "$out" "$here"/src/*.c -ldl
