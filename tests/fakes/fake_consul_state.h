// What a fake agent does with each request, apart from sockets and moods. Pure.
#pragma once

#include <string>

#include "fakes/fake_consul.h"

namespace muster::fakes {

// Changes the state as PUT /v1/agent/service/register would, or answers why not.
HttpReply apply_register(FakeState& state, const HttpRequest& request, const FakeConsulOptions& options);
HttpReply apply_deregister(FakeState& state, const std::string& id, const FakeConsulOptions& options);
HttpReply apply_check_deregister(FakeState& state, const std::string& id, const FakeConsulOptions& options);
HttpReply apply_report(FakeState& state, const std::string& check_id, const HttpRequest& request);
HttpReply apply_maintenance(FakeState& state, const std::string& id, const HttpRequest& request);

}  // namespace muster::fakes
