// Values of settings as errors may show them. Pure.
#pragma once

#include <string>

namespace muster::cli {

// One line, no terminal controls, no user:password of a URL.
std::string echo(const std::string& value);

// Of a secret URL: a part that may be a password is left out even where it is not written as it should be.
std::string echo_secret_url(const std::string& value);

}  // namespace muster::cli
