// Variables and labels that speak of a service: ours (CONSUL_) and registrator's (SERVICE_, its docs/user/services.md).
#include <algorithm>
#include <set>
#include <utility>

#include "core/text.h"
#include "units/layers.h"

namespace muster::units {
namespace {

constexpr std::string_view kConsul = "CONSUL_";
constexpr std::string_view kService = "SERVICE_";

// Consul's own clients read CONSUL_HTTP_TOKEN and more of that kind: only these are ours.
constexpr std::pair<std::string_view, const char*> kDirect[] = {{"NAME", "Name"},
                                                                {"PORT", "Port"},
                                                                {"ADDRESS", "Address"},
                                                                {"TAGS", "Tags"},
                                                                {"CHECK", "Check"},
                                                                {"WEIGHT", "Weight"},
                                                                {"DRAIN", "Drain"},
                                                                {"READY", "Ready"},
                                                                {"ON_RESTART", "OnRestart"},
                                                                {"ENABLE_TAG_OVERRIDE", "EnableTagOverride"}};

// What programs call the place of their Consul: a CONSUL_PORT beside one of them is Consul's own.
constexpr std::string_view kPlaces[] = {"CONSUL_HOST", "CONSUL_ADDR", "CONSUL_HTTP_ADDR", "CONSUL_URL"};

bool is_key(std::string_view rest) {
  return std::any_of(std::begin(kDirect), std::end(kDirect), [&](const auto& each) { return each.first == rest; });
}

bool asks(const std::vector<Variable>& variables) {
  const bool placed = std::any_of(variables.begin(), variables.end(), [](const Variable& each) {
    return std::find(std::begin(kPlaces), std::end(kPlaces), each.name) != std::end(kPlaces);
  });
  return std::any_of(variables.begin(), variables.end(), [&](const Variable& each) {
    if (!each.name.starts_with(kConsul) || each.value.empty()) return false;
    const std::string_view rest = std::string_view(each.name).substr(kConsul.size());
    if (placed && (rest == "PORT" || rest == "ADDRESS")) return false;
    return is_key(rest) || (rest.starts_with("META_") && rest.size() > 5);
  });
}

void add_direct(Layer& out, const Variable& variable) {
  const std::string_view rest = std::string_view(variable.name).substr(kConsul.size());
  for (const auto& [name, key] : kDirect) {
    const bool list = std::string_view(key) == "Tags" || std::string_view(key) == "Check";
    if (rest != name) continue;
    std::vector<Raw>& values = out[""][key];
    // Specifiers are systemd's affair here and long expanded: a percent sign is one. A list is still to be split.
    std::string value = variable.value;
    if (list) {
      for (std::size_t at = value.find('%'); at != value.npos; at = value.find('%', at + 2)) value.insert(at, "%");
    }
    if (!value.empty()) values = {{std::move(value), variable.place, !list, variable.name}};
    return;
  }
  if (rest.starts_with("META_") && rest.size() > 5) {
    out[""]["Meta"].push_back(
        {std::string(rest.substr(5)) + "=" + variable.value, variable.place, true, variable.name});
  }
}

// At commas; a backslash makes the next character plain (registrator: recParseEscapedComma).
std::vector<std::string> escaped_commas(std::string_view text) {
  std::vector<std::string> out(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      out.back() += text[++i];
    } else if (text[i] == ',') {
      out.emplace_back();
    } else {
      out.back() += text[i];
    }
  }
  std::erase(out, "");
  return out;
}

bool secret(std::string_view name) {
  for (const char* word : {"PASS", "SECRET", "TOKEN", "KEY", "CREDENTIAL"}) {
    if (name.find(word) != name.npos) return true;
  }
  return false;
}

// What registrator knows of one port, or of all: by key, "NAME", "CHECK_HTTP".
using Attributes = std::map<std::string, Variable>;

class Registrator {
 public:
  Registrator(const std::map<std::string, std::string>& published, Asked asked, std::vector<Mistake>& mistakes)
      : published_(published), asked_(asked), mistakes_(mistakes) {}

  void take(const Variable& variable) {
    const std::string_view rest = std::string_view(variable.name).substr(kService.size());
    const std::size_t end = rest.find('_');
    const std::string_view head = rest.substr(0, end);
    const bool port = end != rest.npos && !head.empty() && head.find_first_not_of("0123456789") == head.npos;
    (port ? ports_[std::string(head)] : all_)[std::string(port ? rest.substr(end + 1) : rest)] = variable;
  }

