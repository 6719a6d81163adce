#include "nomad/module.h"

#include <cstdlib>
#include <utility>

#include "core/text.h"
#include "nomad/source.h"

namespace muster::nomad {
namespace {

// It means another cluster on another machine: two of them would take each other's services for their own.
bool names_no_cluster(const std::string& address) {
  const std::string place = lower(address.substr(address.find("://") + 3));
  return address.starts_with("unix:") || place.starts_with("127.") || place.starts_with("[::1]") ||
         place == "localhost" || place.starts_with("localhost:");
}

class NomadModule final : public Module {
 public:
  explicit NomadModule(GetEnv get) : get_(std::move(get)) {}

  std::string_view name() const override { return "nomad"; }
  FlagGroup flags() override { return nomad_flags(settings_); }
  // Not by the environment: in a task of Nomad it is there, whatever the task is for.
  bool configured() const override {
    return settings_.scope != Scope::None || settings_.given.contains("nomad-address");
  }
  bool one_host() const override { return settings_.scope == Scope::Node; }
  std::string usage() const override {
    return "--nomad-scope=node beside a Nomad client and a Consul agent, or --nomad-scope=cluster "
           "--nomad-address=http://HOST:4646";
  }

  Result<std::string> default_owner() const override {
    const Result<NomadSettings> settings = complete(settings_, get_);
    if (!settings) return tl::unexpected(settings.error());
    const std::string& address = settings->addresses.front();
    if (settings->scope == Scope::Cluster && settings->cluster.empty() && names_no_cluster(address)) {
      return fail(Fault::Leave, "--nomad-scope=cluster at " + address +
                                    ": other clusters have this address too; give --nomad-cluster=NAME, or "
                                    "--owner=NAME, to tell this one from them");
    }
    return owner_of(*settings);
  }

  Result<NomadSettings> settings() const { return complete(settings_, get_); }

  Result<std::unique_ptr<Source>> make() const override {
    Result<NomadSettings> settings = complete(settings_, get_);
    if (!settings) return tl::unexpected(settings.error());
    if (settings->scope == Scope::Node) return make_node_source(*std::move(settings));
    return make_cluster_source(*std::move(settings));
  }

 private:
  NomadSettings settings_;
  GetEnv get_;
};

}  // namespace

std::unique_ptr<Module> make_module() {
  return make_module([](const char* name) -> const char* { return std::getenv(name); });
}

Result<NomadSettings> settings_of(const Module& module) {
  const auto* nomad = dynamic_cast<const NomadModule*>(&module);
  return nomad != nullptr ? nomad->settings() : fail(Fault::Leave, "no Nomad is given");
}

std::unique_ptr<Module> make_module(GetEnv get) { return std::make_unique<NomadModule>(std::move(get)); }

}  // namespace muster::nomad
