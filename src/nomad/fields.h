// An object of Nomad's JSON, field by field: what is null or absent is empty, what is of a wrong type is noted and
// empty.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "muster/service.h"
#include "nomad/json.h"

namespace muster::nomad {

class Fields {
 public:
  // `where` leads in what is noted: "port http of task web".
  Fields(Json object, std::string where, std::vector<std::string>& problems);

  std::string text(std::string_view name);
  std::int64_t integer(std::string_view name);
  std::uint64_t index(std::string_view name);  // 0 for a negative one
  int small(std::string_view name);            // within 32 bits
  bool boolean(std::string_view name);
  // Absent where there is none, or something else.
  Json object(std::string_view name);
  Json list(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  Meta pairs(std::string_view name);

  bool sound() const { return sound_; }
  void note(std::string_view what);

 private:
  Json wanted(std::string_view name, Json::Kind kind, const char* what);

  Json object_;
  std::string where_;
  std::vector<std::string>& problems_;
  bool sound_ = true;
};

}  // namespace muster::nomad
