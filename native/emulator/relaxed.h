#pragma once

#include <cstdint>

/// Stores between blocks that may be seen late (SetLateStores in control.h): each access of 16
/// bytes alone, after a random number of switches between blocks. The block that stored sees them at once.
namespace bnlstm::emulator {

void StoreWords(void* to, const uint32_t (&words)[4]);
void LoadWords(uint32_t (&words)[4], const void* from);

void PublishStores();     // those whose time has come; a switch between blocks
void PublishAllStores();  // at the end of a kernel

void GotOn();  // a thread did what others may spin for

}  // namespace bnlstm::emulator
