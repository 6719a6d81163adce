#include "fleet/client.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/text.h"

namespace muster::fleet {
namespace {

constexpr char kRoot[] = "/fleet/v1";

std::string place(const std::string& base, const std::string& path) { return "fleet " + base + " " + path; }

net::HttpOptions bounded(net::HttpOptions http, const Bounds& bounds) {
  http.max_body = std::min(http.max_body, bounds.page);
  return http;
}

std::set<std::string> names_of(const std::map<std::string, UnitRow>& units) {
  std::set<std::string> out;
  for (const auto& [name, unit] : units) out.insert(name);
  return out;
}

}  // namespace

Result<std::string> parse_endpoint(std::string_view text) {
  constexpr char kRight[] = "give unix:///var/run/fleet.sock or http://HOST:PORT";
  std::string out(text);
  while (out.ends_with('/')) out.pop_back();
  if (!printable(out) || out.find_first_of(" ?#@") != out.npos) return fail(Fault::Leave, kRight);
  if (out.starts_with("unix:///") && out.size() > 8) return out;
  const std::size_t scheme = out.starts_with("http://") ? 7 : out.starts_with("https://") ? 8 : 0;
  const std::string rest = out.substr(scheme);
  const std::size_t colon = rest.rfind(':');
  if (scheme == 0 || rest.empty() || rest.find('/') != rest.npos) return fail(Fault::Leave, kRight);
  if (colon != rest.npos && rest.back() != ']') {
    unsigned port = 0;
    const auto [end, status] = std::from_chars(rest.data() + colon + 1, rest.data() + rest.size(), port);
    if (status != std::errc{} || end != rest.data() + rest.size() || port == 0 || port > 65535 || colon == 0) {
      return fail(Fault::Leave, kRight);
    }
  }
  return out;
}

Client::Client(std::vector<std::string> endpoints, net::HttpOptions http, Bounds bounds)
    : endpoints_(std::move(endpoints)),
      bounds_(bounds),
      longest_(bounds.timeouts * http.timeout),
      http_(bounded(std::move(http), bounds)) {}

Result<Snapshot> Client::read(const std::set<std::string>& known, std::stop_token stop) {
  Result<Snapshot> first = fail(Fault::Leave, "no fleet endpoint is given");
  for (std::size_t i = 0; i < endpoints_.size(); ++i) {
    Result<Snapshot> answer = read_from(endpoints_[i], known, stop);
    if (answer) {
      std::rotate(endpoints_.begin(), endpoints_.begin() + static_cast<std::ptrdiff_t>(i), endpoints_.end());
      return answer;
    }
    if (i == 0 || stop.stop_requested()) first = std::move(answer);
    if (stop.stop_requested()) break;
  }
  return first;
}

Result<net::Response> Client::get(const std::string& base, const std::string& path, const std::stop_token& stop) {
  // Without the token, which may be another each time: said once, not at every read.
  const std::string where = place(base, path.substr(0, path.find('?')));
  if (std::chrono::steady_clock::now() >= until_) {
    return fail(Fault::Keep, where + ": reading the cluster has taken more than " + std::to_string(longest_.count()) +
                                 " ms (" + std::to_string(bounds_.timeouts) +
                                 " times --fleet-timeout); what is known stays");
  }
  net::Request request;
  request.base = base;
  request.path = kRoot + path;
  auto answer = http_.send(request, stop);
  if (!answer) return answer;
  if (answer->body.size() > bytes_left_) {
    return fail(Fault::Keep, where + ": more than " + std::to_string(bounds_.bytes) +
                                 " bytes in one read of the cluster; is this fleet's API? What is known stays");
  }
  bytes_left_ -= answer->body.size();
  return answer;
}

// Answers the number of pages.
template <typename Row, typename Decode>
Result<std::size_t> Client::list(const std::string& base, const std::string& path, Decode decode,
                                 std::vector<Row>& rows, std::vector<Rejection>& rejections,
                                 const std::stop_token& stop) {
  std::set<std::string> tokens;
  std::string query;
  std::size_t count = 0;
  for (std::size_t pages = 1;; ++pages) {
    const auto answer = get(base, path + query, stop);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status != 200) {
      return fail(Fault::Keep, place(base, path + query) + " answered " + std::to_string(answer->status) +
                                   (answer->status == 500 || answer->status == 503
                                        ? ", as fleet does while etcd is out of its reach or has lost its units"
                                        : "") +
                                   "; what is known stays");
    }
    auto page = decode(answer->body);
    if (!page) return fail(page.error().fault, place(base, path + query) + ": " + page.error().message);
    count += page->rows.size() + page->rejections.size();
    if (count > bounds_.rows) {
      return fail(Fault::Keep, place(base, path) + ": more than " + std::to_string(bounds_.rows) +
                                   " rows; is this fleet's API? What is known stays");
    }
    rows.insert(rows.end(), std::make_move_iterator(page->rows.begin()), std::make_move_iterator(page->rows.end()));
    rejections.insert(rejections.end(), page->rejections.begin(), page->rejections.end());
    if (page->next.empty()) return pages;
    if (pages == bounds_.pages || !tokens.insert(page->next).second) {
      return fail(Fault::Keep, place(base, path) + ": its pages have no end");
    }
    query = "?nextPageToken=" + net::escape(page->next);
  }
}

