// make_desired: every instance that the rules let through, as the services it should be.
#include <algorithm>
#include <string_view>
#include <utility>

#include "core/canary.h"
#include "core/candidates.h"
#include "core/canonical.h"
#include "core/given_checks.h"
#include "core/limits.h"
#include "core/task_services.h"
#include "core/text.h"
#include "core/word.h"
#include "muster/wanted.h"

namespace muster {
namespace {

// Turns the instances of one slice into candidates.
class Maker {
 public:
  Maker(const Wanted& wanted, const Rules& rules, Desired& out)
      : wanted_(wanted),
        rules_(rules),
        settings_(rules.settings()),
        out_(out),
        reject_([this](Reason reason, std::string detail) {
          out_.rejections.push_back({reason, instance_.id, std::move(detail)});
        }),
        emit_([this](Service service) { emit(std::move(service)); }) {}
  Maker(const Maker&) = delete;
  Maker& operator=(const Maker&) = delete;

  void add(const WantedSlice& slice) {
    if (slice.host.id.size() > kMetaValue || !printable(slice.host.id)) {
      out_.rejections.push_back({Reason::NoId, "", "a host whose id is over 512 bytes, or not printable"});
      return;
    }
    candidates_.reserve(slice.slice->instances.size());
    for (std::size_t i = 0; i < slice.slice->instances.size(); ++i) {
      instance_ = slice.slice->instances.at(i);
      ++ordinal_;
      source_ = slice.source;
      host_ = &slice.host;
      candidates_.meet(instance_);
      if (!overruled()) add_instance();
    }
  }

  void finish() { candidates_.finish(out_); }

 private:
  // A nearer source says that it is over, or that it is not there, or cannot say.
  bool overruled() const {
    if (instance_.key.empty() || instance_.distance == 0) return false;
    const Word word = nearer_word(wanted_, host_->id, instance_.key, instance_.distance);
    return word != Word::None && word != Word::Runs;
  }

  void add_instance() {
    if (instance_.id.empty() || instance_.id.size() > kIdBytes || !printable(instance_.id)) {
      reject_(Reason::NoId, "an id of 1 to 500 printable bytes is needed");
      return;
    }
    if (instance_.draining) return;
    switch (instance_.kind) {
      case Kind::Host:
        return add_host();
      case Kind::Service:
        return add_service();
      case Kind::Task:
        return make_task_services(instance_, *host_, rules_, reject_, emit_);
    }
  }

  // --- Kind::Host: `tags` are roles ---
  void add_host() {
    Service service;
    service.name = rules_.clean_name(settings_.service_name);
    service.id = settings_.service_id_prefix + ":" + service.name + ":" + instance_.id;
    for (const std::string& tag : settings_.service_tags) {
      for (const std::string& role : instance_.tags) service.tags.push_back(role + "." + tag);
    }
    if (settings_.service_tags.empty()) service.tags = instance_.tags;
    const Endpoints endpoints = make_endpoints(instance_, settings_, reject_);
    finish_given(std::move(service), endpoints.of(instance_.ports.empty() ? nullptr : &instance_.ports.front()));
  }

  // --- Kind::Service: finished by its source ---
  void add_service() {
    const std::string cleaned = rules_.clean_name(instance_.name);
    if (!rules_.allows_name(cleaned) || (!instance_.group.empty() && !rules_.allows_group(instance_.group))) return;
    Service service;
    service.name = instance_.name;
    service.id = settings_.service_id_prefix + ":" + instance_.id;
    service.tags = instance_.tags;
    append_tags(service.tags, rules_.task_tags(cleaned));
    add_finish(service, instance_, reject_);
    const Pair pair = finished_pair(instance_);
    if (pair.ip.empty() && !instance_.addresses.empty()) {
      reject_(Reason::NoAddress, "its address is neither an IP that can be reached nor a host name");
    }
    finish_given(std::move(service), pair);
  }

  void finish_given(Service service, const Pair& pair) {
    service.address = pair.ip;
    service.port = pair.port;
    service.checks = given_checks(std::move(instance_.checks), service.id, settings_, reject_);
    emit(std::move(service));
  }

  // --- shared ---
  void add_meta(Service& service) {
    service.meta = limited_meta(instance_, settings_.meta_label_prefix, reject_);
    service.meta[kMetaOwner] = settings_.owner;
    service.meta[kMetaSource] = source_;
    service.meta[kMetaHost] = host_->id;
    service.meta[kMetaInstance] = instance_.id;
  }

  // What the scheduler knows of the instance's health and the catalog does not yet.
  void add_state(Service& service) {
    if (settings_.compat) return;
    if (!instance_.maintenance.empty()) {
      service.maintenance = maintenance_text(instance_.maintenance);
    } else if (instance_.health == Health::Failing) {
      service.maintenance = maintenance_text("the scheduler's health check fails");
    }
    if (instance_.health != Health::Passing) return;
    for (Check& check : service.checks) {
      if (check.status.empty() && check.ttl.empty()) check.status = "passing";
    }
  }

  void emit(Service service) {
    if (service.name.empty()) return reject_(Reason::NoName, "a service without a name");
    if (service.name.size() > kNameBytes || !printable(service.name)) {
      return reject_(Reason::NoName, "a service name of over 255 bytes, or not printable");
    }
    if (!dns_label(lower(service.name))) {
      reject_(Reason::NameNotDns, service.name + " is registered, but is no DNS label");
    }
    limit_tags(service.tags, reject_);
    add_meta(service);
    add_state(service);
    service.meta[kMetaHash] = definition_hash(service);
    candidates_.add({std::move(service), instance_.id, instance_.key, instance_.distance, ordinal_});
  }

  const Wanted& wanted_;
  const Rules& rules_;
  const RuleSettings& settings_;
  Desired& out_;
  const Reject reject_;
  const Emit emit_;
  Candidates candidates_;
  // The instance at hand.
  Instance instance_;
  std::size_t ordinal_ = 0;
  std::string source_;
  const HostRef* host_ = nullptr;
};

// A task that took its id would blind us.
void put_canary(Service canary, Desired& out) {
  const auto at = std::lower_bound(out.services.begin(), out.services.end(), canary.id,
                                   [](const Service& service, const std::string& id) { return service.id < id; });
  if (at == out.services.end() || at->id != canary.id) {
    out.services.insert(at, std::move(canary));
    return;
  }
  out.rejections.push_back(
      {Reason::IdCollision, at->meta.at(kMetaInstance), "service id " + canary.id + " is the canary's"});
  *at = std::move(canary);
}

}  // namespace

Desired make_desired(const Wanted& wanted, const Rules& rules) {
  Desired out;
  Maker maker(wanted, rules, out);
  for (const WantedSlice& slice : wanted.slices) maker.add(slice);
  maker.finish();
  if (rules.settings().canary && !wanted.slices.empty()) {
    put_canary(make_canary(wanted.agent, {rules.settings().owner, rules.settings().service_id_prefix}), out);
  }
  return out;
}

}  // namespace muster
