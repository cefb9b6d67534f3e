# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Python without its own allocator in front: every object comes from malloc.
set -euo pipefail

cat >work.py <<'END'
import ast, inspect, json, re
tree = ast.parse(inspect.getsource(re._compiler) + inspect.getsource(json.decoder))
print(len(ast.dump(tree)), len(list(ast.walk(tree))))
print(json.dumps([{"n": i, "s": str(i) * 50} for i in range(5000)])[-60:])
print(len(re.findall(r"(\w+)\((\w*)", ast.unparse(tree))))
END
for allocator in malloc malloc_debug pymalloc; do
  PYTHONMALLOC=$allocator /usr/bin/python3 work.py
done
