#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# bazel run //:install -- [OPTION...]
#
# Installs the library for LD_PRELOAD and the one to link, their header and
# pkg-config file, the library for C libraries (docs/bionic.md) and its header, the
# program `refpage`, manual pages and documents. Running programs keep the files
# they have; a file is there in its old or its new form at any time.
#
#   --prefix=DIR    where to (default /usr/local)
#   --libdir=DIR    where below it libraries go (default lib)
#   --destdir=DIR   put all below DIR, as if that were / (for packages)
#   --uninstall     remove what was installed with this --prefix and --destdir
#   --no-manifest   do not note what was installed: for packages, whose manager
#                   does. --uninstall then has nothing to go by
#   --help          this text
#
# Without rights for the prefix, and without running Bazel as root:
#
#   bazel build //:install && sudo bazel-bin/packaging/install --prefix=DIR
set -euo pipefail
umask 022

die() {
  echo "install: $*" >&2
  exit 1
}

usage_error() {
  echo "install: $* (see --help)" >&2
  exit 2
}

prefix=/usr/local libdir=lib destdir='' uninstall='' with_manifest=1
while (($#)); do
  case $1 in
  --help | -h)
    sed -n '/^# bazel/,/^[^#]/ { /^[^#]/d; s/^# \{0,1\}//; p; }' "$0"
    exit 0
    ;;
  --prefix | --libdir | --destdir)
    (($# > 1)) || usage_error "$1 needs a value"
    set -- "$1=$2" "${@:3}"
    continue
    ;;
  --prefix=*) prefix=${1#*=} ;;
  --libdir=*) libdir=${1#*=} ;;
  --destdir=*) destdir=${1#*=} ;;
  --uninstall) uninstall=1 ;;
  --no-manifest) with_manifest='' ;;
  *) usage_error "unknown option '$1'" ;;
  esac
  shift
done

# absolute PATH: below the caller's folder, which is not this one under `bazel run`.
absolute() {
  local path=$1
  [[ $path == /* ]] || path=${BUILD_WORKING_DIRECTORY:-$PWD}/$path
  path=$(realpath -ms -- "$path")
  echo "${path%/}"
}

[[ -n $prefix ]] || usage_error "--prefix is empty"
[[ -n $libdir && $libdir != /* && /$libdir/ != */../* ]] ||
  usage_error "--libdir is a path below the prefix, such as lib64; not '$libdir'"
prefix=$(absolute "$prefix")
[[ -z $destdir ]] || destdir=$(absolute "$destdir")
[[ $prefix/$libdir != *[[:space:]:]* ]] ||
  die "LD_PRELOAD and pkg-config cannot name a path with a space or a colon: $prefix/$libdir"
# Files are named by paths that are read line by line.
[[ $destdir != *$'\n'* ]] || usage_error "--destdir has a line break in it"

manifest=$prefix/share/libscudo-refpage/manifest

# remove PATH...: files, and folders (with / at their end) if they are empty.
remove() {
  local path
  for path; do
    # The manifest is a file that somebody may have written to.
    [[ $path == "$prefix"/* && $path/ != */../* ]] || continue
    if [[ $path == */ ]]; then
      rmdir -- "$destdir$path" 2>/dev/null || true
    else
      rm -f -- "$destdir$path" || die "cannot remove $destdir$path, see above"
    fi
  done
}

# What was installed before: files first, then folders, the deepest first.
installed=()
if [[ -f $destdir$manifest ]]; then
  [[ -r $destdir$manifest ]] || die "cannot read $destdir$manifest"
  mapfile -t installed <"$destdir$manifest"
fi

