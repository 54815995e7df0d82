#pragma once

#include <string>
#include <vector>

namespace bnlstm::cuda {

/// A library by its soname, which names the version of its functions.
struct LibraryName {
  std::string file;
  /// Libraries of the same folder that it needs: opened first, or the loader would take them from
  /// elsewhere, of another version.
  std::vector<std::string> needs = {};
};

/// What a search has found, open until the process ends. Memory of a GPU may outlive any owner.
struct OpenedLibrary {
  void* handle = nullptr;          // null: nothing could be opened
  std::vector<std::string> tried;  // where, and why not where a file is there but does not load
};

/// Opens the first library that loads: a copy that the process already has, of any of the names (two
/// versions side by side are asking for trouble); else name by name, in each folder. The folder ""
/// is the loader's own search.
OpenedLibrary OpenLibrary(const std::vector<LibraryName>& names,
                          const std::vector<std::string>& folders);

/// The address of a function, or null where the library lacks it.
void* FindFunction(const OpenedLibrary& library, const char* name);

/// The file that an address was loaded from.
std::string FileOf(void* address);

/// Where libraries of NVIDIA may lie: CUDA_PATH and CUDA_HOME, the loader's own search, the toolkit's
/// usual folder, and what pip or conda have put beside a Python (`package` as in
/// site-packages/nvidia/<package>/lib: "cublas", "cudnn"). Only folders that are there. Files are
/// looked up below `root`, for tests.
std::vector<std::string> LibraryFolders(const std::string& package, const std::string& root = "");

}  // namespace bnlstm::cuda
