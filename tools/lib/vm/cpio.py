# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Writes the archive format that the kernel unpacks as its first root."""

import os
import pathlib
import stat


class Archive:
    """A tree of files. Files of equal contents take memory once."""

    def __init__(self):
        self._folders = set()
        self._files = {}  # name: (mode, contents or path)
        self._devices = {}  # name: (major, minor)

    def add_folder(self, name):
        """With those it lies in."""
        path = pathlib.PurePosixPath(name)
        for folder in (path, *path.parents):
            if folder.parts:
                self._folders.add(str(folder))

    def add(self, name, contents, mode=0o644):
        """contents: bytes, or the path of a file, which is read when written."""
        self.add_folder(os.path.dirname(name))
        self._files[name] = (stat.S_IFREG | mode, contents)

    def add_link(self, name, target):
        self.add_folder(os.path.dirname(name))
        self._files[name] = (stat.S_IFLNK | 0o777, target.encode())

    def add_path(self, name, path):
        """A file with its mode; a link as what it leads to."""
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.add(name, pathlib.Path(path), mode)

    def add_device(self, name, major, minor):
        self.add_folder(os.path.dirname(name))
        self._devices[name] = (major, minor)

    def add_tree(self, name, path, left_out=()):
        """All below path but the folders left_out; links stay links."""
        for folder, folders, files in os.walk(path):
            below = os.path.normpath(os.path.relpath(folder, path))
            if below in left_out:
                folders.clear()
                continue
            self.add_folder(os.path.normpath(os.path.join(name, below)))
            for file in folders + files:
                source = os.path.join(folder, file)
                target = os.path.normpath(os.path.join(name, below, file))
                if os.path.islink(source):
                    self.add_link(target, os.readlink(source))
                elif os.path.isfile(source):
                    self.add_path(target, source)

    def write(self, file):
        # A folder that is also given as a link, as in the tree of a package
        # that was made before /lib became one, stays a folder.
        for name in sorted(self._folders):
            self._entry(file, name, stat.S_IFDIR | 0o755)
        first_names = {}
        for name, (mode, contents) in self._files.items():
            if name in self._folders:
                continue
            if isinstance(contents, pathlib.Path):
                contents = contents.read_bytes()
            if stat.S_ISREG(mode) and contents:
                first_names.setdefault((mode, contents), []).append(name)
            else:
                self._entry(file, name, mode, contents)
        for number, ((mode, contents), names) in enumerate(first_names.items(), 1):
            # Hard links: the first entry has the contents.
            for name in names:
                self._entry(file, name, mode, contents, number, len(names))
                contents = b""
        for name, device in self._devices.items():
            self._entry(file, name, stat.S_IFCHR | 0o600, device=device)
        self._entry(file, "TRAILER!!!", 0)

    @staticmethod
    def _entry(file, name, mode, contents=b"", number=0, links=1, device=(0, 0)):
        name = name.encode() + b"\0"
        fields = (number, mode, 0, 0, links, 0, len(contents))
        fields += (0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        file.write(header + name)
        file.write(bytes(-(len(header) + len(name)) % 4))
        file.write(contents)
        file.write(bytes(-len(contents) % 4))
