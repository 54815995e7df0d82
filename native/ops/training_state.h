#pragma once

namespace bnlstm::ops {

/// The device's own record of training, i32 [4]. Written by ops alone, cleared by the host.
enum StateSlot { kApplied = 0, kSkipped = 1, kNonFinite = 2, kStateSlots = 4 };

}  // namespace bnlstm::ops
