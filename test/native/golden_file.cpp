#include "golden_file.h"

#include <cstdint>
#include <fstream>
#include <stdexcept>

namespace bnlstm {
namespace {

class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path), file_(path, std::ios::binary) {}

  void Bytes(void* into, size_t bytes) {
    if (!file_.read(static_cast<char*>(into), static_cast<std::streamsize>(bytes))) {
      throw std::runtime_error("the golden file " + path_ + " is missing or not whole");
    }
  }
  uint32_t U32() {
    uint32_t value;
    Bytes(&value, 4);
    return value;
  }
  std::string String() {
    std::string text(U32(), '\0');
    Bytes(text.data(), text.size());
    return text;
  }
  GoldenTensor Tensor() {
    GoldenTensor tensor;
    for (uint32_t rank = U32(); rank > 0; --rank) tensor.shape.push_back(U32());
    tensor.values.resize(static_cast<size_t>(Count(tensor.shape)));
    Bytes(tensor.values.data(), tensor.values.size() * sizeof(double));
    return tensor;
  }

 private:
  const std::string path_;
  std::ifstream file_;
};

}  // namespace

std::vector<GoldenCase> ReadGoldenFile(const std::string& path) {
  Reader reader(path);
  std::string magic(8, '\0');
  reader.Bytes(magic.data(), magic.size());
  if (magic != "BNLSTMG1") throw std::runtime_error(path + " is no golden file");
  std::vector<GoldenCase> cases(reader.U32());
  for (GoldenCase& golden : cases) {
    golden.name = reader.String();
    for (uint32_t i = reader.U32(); i > 0; --i) {
      const std::string key = reader.String();
      golden.texts[key] = reader.String();
    }
    for (uint32_t i = reader.U32(); i > 0; --i) {
      const std::string key = reader.String();
      golden.tensors[key] = reader.Tensor();
    }
  }
  return cases;
}

}  // namespace bnlstm
