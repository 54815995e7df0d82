#pragma once

#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// The runner's few words. TEST names and registers a test; CHECK ends it with a message.
namespace check {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Test {
  std::string name;
  std::function<void()> body;
};
inline std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}
struct Registered {
  Registered(std::string name, std::function<void()> body) {
    Tests().push_back({std::move(name), std::move(body)});
  }
};

template <class... Parts>
[[noreturn]] void Fail(const char* file, int line, const Parts&... parts) {
  std::ostringstream text;
  text << file << ":" << line << ": ";
  (text << ... << parts);
  throw Failure(text.str());
}

}  // namespace check

#define TEST(name)                                                    \
  static void Test##name();                                           \
  static const check::Registered registered##name(#name, Test##name); \
  static void Test##name()

#define CHECK(condition) \
  if (!(condition)) check::Fail(__FILE__, __LINE__, #condition)

#define CHECK_EQ(a, b)                                                   \
  if (const auto& [left, right] = std::pair((a), (b)); !(left == right)) \
  check::Fail(__FILE__, __LINE__, #a " == " #b ", but ", left, " is not ", right)

/// `statement` throws bnlstm::Error with this code.
#define CHECK_THROWS(statement, expected)                                                      \
  try {                                                                                        \
    statement;                                                                                 \
    check::Fail(__FILE__, __LINE__, #statement " did not throw");                              \
  } catch (const bnlstm::Error& error) {                                                       \
    if (error.code() != expected)                                                              \
      check::Fail(__FILE__, __LINE__, #statement " threw ", error.code(), ": ", error.what()); \
  }
