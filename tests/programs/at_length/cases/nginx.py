# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""nginx under wrk: plain files, and files compressed on the way."""

import hashlib
import http.client
import random
import re
import signal
import socket
import time

from ..case import Case, CaseError

SECONDS, THREADS, CONNECTIONS = 4, 2, 50

CONFIGURATION = """
daemon off;
worker_processes 2;
error_log stderr warn;
pid nginx.pid;
{user}
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  default_type text/plain;
  gzip_types text/plain;
  gzip_comp_level 1;
  server {{
    listen 127.0.0.1:{port};
    root files;
    location /gzip/ {{ alias files/; gzip on; }}
    # Pages put together from others, by way of a proxy to ourselves.
    location /ssi/ {{ alias files/; ssi on; ssi_types text/plain; }}
    location /proxy/ {{ proxy_pass http://127.0.0.1:{port}/; proxy_buffers 8 64k; }}
  }}
}}
"""

PATHS = (
    *("/small.txt", "/large.txt", "/gzip/large.txt", "/proxy/large.txt"),
    *("/ssi/page.shtml", "/none.txt"),
)

# wrk asks for one after the other.
SCRIPT = """
local paths = {"/small.txt", "/gzip/medium.txt", "/proxy/medium.txt", "/ssi/page.shtml"}
local next = 0
request = function()
  next = next % #paths + 1
  return wrk.format("GET", paths[next], {["Accept-Encoding"] = "gzip"})
end
"""


def make_files(folder):
    draw = random.Random(1)
    words = [f"word{draw.randrange(10**6)}" for _ in range(2000)]
    (folder / "files").mkdir()
    for name, count in (("small", 100), ("medium", 4000), ("large", 200000)):
        (folder / "files" / f"{name}.txt").write_text(" ".join(draw.choices(words, k=count)))
    include = '<!--# include virtual="/proxy/small.txt" -->\n'
    (folder / "files/page.shtml").write_text("head\n" + 5 * include)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 60
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10).close()
        except OSError:
            if time.monotonic() > deadline:
                raise CaseError("nginx does not listen") from None
            time.sleep(0.05)


def get(port, path):
    """Status, and sum of the body, of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        kind = answer.getheader("Content-Encoding", "plain")
        digest = hashlib.sha256(body).hexdigest()
        return f"{answer.status} {kind} {len(body)} bytes {digest}"
    finally:
        connection.close()


def run(run):
    make_files(run.folder)
    port = free_port()
    # A user is for workers of root; others have no choice, and are warned.
    user = "user nobody nogroup;" if run.client("id", "-u").strip() == "0" else ""
    run.path("nginx.conf").write_text(CONFIGURATION.format(port=port, user=user))
    run.path("requests.lua").write_text(SCRIPT)
    run.folder.chmod(0o755)
    binaries = run.place.packages / "usr"
    libraries = {"LD_LIBRARY_PATH": run.place.libraries()}
    command = (binaries / "sbin/nginx", "-p", f"{run.folder}/", "-c", "nginx.conf")
    with run.server(*command, stop=signal.SIGQUIT, **libraries) as server:
        wait_for(port)
        before = {path: get(port, path) for path in PATHS}
        report = run.client(
            *(binaries / "bin/wrk", "--threads", THREADS, "--connections", CONNECTIONS),
            *("--duration", f"{SECONDS}s", "--timeout", "60s"),
            *("--script", "requests.lua", f"http://127.0.0.1:{port}"),
            **libraries,
        )
        after = {path: get(port, path) for path in PATHS}
    # It does as much as it can in a given time.
    run.work = int(re.search(r"(\d+) requests in", report).group(1))
    trouble = re.findall(r"(?m)^ *(?:Non-2xx|Socket errors).*", report)
    return {
        **{f"{path} before": text for path, text in before.items()},
        **{f"{path} after": text for path, text in after.items()},
        "wrk": "\n".join(trouble),
        "log": "\n".join(
            re.sub(r"^\S+ \S+ |\d+#\d+: \*\d+ |port.*", "", line)
            for line in server.err.read_text().splitlines()
            if not re.search(r"none\.txt", line)
        ),
    }


CASE = Case(
    name="nginx",
    about=f"nginx for {SECONDS} seconds under wrk with {CONNECTIONS} connections: plain"
    " files, `gzip`, a proxy, pages put together (`ssi`): what is served before and after,"
    " and no errors. Time is of the server, for a request",
    run=run,
    programs=("nginx",),
    unpacked=("nginx", "wrk"),
)
