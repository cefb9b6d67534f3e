-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
-- Values of megabytes: zeroed, built, cut, compared.
CREATE TABLE blobs (id INTEGER PRIMARY KEY, value BLOB);
INSERT INTO blobs VALUES (1, zeroblob(10000000));
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
INSERT INTO blobs SELECT 2, group_concat(i * 7919 % 100003, ':') FROM n;
INSERT INTO blobs SELECT 3, value || value || value FROM blobs WHERE id = 2;
INSERT INTO blobs SELECT 4, replace(value, '1', 'one') FROM blobs WHERE id = 3;
SELECT id, length(value), typeof(value), hex(substr(value, length(value) - 10))
  FROM blobs;
SELECT count(*) FROM blobs WHERE value = zeroblob(10000000);
SELECT instr(value, ':77777:') FROM blobs WHERE id = 2;
SELECT length(hex(value)), substr(quote(value), -20) FROM blobs WHERE id = 3;
UPDATE blobs SET value = substr(value, 1, 1000000) WHERE id > 1;
SELECT sum(length(value)) FROM blobs;
DELETE FROM blobs WHERE id = 1;
VACUUM;
PRAGMA integrity_check;
