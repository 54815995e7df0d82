#include "cuda/library/dynamic_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace bnlstm::cuda {
namespace {

namespace fs = std::filesystem;

constexpr int kMode = RTLD_NOW | RTLD_LOCAL;

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// What lies in a folder, sorted; nothing where it cannot be read.
std::vector<fs::path> Entries(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    entries.push_back(entry->path());
  }
  std::sort(entries.begin(), entries.end());
  return entries;
}

class Folders {
 public:
  explicit Folders(std::string root) : root_(std::move(root)) {}

  void Add(const fs::path& folder) {
    std::error_code error;
    const fs::path path = root_ + folder.string();
    const bool known = std::find(found_.begin(), found_.end(), path.string()) != found_.end();
    if (!known && fs::is_directory(path, error)) found_.push_back(path.string());
  }
  void AddLoader() { found_.push_back(""); }
  /// Of a Python whose packages lie below `prefix`/lib.
  void AddPython(const std::string& prefix, const std::string& package) {
    if (prefix.empty()) return;
    for (const fs::path& python : Entries(root_ + prefix + "/lib")) {
      if (python.filename().string().rfind("python3", 0) != 0) continue;
      for (const char* packages : {"site-packages", "dist-packages"}) {
        const std::string nvidia =
            prefix + "/lib/" + python.filename().string() + "/" + packages + "/nvidia/";
        Add(nvidia + "cu13/lib");  // packages of CUDA 13 share a folder
        Add(nvidia + package + "/lib");
      }
    }
  }
  std::vector<std::string> found() && { return std::move(found_); }

 private:
  const std::string root_;
  std::vector<std::string> found_;
};

/// Folders above those of PATH that hold a Python: virtual environments that are not activated by
/// name, and those of pyenv.
std::vector<std::string> PythonPrefixes(const std::string& root) {
  std::vector<std::string> prefixes;
  const std::string path = Variable("PATH");
  for (size_t begin = 0; begin < path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const fs::path folder = path.substr(begin, end - begin);
    std::error_code error;
    if (fs::exists(root + (folder / "python3").string(), error))
      prefixes.push_back(folder.parent_path().string());
    begin = end + 1;
  }
  return prefixes;
}

/// Null, and the reason in `tried` if it is another one than that no such file is there.
void* Open(const LibraryName& name, const std::string& folder, std::vector<std::string>& tried) {
  const std::string prefix = folder.empty() ? "" : folder + "/";
  std::error_code error;
  if (!folder.empty() && !fs::exists(prefix + name.file, error)) return nullptr;
  // A failure shows when the library itself is opened.
  for (const std::string& needed : name.needs) dlopen((prefix + needed).c_str(), kMode);
  void* handle = dlopen((prefix + name.file).c_str(), kMode);
  if (!handle && !folder.empty()) {
    const char* reason = dlerror();
    tried.push_back(reason ? reason : prefix + name.file + ": unknown error");
  }
  return handle;
}

}  // namespace

OpenedLibrary OpenLibrary(const std::vector<LibraryName>& names,
                          const std::vector<std::string>& folders) {
  OpenedLibrary library;
  for (const LibraryName& name : names) {
    library.handle = dlopen(name.file.c_str(), kMode | RTLD_NOLOAD);
    if (library.handle) return library;
  }
  for (const LibraryName& name : names) {
    for (const std::string& folder : folders) {
      library.handle = Open(name, folder, library.tried);
      if (library.handle) return library;
    }
  }
  for (const std::string& folder : folders)
    library.tried.push_back(folder.empty() ? "the loader's own folders" : folder);
  return library;
}

void* FindFunction(const OpenedLibrary& library, const char* name) {
  return library.handle ? dlsym(library.handle, name) : nullptr;
}

std::string FileOf(void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname ? info.dli_fname : "";
}

std::vector<std::string> LibraryFolders(const std::string& package, const std::string& root) {
  Folders folders(root);
  const auto add_toolkit = [&](const std::string& toolkit) {
    if (toolkit.empty()) return;
    for (const char* lib : {"/lib64", "/lib", "/targets/x86_64-linux/lib"}) {
      folders.Add(toolkit + lib);
    }
  };
  add_toolkit(Variable("CUDA_PATH"));
  add_toolkit(Variable("CUDA_HOME"));
  folders.AddLoader();
  add_toolkit("/usr/local/cuda");
  const std::string conda = Variable("CONDA_PREFIX");
  if (!conda.empty()) folders.Add(conda + "/lib");
  std::vector<std::string> prefixes{Variable("VIRTUAL_ENV"), conda};
  for (const std::string& prefix : PythonPrefixes(root)) prefixes.push_back(prefix);
  const std::string home = Variable("HOME");
  if (!home.empty()) prefixes.push_back(home + "/.local");
  prefixes.insert(prefixes.end(), {"/usr/local", "/usr"});
  for (const std::string& prefix : prefixes) folders.AddPython(prefix, package);
  return std::move(folders).found();
}

}  // namespace bnlstm::cuda
