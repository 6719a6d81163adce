// make_plan: one merge over two lists sorted by id.
#include "muster/plan.h"

#include <algorithm>
#include <utility>

#include "core/canonical.h"
#include "core/report.h"
#include "muster/wanted.h"

namespace muster {
namespace {

constexpr char kOurReason[] = "muster: ";  // how a maintenance of ours is known

const std::string* find_meta(const Meta& meta, const char* key) {
  const auto found = meta.find(key);
  return found == meta.end() ? nullptr : &found->second;
}

std::string join(const std::vector<std::string>& items) {
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? " " : "") + item;
  return out + "]";
}

const ActualCheck* find_check(const ActualService& actual, const std::string& id) {
  const auto found = std::lower_bound(actual.checks.begin(), actual.checks.end(), id,
                                      [](const ActualCheck& check, const std::string& key) { return check.id < key; });
  return found != actual.checks.end() && found->id == id ? &*found : nullptr;
}

// Something of another kind runs under this id. A PUT alone would leave it running beside the new one.
bool replaced(const Check& check, const ActualService& actual) {
  const ActualCheck* held = find_check(actual, check.id);
  return held != nullptr && !held->kind.empty() && held->kind != kind_of(check);
}

// Every difference that an update would mend, for people; empty when there is none.
class Difference {
 public:
  Difference(const Service& wanted, const ActualService& actual) {
    text("name", actual.name, wanted.name);
    if (!wanted.enable_tag_override) text("tags", join(actual.tags), join(wanted.tags), actual.tags == wanted.tags);
    text("address", actual.address, wanted.address);
    text("port", std::to_string(actual.port), std::to_string(wanted.port));
    if (actual.weight_passing != wanted.weight_passing || actual.weight_warning != wanted.weight_warning) {
      add("weights differ");
    }
    if (actual.enable_tag_override != wanted.enable_tag_override) add("EnableTagOverride differs");
    for (const Check& each : wanted.checks) check(each, actual);
    for (const auto& [name, address] : wanted.tagged_addresses) tagged(name, address, wanted, actual);
    meta(wanted.meta, actual.meta);
    if (!actual.unsynced.empty()) add(actual.unsynced);
  }

  const std::string& why() const { return why_; }

 private:
  void add(const std::string& what) { why_ += (why_.empty() ? "" : "; ") + what; }
  void text(const char* field, const std::string& from, const std::string& to) { text(field, from, to, from == to); }
  void text(const char* field, const std::string& from, const std::string& to, bool equal) {
    if (!equal) add(std::string(field) + ": " + from + " -> " + to);
  }
  // A name that we do not give is Consul's to choose.
  void check(const Check& wanted, const ActualService& actual) {
    const ActualCheck* held = find_check(actual, wanted.id);
    if (held == nullptr) return add("check " + wanted.id + " is missing");
    if (replaced(wanted, actual)) add("check " + wanted.id + " is of another kind");
    if (!wanted.name.empty()) text(("check " + wanted.id + " name").c_str(), held->name, wanted.name);
  }
  void tagged(const std::string& name, TaggedAddress wanted, const Service& service, const ActualService& actual) {
    if (!actual.tagged_addresses) return;
    if (wanted.port == 0) wanted.port = service.port;
    const auto held = actual.tagged_addresses->find(name);
    if (held == actual.tagged_addresses->end() || held->second != wanted) add("tagged address " + name + " differs");
  }
  // The hash changes with everything else; it speaks only when it alone differs.
  void meta(const Meta& wanted, const Meta& actual) {
    if (wanted == actual) return;
    Meta left = actual;
    Meta right = wanted;
    left.erase(kMetaEpoch);
    right.erase(kMetaEpoch);
    if (left == right) return;
    left.erase(kMetaHash);
    right.erase(kMetaHash);
    if (left != right) {
      for (const auto& [key, value] : right) {
        const std::string* old = find_meta(left, key.c_str());
        if (old == nullptr || *old != value) add("Meta " + key + ": " + (old ? *old : "") + " -> " + value);
      }
      for (const auto& [key, value] : left) {
        if (!right.contains(key)) add("Meta " + key + " is not wanted");
      }
    } else if (why_.empty()) {
      add("definition changed");
    }
  }

