#include "nomad/module.h"

#include <cstdlib>
#include <utility>

#include "nomad/source.h"

namespace muster::nomad {
namespace {

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
    return complete(settings_, get_).map([](const NomadSettings& settings) { return owner_of(settings); });
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
