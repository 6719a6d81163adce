// The config file: `name = value` lines, a small part of TOML. The names are those of the flags, without dashes in
// front.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "muster/result.h"

namespace muster::cli {

struct ConfigItem {
  std::string name;
  std::vector<std::string> values;  // one, or those of an array
  int line = 0;
  friend bool operator==(const ConfigItem&, const ConfigItem&) = default;
};

// Items in file order; a name may come several times. Syntax:
//   # comment
//   refresh = 10s                     a bare value runs to the end of the line or to " #", and is never split
//   zk = "zk://h1:2181,h2:2181/mesos" double quotes know \" \\ \n \t, single quotes keep every character
//   blacklist = ['^task-.*', "x"]     arrays of quoted or bare values, over several lines if need be
// Error (Fault::Leave): "LINE: what is wrong; what would be right", without the file's name.
Result<std::vector<ConfigItem>> parse_config(std::string_view text);

// Reads the file (at most 1 MiB). Error (Fault::Leave): what failed, with the file's name.
Result<std::string> read_file(const std::string& path);

}  // namespace muster::cli
