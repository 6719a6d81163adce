#include "nomad/decode.h"

#include <utility>

#include "nomad/decode_parts.h"
#include "nomad/elements.h"
#include "nomad/json.h"

namespace muster::nomad {
namespace {

tl::unexpected<Error> no_json(const char* what) {
  return fail(Fault::Keep, std::string(what) + ": the answer is no JSON, or cut short");
}

// The ID of an allocation that could not be read, or not whole. Its keys are in the order of the alphabet, so it comes
// before the job, which is what makes an allocation big.
std::string id_of(std::string_view element) {
  constexpr std::string_view kKey = "\"ID\":\"";
  constexpr std::size_t kLongest = 64;
  std::size_t depth = 0;
  for (std::size_t at = 0; at < element.size(); ++at) {
    const char c = element[at];
    depth += c == '{' || c == '[' ? 1 : 0;
    depth -= depth > 0 && (c == '}' || c == ']') ? 1 : 0;
    if (c != '"') continue;
    if (depth == 1 && element.substr(at).starts_with(kKey)) {
      const std::string_view rest = element.substr(at + kKey.size());
      const std::string_view id = rest.substr(0, rest.find('"'));
      const bool sound = id.size() < rest.size() && id.size() <= kLongest && id.find('\\') == std::string_view::npos;
      return sound ? std::string(id) : std::string{};
    }
    for (++at; at < element.size() && element[at] != '"'; ++at) at += element[at] == '\\' ? 1 : 0;
  }
  return {};
}

class AllocationList {
 public:
  AllocationList(JobPool& pool, const DecodeLimits& limits) : pool_(pool), limits_(limits) {}

  void add(std::string bytes, bool oversized) {
    const std::string id = id_of(bytes);
    if (oversized) return reject(id, "it is over " + std::to_string(limits_.item) + " bytes with its job");
    const auto document = JsonDocument::parse(std::move(bytes));
    if (!document) return reject(id, "it is no JSON");
    AllocationRead read = make_allocation(document->root(), pool_);
    if (!read.allocation) return reject(read.id, std::move(read.why));
    out_.items.push_back(*std::move(read.allocation));
  }
  Allocations take() { return std::move(out_); }

 private:
  void reject(const std::string& id, std::string why) {
    if (id.empty()) {
      out_.whole = false;
    } else {
      out_.unreadable.push_back(id);
    }
    if (out_.rejections.size() >= limits_.rejections) return;
    out_.rejections.push_back({Reason::NoId, id, "allocation " + id + " cannot be read: " + std::move(why)});
  }

  JobPool& pool_;
  const DecodeLimits& limits_;
  Allocations out_;
};

// A list that is small enough to be held whole.
template <typename List, typename Make>
Result<List> decode_list(std::string_view json, const char* what, Make make) {
  const auto document = JsonDocument::parse(std::string(json));
  if (!document) return no_json(what);
  const Json root = document->root();
  if (root.kind() != Json::Kind::Array && root.kind() != Json::Kind::Null) {
    return fail(Fault::Keep, std::string(what) + ": the answer is no list");
  }
  List out;
  for (std::size_t i = 0; i < root.size(); ++i) {
    std::string why;
    if (auto item = make(root.at(i), why)) {
      out.items.push_back(*std::move(item));
      continue;
    }
    out.whole = false;
    if (out.rejections.size() < DecodeLimits{}.rejections) {
      out.rejections.push_back({Reason::NoId, "", std::string(what) + ": " + std::move(why)});
    }
  }
  return out;
}

std::string text_of(Json json) { return std::string(json.text().value_or("")); }

std::uint64_t index_of(Json json) {
  const std::int64_t value = json.integer().value_or(0);
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

void read_payload(Json payload, JobPool& pool, Event& event, std::string& why) {
  if (const Json json = payload["Allocation"]; !json.nothing()) {
    AllocationRead read = make_allocation(json, pool);
    why = std::move(read.why);
    if (read.allocation) event.payload = *std::move(read.allocation);
  } else if (const Json row = payload["Service"]; !row.nothing()) {
    if (auto service = make_native_service(row, why)) event.payload = *std::move(service);
  } else if (const Json node = payload["Node"]; !node.nothing()) {
    if (auto read = make_node(node, why)) event.payload = *std::move(read);
  }
}

}  // namespace

Result<Allocation> decode_allocation(std::string_view json, JobPool& pool) {
  const auto document = JsonDocument::parse(std::string(json));
  if (!document) return no_json("allocation");
  AllocationRead read = make_allocation(document->root(), pool);
  if (!read.allocation) return fail(Fault::Item, "allocation " + read.id + " cannot be read: " + read.why);
  return *std::move(read.allocation);
}

Result<Allocations> decode_allocations(const Pull& pull, JobPool& pool, const DecodeLimits& limits) {
  AllocationList list(pool, limits);
  const Result<void> read =
      read_elements(pull, limits, [&](std::string bytes, bool oversized) { list.add(std::move(bytes), oversized); });
  if (!read) return fail(read.error().fault, "allocations: " + read.error().message);
  return list.take();
}

Result<Allocations> decode_allocations(std::string_view json, JobPool& pool, const DecodeLimits& limits) {
  return decode_allocations(pull_of(json), pool, limits);
}

Result<Node> decode_node(std::string_view json) {
  const auto document = JsonDocument::parse(std::string(json));
  if (!document) return no_json("node");
  std::string why;
  if (auto node = make_node(document->root(), why)) return *std::move(node);
  return fail(Fault::Item, "the node cannot be read: " + why);
}

Result<Nodes> decode_nodes(std::string_view json) { return decode_list<Nodes>(json, "nodes", make_node); }

Result<NativeServices> decode_services(std::string_view json) {
  return decode_list<NativeServices>(json, "native services", make_native_service);
}

Result<std::vector<ServiceName>> decode_service_names(std::string_view json) {
  const auto document = JsonDocument::parse(std::string(json));
  if (!document) return no_json("service names");
  const Json root = document->root();
  if (root.kind() != Json::Kind::Array && root.kind() != Json::Kind::Null) {
    return fail(Fault::Keep, "service names: the answer is no list");
  }
  std::vector<ServiceName> out;
  for (std::size_t i = 0; i < root.size(); ++i) {
    const Json services = root.at(i)["Services"];
    for (std::size_t j = 0; services.kind() == Json::Kind::Array && j < services.size(); ++j) {
      std::string name = text_of(services.at(j)["ServiceName"]);
      if (!name.empty()) out.push_back({text_of(root.at(i)["Namespace"]), std::move(name)});
    }
  }
  return out;
}

Result<EventBatch> decode_events(std::string_view line, JobPool& pool) {
  const auto document = JsonDocument::parse(std::string(line));
  if (!document) return no_json("event stream");
  const Json root = document->root();
  if (root.kind() != Json::Kind::Object) return fail(Fault::Keep, "event stream: a line is no object");
  EventBatch out;
  out.index = index_of(root["Index"]);
  const Json events = root["Events"];
  for (std::size_t i = 0; events.kind() == Json::Kind::Array && i < events.size(); ++i) {
    const Json json = events.at(i);
    Event event{text_of(json["Topic"]),     text_of(json["Type"]),   text_of(json["Key"]),
                text_of(json["Namespace"]), index_of(json["Index"]), {}};
    std::string why;
    read_payload(json["Payload"], pool, event, why);
    if (!why.empty()) out.rejections.push_back({Reason::NoId, event.key, event.topic + " event: " + why});
    out.events.push_back(std::move(event));
  }
  return out;
}

}  // namespace muster::nomad
