#pragma once

#include <cstdint>
#include <cstring>

#include "core/host_device.h"

namespace bnlstm {

/// Elementary functions that give the same bits on every machine, which those of <cmath> do not:
/// libraries differ in the last place, and some choose by the processor. Formulas and coefficients
/// are those of fdlibm (Sun Microsystems, 1993), good to 1 ulp.

/// ln x for a positive, normal x.
BNLSTM_HOST_DEVICE inline double PortableLog(double x) {
  constexpr double kLn2High = 6.93147180369123816490e-01;  // its last 32 bits are zero
  constexpr double kLn2Low = 1.90821492927058770002e-10;
  // x = 2^exponent (1 + f) with 1 + f between sqrt(1/2) and sqrt(2).
  uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint64_t shifted = bits - 0x3fe6a09e667f3bcd;  // sqrt(1/2)
  const auto exponent = static_cast<double>(static_cast<int64_t>(shifted) >> 52);
  bits = (shifted & 0x000fffffffffffff) + 0x3fe6a09e667f3bcd;
  std::memcpy(&x, &bits, sizeof x);
  const double f = x - 1;
  const double s = f / (2 + f);
  const double z = s * s;
  double r = 1.479819860511658591e-01;
  r = r * z + 1.531383769920937332e-01;
  r = r * z + 1.818357216161805012e-01;
  r = r * z + 2.222219843214978396e-01;
  r = r * z + 2.857142874366239149e-01;
  r = r * z + 3.999999999940941908e-01;
  r = (r * z + 6.666666666666735130e-01) * z;
  const double half = 0.5 * f * f;
  return exponent * kLn2High - ((half - (s * (half + r) + exponent * kLn2Low)) - f);
}

/// cos(2 pi turns) for turns in [0, 1).
BNLSTM_HOST_DEVICE inline double PortableCosine(double turns) {
  const auto quarter = static_cast<int>(turns * 4 + 0.5);
  const double x = (turns * 4 - quarter) * 1.57079632679489661923;  // the difference is exact
  const double z = x * x;
  if (quarter % 2 == 0) {
    double r = -1.13596475577881948265e-11;
    r = r * z + 2.08757232129817482790e-09;
    r = r * z - 2.75573143513906633035e-07;
    r = r * z + 2.48015872894767294178e-05;
    r = r * z - 1.38888888888741095749e-03;
    r = r * z + 4.16666666666666019037e-02;
    const double w = 1 - 0.5 * z;
    const double cosine = w + (((1 - w) - 0.5 * z) + z * z * r);
    return quarter == 2 ? -cosine : cosine;
  }
  double r = 1.58969099521155010221e-10;
  r = r * z - 2.50507602534068634195e-08;
  r = r * z + 2.75573137070700676789e-06;
  r = r * z - 1.98412698298579493134e-04;
  r = r * z + 8.33333333332248946124e-03;
  r = r * z - 1.66666666666666324348e-01;
  const double sine = x + x * z * r;
  return quarter == 1 ? -sine : sine;
}

}  // namespace bnlstm
