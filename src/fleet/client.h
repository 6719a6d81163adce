// Reads a whole fleet cluster through one of its fleetds.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "fleet/api.h"
#include "muster/result.h"
#include "net/http.h"

namespace muster::fleet {

struct Snapshot {
  std::map<std::string, MachineRow> machines;                     // by id
  std::map<std::string, UnitRow> units;                           // by name
  std::map<std::string, std::map<std::string, StateRow>> states;  // by machine, then by unit
  // Asked for by name, since the listing did not have them: fleet says that there is no such unit.
  std::set<std::string> destroyed;
  // Nothing can have slipped between the pages of the listing of units.
  bool whole = false;
  std::vector<Rejection> rejections;
};

// "unix:///var/run/fleet.sock", "http://10.0.0.5:49153". Error (Fault::Leave): what would be right.
Result<std::string> parse_endpoint(std::string_view text);

// What one read may cost of one endpoint, whatever comes from there: its pages may have no end.
struct Bounds {
  std::size_t bytes = 64u << 20;  // of all answers
  std::size_t page = 16u << 20;   // of one answer; fleetd's default is 100 rows a page
  std::size_t rows = kMostRows;   // of one list, over all its pages
  std::size_t pages = 1000;       // of one list
  int timeouts = 6;               // in time: so many times HttpOptions::timeout, when nothing new is asked any more
};

// Thread: one.
class Client {
 public:
  Client(std::vector<std::string> endpoints, net::HttpOptions http, Bounds bounds = {});

  // `known`: units that may have to be confirmed. One that a listing lacks is asked for by its name, because a page is
  // an offset and not a snapshot: a unit that comes or goes between two pages shifts the others. Endpoints are tried in
  // turn, the one that answered last first. Error: Fault::Retry when none could be reached, Fault::Keep when one
  // answered something else than lists (500 while etcd is down: its units run on), or more than Bounds allow; names
  // endpoint and path.
  Result<Snapshot> read(const std::set<std::string>& known, std::stop_token stop);

 private:
  Result<Snapshot> read_from(const std::string& base, const std::set<std::string>& known, const std::stop_token& stop);
  Result<std::map<std::string, UnitRow>> list_units(const std::string& base, Snapshot& into, std::size_t& pages,
                                                    const std::stop_token& stop);
  Result<net::Response> get(const std::string& base, const std::string& path, const std::stop_token& stop);
  template <typename Row, typename Decode>
  Result<std::size_t> list(const std::string& base, const std::string& path, Decode decode, std::vector<Row>& rows,
                           std::vector<Rejection>& rejections, const std::stop_token& stop);
  Result<void> confirm(const std::string& base, const std::string& name, Snapshot& into, const std::stop_token& stop);

  std::vector<std::string> endpoints_;
  const Bounds bounds_;
  const std::chrono::milliseconds longest_;        // one read of one endpoint
  std::chrono::steady_clock::time_point until_{};  // this one
  std::size_t bytes_left_ = 0;
  net::HttpClient http_;
  std::set<std::string> listed_;  // names of the last listing
};

}  // namespace muster::fleet
