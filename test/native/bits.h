#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

/// What `bnlstm_native_test --bits` prints: hashes of results that must not depend on the machine.
/// Two builds agree if they print the same. BITS names and registers a function that gives lines.
namespace bits {

/// FNV-1a, 64 bits, over words of 32.
class Hash {
 public:
  template <class Number>
  Hash& Add(const Number* values, size_t count) {
    static_assert(sizeof(Number) % 4 == 0);
    for (size_t i = 0; i < count * sizeof(Number) / 4; ++i) {
      uint32_t word;
      std::memcpy(&word, reinterpret_cast<const std::byte*>(values) + 4 * i, sizeof word);
      value_ = (value_ ^ word) * 0x100000001b3;
    }
    return *this;
  }
  template <class Number>
  Hash& Add(const std::vector<Number>& values) {
    return Add(values.data(), values.size());
  }
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

using Lines = std::vector<std::pair<std::string, uint64_t>>;

struct Source {
  std::string name;
  std::function<Lines()> lines;
};
inline std::vector<Source>& Sources() {
  static std::vector<Source> sources;
  return sources;
}
struct Registered {
  Registered(std::string name, std::function<Lines()> lines) {
    Sources().push_back({std::move(name), std::move(lines)});
  }
};

}  // namespace bits

#define BITS(name)                                                 \
  static bits::Lines Bits##name();                                 \
  static const bits::Registered bits_of_##name(#name, Bits##name); \
  static bits::Lines Bits##name()