  std::string why_;
};

class Planner {
 public:
  explicit Planner(const Owner& owner) : owner_(owner) {}

  void missing(const Service& wanted) {
    put(Verb::Register, wanted, "not in the agent");
    reports(wanted, nullptr);
    maintenance(wanted, std::nullopt);
  }

  void present(const Service& wanted, const ActualService& actual) {
    const std::string* owner = find_meta(actual.meta, kMetaOwner);
    // The hash covers the owner: where it is ours, only the mark was changed by hand.
    const std::string* hash = find_meta(actual.meta, kMetaHash);
    const std::string* own_hash = find_meta(wanted.meta, kMetaHash);
    const bool ours = hash != nullptr && own_hash != nullptr && *hash == *own_hash;
    if (owner != nullptr && *owner != owner_.id && !ours) {
      plan_.conflicts.push_back({wanted.id, "belongs to owner " + *owner});
      return;
    }
    if (owner != nullptr) count(actual);
    std::string why = owner == nullptr ? "claims an unmarked service" : Difference(wanted, actual).why();
    if (why.empty()) {
      ++plan_.equal;
    } else {
      for (const Check& check : wanted.checks) {
        if (!replaced(check, actual)) continue;
        plan_.actions.push_back(
            about(Verb::DeregisterCheck, wanted, check.id, "check " + check.id + " is of another kind"));
      }
      put(Verb::Update, wanted, std::move(why));
    }
    reports(wanted, &actual);
    stale_checks(wanted, actual);
    maintenance(wanted, actual.maintenance);
  }

  void unwanted(const ActualService& actual) {
    const std::string* owner = find_meta(actual.meta, kMetaOwner);
    const bool under_prefix = actual.id.starts_with(owner_.prefix + ":");
    const bool marked = owner != nullptr && *owner == owner_.id;
    if (under_prefix && marked) {
      count(actual);
      Action action{Verb::Deregister, {}, "", "not wanted", Proof::Unproven, actual.meta};
      action.service.id = actual.id;
      action.service.name = actual.name;
      const std::string* source = find_meta(actual.meta, kMetaSource);
      // The canary last: while anything of ours is left, the agent must be found again.
      (source != nullptr && *source == kCanarySource ? last_ : removals_).push_back(std::move(action));
    } else if (marked) {
      plan_.strays.push_back(actual.id);
    } else if (under_prefix && owner == nullptr) {
      plan_.stale.push_back(actual.id);
    }
  }

  // New before old: registrations, then checks and maintenance, then removals.
  Plan finish() {
    for (auto* later : {&states_, &removals_, &last_}) {
      plan_.actions.insert(plan_.actions.end(), std::make_move_iterator(later->begin()),
                           std::make_move_iterator(later->end()));
    }
    return std::move(plan_);
  }

 private:
  void count(const ActualService& actual) {
    const std::string* source = find_meta(actual.meta, kMetaSource);
    ++plan_.ours[source == nullptr ? std::string() : *source];
  }
  void put(Verb verb, const Service& wanted, std::string why) {
    plan_.actions.push_back({verb, wanted, "", std::move(why), Proof::Unproven, {}});
  }

  // A change of something about the service, which needs no more of it than its names.
  static Action about(Verb verb, const Service& wanted, std::string check_id, std::string why) {
    Action action{verb, {}, std::move(check_id), std::move(why), Proof::Unproven, {}};
    action.service.id = wanted.id;
    action.service.name = wanted.name;
    action.service.maintenance = wanted.maintenance;
    return action;
  }

