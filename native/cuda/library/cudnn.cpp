#ifndef BNLSTM_EMULATOR
#include "cuda/library/cudnn.h"

#include "cuda/library/cublas.h"
#include "cuda/library/dynamic_library.h"

namespace bnlstm::cuda::cudnn {
namespace {

Library Open() {
  static Functions functions;
  FindCublas();  // cuDNN needs it, and would not find one that pip has put into another folder
  const OpenedLibrary library = OpenLibrary({{"libcudnn.so.9"}}, LibraryFolders("cudnn"));
  if (!library.handle) {
    Library result;
    result.why = "cuDNN was not found: libcudnn.so.9 does not load. Looked in: ";
    for (const std::string& place : library.tried)
      result.why += (&place == library.tried.data() ? "" : "; ") + place;
    result.why += ". Install cuDNN 9, or `pip install nvidia-cudnn-cu13`";
    return result;
  }
  std::string missing;
  const auto load = [&]<class Function>(Function*& function, const std::string& name) {
    function = reinterpret_cast<Function*>(FindFunction(library, name.c_str()));
    if (!function) missing += " " + name;
  };
#define BNLSTM_LOAD(name) load(functions.name, "cudnn" #name)
  BNLSTM_LOAD(GetVersion);
  BNLSTM_LOAD(GetErrorString);
  BNLSTM_LOAD(GetLastErrorString);
  BNLSTM_LOAD(Create);
  BNLSTM_LOAD(Destroy);
  BNLSTM_LOAD(SetStream);
  BNLSTM_LOAD(CreateDropoutDescriptor);
  BNLSTM_LOAD(DestroyDropoutDescriptor);
  BNLSTM_LOAD(SetDropoutDescriptor);
  BNLSTM_LOAD(CreateRNNDescriptor);
  BNLSTM_LOAD(DestroyRNNDescriptor);
  BNLSTM_LOAD(SetRNNDescriptor_v8);
  BNLSTM_LOAD(BuildRNNDynamic);
  BNLSTM_LOAD(CreateRNNDataDescriptor);
  BNLSTM_LOAD(DestroyRNNDataDescriptor);
  BNLSTM_LOAD(SetRNNDataDescriptor);
  BNLSTM_LOAD(CreateTensorDescriptor);
  BNLSTM_LOAD(DestroyTensorDescriptor);
  BNLSTM_LOAD(SetTensorNdDescriptor);
  BNLSTM_LOAD(GetRNNWeightSpaceSize);
  BNLSTM_LOAD(GetRNNTempSpaceSizes);
  BNLSTM_LOAD(GetRNNWeightParams);
  BNLSTM_LOAD(RNNForward);
  BNLSTM_LOAD(RNNBackwardData_v8);
  BNLSTM_LOAD(RNNBackwardWeights_v8);
#undef BNLSTM_LOAD
  Library result;
  if (functions.GetVersion) result.path = FileOf(reinterpret_cast<void*>(functions.GetVersion));
  if (missing.empty()) {
    result.functions = &functions;
  } else {
    result.why = "the cuDNN in " + result.path + " lacks functions:" + missing;
  }
  return result;
}

}  // namespace

const Library& Find() {
  static const Library library = Open();
  return library;
}

}  // namespace bnlstm::cuda::cudnn
#endif
