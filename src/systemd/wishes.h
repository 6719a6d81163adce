// What each unit wishes, read from its files when they may have changed and not otherwise.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "muster/result.h"
#include "systemd/manager.h"
#include "units/config.h"
#include "units/machine.h"

namespace muster::systemd {

using ConfigPtr = std::shared_ptr<const units::UnitConfig>;

// Thread: one.
class Wishes {
 public:
  explicit Wishes(units::Machine machine) : machine_(std::move(machine)) {}

  struct Wish {
    // Null: the file cannot be read and never could, so that nothing is known. One that could once keeps what it said.
    ConfigPtr config;
    Patch patch;          // of units that want to be registered
    std::string trouble;  // why the file could not be read; empty: it could
  };
  // Of loaded units only (see Manager). Two round trips for all of them together. Error: the connection is gone.
  Result<std::vector<Wish>> read(Manager& manager, const std::vector<std::string>& units, const std::stop_token& stop);
  void forget(const std::string& unit) { known_.erase(unit); }

 private:
  struct Stamp {  // of one file
    std::string path;
    std::int64_t changed = 0;  // nanoseconds
    std::uint64_t inode = 0;
    std::int64_t size = -1;  // -1: not there
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };
  struct Known {
    std::vector<Stamp> stamps;
    ConfigPtr config;
    std::string trouble;
  };
  struct Draft;

  static std::vector<Stamp> stamps_of(const Origin& origin);
  bool draft(const std::string& unit, const Origin& origin, Draft& out);
  std::vector<units::FileText> files_of(const units::UnitInput& input) const;
  Result<void> finish(Manager& manager, Draft& draft, const std::stop_token& stop);

  const units::Machine machine_;
  std::map<std::string, Known> known_;
};

}  // namespace muster::systemd