Result<std::map<std::string, UnitRow>> Client::list_units(const std::string& base, Snapshot& into, std::size_t& pages,
                                                          const std::stop_token& stop) {
  std::vector<UnitRow> rows;
  const auto count = list(base, "/units", decode_units, rows, into.rejections, stop);
  if (!count) return tl::unexpected(count.error());
  pages = *count;
  std::map<std::string, UnitRow> out;
  for (UnitRow& row : rows) out[row.name] = std::move(row);
  return out;
}

Result<void> Client::confirm(const std::string& base, const std::string& name, Snapshot& into,
                             const std::stop_token& stop) {
  const std::string path = "/units/" + net::escape(name);
  const auto answer = get(base, path, stop);
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status == 404) {
    // A proxy's 404, or that of another program, is not fleet's word.
    const bool fleets = answer->body.find("unit does not exist") != std::string::npos;
    if (!fleets) return fail(Fault::Keep, place(base, path) + " answered a 404 that is not fleet's");
    into.destroyed.insert(name);
    return {};
  }
  auto page = answer->status == 200 ? decode_units("{\"units\":[" + answer->body + "]}")
                                    : fail(Fault::Keep, "answered " + std::to_string(answer->status));
  if (!page) return fail(Fault::Keep, place(base, path) + ": " + page.error().message);
  if (page->rows.size() != 1 || page->rows.front().name != name) {
    return fail(Fault::Keep, place(base, path) +
                                 " answered 200 without that unit, as fleet never does: the endpoint is " +
                                 "probably not fleet's API; what is known stays");
  }
  into.units[name] = std::move(page->rows.front());
  return {};
}

Result<Snapshot> Client::read_from(const std::string& base, const std::set<std::string>& known,
                                   const std::stop_token& stop) {
  until_ = std::chrono::steady_clock::now() + longest_;
  bytes_left_ = bounds_.bytes;
  Snapshot out;
  std::size_t pages = 0;
  auto units = list_units(base, out, pages, stop);
  if (!units) return tl::unexpected(units.error());
  out.whole = pages == 1 || names_of(*units) == listed_;
  std::set<std::string> unsure = known;
  if (!out.whole) {  // once more: only what two listings agree upon is the whole
    auto again = list_units(base, out, pages, stop);
    if (!again) return tl::unexpected(again.error());
    const std::set<std::string> first = names_of(*units), second = names_of(*again);
    out.whole = first == second;
    units = std::move(again);
    std::erase_if(*units, [&](const auto& each) { return !first.contains(each.first); });
    unsure.insert(first.begin(), first.end());
    unsure.insert(second.begin(), second.end());
  }
  out.units = *std::move(units);
  for (const std::string& name : unsure) {
    if (out.units.contains(name)) continue;
    if (auto asked = confirm(base, name, out, stop); !asked) return tl::unexpected(asked.error());
  }
  listed_ = names_of(out.units);

  std::vector<StateRow> states;
  if (auto listed = list(base, "/state", decode_states, states, out.rejections, stop); !listed) {
    return tl::unexpected(listed.error());
  }
  for (StateRow& row : states) {
    StateRow& into = out.states[row.machine][row.unit];
    into = std::move(row);
  }
  // Last: a machine that is listed now was alive when its states were read.
  std::vector<MachineRow> machines;
  if (auto listed = list(base, "/machines", decode_machines, machines, out.rejections, stop); !listed) {
    return tl::unexpected(listed.error());
  }
  for (MachineRow& row : machines) out.machines[row.id] = std::move(row);
  return out;
}

}  // namespace muster::fleet
