#include "fleet/module.h"

#include <algorithm>
#include <set>
#include <utility>

#include "core/duration.h"
#include "core/text.h"
#include "fleet/source.h"

namespace muster::fleet {
namespace {

using std::chrono::milliseconds;

Result<milliseconds> at_least(const std::string& text, milliseconds least) {
  Result<milliseconds> value = parse_duration(text);
  if (!value) return value;
  if (*value < least) return fail(Fault::Leave, "must be at least " + std::to_string(least.count()) + "ms");
  return value;
}

class FleetModule final : public Module {
 public:
  FleetModule() { settings_.http.timeout = std::chrono::seconds(10); }

  std::string_view name() const override { return "fleet"; }
  bool configured() const override { return !settings_.endpoints.empty(); }
  bool one_host() const override { return node_; }
  std::string usage() const override {
    return "--fleet-endpoint=unix:///var/run/fleet.sock, or --fleet-endpoint=http://HOST:49153[,...]";
  }

  FlagGroup flags() override;

  // The endpoints over TCP; a socket's path says nothing of the cluster behind it.
  Result<std::string> default_owner() const override {
    if (!configured()) return fail(Fault::Leave, "no fleet endpoint is given: " + usage());
    std::set<std::string> names;
    for (const std::string& endpoint : settings_.endpoints) {
      if (!endpoint.starts_with("unix:")) names.insert(endpoint.substr(endpoint.find("//") + 2));
    }
    std::string owner = "fleet";
    for (const std::string& each : names) owner += (owner == "fleet" ? ":" : ",") + each;
    return owner;
  }

  Result<std::unique_ptr<Source>> make() const override {
    if (!configured()) return fail(Fault::Leave, "no fleet endpoint is given: " + usage());
    SourceSettings settings = settings_;
    if (node_) {
      auto local = units::read_machine("", false);
      if (!local) return fail(Fault::Leave, "--fleet-scope=node: " + local.error().message);
      settings.ledger.local = *std::move(local);
    }
    return make_source(std::move(settings));
  }

 private:
  Result<void> set_endpoints(const std::string& text) {
    settings_.endpoints.clear();
    for (const std::string& part : split(text, ',')) {
      auto endpoint = parse_endpoint(part);
      if (!endpoint) return tl::unexpected(endpoint.error());
      settings_.endpoints.push_back(*std::move(endpoint));
    }
    return {};
  }

  Result<void> set_scope(const std::string& text) {
    if (text != "cluster" && text != "node") return fail(Fault::Leave, "give cluster or node");
    node_ = text == "node";
    return {};
  }

  Result<void> set_lost(const std::string& text) {
    static constexpr std::pair<const char*, Lost> kWords[] = {
        {"keep", Lost::Keep}, {"critical", Lost::Critical}, {"remove", Lost::Remove}};
    for (const auto& [word, lost] : kWords) {
      if (text != word) continue;
      settings_.ledger.lost = lost;
      return {};
    }
    return fail(Fault::Leave, "give keep, critical or remove");
  }

  SourceSettings settings_;
  bool node_ = false;
};

FlagGroup FleetModule::flags() {
  Flag endpoint{"fleet-endpoint",
                "URL[,URL]",
                "fleet's API, unix:///var/run/fleet.sock or http://HOST:PORT; of several the first that answers",
                "",
                false,
                false,
                [this](const std::string& text) { return set_endpoints(text); }};
  Flag scope{"fleet-scope",
             "SCOPE",
             "cluster: every machine, each by its own Consul agent; node: this machine alone, by the local one",
             "cluster",
             false,
             false,
             [this](const std::string& text) { return set_scope(text); }};
  Flag refresh{"fleet-refresh",
               "DURATION",
               "how often the cluster is read",
               "2s",
               false,
               false,
               [this](const std::string& text) -> Result<void> {
                 const auto value = at_least(text, milliseconds(100));
                 if (!value) return tl::unexpected(value.error());
                 settings_.refresh = *value;
                 return {};
               }};
  Flag timeout{"fleet-timeout",
               "DURATION",
               "longest time that one answer of fleet may take",
               "10s",
               false,
               false,
               [this](const std::string& text) -> Result<void> {
                 const auto value = at_least(text, milliseconds(100));
                 if (!value) return tl::unexpected(value.error());
                 settings_.http.timeout = *value;
                 return {};
               }};
  Flag lost{
      "fleet-lost",
      "POLICY",
      "what becomes of units whose machine or state fleet no longer tells, though they may run on: keep, critical "
      "or remove",
      "keep",
      false,
      false,
      [this](const std::string& text) { return set_lost(text); }};
  Flag ttl{"fleet-check-ttl",
           "DURATION",
           "how long a unit's state holds in Consul without muster",
           "87600h",
           false,
           false,
           [this](const std::string& text) -> Result<void> {
             const auto value = at_least(text, milliseconds(1000));
             if (!value) return tl::unexpected(value.error());
             settings_.ledger.check_ttl = text;
             return {};
           }};
  return {
      "fleet",
      {std::move(endpoint), std::move(scope), std::move(refresh), std::move(timeout), std::move(lost), std::move(ttl)}};
}

}  // namespace

std::unique_ptr<Module> make_module() { return std::make_unique<FleetModule>(); }

}  // namespace muster::fleet
