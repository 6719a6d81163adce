#include "support/muster.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <utility>

#include "support/http.h"
#include "support/ports.h"

namespace muster::support {
namespace {

ProcessOptions command(std::vector<std::string> arguments, std::map<std::string, std::string> env, int port) {
  const auto listens = [](const std::string& argument) { return argument.starts_with("--listen"); };
  if (port != 0 && std::none_of(arguments.begin(), arguments.end(), listens)) {
    arguments.push_back("--listen=127.0.0.1:" + std::to_string(port));
  }
  arguments.insert(arguments.begin(), MUSTER_BINARY);
  return {std::move(arguments), std::move(env), ""};
}

bool matches(const std::string& line, const std::string& name, const std::vector<std::string>& labels) {
  if (!line.starts_with(name) || line.size() == name.size()) return false;
  if (line[name.size()] != ' ' && line[name.size()] != '{') return false;
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& l) { return line.find(l) != line.npos; });
}

}  // namespace

Muster::Muster(std::vector<std::string> arguments, std::map<std::string, std::string> env)
    : port_(free_port()), process_(command(std::move(arguments), std::move(env), port_)) {}

std::string Muster::metrics() const {
  const HttpAnswer answer = http({.port = port_, .path = "/metrics"});
  return answer.status == 200 ? answer.body : "";
}

std::optional<double> Muster::metric(const std::string& name, const std::vector<std::string>& labels) const {
  std::optional<double> sum;
  std::istringstream text(metrics());
  for (std::string line; std::getline(text, line);) {
    if (matches(line, name, labels)) sum = sum.value_or(0) + strtod(line.c_str() + line.rfind(' '), nullptr);
  }
  return sum;
}

int Muster::ready() const { return http({.port = port_, .path = "/ready"}).status; }
int Muster::health() const { return http({.port = port_, .path = "/health"}).status; }

std::optional<int> Muster::stop(std::chrono::milliseconds deadline) {
  process_.signal(SIGTERM);
  const std::optional<int> code = process_.wait(deadline);
  if (!code) process_.kill();
  return code;
}

Finished run_muster(const std::vector<std::string>& arguments, const std::map<std::string, std::string>& env) {
  return run(command(arguments, env, 0));
}

}  // namespace muster::support
