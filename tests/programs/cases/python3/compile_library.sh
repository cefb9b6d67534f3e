# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Byte code of a part of the standard library.
set -euo pipefail

cp -r /usr/lib/python3.*/json /usr/lib/python3.*/asyncio /usr/lib/python3.*/email .
/usr/bin/python3 -m compileall -q -j 2 --invalidation-mode unchecked-hash -s "$PWD" .
find . -name '*.pyc' | sort | xargs sha256sum
rm -r json asyncio email