  Layer make() {
    Layer out;
    if ((asked_ != Asked::OfAnyKind && !asks()) || set(all_, "IGNORE")) return out;
    std::erase_if(ports_, [](const auto& each) { return set(each.second, "IGNORE"); });
    if (ports_.empty()) fill(out[""], all_);
    for (const auto& [port, own] : ports_) {
      Attributes merged = own;
      merged.insert(all_.begin(), all_.end());
      const bool group = ports_.size() > 1;
      Wishes& wishes = out[group ? port : ""];
      const auto host = published_.find(port);
      const std::string number = host == published_.end() ? port : host->second;
      std::vector<Raw>& told = wishes["Port"];  // with nothing in it no other port is taken for this one either
      if (!number.empty()) told = {{number, own.begin()->second.place, true}};
      fill(wishes, merged);
      if (group && !own.contains("NAME") && wishes.contains("Name")) wishes["Name"].front().value += "-" + port;
    }
    return out;
  }

 private:
  static bool set(const Attributes& attributes, const char* key) {
    const auto found = attributes.find(key);
    return found != attributes.end() && !found->second.value.empty();
  }

  // SERVICE_ACCOUNT and its like ask for nothing.
  bool asks() const {
    const auto names = [](const Attributes& of) { return set(of, "NAME") || set(of, "TAGS"); };
    return names(all_) ||
           std::any_of(ports_.begin(), ports_.end(), [&](const auto& each) { return names(each.second); });
  }

  void fill(Wishes& out, const Attributes& of) {
    for (const auto& [key, variable] : of) {
      if (key == "NAME") {
        if (!variable.value.empty()) out["Name"] = {{variable.value, variable.place, true, variable.name}};
      } else if (key == "TAGS") {
        std::vector<Raw>& tags = out["Tags"];
        for (std::string& tag : escaped_commas(variable.value))
          tags.push_back({std::move(tag), variable.place, true, variable.name});
      } else if (key == "PORT") {  // ours: a unit has no image that exposes one
        out.try_emplace("Port", std::vector<Raw>{{variable.value, variable.place, true, variable.name}});
      } else if (key == "ID") {
        mistake(variable, "has no effect: muster's ids are made of machine and unit");
      } else if (key == "IGNORE" || key.starts_with("CHECK_")) {
        continue;
      } else if (secret(key)) {
        mistake(variable, "not published as Meta, since it looks like a secret");
      } else {
        out["Meta"].push_back({lower(key) + "=" + variable.value, variable.place, true, variable.name});
      }
    }
    add_check(out, of);
  }

  void mistake(const Variable& variable, const char* text) {
    const Mistake one{variable.place, variable.name + ": " + text};
    if (std::find(mistakes_.begin(), mistakes_.end(), one) == mistakes_.end()) mistakes_.push_back(one);
  }

  // As a line of Check=. Registrator makes the first of these.
  void add_check(Wishes& out, const Attributes& of) {
    for (const char* kind : {"HTTP", "HTTPS", "TCP", "TTL", "GRPC", "SCRIPT"}) {
      const auto found = of.find(std::string("CHECK_") + kind);
      if (found == of.end() || found->second.value.empty()) continue;
      const std::string name = lower(kind);
      std::string line = name;
      if (name == "http" || name == "https" || name == "ttl") line += ":" + found->second.value;
      if (name != "ttl") {
        line += " " + value(of, "CHECK_INTERVAL", "10s");
        line += " " + value(of, "CHECK_TIMEOUT", "");
      }
      if (const std::string status = value(of, "CHECK_INITIAL_STATUS", ""); !status.empty())
        line += " status=" + status;
      if (const std::string method = value(of, "CHECK_HTTP_METHOD", ""); !method.empty()) line += " method=" + method;
      std::string plain;  // no specifier, no escape
      for (const char c : line) plain += c == '%' ? "%%" : c == '\\' ? "\\\\" : std::string(1, c);
      out["Check"] = {{std::move(plain), found->second.place, false, found->second.name}};
      return;
    }
  }

  static std::string value(const Attributes& of, const char* key, const char* fallback) {
    const auto found = of.find(key);
    return found == of.end() ? fallback : found->second.value;
  }

  const std::map<std::string, std::string>& published_;
  const Asked asked_;
  std::vector<Mistake>& mistakes_;
  Attributes all_;
  std::map<std::string, Attributes> ports_;
};

}  // namespace

Layer layer_of_variables(const std::vector<Variable>& variables, const std::map<std::string, std::string>& published,
                         Asked asked, std::vector<Mistake>& mistakes) {
  Layer own;
  Registrator registrator(published, asked, mistakes);
  const bool ours = asked != Asked::Nobody || asks(variables);
  for (const Variable& variable : variables) {
    if (ours && variable.name.starts_with(kConsul)) add_direct(own, variable);
    if (variable.name.starts_with(kService)) registrator.take(variable);
  }
  for (auto& [section, wishes] : registrator.make()) own[section].merge(wishes);
  return own;
}

}  // namespace muster::units
