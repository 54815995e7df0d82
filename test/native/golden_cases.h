#pragma once

#include <string>
#include <utility>
#include <vector>

#include "golden_file.h"
#include "lstm_run.h"

namespace bnlstm {

/// Those of the file that BNLSTM_GOLDEN names.
std::vector<GoldenCase> GoldenCases();

/// One of them for the ops.
LstmCase CaseOf(const GoldenCase& golden);

/// Names of the statistics: the operand's, and that in the golden file.
extern const std::vector<std::pair<std::string, std::string>> kGoldenStatistics;

}  // namespace bnlstm
