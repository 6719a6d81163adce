// One kind of source as the program sees it before it runs: its flags, its identity, and how to make it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "muster/flag.h"
#include "muster/result.h"
#include "muster/source.h"

namespace muster {

class Module {
 public:
  virtual ~Module() = default;
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual std::string_view name() const = 0;  // "mesos"; written to Meta as muster_source
  virtual FlagGroup flags() = 0;              // the setters write into this object
  virtual bool configured() const = 0;        // some flag asks for this source
  // Of one host alone: it knows nothing of others, so agents on which only our marks stand are not searched for, nor
  // judged. Each host has a muster of its own there.
  virtual bool one_host() const { return false; }
  virtual std::string usage() const = 0;  // how to ask for it, for the error that lists the sources
  // The default of --owner: an identity of the cluster that outlives masters and restarts.
  virtual Result<std::string> default_owner() const = 0;
  // After all flags are set. Starts no thread and opens no connection.
  virtual Result<std::unique_ptr<Source>> make() const = 0;
};

// src/modules.cc: one line a source.
std::vector<std::unique_ptr<Module>> make_modules();

}  // namespace muster
