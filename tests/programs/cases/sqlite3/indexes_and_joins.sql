-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
-- Sorters, indexes, joins and window functions with a large page cache.
PRAGMA cache_size = -200000;
PRAGMA temp_store = MEMORY;
CREATE TABLE a (id INTEGER PRIMARY KEY, k INTEGER, t TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
INSERT INTO a SELECT i, i * 69069 % 1009, 'text ' || (i * 31 % 997) FROM n;
CREATE TABLE b AS SELECT k, count(*) AS c, min(t) AS t FROM a GROUP BY k;
CREATE INDEX a_k ON a (k, t);
CREATE UNIQUE INDEX b_k ON b (k);
ANALYZE;
SELECT count(*), sum(c) FROM a JOIN b USING (k) WHERE a.t >= b.t;
SELECT k, t, row_number() OVER (PARTITION BY k ORDER BY t, id) AS r
  FROM a ORDER BY r DESC, k LIMIT 5;
SELECT t, count(DISTINCT k) FROM a GROUP BY t ORDER BY 2 DESC, 1 LIMIT 5;
SELECT count(*) FROM (SELECT k FROM a EXCEPT SELECT k FROM b WHERE c > 59);
SELECT json_array_length(json_group_array(json_object('k', k, 'c', c))) FROM b;
DELETE FROM a WHERE id % 3 = 0;
REINDEX;
PRAGMA integrity_check;
