#include "cuda/library/dynamic_library.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "check.h"
#include "core/error.h"

#ifdef __linux__  // by the names of libraries there

namespace bnlstm::cuda {
namespace {

namespace fs = std::filesystem;

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "bnlstm-library-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  void Make(const std::string& folder) const { fs::create_directories(path_ + folder); }

 private:
  std::string path_;
};

/// An environment variable while this lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* before = std::getenv(name);
    if (before) before_ = before;
    had_ = before != nullptr;
    setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (had_) {
      setenv(name_, before_.c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }

 private:
  const char* name_;
  std::string before_;
  bool had_ = false;
};

/// The file of a library that every process has.
std::string MathLibrary() {
  void* handle = dlopen("libm.so.6", RTLD_NOW);
  CHECK(handle != nullptr);
  return FileOf(dlsym(handle, "cos"));
}

TEST(LibraryOpensACopyByFolder) {
  const Folder folder;
  fs::copy_file(MathLibrary(), folder / "libbnlstm-test.so.2");
  const std::vector<LibraryName> names{{"libbnlstm-test.so.3"}, {"libbnlstm-test.so.2"}};
  const OpenedLibrary library = OpenLibrary(names, {"", "/nowhere", folder.path()});
  CHECK(library.handle != nullptr);
  void* cosine = FindFunction(library, "cos");
  CHECK(cosine != nullptr);
  CHECK_EQ(FileOf(cosine), folder / "libbnlstm-test.so.2");
  CHECK(FindFunction(library, "cublasCreate_v2") == nullptr);
}

TEST(LibraryTakesTheFirstNameInAnyFolder) {
  const Folder first, second;
  fs::copy_file(MathLibrary(), first / "libbnlstm-old.so.12");
  fs::copy_file(MathLibrary(), second / "libbnlstm-old.so.13");
  const OpenedLibrary library = OpenLibrary({{"libbnlstm-old.so.13"}, {"libbnlstm-old.so.12"}},
                                            {first.path(), second.path()});
  CHECK_EQ(FileOf(FindFunction(library, "cos")), second / "libbnlstm-old.so.13");
}

TEST(LibraryTakesWhatTheProcessHas) {
  // By soname, before a file of a name that would come first.
  const Folder folder;
  fs::copy_file(MathLibrary(), folder / "libbnlstm-other.so.1");
  const OpenedLibrary library =
      OpenLibrary({{"libbnlstm-other.so.1"}, {"libm.so.6"}}, {folder.path()});
  CHECK_EQ(FileOf(FindFunction(library, "cos")), MathLibrary());
}

TEST(LibraryOpensWhatItNeedsOfTheSameFolder) {
  const Folder folder;
  fs::copy_file(MathLibrary(), folder / "libbnlstm-needed.so.1");
  fs::copy_file(MathLibrary(), folder / "libbnlstm-needing.so.1");
  OpenLibrary({{"libbnlstm-needing.so.1", {"libbnlstm-needed.so.1"}}}, {folder.path()});
  const std::string needed = folder / "libbnlstm-needed.so.1";
  CHECK(dlopen(needed.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr);
}

TEST(LibraryThatIsNotThere) {
  const Folder folder;
  std::ofstream(folder / "libbnlstm-none.so.1")
      << "this is no library at all, whatever it is named";
  const OpenedLibrary library =
      OpenLibrary({{"libbnlstm-none.so.1"}}, {"", "/nowhere", folder.path()});
  CHECK(library.handle == nullptr);
  CHECK(FindFunction(library, "cos") == nullptr);
  CHECK_EQ(library.tried.size(), size_t{4});
  CHECK(library.tried[0].find(folder / "libbnlstm-none.so.1") == 0);  // and why it does not load
  CHECK_EQ(library.tried[1], "the loader's own folders");
  CHECK_EQ(library.tried[2], "/nowhere");
  CHECK_EQ(library.tried[3], folder.path());
}

TEST(LibraryFoldersInOrder) {
  const Folder root;
  for (const char* folder : {"/opt/cuda/lib64", "/usr/local/cuda/lib64",
                             "/env/lib/python3.12/site-packages/nvidia/cublas/lib",
                             "/env/lib/python3.12/site-packages/nvidia/cu13/lib",
                             "/env/lib/node/site-packages/nvidia/cu13/lib", "/conda/lib",
                             "/home/me/.local/lib/python3.11/site-packages/nvidia/cublas/lib",
                             "/pyenv/lib/python3.10/site-packages/nvidia/cublas/lib", "/pyenv/bin",
                             "/usr/lib/python3/dist-packages/nvidia/cublas/lib"}) {
    root.Make(folder);
  }
  std::ofstream(root / "pyenv/bin/python3") << "";
  const Variable variables[] = {{"CUDA_PATH", "/opt/cuda"}, {"CUDA_HOME", "/opt/cuda"},
                                {"VIRTUAL_ENV", "/env"},    {"CONDA_PREFIX", "/conda"},
                                {"HOME", "/home/me"},       {"PATH", "/bin:/pyenv/bin"}};
  std::vector<std::string> expected{
      "/opt/cuda/lib64",
      "",
      "/usr/local/cuda/lib64",
      "/conda/lib",
      "/env/lib/python3.12/site-packages/nvidia/cu13/lib",
      "/env/lib/python3.12/site-packages/nvidia/cublas/lib",
      "/pyenv/lib/python3.10/site-packages/nvidia/cublas/lib",
      "/home/me/.local/lib/python3.11/site-packages/nvidia/cublas/lib",
      "/usr/lib/python3/dist-packages/nvidia/cublas/lib"};
  for (std::string& folder : expected)
    if (!folder.empty()) folder = root.path() + folder;
  const std::vector<std::string> found = LibraryFolders("cublas", root.path());
  CHECK_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK_EQ(found[i], expected[i]);
}

}  // namespace
}  // namespace bnlstm::cuda

#endif
