# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Debian's apt in a directory of its own.

The machine's own package sources say where from, so that mirrors, snapshots,
proxies and keys are those the machine already trusts. Nothing on the machine is
changed and no privilege is needed.
"""

import os
import pathlib
import re
import shlex
import subprocess


class AptError(Exception):
    """Its text is for the user: what was wanted and what apt said."""


def run(command, **arguments):
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        **arguments,
    )


def parse_deb822(text):
    """The stanzas of a .sources file: each field's name and what follows its colon."""
    stanzas = []
    # Comments may stand in the middle of a stanza: they part nothing.
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        fields = re.findall(r"^(\S+?):(.*(?:\n[ \t].*)*)", block, re.M)
        stanza = {name.title(): value for name, value in fields}
        if stanza.get("Enabled", "").strip().lower() in ("no", "false", "0"):
            continue
        if "Types" in stanza:
            stanzas.append(stanza)
    return stanzas


def parse_one_line(text):
    """The same of a .list file: `deb [options] URI suite component...`."""
    stanzas = {}
    for line in text.splitlines():
        entry = re.match(
            r"\s*deb(?:-src)?\s+(?:\[([^]]*)\]\s*)?([^\s#]+)\s+([^\s#]+)([^#]*)", line
        )
        if not entry:
            continue
        options, uri, suite, components = entry.groups()
        if uri.startswith("cdrom:"):
            continue
        stanza = {"Types": " deb", "Uris": " " + uri, "Suites": " " + suite}
        if components.strip():
            stanza["Components"] = components
        for name, value in re.findall(r"(\S+?)[+-]?=(\S+)", options or ""):
            # Some names differ between the two formats.
            name = {"arch": "architectures", "lang": "languages"}.get(name, name)
            stanza[name.title()] = " " + value.replace(",", " ")
        # deb and deb-src of one place are one stanza here.
        stanzas[tuple(stanza.items())] = stanza
    return list(stanzas.values())


def machine_sources():
    """The machine's package sources as stanzas."""
    shell = run(
        [
            "apt-config", "shell",
            "LIST", "Dir::Etc::sourcelist/f",
            "PARTS", "Dir::Etc::sourceparts/d",
        ]
    ).stdout
    where = dict(word.split("=", 1) for word in shlex.split(shell) if "=" in word)
    files = [pathlib.Path(where.get("LIST", "/etc/apt/sources.list"))]
    folder = pathlib.Path(where.get("PARTS", "/etc/apt/sources.list.d"))
    if folder.is_dir():
        files += sorted(folder.iterdir())
    stanzas = []
    for file in files:
        if file.is_file() and file.suffix in (".list", ".sources"):
            parse = parse_deb822 if file.suffix == ".sources" else parse_one_line
            stanzas += parse(file.read_text(errors="replace"))
    return stanzas


def with_suite(stanzas, suite):
    """Adds a suite such as bookworm-backports, from where bookworm comes from."""
    if any(suite in stanza.get("Suites", "").split() for stanza in stanzas):
        return stanzas
    base = suite.partition("-")[0]
    for stanza in stanzas:
        if base in stanza.get("Suites", "").split():
            return stanzas + [{**stanza, "Suites": " " + suite}]
    raise AptError(
        f"{suite}: none of this machine's package sources has it, nor has one {base}"
    )


class PrivateApt:
    """Lists and packages below folder, which the caller removes.

    architectures: for binary packages; empty for source packages only
    suites: those that must be there beside the machine's own
    """

    def __init__(self, folder, architectures=(), suites=()):
        self.folder = pathlib.Path(folder).resolve()
        for name in ("parts", "lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "no-packages").touch()
        self.options = [
            "-q",
            "-o", "Dir::Etc::sourcelist=/dev/null",
            "-o", f"Dir::Etc::sourceparts={self.folder}/parts",
            "-o", f"Dir::State::lists={self.folder}/lists",
            "-o", f"Dir::Cache={self.folder}/cache",
            # The user that apt drops to cannot write here, nor can it exist for us.
            "-o", "APT::Sandbox::User=",
            "-o", "Acquire::Retries=3",
            "-o", "Acquire::Languages=none",
        ]
        # What is needed by a package of such a suite may be in that suite only.
        self.prefer = [f"--target-release=/^({'|'.join(suites)})$/"] if suites else []
        for architecture in architectures:
            self.options += ["-o", f"APT::Architectures::={architecture}"]

        stanzas = machine_sources()
        for suite in suites:
            stanzas = with_suite(stanzas, suite)
        for stanza in stanzas:
            # The machine's choice is for what it installs.
            stanza.pop("Architectures", None)
            stanza["Types"] = " deb" if architectures else " deb-src"
        (self.folder / "parts/all.sources").write_text(
            "\n".join(
                "".join(f"{name}:{value}\n" for name, value in stanza.items())
                for stanza in stanzas
            )
        )
        # Its exit code is of no use: one unrelated source that is down fails it.
        self.update_report = run(["apt-get", *self.options, "update"]).stdout

    def query(self, *command):
        """What `apt-cache COMMAND` prints."""
        return run(["apt-cache", *self.options, *command]).stdout

    def get(self, *command, cwd=None):
        """Runs `apt-get COMMAND`; its failure is an AptError."""
        result = run(["apt-get", *self.options, *command], cwd=cwd)
        if result.returncode != 0:
            raise AptError(
                f"apt-get {' '.join(command)} failed:\n{self.update_report}{result.stdout}"
            )

    def direct_dependencies(self, package):
        """What a package depends on, such as a meta package on the newest kernel."""
        lines = self.query("depends", "--important", package)
        return re.findall(r"^ +(?:Pre)?Depends: ([^<\s]+)$", lines, re.M)

    def download(self, packages, folder):
        """Puts packages (`name`, `name:arch`, `name/suite`) as .deb into folder."""
        self.get("download", *packages, cwd=folder)

    def download_with_dependencies(self, packages, folder):
        """The same, and all they need, down to libc6."""
        # An empty machine, whatever this one has.
        status = ["-o", f"Dir::State::status={self.folder}/no-packages"]
        self._download_as_if_installing(packages, folder, status)

    def download_with_missing_dependencies(self, packages, folder):
        """The same, and what they need that is not installed, or too old."""
        # Or apt would leave out those of them that are.
        self._download_as_if_installing(packages, folder, ["--reinstall", "--allow-downgrades"])

    def _download_as_if_installing(self, packages, folder, options):
        self.get(
            # Nothing of the machine's is written to.
            "-o", "Debug::NoLocking=1",
            *options,
            *self.prefer,
            "install", "--download-only", "--no-install-recommends", "--yes", *packages,
        )
        for package in self.folder.glob("cache/archives/*.deb"):
            package.replace(pathlib.Path(folder, package.name))
