-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
-- What was rolled back is gone, what was committed is there.
CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB);
BEGIN;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
INSERT INTO t SELECT i, zeroblob(i * 10000) FROM n;
SAVEPOINT inner_one;
UPDATE t SET v = CAST(hex(v) AS BLOB);
SELECT count(*), sum(length(v)) FROM t;
ROLLBACK TO inner_one;
SELECT count(*), sum(length(v)) FROM t;
COMMIT;
BEGIN;
DELETE FROM t;
SELECT count(*) FROM t;
ROLLBACK;
SELECT count(*), sum(length(v)) FROM t;
PRAGMA journal_mode = MEMORY;
BEGIN;
UPDATE t SET v = zeroblob(200000) WHERE id % 2;
ROLLBACK;
SELECT count(*), sum(length(v)) FROM t;
PRAGMA integrity_check;
