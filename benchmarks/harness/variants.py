# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A variant is a preload library and the environment that goes with it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    name: str
    library: str  # empty: no preload
    environment: tuple = ()  # of (name, value)

    def all_environment(self):
        preload = (("LD_PRELOAD", self.library),) if self.library else ()
        return preload + self.environment

    def with_stats(self):
        """The same, with this library's statistics at exit."""
        more = {"REFPAGE_OPTIONS": ":stats=1"}
        environment = tuple(
            (name, value + more.get(name, ""))
            for name, value in self.environment
        )
        return dataclasses.replace(self, environment=environment)


def _own(name, options, library, scudo_options=""):
    environment = (("REFPAGE_OPTIONS", options),)
    if scudo_options:
        environment += (("SCUDO_OPTIONS", scudo_options),)
    return Variant(name, library, environment)


OWN_NAMES = (
    "anon",
    "memset",
    "refpage",
    # Parts the cost of filling small blocks, which is upstream's and a memset
    # in every variant that fills, from the cost of the large ones.
    "anon+small",
    # Each block is mapped anew, as before there was a cache for all sizes.
    "anon-uncached",
    "memset-uncached",
    # Freed blocks stay accessible while they are kept, or none do: the cost of
    # hardening.
    "unprotected",
    "protected",
)


def own(library):
    """This library's own variants, by name."""
    made = [
        _own(name, f"variant={name}", library)
        for name in ("anon", "memset", "refpage")
    ]
    fill_small = "pattern_fill_contents=true"
    made.append(_own("anon+small", "variant=anon", library, fill_small))
    made += [
        _own(f"{name}-uncached", f"variant={name}:cache_max=0", library)
        for name in ("anon", "memset")
    ]
    for name, least in (("unprotected", "1G"), ("protected", "0")):
        options = f"variant=refpage:protect_from={least}"
        made.append(_own(name, options, library))
    return {variant.name: variant for variant in made}


def parse_preload(text):
    """NAME=PATH[,ENV=VALUE...]; an empty PATH is the C library's own malloc."""
    name, equals, rest = text.partition("=")
    if not name or not equals:
        raise ValueError(f"expected NAME=PATH[,ENV=VALUE...]: {text}")
    library, *settings = rest.split(",")
    environment = []
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not key or not equals:
            raise ValueError(f"expected ENV=VALUE: {setting}")
        environment.append((key, value))
    return Variant(name, library, tuple(environment))


def check_names(names, known):
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(
            f"no variant {', '.join(unknown)}; there are {', '.join(known)}"
        )
