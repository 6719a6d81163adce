// What the layers say of one key, with specifiers and variables filled in; what cannot be is a mistake.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "units/config.h"
#include "units/layers.h"

namespace muster::units {

// Lives as long as one make_config; keeps references to its arguments.
class Reader {
 public:
  Reader(const UnitInput& input, const Machine& machine, UnitConfig& out)
      : input_(input), machine_(machine), out_(out) {}

 protected:
  struct Scalar {
    std::string value;
    Place place;
    bool given = false;
    bool sound = true;    // false: given, and cannot be filled in
    std::string shown{};  // of the value, for mistakes: no variable is filled in
    std::string from{};   // as Told::from
  };

  void read_layers(std::vector<Mistake>& mistakes);  // needs name_
  void read_environment();
  void mistake(const Place& place, std::string text);
  // What the highest layer that speaks of the key says of it; null: none does.
  const std::vector<Raw>* find(const std::string& section, const std::string& key) const;
  std::optional<std::string> expanded(const std::string& key, const std::string& text, const Raw& raw);
  // ${VAR} of the unit's environment; `from` as in Told.
  std::optional<std::string> filled(const std::string& key, std::string text, const Raw& raw, std::string& from);
  std::string why_unset() const;
  Scalar scalar(const std::string& section, const std::string& key);

  const UnitInput& input_;
  const Machine& machine_;
  UnitConfig& out_;
  UnitName name_;
  std::vector<Variable> environment_;  // without files: they may hold tokens, and ask for nothing
  std::vector<Variable> known_;        // with them, for ${VAR}
  std::string unread_;                 // the file that may say otherwise of what is not in known_
  std::vector<Layer> layers_;
};

}  // namespace muster::units
