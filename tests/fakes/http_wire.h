// HTTP/1.1 bytes to requests and replies to bytes, for the fakes' server. Pure.
#pragma once

#include <string>
#include <string_view>

#include "fakes/http_server.h"

namespace muster::fakes {

enum class Parsed { Incomplete, Complete, Bad };

// Takes one whole request off the front of `buffer`. Bodies need a Content-Length; a chunked request is Bad.
Parsed take_request(std::string& buffer, HttpRequest& request);

std::string percent_decode(std::string_view text, bool plus_is_space);

// Status line and headers with the empty line. `size` is the Content-Length; streams say chunked instead.
std::string render_head(const HttpReply& reply, std::size_t size);
std::string render_chunk(std::string_view bytes);

}  // namespace muster::fakes
