#include "cuda/library/cublas.h"

#ifndef BNLSTM_EMULATOR
#include "cuda/library/dynamic_library.h"
#endif

namespace bnlstm::cuda {
namespace {

#ifdef BNLSTM_EMULATOR

CublasLibrary Find() {
  static const Cublas functions{emulator::cublasCreate, emulator::cublasDestroy,
                                emulator::cublasSetStream, emulator::cublasSetWorkspace,
                                emulator::cublasGemmEx};
  return {&functions, "emulator", ""};
}

#else

/// cuBLAS of one CUDA version serves programs of another, but needs a driver as new as itself: so
/// that of the runtime, for which the driver is new enough, comes first.
std::vector<LibraryName> Names() {
  int runtime = 0;
  cudaRuntimeGetVersion(&runtime);
  std::vector<LibraryName> names;
  for (const char* major : {"13", "12"}) {
    const LibraryName name{std::string("libcublas.so.") + major,
                           {std::string("libcublasLt.so.") + major}};
    const bool first = std::to_string(runtime / 1000) == major;
    names.insert(first ? names.begin() : names.end(), name);
  }
  return names;
}

template <class Function>
bool Load(const OpenedLibrary& library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(FindFunction(library, name));
  return function != nullptr;
}

CublasLibrary Find() {
  static Cublas functions;
  CublasLibrary result;
  const std::vector<LibraryName> names = Names();
  const OpenedLibrary library = OpenLibrary(names, LibraryFolders("cublas"));
  if (!library.handle) {
    result.why = "cuBLAS was not found: neither " + names[0].file + " nor " + names[1].file +
                 " loads. Looked in: ";
    for (const std::string& place : library.tried)
      result.why += (&place == library.tried.data() ? "" : "; ") + place;
    result.why +=
        ". Install a CUDA toolkit or `pip install nvidia-cublas`, or set CUDA_PATH to the folder "
        "above its lib64";
    return result;
  }
  // Without the suffix these are functions of an older interface, with other arguments.
  const bool complete = Load(library, "cublasCreate_v2", functions.create) &&
                        Load(library, "cublasDestroy_v2", functions.destroy) &&
                        Load(library, "cublasSetStream_v2", functions.set_stream) &&
                        Load(library, "cublasSetWorkspace_v2", functions.set_workspace) &&
                        Load(library, "cublasGemmEx", functions.gemm_ex);
  result.path = FileOf(reinterpret_cast<void*>(functions.create));
  if (complete) {
    result.functions = &functions;
  } else {
    result.why = "the cuBLAS in " + result.path + " lacks functions: it is damaged, or too old";
  }
  return result;
}

#endif

}  // namespace

const CublasLibrary& FindCublas() {
  static const CublasLibrary library = Find();
  return library;
}

}  // namespace bnlstm::cuda
