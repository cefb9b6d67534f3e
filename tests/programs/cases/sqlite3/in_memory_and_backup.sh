# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# A database in memory, saved, loaded, dumped and read back.
set -euo pipefail

sqlite3 :memory: <<'END'
CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
INSERT INTO t SELECT i, printf('%0100d', i * 7) FROM n;
.backup main saved.db
END
sha256sum saved.db
sqlite3 saved.db .dump | sha256sum
sqlite3 saved.db .dump | sqlite3 copy.db
sqlite3 copy.db 'SELECT count(*), max(v) FROM t; PRAGMA integrity_check'
sqlite3 -json saved.db 'SELECT * FROM t' | sha256sum
sqlite3 saved.db 'PRAGMA journal_mode = WAL; UPDATE t SET v = upper(v); SELECT sum(id) FROM t'
sqlite3 saved.db 'INSERT INTO t VALUES (1, 2)' 2>&1 || echo "status $?"
sqlite3 saved.db 'SELECT zeroblob(2000000000)' 2>&1 || echo "status $?"
rm ./*.db
