// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// In libFuzzer's place, for any compiler and machine: runs the inputs that the
// arguments name, files or folders of them, in the order of their names.

#include <algorithm>
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string>
#include <sys/stat.h>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *Data, size_t Size);
extern "C" int LLVMFuzzerInitialize(int *Argc, char ***Argv);

static bool isFolder(const std::string &Path) {
  struct stat Status;
  return stat(Path.c_str(), &Status) == 0 && S_ISDIR(Status.st_mode);
}

static std::vector<std::string> listFolder(const std::string &Path) {
  std::vector<std::string> Files;
  DIR *Folder = opendir(Path.c_str());
  if (!Folder)
    return Files;
  while (const dirent *Entry = readdir(Folder))
    if (Entry->d_name[0] != '.')
      Files.push_back(Path + "/" + Entry->d_name);
  closedir(Folder);
  std::sort(Files.begin(), Files.end());
  return Files;
}

static bool run(const std::string &Path) {
  FILE *File = fopen(Path.c_str(), "rb");
  if (!File) {
    fprintf(stderr, "cannot read %s\n", Path.c_str());
    return false;
  }
  std::vector<uint8_t> Data;
  for (int Byte; (Byte = fgetc(File)) != EOF;)
    Data.push_back(static_cast<uint8_t>(Byte));
  fclose(File);
  fprintf(stderr, "%s\n", Path.c_str());
  LLVMFuzzerTestOneInput(Data.data(), Data.size());
  return true;
}

int main(int Argc, char **Argv) {
  LLVMFuzzerInitialize(&Argc, &Argv);
  size_t Runs = 0;
  for (int I = 1; I < Argc; I++) {
    const std::vector<std::string> Files =
        isFolder(Argv[I]) ? listFolder(Argv[I])
                          : std::vector<std::string>{Argv[I]};
    for (const std::string &File : Files) {
      if (!run(File))
        return 1;
      Runs++;
    }
  }
  printf("%zu inputs\n", Runs);
  return Runs ? 0 : 1;
}