if [[ -n $uninstall ]]; then
  ((${#installed[@]})) || die "nothing to remove: there is no $destdir$manifest"
  for path in "${installed[@]}"; do
    folder=$destdir${path%/}
    folder=${folder%/*}
    [[ ! -d $folder || -w $folder ]] ||
      die "cannot remove anything from $folder: no right to write there"
  done
  remove "${installed[@]}"
  echo "install: removed the library from $destdir$prefix"
  exit 0
fi

# Where Bazel has put the data: beside this, or for a program whose data this is.
files=$0.runfiles/refpage_malloc
[[ -d $files ]] || files=${0%/packaging/install}
[[ -r $files/packaging/changelog ]] ||
  die "there is no $0.runfiles: run this by \`bazel run //:install\`"
version=$(sed -n 's/^libscudo-refpage (\(.*\)) .*/\1/p; T; q' "$files/packaging/changelog")
docdir=share/doc/libscudo-refpage

# What is installed, and where below the prefix.
declare -A targets=(
  [allocator/libscudo_refpage.so]=$libdir
  [allocator/libscudo_refpage.a]=$libdir
  [allocator/libscudo_refpage_bionic.a]=$libdir
  [allocator/scudo_refpage.h]=include
  [allocator/scudo_refpage_bionic.h]=include
  [packaging/scudo_refpage.pc.in]=$libdir/pkgconfig
  [tools/refpage/refpage]=bin
  [packaging/refpage.1]=share/man/man1
  [packaging/refpage.bash]=share/bash-completion/completions
  [packaging/libscudo_refpage.3]=share/man/man3
  [packaging/libscudo_refpage.7]=share/man/man7
  [README.md]=$docdir
)
# As in the sources, so that what they say of each other leads there.
for document in "$files"/docs/*.md "$files"/docs/pictures/*.svg; do
  document=${document#"$files/"}
  targets[$document]=$docdir/${document%/*}
done

# Nothing is written before it is known that all can be. What is above the prefix
# stays when the library goes.
[[ -z $destdir ]] || mkdir -p -- "$destdir" || die "cannot make $destdir, see above"
folders=("${targets[@]/#/$prefix/}")
[[ -z $with_manifest ]] || folders+=("${manifest%/*}")
made=()
for folder in "${folders[@]}"; do
  while [[ ! -e $destdir$folder/ && ! -e $destdir$folder && ! -L $destdir$folder ]]; do
    [[ $folder/ != "$prefix"/* ]] || made+=("$folder/")
    folder=${folder%/*}
  done
  [[ -d $destdir$folder/ ]] || die "$destdir$folder is not a folder"
  [[ -w $destdir$folder/ ]] ||
    die "no right to write to $destdir$folder/: choose another --prefix, or see --help"
done
# get_path SOURCE: where it is installed.
get_path() {
  local name=${1##*/}
  name=${name%.in}
  echo "$prefix/${targets[$1]}/${name%.bash}"
}

for source in "${!targets[@]}"; do
  target=$destdir$(get_path "$source")
  [[ ! -d $target ]] || die "$target is a folder"
done

# fill_in FILE: without comments that are for the sources' readers.
fill_in() {
  local text
  text=$(<"$1")
  text=${text//@PREFIX@/"$prefix"}
  text=${text//@LIBDIR@/"$prefix/$libdir"}
  text=${text//@DOCDIR@/"$prefix/$docdir"}
  printf '%s\n' "${text//@VERSION@/"$version"}"
}

# put PATH [MODE]: what comes from stdin, in one step.
put() {
  local path=$destdir$1 mode=${2:-644} new
  new=${path%/*}/.${path##*/}.new
  mkdir -p -- "${path%/*}" || die "cannot make ${path%/*}, see above"
  rm -f -- "$new"
  if ! cat >"$new" || ! chmod "$mode" "$new" || ! mv -fT -- "$new" "$path"; then
    rm -f -- "$new"
    die "cannot write $path, see above"
  fi
}

paths=()
for source in "${!targets[@]}"; do
  path=$(get_path "$source")
  case $source in
  *.in | *.[1-9]) fill_in "$files/$source" | put "$path" ;;
  tools/*) put "$path" 755 <"$files/$source" ;;
  *) put "$path" <"$files/$source" ;;
  esac
  paths+=("$path")
done

if [[ -n $with_manifest ]]; then
  paths+=("$manifest")
  for path in "${installed[@]}"; do
    case $path in
    */) made+=("$path") ;;
    *) [[ $'\n'$(printf '%s\n' "${paths[@]}")$'\n' == *$'\n'"$path"$'\n'* ]] || remove "$path" ;;
    esac
  done
  {
    printf '%s\n' "${paths[@]}" | sort
    ((${#made[@]} == 0)) || printf '%s\n' "${made[@]}" | sort -ru
  } | put "$manifest"
fi
echo "install: libscudo_refpage $version is in $destdir$prefix"
[[ -n $destdir ]] || echo "install: LD_PRELOAD=$prefix/$libdir/libscudo_refpage.so COMMAND"
