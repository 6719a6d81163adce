// Setters for flags of the usual kinds. Each keeps a reference to its target.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "muster/result.h"

namespace muster::cli {

using Setter = std::function<Result<void>(const std::string&)>;

Setter set_text(std::string& target);  // anything but the empty value
Setter append_text(
    std::vector<std::string>& target);  // of a repeatable flag; empty values too: their reader judges them
Setter set_switch(bool& target);
Setter set_number(std::size_t& target, std::size_t least, std::size_t most);
Setter set_duration(std::chrono::milliseconds& target, std::chrono::milliseconds least);

// At the commas; blanks around the parts are dropped, empty parts are dropped.
std::vector<std::string> split_commas(const std::string& text);

}  // namespace muster::cli
