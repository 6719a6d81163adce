#include "support/dns.h"

#include <algorithm>
#include <sstream>

#include "support/process.h"

namespace muster::support {
namespace {

std::vector<std::string> dig(const std::string& server, int port, const std::string& name, const std::string& type) {
  const Finished done = run(
      {{"dig", "+short", "+tcp", "+time=2", "+tries=2", "@" + server, "-p", std::to_string(port), name, type}, {}, ""});
  std::vector<std::string> lines;
  std::istringstream text(done.out);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(';')) lines.push_back(line);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

std::vector<std::string> dig_a(const std::string& server, int port, const std::string& name) {
  return dig(server, port, name, "A");
}

std::vector<Srv> dig_srv(const std::string& server, int port, const std::string& name) {
  std::vector<Srv> answers;
  for (const std::string& line : dig(server, port, name, "SRV")) {
    std::istringstream fields(line);
    int priority = 0;
    int weight = 0;
    Srv srv;
    if (fields >> priority >> weight >> srv.port >> srv.target) answers.push_back(srv);
  }
  std::sort(answers.begin(), answers.end());
  return answers;
}

}  // namespace muster::support
