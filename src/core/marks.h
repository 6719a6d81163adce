// The marks of ownership that a service bears in its Meta (muster/service.h).
#pragma once

#include <string>

#include "muster/service.h"

namespace muster {

// Empty where there is none.
inline std::string mark(const Meta& meta, const char* key) {
  const auto found = meta.find(key);
  return found == meta.end() ? std::string() : found->second;
}

}  // namespace muster
