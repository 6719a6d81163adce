#include "nomad/reader.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "nomad/json.h"

namespace muster::nomad {
namespace {

constexpr char kPage[] = "500";

bool off_limits(const NomadSettings& settings, const Allocation& allocation) {
  return settings.ns != "*" && allocation.ns != settings.ns;
}

}  // namespace

Result<std::string> Reader::node_id(std::stop_token stop) {
  const std::string path = "/v1/agent/self";
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != 200) {
    Error error = client_.refusal(path, *answer).value();
    error.message += "; give --nomad-node-id, or a token with agent:read";
    return tl::unexpected(std::move(error));
  }
  const auto document = JsonDocument::parse(answer->body);
  const Json id = document ? document->root()["stats"]["client"]["node_id"] : Json();
  if (const auto text = id.text(); text && !text->empty()) return std::string(*text);
  return fail(Fault::Keep, "the Nomad agent that answers is no client and has no node: give --nomad-node-id");
}

Result<Node> Reader::node(const std::string& id, std::stop_token stop) {
  const std::string path = "/v1/node/" + net::escape(id);
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != 200) return client_.refusal(path, *answer);
  return decode_node(answer->body).map_error([&](Error e) { return Error{e.fault, path + ": " + e.message}; });
}

Result<std::vector<Node>> Reader::nodes(std::stop_token stop) {
  const std::string path = "/v1/nodes";
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != 200) return client_.refusal(path, *answer);
  auto decoded = decode_nodes(answer->body);
  if (!decoded) return fail(decoded.error().fault, path + ": " + decoded.error().message);
  if (!decoded->whole) return fail(Fault::Keep, path + ": a node without a readable id");
  return std::move(decoded->items);
}

std::string Reader::node_path(const std::string& id) { return "/v1/node/" + net::escape(id) + "/allocations"; }

Result<Listed> Reader::decode_list(const std::string& path, const Answer& answer) {
  if (answer.status != 200) return client_.refusal(path, answer);
  if (!answer.leader) return fail(Fault::Keep, path + ": the Nomad servers have no leader");
  auto decoded = decode_allocations(answer.body, pool_);
  if (!decoded) return fail(decoded.error().fault, path + ": " + decoded.error().message);
  Listed out{*std::move(decoded), answer.index};
  std::erase_if(out.allocations.items, [&](const Allocation& each) { return off_limits(settings_, each); });
  return out;
}

Result<Listed> Reader::node_allocations(const std::string& id, std::stop_token stop) {
  const std::string path = node_path(id);
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer) return tl::unexpected(answer.error());
  return decode_list(path, *answer);
}

Result<StubList> Reader::stubs(const OnStub& on_stub, std::stop_token stop) {
  StubList all;
  for (std::string token;;) {
    std::string path = "/v1/allocations";
    add_query(path, "namespace", settings_.ns);
    add_query(path, "task_states", "false");
    add_query(path, "per_page", kPage);
    if (!token.empty()) add_query(path, "next_token", token);
    const Result<Answer> answer = client_.get(path, stop);
    if (!answer) return tl::unexpected(answer.error());
    Result<Listed> page = decode_list(path, *answer);
    if (!page) return tl::unexpected(page.error());
    const bool first = token.empty();
    if (page->index == 0 && !page->allocations.items.empty()) return fail(Fault::Keep, path + ": no X-Nomad-Index");
    all.index = first ? page->index : std::min(all.index, page->index);
    Allocations& more = page->allocations;
    for (const Allocation& each : more.items) on_stub(each);
    std::move(more.unreadable.begin(), more.unreadable.end(), std::back_inserter(all.unreadable));
    std::move(more.rejections.begin(), more.rejections.end(), std::back_inserter(all.rejections));
    all.whole = all.whole && more.whole;
    if (answer->next.empty() || answer->next == token) return all;
    token = answer->next;
  }
}

Result<Found> Reader::allocation(const std::string& id, std::stop_token stop) {
  const std::string path = "/v1/allocation/" + net::escape(id);
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer) return tl::unexpected(answer.error());
  const auto says = [&](const char* words) { return answer->body.find(words) != std::string::npos; };
  if (answer->status == 404 && says("alloc not found")) return Found{std::nullopt, true};
  if (answer->status != 200) {
    // An allocation that we may not see is `Unknown allocation`, and not a 404.
    if (answer->status == 403 || says("Unknown allocation")) return Found{};
    return client_.refusal(path, *answer);
  }
  Result<Allocation> decoded = decode_allocation(answer->body, pool_);
  if (!decoded) return fail(decoded.error().fault, path + ": " + decoded.error().message);
  if (off_limits(settings_, *decoded)) return Found{};
  return Found{*std::move(decoded), false};
}

std::vector<NativeService> Reader::rows(const Allocation& allocation, std::stop_token stop) {
  if (!has_rows_ || rows_expected(allocation) == 0) return {};
  std::string path = "/v1/allocation/" + net::escape(allocation.id) + "/services";
  add_query(path, "namespace", allocation.ns);
  const Result<Answer> answer = client_.get(path, stop);
  if (!answer || answer->status != 200) return {};
  auto decoded = decode_services(answer->body);
  if (!decoded) return {};
  return std::move(decoded->items);
}

std::size_t rows_expected(const Allocation& allocation) {
  if (!allocation.job) return 0;
  const auto& services = allocation.job->services;
  return static_cast<std::size_t>(std::count_if(services.begin(), services.end(), [&](const ServiceBlock& each) {
    if (each.provider != "nomad") return false;
    const auto task = allocation.task_states.find(each.task);
    return each.task.empty() || (task != allocation.task_states.end() && task->second.state == "running");
  }));
}

}  // namespace muster::nomad
