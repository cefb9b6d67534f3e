-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
-- The full-text index: hash tables and segments merged in memory.
CREATE VIRTUAL TABLE f USING fts5(body);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
INSERT INTO f SELECT printf('word%d other%d and word%d', i % 991, i % 37, i) FROM n;
SELECT count(*) FROM f WHERE f MATCH 'word7';
SELECT count(*) FROM f WHERE f MATCH 'word9* AND other3';
SELECT rowid, snippet(f, 0, '[', ']', '...', 5)
  FROM f WHERE f MATCH 'word500 NOT other1' ORDER BY rank LIMIT 3;
DELETE FROM f WHERE rowid % 2;
INSERT INTO f(f) VALUES ('optimize');
INSERT INTO f(f) VALUES ('integrity-check');
SELECT count(*) FROM f WHERE f MATCH 'other36';
