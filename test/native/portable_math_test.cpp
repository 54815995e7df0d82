#include "core/portable_math.h"

#include <cmath>

#include "check.h"

namespace bnlstm {
namespace {

/// Against the C library, which may be off in the last place itself.
void CheckNear(double value, double expected, double ulp_of) {
  const double ulp = std::nextafter(std::abs(ulp_of), INFINITY) - std::abs(ulp_of);
  if (!(std::abs(value - expected) <= 2 * ulp)) {
    check::Fail(__FILE__, __LINE__, value, " is not ", expected);
  }
}

TEST(PortableLogarithm) {
  CHECK_EQ(PortableLog(1), 0.0);
  for (double x = 0x1p-24; x < 1e6; x *= 1.0037)
    CheckNear(PortableLog(x), std::log(x), std::log(x));
  for (double x = 1 - 1e-6; x < 1 + 1e-6; x += 1e-9) {
    CheckNear(PortableLog(x), std::log(x), std::log(x));
  }
}

TEST(PortableCosines) {
  CHECK_EQ(PortableCosine(0), 1.0);
  CHECK_EQ(PortableCosine(0.25), 0.0);
  CHECK_EQ(PortableCosine(0.5), -1.0);
  CHECK_EQ(PortableCosine(0.75), 0.0);
  // Rounding 2 pi x costs the library more than an ulp of small results.
  for (double x = 0; x < 1; x += 0x1.3p-14) {
    CheckNear(PortableCosine(x), std::cos(6.283185307179586477 * x), 1 + 6 * x);
  }
}

}  // namespace
}  // namespace bnlstm