  void state(Verb verb, const Service& wanted, std::string check_id, std::string why) {
    states_.push_back(about(verb, wanted, std::move(check_id), std::move(why)));
  }

  // A check that comes with its service has the status from there, and no output. One that is there keeps both.
  void reports(const Service& wanted, const ActualService* actual) {
    for (const Check& check : wanted.checks) {
      if (!check.reported) continue;
      const ActualCheck* held = actual == nullptr || replaced(check, *actual) ? nullptr : find_check(*actual, check.id);
      const Check said = as_reported(check);
      const std::string from = held == nullptr ? said.status : held->status;
      if (from == said.status && (held == nullptr ? "" : held->output) == said.output) continue;
      states_.push_back(
          make_report(wanted, said, from == said.status ? "output differs" : from + " -> " + said.status));
    }
  }

  void stale_checks(const Service& wanted, const ActualService& actual) {
    for (const ActualCheck& held : actual.checks) {
      const std::string& id = held.id;
      const bool kept =
          std::any_of(wanted.checks.begin(), wanted.checks.end(), [&](const Check& check) { return check.id == id; });
      if (our_check_id(id, wanted.id) && !kept)
        state(Verb::DeregisterCheck, wanted, id, "check " + id + " is not wanted");
    }
  }

  void maintenance(const Service& wanted, const std::optional<std::string>& actual) {
    if (wanted.maintenance && !actual) {
      state(Verb::EnableMaintenance, wanted, "", *wanted.maintenance);
    } else if (!wanted.maintenance && actual && actual->starts_with(kOurReason)) {
      state(Verb::DisableMaintenance, wanted, "", "no longer: " + *actual);
    }
  }

  const Owner& owner_;
  Plan plan_;
  std::vector<Action> states_;
  std::vector<Action> removals_;
  std::vector<Action> last_;
};

}  // namespace

Plan make_plan(const Desired& desired, const Actual& actual, const Owner& owner) {
  Planner planner(owner);
  auto wanted = desired.services.begin();
  auto held = actual.services.begin();
  while (wanted != desired.services.end() || held != actual.services.end()) {
    const bool no_wanted = wanted == desired.services.end();
    const bool no_held = held == actual.services.end();
    if (no_held || (!no_wanted && wanted->id < held->id)) {
      planner.missing(*wanted++);
    } else if (no_wanted || held->id < wanted->id) {
      planner.unwanted(*held++);
    } else {
      planner.present(*wanted++, *held++);
    }
  }
  return planner.finish();
}

bool left_alone(const std::vector<Remark>& remarks) {
  return std::any_of(remarks.begin(), remarks.end(),
                     [](const Remark& remark) { return remark.kind == RemarkKind::LiveAgent; });
}

std::string_view to_string(RemarkKind kind) {
  switch (kind) {
    case RemarkKind::WrongAgent:
      return "wrong_agent";
    case RemarkKind::NodeRefused:
      return "node_refused";
    case RemarkKind::Unverified:
      return "unverified";
    case RemarkKind::LiveAgent:
      return "live_agent";
    case RemarkKind::Contested:
      return "contested";
  }
  return "other";
}

std::string_view to_string(Verb verb) {
  switch (verb) {
    case Verb::Register:
      return "register";
    case Verb::Update:
      return "update";
    case Verb::DeregisterCheck:
      return "deregister_check";
    case Verb::ReportCheck:
      return "report_check";
    case Verb::EnableMaintenance:
      return "enable_maintenance";
    case Verb::DisableMaintenance:
      return "disable_maintenance";
    case Verb::Deregister:
      return "deregister";
  }
  return "other";
}

std::string_view to_string(Proof proof) {
  switch (proof) {
    case Proof::Unproven:
      return "unproven";
    case Proof::Ended:
      return "ended";
    case Proof::Absent:
      return "absent";
    case Proof::Rules:
      return "rules";
    case Proof::Operator:
      return "operator";
  }
  return "other";
}

}  // namespace muster
