#include "mesos/module.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "core/duration.h"
#include "mesos/source.h"
#include "zk/url.h"

namespace muster::mesos {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kFile = "file://";

// At least `least`: a refresh of nothing would be a loop without rest.
std::function<Result<void>(const std::string&)> duration(milliseconds& into, milliseconds least) {
  return [&into, least](const std::string& text) -> Result<void> {
    const Result<milliseconds> value = parse_duration(text);
    if (!value) return tl::unexpected(value.error());
    if (*value < least) return fail(Fault::Leave, "must be at least " + std::to_string(least.count()) + "ms");
    into = *value;
    return {};
  };
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Fault::Leave, "cannot read " + path);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// What --owner may hold: an identity that reads well in Meta and in a log.
std::string cleaned(std::string text) {
  for (char& c : text) {
    const bool fine = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      std::string_view("._:/,-").find(c) != std::string_view::npos;
    if (!fine) c = '-';
  }
  return text;
}

std::string joined(std::vector<std::string> parts) {
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

class MesosModule final : public Module {
 public:
  std::string_view name() const override { return "mesos"; }
  bool configured() const override { return zk_ || !masters_.empty(); }
  std::string usage() const override {
    return "--zk=zk://host1:2181,host2:2181/mesos, or --mesos-master=http://host:5050[,...] without ZooKeeper";
  }

  FlagGroup flags() override;

  Result<std::string> default_owner() const override {
    if (const Result<void> fine = check(); !fine) return tl::unexpected(fine.error());
    if (zk_) return cleaned(joined(zk_->servers) + zk_->path);
    std::vector<std::string> names;
    for (const Master& master : masters_) names.push_back(master.base.substr(master.base.find("//") + 2));
    return cleaned(joined(names));
  }

  Result<std::unique_ptr<Source>> make() const override {
    if (const Result<void> fine = check(); !fine) return tl::unexpected(fine.error());
    return make_source(settings_, zk_ ? leaders_of_zk(*zk_) : leaders_of_list(masters_));
  }

 private:
  Result<void> check() const {
    if (zk_ && !masters_.empty()) return fail(Fault::Leave, "give --zk or --mesos-master, not both");
    if (!configured()) return fail(Fault::Leave, "no Mesos master is given: " + usage());
    return {};
  }

  Result<void> set_zk(const std::string& text) {
    std::string url = text;
    if (text.starts_with(kFile)) {
      Result<std::string> content = read_file(text.substr(kFile.size()));
      if (!content) return tl::unexpected(content.error());
      url = *std::move(content);
    }
    Result<zk::Url> parsed = zk::parse_url(url);
    if (!parsed) return tl::unexpected(parsed.error());
    zk_ = *std::move(parsed);
    return {};
  }

  Result<void> set_masters(const std::string& text) {
    masters_.clear();
    for (std::string_view rest = text;;) {
      const std::size_t comma = rest.find(',');
      Result<Master> master = parse_master(rest.substr(0, comma));
      if (!master) return tl::unexpected(master.error());
      masters_.push_back(*std::move(master));
      if (comma == std::string_view::npos) return {};
      rest.remove_prefix(comma + 1);
    }
  }

  Result<void> set_heartbeats(const std::string& text) {
    int value = 0;
    const char* end = text.data() + text.size();
    const auto [stopped, status] = std::from_chars(text.data(), end, value);
    if (status != std::errc{} || stopped != end || value < 0 || value > 1000) {
      return fail(Fault::Leave, "give a whole number from 0 to 1000");
    }
    settings_.ledger.misses_before_remove = std::max(value, 1);
    return {};
  }

  std::optional<zk::Url> zk_;
  std::vector<Master> masters_;
  SourceSettings settings_ = defaults();

  static SourceSettings defaults() {
    SourceSettings settings;
    settings.http.timeout = std::chrono::seconds(30);  // a big master takes seconds to begin its answer
    return settings;
  }
};

FlagGroup MesosModule::flags() {
  Flag zk{"zk",
          "URL",
          "ZooKeeper of the Mesos masters, zk://[user:password@]host1:2181,host2:2181/mesos, or file:///path "
          "of a file that holds it",
          "",
          false,
          true,
          [this](const std::string& text) { return set_zk(text); }};
  Flag masters{"mesos-master",
               "URL[,URL]",
               "Mesos masters to read from without ZooKeeper; the leader is found among them",
               "",
               false,
               false,
               [this](const std::string& text) { return set_masters(text); }};
  Flag refresh{"refresh", "DURATION", "how often the leader's whole state is read",  "10s",
               false,     false,      duration(settings_.refresh, milliseconds(100))};
  Flag timeout{"mesos-timeout",
               "DURATION",
               "longest silence of a master while it answers; a whole answer may take four times as long",
               "30s",
               false,
               false,
               duration(settings_.http.timeout, milliseconds(100))};
  Flag heartbeats{"heartbeats-before-remove",
                  "N",
                  "consecutive complete reads without a task before it is removed",
                  "1",
                  false,
                  false,
                  [this](const std::string& text) { return set_heartbeats(text); }};
  Flag grace{"mesos-failover-grace",
             "DURATION",
             "how long after an election tasks of agents that have not come back are kept",
             "11m",
             false,
             false,
             duration(settings_.ledger.failover_grace, milliseconds(0))};
  return {"Mesos",
          {std::move(zk), std::move(masters), std::move(refresh), std::move(timeout), std::move(heartbeats),
           std::move(grace)}};
}

}  // namespace

std::unique_ptr<Module> make_module() { return std::make_unique<MesosModule>(); }

}  // namespace muster::mesos
