# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""PostgreSQL: initdb, pgbench, queries that need much memory, and checks."""

import re
import signal
import time

from ..case import Case, CaseError

CLIENTS, TRANSACTIONS, SCALE = 4, 1500, 2

SETTINGS = """
listen_addresses = ''
unix_socket_directories = '.'
fsync = off
autovacuum = off
jit = off
work_mem = 64MB
maintenance_work_mem = 128MB
timezone = 'UTC'
"""

# Sums of rows, which do not depend on the order in which clients came.
CHECKS = """
SELECT count(*), sum(abalance), md5(string_agg(aid || ':' || abalance, ',' ORDER BY aid))
  FROM pgbench_accounts;
SELECT count(*), sum(bbalance) FROM pgbench_branches;
SELECT count(*), sum(tbalance) FROM pgbench_tellers;
SELECT count(*), sum(delta) FROM pgbench_history;
"""

# Sorts, hash joins and aggregates in memory, large values, arrays, JSON, regular
# expressions.
QUERIES = """
CREATE TABLE rows AS SELECT i, md5(i::text) AS word, (i * 7919) % 100003 AS key
  FROM generate_series(1, 100000) AS i;
CREATE INDEX ON rows (word);
SELECT md5(string_agg(word, '' ORDER BY key, i)) FROM rows;
SELECT count(*), sum(a.key) FROM rows a JOIN rows b ON a.key = b.i;
SELECT count(DISTINCT left(word, 3)), md5(array_agg(key ORDER BY word)::text) FROM rows;
SELECT length(repeat(string_agg(word, ''), 5)) FROM rows;
SELECT md5(jsonb_agg(jsonb_build_object('k', key, 'w', word) ORDER BY i)::text) FROM rows;
SELECT count(*) FROM rows WHERE word ~ '(ab|cd)[0-9]+f';
SELECT md5(string_agg(regexp_replace(word, '[a-f]+', '-', 'g'), '' ORDER BY i)) FROM rows;
WITH RECURSIVE t(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 50000)
  SELECT sum(n) FROM t;
CREATE EXTENSION amcheck;
SELECT count(bt_index_check(c.oid)) FROM pg_class c WHERE c.relkind = 'i' AND
  c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree');
"""


def wait_for(is_ready):
    deadline = time.monotonic() + 120
    while True:
        try:
            return is_ready()
        except CaseError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def run(run):
    programs = run.place.packages / "usr/lib/postgresql/15/bin"
    libraries = {"LD_LIBRARY_PATH": run.place.libraries()}
    data = run.path("data")
    initdb = run.program(
        *(programs / "initdb", "--pgdata", data, "--username=test", "--no-sync"),
        *("--locale=C", "--encoding=UTF8", "--auth=trust"),
        **libraries,
    )
    run.client("sh", "-c", f"cat >>{data}/postgresql.conf", feed=SETTINGS)

    def client(program, *arguments, feed=None):
        return run.client(
            *(programs / program, "--host", data, "--username=test", *arguments),
            feed=feed,
            **libraries,
        )

    with run.server(programs / "postgres", "-D", data, stop=signal.SIGINT, **libraries):
        wait_for(lambda: client("pg_isready"))
        client("pgbench", "--initialize", f"--scale={SCALE}", "--quiet", "postgres")
        client(
            *("pgbench", f"--client={CLIENTS}", f"--transactions={TRANSACTIONS}"),
            *("--jobs=2", "--random-seed=1", "postgres"),
        )
        sql = ("psql", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "postgres")
        balances = client(*sql, feed=CHECKS)
        queries = client(*sql, feed=QUERIES)
        dump = client("pg_dump", "--table=rows", "postgres")
        return {
            "initdb": initdb.replace(str(data), "DATA"),
            "balances": balances,
            "queries": queries,
            # Two lines have a random key.
            "dump": re.sub(r"(?m)^\\(un)?restrict .*", "", dump),
        }


CASE = Case(
    name="postgresql",
    about=f"PostgreSQL: `initdb`, {CLIENTS * TRANSACTIONS} transactions of `pgbench` by"
    f" {CLIENTS} clients, and sorts, joins and aggregates in memory: balances, results of"
    " queries, a check of the indexes and a dump. The server and `initdb` are measured",
    run=run,
    programs=("postgres", "initdb"),
    unpacked=("postgresql-15", "postgresql-client-15"),
    as_root=False,
)
